"""Reading a data Source in blocks, and telling one data set from another."""

import hashlib

import numpy as np

BLOCK = 2048


def images(source, indices: np.ndarray) -> np.ndarray:
    """uint8 [n, H, W, C] of these indices."""
    return labelled(source, indices)[0]


def labelled(source, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(uint8 [n, H, W, C], int32 [n]) of these indices, in their order."""
    parts = [source.read(indices[i : i + BLOCK]) for i in range(0, len(indices), BLOCK)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def some(source, count: int, seed: int = 0) -> np.ndarray:
    """Up to `count` indices, drawn without replacement: a seed's first ones stay the same for every count."""
    return np.random.default_rng(seed).permutation(source.count)[:count]


def checksum(source, indices: np.ndarray) -> str:
    """SHA-256 (hexadecimal) of these images and labels, with their shape and number of classes."""
    digest = hashlib.sha256(repr((source.image_shape, source.num_classes, len(indices))).encode())
    for start in range(0, len(indices), BLOCK):
        pixels, labels = source.read(indices[start : start + BLOCK])
        digest.update(np.ascontiguousarray(pixels))
        digest.update(np.ascontiguousarray(labels))
    return digest.hexdigest()


FINGERPRINTED = 256  # images that a fingerprint looks at


def fingerprint(source) -> str:
    """Tells these data from others wherever they lie: a checksum of their size and of some images and labels."""
    indices = np.unique(np.linspace(0, source.count - 1, min(FINGERPRINTED, source.count)).astype(np.int64))
    return f"{source.count}-{checksum(source, indices)[:24]}"
