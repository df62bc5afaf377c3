"""What Python callers give as data, as Sources."""

import pathlib
from typing import Any, Protocol

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.data import array_data, source, tf_dataset


class SourceProtocol(Protocol):
    """Any object with these three will do as data; `label_names` (or `num_classes`) gives it labels.

    Attributes:
      count: number of images.
      image_shape: (height, width, channels) of each: 1 (grey), 3 (colour), 4 (with premultiplied alpha), or up to 8.
    """

    count: int
    image_shape: tuple[int, int, int]

    def read(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Integers [n] in 0..count-1 -> (uint8 [n, H, W, C], integers [n], zeros without labels).

        The same index must always give the same image. It is called from threads, and for batches while the
        run trains: what takes long to read slows it down.
        """


def as_source(
    data: Any,
    value_range: tuple[float, float] | None = None,
    what: str = "data",
    folder: pathlib.Path | None = None,
) -> source.Source:
    """What a Python caller gives as data, as a Source.

    Args:
      data: images, or (images, labels), as `array_data.from_images` takes them; a finite tf.data.Dataset of an
        image or (image, label), batched or not, as keras.utils.image_dataset_from_directory makes them too; a
        Source, or any object that has what SourceProtocol has.
      value_range: of float images.
      what: how messages call it.
      folder: where a tf.data.Dataset beyond the memory limit goes.

    Raises:
      UserError: anything else.
    """
    if isinstance(data, source.Source):
        return data
    if all(hasattr(data, name) for name in ("count", "image_shape", "read")):
        return _of_object(data, what)
    if tf_dataset.is_one(data):
        return tf_dataset.as_source(data, what, value_range, folder)
    images, labels = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    return array_data.from_images(what, images, labels, value_range)


def _of_object(data: SourceProtocol, what: str) -> source.Source:
    """A Source that checks what the object's `read` gives."""
    names = tuple(map(str, getattr(data, "label_names", ())))
    classes = int(getattr(data, "num_classes", len(names)))
    count, shape = int(data.count), tuple(int(side) for side in data.image_shape)
    if count < 2 or len(shape) != 3 or shape[-1] > source.MOST_CHANNELS or min(shape) < 1:
        raise UserError(f"{what}: count={count} and image_shape={shape}; legal: 2 or more, and [H, W, C]")

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images, labels = (np.asarray(part) for part in data.read(indices))
        if images.dtype != np.uint8 or images.shape != (len(indices), *shape):
            raise UserError(
                f"{what}: read() gave images {images.dtype} {list(images.shape)}; legal: uint8 {[len(indices), *shape]}"
            )
        labels = array_data.checked_integers(what, labels, len(indices))
        if classes and len(labels) and labels.max() >= classes:
            raise UserError(f"{what}: labels go up to {labels.max()}; legal: 0 to {classes - 1}")
        return images, labels.astype(np.int32)

    names = names or tuple(map(str, range(classes)))
    return source.Source("given", count, shape, classes, names, read)
