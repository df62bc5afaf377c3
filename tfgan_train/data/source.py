"""What a dataset is to the rest of the package; knows neither files nor flags."""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.common.images import aligned_empty

Reader = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
Parts = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]

# Pixels held in memory at once; a bigger data set is streamed.
MEMORY_LIMIT = 2 << 30

MOST_CHANNELS = 8  # of an image
BLOCK_BYTES = 16 << 20  # of pixels that are read at once, beside those that are kept


class NoSuchSplit(UserError):
    """The data exist, but not the split that was asked for (most often: no held-out images)."""


@dataclasses.dataclass(frozen=True)
class Source:
    """One split of a dataset: its facts, and a reader by index.

    Attributes:
      name: how messages call the data, e.g. "mnist" or "folder:photos".
      count: number of examples, indices 0..count-1 in the source's own order.
      image_shape: (height, width, channels) of every image; channels is 1 to 8 (4: premultiplied RGBA), or
        (1, 1, 2) for points (points.py).
      num_classes: number of labels; 0 means that the data have none.
      label_names: a name for each class, in the labels' order.
      read: integer indices [n] -> (uint8 images [n, H, W, C], int32 labels [n]); labels are
        zeros where there are none, and points are float32 in [-1, 1]. The arrays may be read-only views of
        shared memory.
      skipped: (file, reason) of each file that was left out as unreadable.
      notes: plain sentences that the user should see: which data are used, and why.
      in_memory: whether `read` only looks up pixels that are there already.
      parts: of pixels that lie in a file in their order, what gives all of them, a part at a time, as `read` does:
        a change of them then needs no second copy of all. None for other data.
      attributes: names of attributes, where labels are vectors of them: bits, see common.attributes; () for none.
      channel_source: where each channel is a picture of its own, the data that it was drawn from.
    """

    name: str
    count: int
    image_shape: tuple[int, int, int]
    num_classes: int
    label_names: tuple[str, ...]
    read: Reader
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    in_memory: bool = False
    parts: Parts | None = None
    attributes: tuple[str, ...] = ()
    channel_source: "Source | None" = None


def from_arrays(
    name: str, images: np.ndarray, labels: np.ndarray | None = None, label_names: Sequence[str] = (), **facts
) -> Source:
    """A Source of pixels that are already in memory.

    Args:
      name: as in Source.
      images: uint8 [N, H, W, C].
      labels: integers [N] in 0..len(label_names)-1, or None for data without labels.
      label_names: a name for each class.
      **facts: `skipped`, `notes` and `attributes`, as in Source.
    """
    labels = np.zeros(len(images), np.int32) if labels is None else labels.astype(np.int32)
    read, shape = _looked_up(images, labels), tuple(images.shape[1:])
    return Source(name, len(images), shape, len(label_names), tuple(label_names), read, in_memory=True, **facts)


def from_parts(
    name: str,
    image_shape: Sequence[int],
    count: int,
    images: Callable[[], Iterator[np.ndarray]],
    labels: np.ndarray | None = None,
    label_names: Sequence[str] = (),
    **facts,
) -> Source:
    """A Source of pixels in a file, which are held in memory from the first read on, or once `remembered`.

    Args:
      images: each call gives all of them anew, uint8 [n, *image_shape] a part at a time, `count` in all.
      name, labels, label_names, facts: as `from_arrays` has them.
    """
    numbers = np.zeros(count, np.int32) if labels is None else labels.astype(np.int32)
    lock = threading.Lock()
    held: list[Reader] = []

    def parts() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        done = 0
        for part in images():
            yield part, numbers[done : done + len(part)]
            done += len(part)

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with lock:
            if not held:
                held.append(_looked_up(*_gathered(parts, count, shape)))
        return held[0](indices)

    height, width, channels = image_shape
    shape = (height, width, channels)
    return Source(name, count, shape, len(label_names), tuple(label_names), read, in_memory=True, parts=parts, **facts)


def _gathered(parts: Parts, count: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` images and labels; the others are read too, since a file's damage may show at its end."""
    images, labels, done = aligned_empty((count, *shape)), np.empty(count, np.int32), 0
    for some, numbers in parts():
        taken = min(len(some), count - done)
        images[done : done + taken], labels[done : done + taken] = some[:taken], numbers[:taken]
        done += taken
    return images, labels


def _looked_up(images: np.ndarray, labels: np.ndarray) -> Reader:
    pixels, numbers = _read_only(images), _read_only(labels)

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        where = _as_slice(indices, len(pixels))
        return pixels[where], numbers[where]

    return read


def remembered(source: Source) -> Source:
    """`source`, reading each example only once, if all of them fit into MEMORY_LIMIT.

    What was read stays in memory, so that the training loop, the pictures and the metrics
    share one decoding and one copy of the pixels. Pixels that are read in parts are read now.
    """
    fits = source.count * int(np.prod(source.image_shape)) <= MEMORY_LIMIT
    if source.parts is not None and (fits or source.in_memory):
        look_up = _looked_up(*_gathered(source.parts, source.count, source.image_shape))
        return dataclasses.replace(source, read=look_up, in_memory=True, parts=None)
    if source.in_memory or not fits:
        return source
    images = aligned_empty((source.count, *source.image_shape))
    labels = np.empty(source.count, np.int32)
    known = np.zeros(source.count, bool)

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        missing = np.unique(np.asarray(indices)[~known[indices]])
        # By blocks, so that what is read and what is kept are never both whole in memory. Two
        # threads may both read the same example; they write the same bytes.
        for block in blocks(source, missing):
            images[block], labels[block] = source.read(block)
            known[block] = True
        where = _as_slice(indices, source.count)
        return _read_only(images[where]), _read_only(labels[where])

    return dataclasses.replace(source, read=read, in_memory=True)


def blocks(source: Source, indices: np.ndarray) -> Iterator[np.ndarray]:
    """The indices in parts, each of so few images that to have them twice is nothing."""
    most = max(1, BLOCK_BYTES // int(np.prod(source.image_shape)))
    for start in range(0, len(indices), most):
        yield indices[start : start + most]


def _read_only(array: np.ndarray) -> np.ndarray:
    """A view that can't be written: reads share memory, and writing would change the data for all."""
    view = array.view()
    view.flags.writeable = False
    return view


def _as_slice(indices: np.ndarray, count: int) -> slice | np.ndarray:
    """A run of consecutive indices as a slice, which needs no copy; others, and illegal ones, as they are."""
    indices = np.asarray(indices)
    if len(indices) and 0 <= indices[0] and indices[-1] < count and (np.diff(indices) == 1).all():
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices
