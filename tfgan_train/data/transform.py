"""Options that every dataset shares: size, channels, binarize, invert, first N examples.

Each wraps a Source in another that changes pixels as they are read.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from tfgan_train.common import alpha
from tfgan_train.common.errors import UserError
from tfgan_train.common.images import are_points
from tfgan_train.data import decode
from tfgan_train.data.source import Source

LARGEST_SIDE = 4096


def parse_image_size(text: str) -> tuple[int, int] | None:
    """ "64" -> (64, 64); "96x64" -> (96, 64), height first; "" -> None, the data's own size.

    Raises:
      UserError: for anything else.
    """
    if not text:
        return None
    match = re.fullmatch(r"(\d+)(?:[xX](\d+))?", text.strip())
    sides = match and (int(match[1]), int(match[2] or match[1]))
    if not sides or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise UserError(
            f"--image_size={text} is not a size; legal: a number such as 64, or HEIGHTxWIDTH "
            f"such as 96x64, each side from 1 to {LARGEST_SIDE}"
        )
    return sides


def apply(config, source: Source, split: str) -> Source:
    """`source` as the flags --train_examples, --image_size, --channels, --binarize, --invert want it.

    --train_examples takes the first N of the training split in the source's own order and
    leaves other splits alone. Pixels above 127 are white after --binarize, the rest black.

    Raises:
      UserError: for an illegal size or number of channels, or more examples than there are.
    """
    if are_points(source.image_shape) and (config.image_size or config.channels or config.binarize or config.invert):
        raise UserError(
            f"{source.name} is points, not pictures: leave out --image_size, --channels, --binarize and --invert"
        )
    if split == "train" and config.train_examples:
        if config.train_examples > source.count:
            raise UserError(
                f"--train_examples={config.train_examples} is more than the {source.count} "
                f"training images of {source.name}; legal: 0 (all) to {source.count}"
            )
        source = dataclasses.replace(source, count=config.train_examples)
    source = _resized(source, parse_image_size(config.image_size))
    source = _with_channels(source, config.channels)
    return _recoloured(source, config.binarize, config.invert)


def _resized(source: Source, size: tuple[int, int] | None) -> Source:
    height, width, channels = source.image_shape
    if size in (None, (height, width)):
        return source

    def resize(images: np.ndarray) -> np.ndarray:
        if channels == 3:
            return np.stack([np.asarray(decode.fit(Image.fromarray(image), size)) for image in images])
        planes = images.transpose(0, 3, 1, 2).reshape(-1, height, width)
        fitted = [np.asarray(decode.fit(Image.fromarray(plane), size)) for plane in planes]
        return np.reshape(fitted, (-1, channels, *size)).transpose(0, 2, 3, 1)

    return _changed(source, (*size, channels), resize)


def _with_channels(source: Source, channels: int) -> Source:
    if channels not in (0, 1, 3, 4):
        raise UserError(
            f"--channels={channels} is not legal; legal: 0 (as the data), 1 (grey), 3 (colour), 4 (with transparency)"
        )
    height, width, given = source.image_shape
    if channels in (0, given):
        return source
    if given not in (1, 3, 4):
        raise UserError(
            f"--channels={channels}: {source.name} has {given} channels, which are no colours; leave it out"
        )

    def change(images: np.ndarray) -> np.ndarray:
        colours = alpha.over(images, 255) if given == 4 else images
        if channels == 1:
            return colours if given == 1 else _to_grey(colours)
        colours = np.repeat(colours, 3, axis=-1) if given == 1 else colours
        return colours if channels == 3 else np.insert(colours, 3, 255, axis=-1)

    return _changed(source, (height, width, channels), change)


def _to_grey(images: np.ndarray) -> np.ndarray:
    """ITU-R 601 luma in Pillow's own fixed-point arithmetic: both paths give the same bytes."""
    weights = np.array([19595, 38470, 7471], np.uint32)
    return ((images @ weights + 0x8000) >> 16).astype(np.uint8)[..., np.newaxis]


def _recoloured(source: Source, binarize: bool, invert: bool) -> Source:
    if not (binarize or invert):
        return source
    if source.image_shape[2] == 4:
        return _changed(source, source.image_shape, lambda images: _recoloured_beneath_alpha(images, binarize, invert))
    table = np.arange(256)
    if binarize:
        table = np.where(table > 127, 255, 0)
    if invert:
        table = 255 - table
    table = table.astype(np.uint8)
    return _changed(source, source.image_shape, lambda images: table[images])


def _recoloured_beneath_alpha(images: np.ndarray, binarize: bool, invert: bool) -> np.ndarray:
    """The same for premultiplied colours: the straight ones change, alpha doesn't."""
    colours = alpha.straight(images)
    if binarize:
        colours[..., :3] = np.where(colours[..., :3] > 127, 255, 0)
    if invert:
        colours[..., :3] = 255 - colours[..., :3]
    return alpha.premultiplied(colours)


def _changed(source: Source, shape: tuple[int, int, int], change: Callable[[np.ndarray], np.ndarray]) -> Source:
    """A Source whose images go through `change` (uint8 [n, ...] -> uint8 [n, *shape])."""

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images, labels = source.read(indices)
        return change(images), labels

    def parts() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        assert source.parts is not None
        return ((change(images), labels) for images, labels in source.parts())

    return dataclasses.replace(
        source, image_shape=shape, read=read, in_memory=False, parts=None if source.parts is None else parts
    )
