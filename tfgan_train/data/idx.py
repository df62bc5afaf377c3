"""`idx:DIR`: IDX files as MNIST, Fashion-MNIST, KMNIST, EMNIST and notMNIST are published."""

import contextlib
import gzip
import math
import os
import pathlib
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO, cast

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.common.images import aligned_empty, fill
from tfgan_train.data import source

_NAME = re.compile(
    r"(?P<prefix>.*?)(?P<split>train|t10k|test)-(?P<kind>images|labels)[-.]idx\d-(ubyte|byte|short|int)(\.gz)?$"
)
_EXPECTED = (
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
    "t10k-labels-idx1-ubyte, each also with .gz"
)
_UNSIGNED_BYTE = 0x08
# Labels are also stored as larger integers; QMNIST's are rows of eight, the class first.
_INTEGERS = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"}
_MOST_BYTES = 16 << 30


def load(config, split: str) -> source.Source:
    """The IDX files in the folder named in --dataset, in their published order.

    Labels are optional. The values that occur in the training labels are the classes, in
    ascending order. A folder that has only t10k files serves them as training data. EMNIST's
    images, which are stored on their side, are turned upright.

    Raises:
      NoSuchSplit: "test" without t10k files beside train files.
      UserError: no such folder or files, or a file that is not what its name says.
    """
    root = pathlib.Path(config.dataset.partition(":")[2]).expanduser()
    if not root.is_dir():
        raise UserError(f"--dataset={config.dataset}: {root} is not a folder")
    files = _find(root)
    only_test = ("train", "images") not in files
    if only_test and ("test", "images") not in files:
        raise UserError(f"--dataset={config.dataset}: no IDX images in {root}; the files are named {_EXPECTED}")
    if split != "train" and (only_test or (split, "images") not in files):
        raise source.NoSuchSplit(f"{root} has no {split} images beside training images")
    notes = []
    part = "test" if only_test else split
    if only_test:
        notes.append(f"{root} has only t10k files; they serve as the training data")
    count, shape, images = _images(files[part, "images"])
    label_file = files.get((part, "labels"))
    if label_file is None:
        notes.append(f"{root} has no labels for its {part} images")
        return source.from_parts(config.dataset, shape, count, images, notes=tuple(notes))
    values = _read_labels(label_file, files[part, "images"], count)
    # The training labels alone say which classes there are: both splits number them alike.
    train_labels = files.get(("train", "labels"), label_file)
    classes = np.unique(values if train_labels == label_file else _label_values(train_labels))
    labels = np.searchsorted(classes, values)
    strange = values[~np.isin(values, classes)]
    if len(strange):
        raise UserError(f"{label_file}: the label {strange[0]} does not occur in {train_labels}")
    names = [str(value) for value in classes]
    return source.from_parts(config.dataset, shape, count, images, labels, names, notes=tuple(notes))


def _find(root: pathlib.Path) -> dict[tuple[str, str], pathlib.Path]:
    """("train" or "test", "images" or "labels") -> file; an unpacked file goes before its .gz."""
    matches = [(match, path) for path in sorted(root.iterdir()) if (match := _NAME.match(path.name)) and path.is_file()]
    prefixes = sorted({match["prefix"] for match, _ in matches})
    if len(prefixes) > 1:
        raise UserError(
            f"{root} holds several IDX sets ({', '.join(prefix + '*' for prefix in prefixes)}); "
            "give a folder with one of them"
        )
    files: dict[tuple[str, str], pathlib.Path] = {}
    for match, path in matches:
        files.setdefault(("train" if match["split"] == "train" else "test", match["kind"]), path)
    return files


