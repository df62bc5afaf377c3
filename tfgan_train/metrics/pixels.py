"""Images as rows of numbers for the metrics that need no network; numpy only."""

import numpy as np


def shrink(images: np.ndarray, limit: int = 32) -> np.ndarray:
    """uint8 [n, H, W, C] -> float32 [n, h, w, C] in [0, 1], no side above `limit`.

    Means over blocks of the smallest whole factor that suffices; the last row and column of
    blocks may be narrower. Images that fit are only scaled.
    """
    factor = -(-max(images.shape[1:3]) // limit)
    if factor == 1:
        return images.astype(np.float32) / 255
    parts = []
    for i in range(0, len(images), 256):
        block = images[i : i + 256].astype(np.float32) / 255
        for axis in (1, 2):
            starts = np.arange(0, block.shape[axis], factor)
            widths = np.diff(np.append(starts, block.shape[axis])).astype(np.float32)
            shape = [-1 if a == axis else 1 for a in range(4)]
            block = np.add.reduceat(block, starts, axis=axis) / widths.reshape(shape)
        parts.append(block)
    return np.concatenate(parts)


def as_rows(images: np.ndarray, limit: int = 32) -> np.ndarray:
    """uint8 [n, H, W, C] -> float32 [n, F]: `shrink`, flattened."""
    small = shrink(images, limit)
    return small.reshape(len(small), -1)
