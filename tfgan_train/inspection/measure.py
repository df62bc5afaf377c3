"""One picture -> one row of figures; run in worker processes, so it imports no TensorFlow."""

import hashlib
import io

import numpy as np
from PIL import ExifTags, Image

from tfgan_train.common.errors import reason
from tfgan_train.data import decode
from tfgan_train.data.source import MOST_CHANNELS
from tfgan_train.inspection import perceptual

_TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
# A row for each picture that can be decoded; a million of them take 450 MB.
ROW = np.dtype(
    [
        ("index", np.int64),  # in the list of files that was measured
        ("format", "S9"),
        ("mode", "S9"),
        ("height", np.int32),  # as stored, turned upright
        ("width", np.int32),
        ("channels", np.uint8),  # as training sees it
        ("transparent", bool),  # whether any pixel of the file is
        ("bytes", np.int64),
        ("content", "V16"),  # of the file's bytes
        ("pixels", "V16"),  # of the pixels as training sees them
        ("perceptual", np.uint64),
        ("thumb", np.uint8, (perceptual.THUMB, perceptual.THUMB)),
        ("mean", np.float32, MOST_CHANNELS),  # of each channel, 0..1
        ("square", np.float32, MOST_CHANNELS),  # mean of the squares
        ("percentiles", np.uint16, 4),  # of a 16-bit picture: lowest, 1 %, 99 %, highest value
    ]
)


def measure(paths, first: int, options: tuple) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """The rows of these files, and (index, reason) of each that training would skip.

    Args:
      paths: files.
      first: the index of the first of them.
      options: (size, channels, value_range), as decode.decode takes them.

    Returns:
      ROW [n] and a list; every file is in one of them.
    """
    rows, bad = np.zeros(len(paths), ROW), []
    kept = 0
    for index, path in enumerate(paths, first):
        try:
            _measure_file(rows[kept], path, options)
        except decode.BadImage as error:
            rows[kept] = np.zeros((), ROW)
            bad.append((index, str(error)))
            continue
        rows[kept]["index"] = index
        kept += 1
    return rows[:kept], bad


def measure_arrays(images: np.ndarray, first: int) -> np.ndarray:
    """ROW [n] of pictures that are arrays already: uint8 [n, H, W, C]."""
    rows = np.zeros(len(images), ROW)
    for row, pixels in zip(rows, images, strict=True):
        row["format"], row["mode"] = b"array", f"{pixels.shape[2]}x8".encode()
        row["height"], row["width"] = pixels.shape[:2]
        row["bytes"] = pixels.nbytes
        row["content"] = _digest(pixels.tobytes())
        _measure_pixels(row, pixels)
    rows["index"] = np.arange(first, first + len(images))
    return rows


def _measure_file(row: np.void, path, options) -> None:
    try:
        with open(path, "rb") as file:
            encoded = file.read()
    except OSError as error:
        raise decode.BadImage(reason(error).lower()) from error
    pixels = decode.decode(encoded, *options)
    row["bytes"], row["content"] = len(encoded), _digest(encoded)
    with Image.open(io.BytesIO(encoded), formats=decode.FORMATS) as image:
        row["format"], row["mode"] = (image.format or "").encode(), image.mode.encode()
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in _TURNED
        row["width"], row["height"] = image.size[::-1] if turned else image.size
        if image.has_transparency_data:
            row["transparent"] = np.asarray(image.convert("RGBA").getchannel("A")).min() < 255
        if image.mode.startswith("I"):
            row["percentiles"] = np.clip(np.percentile(np.asarray(image), (0, 1, 99, 100)), 0, decode.WIDEST)
    _measure_pixels(row, pixels)


def _measure_pixels(row: np.void, pixels: np.ndarray) -> None:
    """Fills in what the decoded pixels, uint8 [H, W, C], tell."""
    channels = pixels.shape[2]
    row["channels"] = channels
    row["pixels"] = _digest(repr(pixels.shape).encode() + pixels.tobytes())
    flat = pixels.reshape(-1, channels).astype(np.float32) / 255
    row["mean"][:channels] = flat.mean(0)
    row["square"][:channels] = np.einsum("nc,nc->c", flat, flat) / len(flat)
    row["perceptual"], row["thumb"] = perceptual.signature(pixels)


def _digest(content: bytes) -> np.void:
    return np.void(hashlib.blake2b(content, digest_size=16).digest())
