"""Picture files as data URIs of bounded size, for a page that is one file; knows no runs."""

import base64
import functools
import io
import pathlib

import numpy as np
from PIL import Image

from tfgan_train.common.images import to_image

_TYPES = {".png": "image/png", ".webp": "image/webp", ".gif": "image/gif"}
_QUALITIES = (88, 72)
_SMALLEST = 64  # pixels; below this a picture is not made smaller still


def data_uri(path: pathlib.Path, budget: int) -> str:
    """The picture as a data URI of about `budget` bytes of image at the most.

    A file within the budget goes in as it is. A larger one becomes a JPEG, of lower quality
    and then of half the size until it fits.
    """
    stat = path.stat()
    return _data_uri(path, budget, stat.st_mtime_ns, stat.st_size)


def picture_uri(picture: np.ndarray, budget: int) -> str:
    """As `data_uri`, of a picture in memory: uint8 [h, w, 1 or 3]."""
    image, content = to_image(picture), io.BytesIO()
    image.save(content, "PNG", compress_level=3)  # the strips change with each writing: speed counts
    return _uri(content.getvalue(), "image/png") if content.tell() <= budget else _small_jpeg(image, budget)


def animation_uri(path: pathlib.Path, budget: int) -> str | None:
    """The animation's file as it is, or None where it is larger than `budget` bytes."""
    if path.stat().st_size > budget:
        return None
    return _uri(path.read_bytes(), _TYPES[path.suffix])


# A page is written many times in a run, with mostly the same pictures; the times make the key.
@functools.lru_cache(maxsize=64)
def _data_uri(path: pathlib.Path, budget: int, modified: int, size: int) -> str:
    if size <= budget:
        return _uri(path.read_bytes(), _TYPES[path.suffix])
    with Image.open(path) as image:
        plain = image.convert("L" if image.mode == "L" else "RGB")
    return _small_jpeg(plain, budget)


def _small_jpeg(image: Image.Image, budget: int) -> str:
    while True:
        for quality in _QUALITIES:
            content = io.BytesIO()
            image.save(content, "JPEG", quality=quality)
            if content.tell() <= budget or max(image.size) <= _SMALLEST:
                return _uri(content.getvalue(), "image/jpeg")
        image = image.reduce(2)


def _uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