def _images(path: pathlib.Path) -> tuple[int, tuple[int, ...], Callable[[], Iterator[np.ndarray]]]:
    """(N, (H, W, C), parts of uint8 [n, H, W, C]) of a file with three (grey) or four dimensions.

    EMNIST's images, which lie turned about their diagonal, are put upright.
    """
    with _opened(path, (3, 4)) as (file, stored, _):
        if isinstance(file, gzip.GzipFile):
            _check_length(file, path, stored)
        count, height, width = stored[:3]
        channels = stored[3] if len(stored) == 4 else 1
    if channels not in (1, 3):
        raise UserError(f"{path}: the images have {channels} channels; legal: 1 or 3")
    if not count * height * width:
        raise UserError(f"{path} holds no images (its shape is {stored[:3]})")
    turned = path.name.startswith("emnist-")

    def parts() -> Iterator[np.ndarray]:
        with _opened(path, (3, 4)) as (file, _, _):
            most, held = max(1, source.BLOCK_BYTES // (height * width * channels)), 0
            for start in range(0, count, most):
                part = np.empty((min(most, count - start), height, width, channels), np.uint8)
                got = fill(part, file)
                held += got
                if got < part.nbytes:
                    raise _wrong_size(path, stored, count * height * width * channels, held)
                yield part.swapaxes(1, 2) if turned else part
            if file.read(1):  # One byte tells; the rest of a packed file may be gigabytes.
                raise _wrong_size(path, stored, held, f"more than {held}")

    return count, ((width, height, channels) if turned else (height, width, channels)), parts


def _check_length(file: IO[bytes], path: pathlib.Path, shape: tuple[int, ...]) -> None:
    """Unpacks the file to its end or one byte beyond what its header says, so that a wrong one is refused at once."""
    size, held = math.prod(shape), 0
    while held <= size and (part := file.read(min(source.BLOCK_BYTES, size + 1 - held))):
        held += len(part)
    if held != size:
        raise _wrong_size(path, shape, size, held if held < size else f"more than {size}")


def _read_labels(path: pathlib.Path, image_file: pathlib.Path, count: int) -> np.ndarray:
    labels = _label_values(path)
    if len(labels) != count:
        raise UserError(f"{path} holds {len(labels)} labels, but {image_file} holds {count} images")
    return labels


def _label_values(path: pathlib.Path) -> np.ndarray:
    values = _read(path, ndims=(1, 2), types=_INTEGERS)
    return values if values.ndim == 1 else values[:, 0]


def _read(path: pathlib.Path, ndims: tuple[int, ...], types: dict[int, str]) -> np.ndarray:
    """The array of an IDX file, which must be exactly as long as its header says."""
    with _opened(path, ndims, types) as (file, shape, dtype):
        values = aligned_empty(shape, dtype)
        held = fill(values, file)
        too_long = file.read(1)
    if held != values.nbytes or too_long:
        raise _wrong_size(path, shape, values.nbytes, f"more than {held}" if too_long else held)
    return values


@contextlib.contextmanager
def _opened(
    path: pathlib.Path, ndims: tuple[int, ...], types: dict[int, str] | None = None
) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype]]:
    """(the file behind its header, shape, type); bytes unless `types` has others.

    Format: two zero bytes, the type, the number of dimensions, each dimension as a big-endian
    32-bit integer, then the values (http://yann.lecun.com/exdb/mnist/).

    Raises:
      UserError: another file, one that can't hold what its header promises, or one that isn't packed and holds more.
    """
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"  # The content decides: browsers unpack, and keep the name.
            raw.seek(0)
            file = gzip.GzipFile(fileobj=raw) if packed else raw
            head = file.read(4)
            types = types or {_UNSIGNED_BYTE: ">u1"}
            shape = _shape(path, head, file.read(4 * head[3]) if len(head) == 4 else b"", ndims, types)
            dtype = np.dtype(types[head[2]])
            size = int(np.prod(shape, dtype=object)) * dtype.itemsize
            if size > _MOST_BYTES:
                raise UserError(f"{path} should hold {size:,} bytes by its header; legal: up to {_MOST_BYTES:,}")
            # No memory for what the header promises and the file can't hold: deflate packs at most 1,032 to 1.
            length = os.fstat(raw.fileno()).st_size
            most = length * 1032 if packed else length - 4 - 4 * head[3]
            if size > most:
                raise _wrong_size(path, shape, size, f"at most {most}" if packed else most)
            if size < most and not packed:
                raise _wrong_size(path, shape, size, f"more than {size}")
            yield cast(IO[bytes], file), shape, dtype
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is cut short or damaged ({error}); fetch it again") from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from error


def _wrong_size(path: pathlib.Path, shape: tuple[int, ...], size: int, holds: int | str) -> UserError:
    return UserError(
        f"{path} should hold {size} values (shape {'x'.join(map(str, shape))}) but holds {holds}; "
        "it is cut short or damaged"
    )


def _shape(
    path: pathlib.Path, head: bytes, rest: bytes, ndims: tuple[int, ...], types: dict[int, str]
) -> tuple[int, ...]:
    """The dimensions in an IDX header, checked."""
    if len(head) < 4:
        raise UserError(f"{path} is too short for an IDX file ({len(head)} bytes)")
    if head[:2] != b"\0\0" or head[2] not in types or head[3] not in ndims:
        legal = " or ".join(f"0x0000{kind:02x}{ndim:02x}" for kind in types for ndim in ndims)
        what = "unsigned bytes" if len(types) == 1 else "integers"
        raise UserError(
            f"{path} begins with the magic number 0x{head.hex()}; legal: {legal} "
            f"({what} in {' or '.join(map(str, ndims))} dimensions)"
        )
    if len(rest) != 4 * head[3]:
        raise UserError(f"{path} is cut short in its header")
    return struct.unpack(f">{head[3]}I", rest)
