"""Many images in one picture; knows uint8 arrays and PNG files, nothing of runs."""

import math
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfgan_train.common import files
from tfgan_train.common.alpha import shown
from tfgan_train.common.images import to_image

BACKGROUND = 40  # a dark grey that frames black digits and photographs alike
TEXT = 225  # captions, on that grey
VIEWABLE = 56  # a tile's longer side in pixels below which it is enlarged
_TEXT_HEIGHT = 14


def viewing_scale(height: int, width: int) -> int:
    """The whole number that makes a tile of this size at least VIEWABLE pixels long."""
    return max(1, math.ceil(VIEWABLE / max(height, width)))


def upscale(images: np.ndarray, factor: int) -> np.ndarray:
    """[..., H, W, C] -> [..., H * factor, W * factor, C]; every pixel becomes a square."""
    return images.repeat(factor, axis=-3).repeat(factor, axis=-2)


def square_columns(count: int, height: int, width: int) -> int:
    """Columns that make a grid of `count` tiles of this size about as wide as tall."""
    return min(count, max(1, round(math.sqrt(count * height / width))))


def grid(
    images: np.ndarray,
    columns: int | None = None,
    padding: int = 2,
    background: int = BACKGROUND,
    scale: int | None = None,
) -> np.ndarray:
    """Lays images out row by row, with a border of `padding` round every tile.

    Args:
      images: uint8 [n, H, W, C], n >= 1; transparent ones lie on a chequered ground (common/alpha.py).
      columns: tiles in a row; None: about square.
      padding: pixels between tiles and round the whole.
      background: grey level 0..255 of the padding and of tiles that are not there.
      scale: whole number each tile is enlarged by; None: `viewing_scale`.

    Returns:
      uint8 [h, w, 1 or 3].

    Raises:
      ValueError: where `images` has another shape or type.
    """
    _check_images(images)
    images = shown(images)
    count, height, width, channels = images.shape
    columns = columns or square_columns(count, height, width)
    scale = scale or viewing_scale(height, width)
    rows = math.ceil(count / columns)
    tiles = upscale(images, scale)
    height, width = height * scale, width * scale
    cells = np.full((rows * columns, height + padding, width + padding, channels), background, np.uint8)
    cells[:count, padding:, padding:] = tiles
    picture = (
        cells.reshape(rows, columns, height + padding, width + padding, channels)
        .swapaxes(1, 2)
        .reshape(rows * (height + padding), columns * (width + padding), channels)
    )
    return np.pad(picture, ((0, padding), (0, padding), (0, 0)), constant_values=background)


def tiles(picture: np.ndarray, count: int, image_shape, columns: int | None = None, padding: int = 2) -> np.ndarray:
    """The images that `grid` laid out with its usual scale: uint8 [count, H, W, C].

    Args:
      picture: uint8 [h, w, C], as `grid` returns it.
      count: how many there are.
      image_shape: (H, W, C) of each.
      columns, padding: as `grid` was given them.
    """
    height, width, _ = image_shape
    columns = columns or square_columns(count, height, width)
    scale = viewing_scale(height, width)
    found = []
    for index in range(count):
        top, left = (
            padding + place * (side * scale + padding)
            for place, side in zip(divmod(index, columns), (height, width), strict=True)
        )
        found.append(picture[top : top + height * scale : scale, left : left + width * scale : scale])
    return np.stack(found)


def read_png(path) -> np.ndarray:
    """uint8 [h, w, C] of a file that `save_png` wrote."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def titled(picture: np.ndarray, title: str) -> np.ndarray:
    """The picture, uint8 [h, w, C], with `title` in a strip above it."""
    return np.concatenate([_text_strip(title, picture), picture])


def captioned(picture: np.ndarray, caption: str) -> np.ndarray:
    """The picture, uint8 [h, w, C], with `caption` in a strip below it."""
    return np.concatenate([picture, _text_strip(caption, picture)])


def beside(pictures: list[np.ndarray], gap: int = 12) -> np.ndarray:
    """Pictures, uint8 [h, w, C], from left to right; shorter ones are filled up below."""
    height = max(picture.shape[0] for picture in pictures)
    channels = max(picture.shape[2] for picture in pictures)
    parts: list[np.ndarray] = []
    for picture in pictures:
        if parts:
            parts.append(np.full((height, gap, channels), BACKGROUND, np.uint8))
        picture = np.broadcast_to(picture, (*picture.shape[:2], channels))
        parts.append(np.pad(picture, ((0, height - len(picture)), (0, 0), (0, 0)), constant_values=BACKGROUND))
    return np.concatenate(parts, axis=1)


def pair_grid(
    real: np.ndarray, fake: np.ndarray, titles: tuple[str, str] = ("real", "samples"), columns: int | None = None
) -> np.ndarray:
    """Real images beside samples, both uint8 [n, H, W, C], each under its title."""
    return beside([titled(grid(images, columns), title) for images, title in zip((real, fake), titles, strict=True)])


def captioned_rows(rows: list[np.ndarray], captions: list[str]) -> np.ndarray:
    """Pictures one below the other, uint8 [h, w, C] each, with its caption at the left.

    The captions are written large, because such a picture is wide and often shown small.
    """
    channels = max(row.shape[2] for row in rows)
    width = max(row.shape[1] for row in rows)
    size = max(_TEXT_HEIGHT, min(row.shape[0] for row in rows) * 2 // 5)
    margin = 8 + max(math.ceil(_font(size).getlength(caption)) for caption in captions)
    parts = []
    for row, caption in zip(rows, captions, strict=True):
        label = Image.new("L", (margin, row.shape[0]), BACKGROUND)
        left = margin - 4 - math.ceil(_font(size).getlength(caption))
        _write(label, (left, (row.shape[0] - size) // 2), caption, size)
        row = np.pad(
            np.broadcast_to(row, (*row.shape[:2], channels)),
            ((0, 0), (0, width - row.shape[1]), (0, 0)),
            constant_values=BACKGROUND,
        )
        parts.append(np.concatenate([_channels(np.asarray(label), channels), row], axis=1))
    return np.concatenate(parts)


def save_png(path, picture: np.ndarray) -> pathlib.Path:
    """Writes uint8 [h, w, C] as a PNG file, whole or not at all."""
    return files.write_atomically(path, lambda file: to_image(picture).save(file, "PNG"))


def read_picture(path) -> np.ndarray:
    """An image file -> uint8 [h, w, 1] where it is grey, else [h, w, 3]."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L" if image.mode in ("L", "1") else "RGB"))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _check_images(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise ValueError(f"expected uint8 [n >= 1, H, W, C], got {images.dtype} {images.shape}")


def _text_strip(text: str, picture: np.ndarray) -> np.ndarray:
    strip = Image.new("L", (picture.shape[1], _TEXT_HEIGHT + 8), BACKGROUND)
    _write(strip, (4, 3), text)
    return _channels(np.asarray(strip), picture.shape[2])


def _font(size: int = _TEXT_HEIGHT):
    return ImageFont.load_default(size)


def _write(image: Image.Image, position: tuple[int, int], text: str, size: int = _TEXT_HEIGHT) -> None:
    ImageDraw.Draw(image).text(position, text, fill=TEXT, font=_font(size))


def _channels(grey: np.ndarray, channels: int) -> np.ndarray:
    return np.repeat(grey[..., None], channels, axis=-1)
