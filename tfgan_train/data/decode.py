"""One encoded image -> uint8 pixels, whatever its mode; knows neither folders nor datasets."""

import collections
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from tfgan_train.common import alpha
from tfgan_train.data.source import MOST_CHANNELS

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "PPM", "JPEG2000", "TGA", "TIFF")
WIDEST = 65535  # of a 16-bit picture
# Of an image as it is decoded: each thread holds one, and its copies.
MOST_PIXELS = 100_000_000
_AHEAD = 64  # images that may wait decoded for whoever takes them
_GREY_MODES = ("1", "L", "LA", "La")
_MODES = {1: "L", 3: "RGB", 4: "RGBa"}


class BadImage(Exception):
    """An image that can't be used; the message is the reason, in a few words."""


def decode(
    encoded: str | os.PathLike | bytes | BinaryIO,
    size: tuple[int, int] | None = None,
    channels: int = 0,
    value_range: tuple[int, int] | None = None,
) -> np.ndarray:
    """Decodes an image of FORMATS (the first frame of an animation; the grey pages of a TIFF as channels).

    The camera's EXIF orientation is applied. Transparent pixels are laid over white unless `channels` is 4. 16-bit
    greyscale is scaled to 8 bits. CMYK, palettes and other modes become RGB; colour profiles
    are ignored.

    Args:
      encoded: a path, an open file, or the file's bytes.
      size: (height, width) to resize to; see `fit`. None keeps the image's own.
      channels: 1 for grey (ITU-R 601 luma), 3 for RGB, 4 for RGB and alpha, the colours premultiplied
        (common/alpha.py), 0 for 1 where the picture is grey, 3 where it has a colour, and as many as a TIFF has
        grey pages (2 to 8); a number of these asks for such a TIFF.
      value_range: (low, high) of 16-bit pictures, which become 0 and 255; None: 0 and 65,535.

    Returns:
      uint8 [H, W, C].

    Raises:
      BadImage: when the image can't be decoded.
    """
    try:
        file = io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded
        with Image.open(file, formats=FORMATS) as image:
            if size:
                # A JPEG is decoded at the smallest scale that leaves twice the wanted pixels.
                image.draft(None, (2 * max(size),) * 2)
            _check_size(image)
            if (pages := _grey_pages(image)) > 1 and channels in (0, pages):
                return _planes(image, pages, size, value_range)
            if channels not in (0, *_MODES):
                raise BadImage(f"is no TIFF of {channels} grey pages")
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
            upright = ImageOps.exif_transpose(image) if turned else image
            plain = _premultiplied(upright, value_range) if channels == 4 else _to_grey_or_rgb(upright, value_range)
            if channels:
                plain = _in_mode(plain, _MODES[channels])
            pixels = np.asarray(fit(plain, size) if size else plain)
    except UnidentifiedImageError as error:
        raise BadImage("not a PNG, JPEG, WebP or BMP image, nor another that is read") from error
    except BadImage:
        raise
    # Pillow's decoders raise whatever a damaged file makes them: OSError, SyntaxError, AssertionError, struct.error …
    except Exception as error:  # pylint: disable=broad-exception-caught
        raise BadImage(_reason(error)) from error
    if pixels.ndim == 2:
        return pixels[..., np.newaxis]
    if not channels and (pixels == pixels[..., :1]).all():
        return pixels[..., :1]
    return pixels


def wide_range(path: str | os.PathLike | BinaryIO) -> tuple[int, int] | None:
    """(lowest, highest) value of a 16-bit picture; None for others, and for what can't be read."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            if not image.mode.startswith("I"):
                return None
            _check_size(image)
            low, high = np.asarray(image.getextrema()).clip(0).tolist()
            return int(low), int(high)
    except Exception:  # Decoding it will say why.
        return None


def fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resizes until `size` (height, width) is covered, then crops the centre.

    Pillow's bicubic filter widens with the scale, so that shrinking does not alias (Parmar et
    al., "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", CVPR 2022).
    """
    height, width = size
    if image.size == (width, height):
        return image
    return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)


def in_threads(function: Callable, items: Sequence) -> Iterator:
    """`map` over the machine's cores, in the items' order; the first error ends it.

    Pillow frees the interpreter while it decodes, so threads serve.
    """
    pool = ThreadPoolExecutor(os.cpu_count())
    waiting: collections.deque[Future] = collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise BadImage(f"has more than {MOST_PIXELS // 10**6} million pixels")


def _grey_pages(image: Image.Image) -> int:
    """How many channels the pages of a TIFF are, as microscopes write them; 0 for other pictures."""
    if image.format != "TIFF" or not (image.mode in _GREY_MODES or image.mode.startswith("I")):
        return 0
    pages = getattr(image, "n_frames", 1)
    return pages if pages <= MOST_CHANNELS else 0


def _planes(image: Image.Image, pages: int, size: tuple[int, int] | None, value_range) -> np.ndarray:
    """uint8 [H, W, pages]; four pages are red, green, blue and a straight alpha, as of all data."""
    planes = []
    for page in range(pages):
        image.seek(page)
        plain = _to_grey_or_rgb(image, value_range)
        planes.append(np.asarray(fit(plain, size) if size else plain))
    if len({plane.shape for plane in planes}) > 1 or planes[0].ndim != 2:
        raise BadImage("its pages aren't grey pictures of one size")
    pixels = np.stack(planes, axis=-1)
    return alpha.premultiplied(pixels) if pages == 4 else pixels


def _to_grey_or_rgb(image: Image.Image, value_range) -> Image.Image:
    """Any mode -> "L" where the mode is a grey one, else "RGB"."""
    grey = image.mode in _GREY_MODES
    if image.mode.startswith("I"):
        return Image.fromarray(_to_8_bits(np.asarray(image), *(value_range or (0, WIDEST))))
    if image.has_transparency_data:
        solid = image.convert("RGBA")
        white = Image.new("RGBA", solid.size, "white")
        image = Image.alpha_composite(white, solid)
    return _in_mode(image, "L" if grey else "RGB")


def _premultiplied(image: Image.Image, value_range) -> Image.Image:
    """Any mode -> "RGBa", Pillow's premultiplied RGBA; what has no transparency is solid."""
    if not image.has_transparency_data:
        image = _to_grey_or_rgb(image, value_range)
    return _in_mode(_in_mode(image, "RGBA"), "RGBa")


def _to_8_bits(wide: np.ndarray, low: int, high: int) -> np.ndarray:
    """low..high -> 0..255, rounded; by blocks of rows, since a large picture times eight bytes is much."""
    narrow = np.empty(wide.shape, np.uint8)
    rows = max(1, (1 << 22) // max(1, wide.shape[1]))
    for start in range(0, len(wide), rows):
        block = np.clip(wide[start : start + rows].astype(np.int64), low, high) - low
        narrow[start : start + rows] = (block * 255 + (high - low) // 2) // (high - low)
    return narrow


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    # Pillow copies even where nothing is to convert: a third of the time of a small image.
    return image if image.mode == mode else image.convert(mode)


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"has more than {2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6} million pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()) or type(error).__name__
