"""Arrays as data: `npz:FILE`, and those that Python callers have."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tfgan_train.common import alpha
from tfgan_train.common.array_files import ArrayFile
from tfgan_train.common.errors import UserError
from tfgan_train.common.images import aligned_empty
from tfgan_train.data import source

# Split -> names of its images' array and of its labels', in the order in which they are looked for.
_NAMES = {
    "train": (("images", "x_train", "train_images", "x"), ("labels", "y_train", "train_labels", "y")),
    "test": (("test_images", "x_test"), ("test_labels", "y_test")),
}
_PART = 1 << 21  # numbers of images that are converted at a time


def load(config, split: str) -> source.Source:
    """The arrays in the file named in --dataset: images uint8 [N, H, W] or [N, H, W, C], labels integers [N].

    They are called images and labels, or x_train and y_train beside x_test and y_test, as Keras' mnist.npz has them.

    Raises:
      NoSuchSplit: "test" without x_test.
      UserError: no such file, a damaged one, or other arrays.
    """
    path = pathlib.Path(config.dataset.partition(":")[2]).expanduser()
    flag = f"--dataset={config.dataset}"
    file = ArrayFile(path, flag)
    image_names, label_names = _NAMES[split]
    name = _first(file, image_names)
    if name is None:
        if split != "train":
            raise source.NoSuchSplit(f"{path} has no {' or '.join(image_names)}")
        raise UserError(
            f"{flag} has the arrays {', '.join(file.names)}; "
            f"legal: {', '.join(image_names)}, with {', '.join(label_names)} for labels"
        )
    labels_name = _first(file, label_names)
    labels, classes = None if labels_name is None else file.read(labels_name), None
    if labels is not None and split != "train":
        train_name = _first(file, _NAMES["train"][1])
        train = labels if train_name is None else file.read(train_name)
        classes = int(np.max(train)) + 1 if train.size else None
    return _of_file(file, name, flag, labels, config.dataset, classes)


def _first(file: ArrayFile, names: Sequence[str]) -> str | None:
    """The first of these names that an array has."""
    return next((name for name in names if name in file.names), None)


def _of_file(file: ArrayFile, array: str, flag: str, labels, name: str, classes: int | None) -> source.Source:
    """As `from_images`, of an array that is read a part at a time."""
    shape, dtype = file.described(array)
    shape = _image_shape(flag, shape)
    to_bytes(flag, np.empty(0, dtype), None)  # Says what another type is.

    def images() -> Iterator[np.ndarray]:
        for part in file.parts(array, source.BLOCK_BYTES):
            part = part.reshape(len(part), *shape[1:])
            yield in_parts(alpha.premultiplied, part) if alpha.has_alpha(part) else part

    checked = _checked_labels(flag, labels, shape[0], classes)
    notes = _alpha_notes(flag, shape)
    return source.from_parts(name, shape[1:], shape[0], images, *checked, notes=notes)


def from_images(
    what: str,
    images: Any,
    labels: Any = None,
    value_range: tuple[float, float] | None = None,
    name: str = "given",
    classes: int | None = None,
    names: Sequence[str] = (),
) -> source.Source:
    """A Source of arrays.

    Args:
      what: how messages call the data.
      images: uint8 [N, H, W] or [N, H, W, C], or floats within `value_range`. Four channels are RGBA, the alpha
        straight; other numbers up to 8 are what they are.
      labels: integers [N], 0 and above; None for data without labels.
      value_range: (lowest, highest) of float images, such as (0, 1) or (-1, 1).
      name: of the Source.
      classes: number of classes, where it is known; else the highest label and one.
      names: of the classes, where they have any.

    Raises:
      UserError: other arrays than these.
    """
    images = np.asarray(images)
    images = images.reshape(_image_shape(what, images.shape))
    pixels = to_bytes(what, images, value_range)
    notes = _alpha_notes(what, pixels.shape)
    if notes:
        pixels = in_parts(alpha.premultiplied, pixels)
    checked = _checked_labels(what, labels, len(images), len(names) or classes)
    return with_names(source.from_arrays(name, pixels, *checked, notes=notes), what, names)


def _image_shape(what: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """[N, H, W, C] of images that may lack C.

    Raises:
      UserError: another number of axes, too many channels, or nothing at all.
    """
    whole = (*shape, 1) if len(shape) == 3 else shape
    if len(whole) != 4 or whole[-1] > source.MOST_CHANNELS or 0 in whole:
        raise UserError(
            f"{what}: images must be [N, H, W] or [N, H, W, C] with 1 to {source.MOST_CHANNELS} channels; "
            f"they are {list(shape)}"
        )
    return whole


def _alpha_notes(what: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    return (f"{what}: the four channels are taken for red, green, blue and alpha",) if shape[-1] == 4 else ()


def with_names(made: source.Source, what: str, names: Sequence[str]) -> source.Source:
    """The Source with its classes named; as it is where there are no names.

    Raises:
      UserError: more classes than names.
    """
    if not names:
        return made
    if made.num_classes > len(names):
        raise UserError(f"{what}: labels go up to {made.num_classes - 1}; legal: 0 to {len(names) - 1}")
    return dataclasses.replace(made, num_classes=len(names), label_names=tuple(names))


def to_bytes(what: str, images: np.ndarray, value_range: tuple[float, float] | None) -> np.ndarray:
    """uint8 images as they are; floats within `value_range` scaled to 0..255.

    Raises:
      UserError: another type, NaN, or values beyond the range.
    """
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(
            f"{what}: images are {images.dtype}; "
            "legal: uint8, or floats with value_range=(0, 1) or another range that they have"
        )
    if value_range is None:
        raise UserError(f"{what}: images are {images.dtype}; say their range, such as value_range=(0, 1) or (-1, 1)")
    low, high = value_range
    lowest, highest = images.min(), images.max()  # A NaN among them is both.
    if not np.isfinite([lowest, highest]).all():
        raise UserError(f"{what}: images have a NaN or an infinity")
    if lowest < low or highest > high:
        raise UserError(f"{what}: images go from {lowest:g} to {highest:g}, beyond value_range=({low:g}, {high:g})")

    def scaled(part: np.ndarray) -> np.ndarray:
        return np.rint((part.astype(np.float32) - low) * (255.0 / (high - low))).astype(np.uint8)

    return in_parts(scaled, images)


def in_parts(change: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    """uint8 [n, ...] images -> `change` of them, of the same shape; no more than a part is ever there twice."""
    changed = aligned_empty(images.shape)
    most = max(1, _PART // max(1, images[:1].size))
    for start in range(0, len(images), most):
        changed[start : start + most] = change(images[start : start + most])
    return changed


def _checked_labels(what: str, labels, count: int, classes: int | None):
    """(labels int32 [N] or None, names)."""
    if labels is None:
        return None, ()
    labels = checked_integers(what, np.asarray(labels), count)
    classes = classes or int(labels.max()) + 1
    if labels.max() >= classes:
        raise UserError(f"{what}: labels go from {labels.min()} to {labels.max()}; legal: 0 to {classes - 1}")
    if classes > max(1000, count):
        raise UserError(
            f"{what}: labels go up to {labels.max()}, more than there are images; they look like no classes"
        )
    return labels, [str(label) for label in range(classes)]


def checked_integers(what: str, labels: np.ndarray, count: int) -> np.ndarray:
    """Labels as integers [count].

    Raises:
      UserError: another shape or type, or a negative one.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:  # CIFAR-10 as Keras has it
        labels = labels[:, 0]
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"{what}: labels must be integers [{count}]; they are {labels.dtype} {list(labels.shape)}")
    if count and labels.min() < 0:
        raise UserError(f"{what}: labels go from {labels.min()}; legal: 0 and above")
    return labels
