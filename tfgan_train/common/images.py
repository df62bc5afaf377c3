"""Pixels outside (uint8, 0..255) and inside (float32, -1..1); numpy and Pillow only."""

import functools
import os
import stat

import numpy as np
from PIL import Image

from tfgan_train.common import alpha

ALIGNMENT = 64  # bytes: TensorFlow computes with nothing that lies otherwise
_PART = 1 << 20  # bytes that are read at a time
POINT_SHAPE = (1, 1, 2)  # A point travels as an image of one pixel and two channels.


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float [..., H, W, C] in [-1, 1] -> uint8 of the same shape; values beyond are clipped."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 [..., H, W, C] -> float32 in [-1, 1]; points, which are float32 already, as they are."""
    return images if images.dtype == np.float32 else images.astype(np.float32) / 127.5 - 1.0


def are_points(image_shape) -> bool:
    """Whether data of this shape are points of the plane, and no pictures."""
    return tuple(image_shape) == POINT_SHAPE


def to_image(picture: np.ndarray) -> Image.Image:
    """uint8 [h, w, C] -> a Pillow image of mode L (C = 1), RGB (C = 3) or RGBA (C = 4, premultiplied).

    Other numbers of channels are shown as `alpha.shown` does.
    """
    if alpha.has_alpha(picture):
        return Image.fromarray(alpha.straight(picture), "RGBA")
    picture = alpha.shown(picture)
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else np.ascontiguousarray(picture))


def aligned_empty(shape, dtype=np.uint8) -> np.ndarray:
    """An array like numpy.empty's, whose memory a tensor can share (ops/host.py)."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    begin = -raw.ctypes.data % ALIGNMENT
    return raw[begin : begin + size].view(dtype).reshape(shape)


def fill(array: np.ndarray, file) -> int:
    """Reads a binary file into a contiguous array's memory, a part at a time; returns the bytes that there were."""
    rest = memoryview(array.reshape(-1).view(np.uint8))
    while count := file.readinto(rest[:_PART]):
        rest = rest[count:]
    return array.nbytes - len(rest)


def is_picture(path) -> bool:
    """Whether a file is there and can be decoded to its end; a pipe, which would be waited for, is none."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and _decodes(os.fspath(path), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4096)
def _decodes(path: str, modified: int, size: int) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
        return True
    except Exception:  # Pillow raises whatever its decoders do: OSError, SyntaxError, AssertionError, struct.error …
        return False
