"""A finite tf.data.Dataset as a Source: in memory, or beyond the memory limit on disk. It is read once."""

import collections
import itertools
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfgan_train.common import alpha
from tfgan_train.common.errors import UserError
from tfgan_train.common.images import aligned_empty
from tfgan_train.data import array_data, source
from tfgan_train.data.shard_cache import pieces, spool

INFINITE = -1  # tf.data.INFINITE_CARDINALITY
BATCH = 256
CHANNELS = range(1, source.MOST_CHANNELS + 1)
MOST_OF_THE_DISK = 0.9  # of what is free: a generator that never ends must not fill it

Batch = tuple[np.ndarray, np.ndarray | None]


def is_one(data: Any) -> bool:
    """Whether it is a tf.data.Dataset."""
    return hasattr(data, "element_spec") and hasattr(data, "cardinality")


def as_source(
    dataset: Any, what: str, value_range: tuple[float, float] | None, folder: pathlib.Path | None = None
) -> source.Source:
    """The dataset's images and labels, in its order.

    Args:
      dataset: of an image or (image, label), batched or not; images uint8 [H, W], [H, W, C] or with a batch
        before, or floats within `value_range`; labels integers. Its `class_names`, which Keras' loader of
        directories gives it, become label names.
      what: how messages call it.
      value_range: of float images.
      folder: where more pixels than the memory limit go; None: they are refused.

    Raises:
      UserError: an infinite or empty dataset, or other elements than these.
    """
    if int(dataset.cardinality()) == INFINITE:
        raise UserError(
            f"{what}: the tf.data.Dataset is infinite (leave out repeat()); training walks through the data by itself"
        )
    names = tuple(map(str, getattr(dataset, "class_names", ())))
    stream = pieces(_batches(dataset, what, value_range), what)
    if _pixels(dataset) > source.MEMORY_LIMIT:
        return _spooled(stream, what, names, folder)
    kept: collections.deque[Batch] = collections.deque()
    size = 0
    for batch in stream:
        kept.append(batch)
        size += batch[0].nbytes
        if size > source.MEMORY_LIMIT:
            before = (kept.popleft() for _ in range(len(kept)))  # which lets go of each as it is written
            return _spooled(itertools.chain(before, stream), what, names, folder)
    if not kept:
        raise UserError(f"{what}: the tf.data.Dataset is empty")
    return array_data.from_images(what, *_joined(kept), names=names)


def _joined(kept: collections.deque[Batch]) -> Batch:
    """The batches as one, which `kept` lets go of one by one: all of them are never there twice."""
    images = aligned_empty((sum(len(batch[0]) for batch in kept), *kept[0][0].shape[1:]))
    labels: list[np.ndarray] = []
    end = 0
    while kept:
        part, numbers = kept.popleft()
        begin, end = end, end + len(part)
        images[begin:end] = part
        if numbers is not None:
            labels.append(numbers)
    return images, np.concatenate(labels) if labels else None


def _pixels(dataset) -> int:
    """How many numbers the images have together; 0 where the dataset doesn't tell before it is read."""
    spec = dataset.element_spec
    image = spec[0] if isinstance(spec, tuple) else spec
    shape = getattr(image, "shape", None)
    if shape is None or not shape.is_fully_defined():
        return 0
    return max(0, int(dataset.cardinality())) * shape.num_elements()


def _spooled(batches, what: str, names: tuple[str, ...], folder: pathlib.Path | None) -> source.Source:
    if folder is None:
        raise UserError(
            f"{what}: the tf.data.Dataset has more than {source.MEMORY_LIMIT >> 30} GiB of pixels; "
            "write them to files and use folder:DIR"
        )
    return array_data.with_names(spool(_within_the_disk(batches, what, folder), folder, what), what, names)


def _within_the_disk(batches, what: str, folder: pathlib.Path) -> Iterator[Batch]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    most, size = MOST_OF_THE_DISK * shutil.disk_usage(folder.parent).free, 0
    for batch in batches:
        images, labels = batch
        size += images.nbytes
        if size > most:
            raise UserError(
                f"{what}: the tf.data.Dataset is larger than the {most / 1e9:.0f} GB that may be used in "
                f"{folder.parent}; does it end?"
            )
        yield (alpha.premultiplied(images) if alpha.has_alpha(images) else images), labels


def _batches(dataset, what: str, value_range) -> Iterator[Batch]:
    """(uint8 [n, H, W, C], integers [n] or None)."""
    spec = dataset.element_spec
    pair = isinstance(spec, tuple) and len(spec) == 2
    image = spec[0] if pair else spec
    if not hasattr(image, "shape") or image.shape.rank not in (2, 3, 4):
        raise UserError(f"{what}: the tf.data.Dataset must be of an image or (image, label); it is of {spec}")
    # [n, H, W] and [H, W, C] have three sides each: a picture's last is of channels.
    single = image.shape.rank == 2 or (image.shape.rank == 3 and (image.shape[-1] or 0) in CHANNELS)
    for element in dataset.batch(BATCH) if single else dataset:
        images = np.asarray(element[0] if pair else element)
        images = images[..., np.newaxis] if images.ndim == 3 else images
        labels = None if not pair else array_data.checked_integers(what, np.asarray(element[1]), len(images))
        yield array_data.to_bytes(what, images, value_range), labels
