"""Reads the tensors of a PyTorch weights file (.pth) without PyTorch, and runs none of its code.

A .pth file is a pickle, which could name any function to call. Here only the four harmless
names that a plain state dict holds are known; anything else is refused. Both containers are read:
the zip of torch >= 1.6 and the stream of pickles before it.
"""

import collections
import dataclasses
import io
import math
import pickle
import struct
import zipfile
import zlib

import numpy as np

from tfgan_train.common.errors import UserError, reason

DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


def read_state_dict(path) -> dict[str, np.ndarray]:
    """Name -> array of a saved state dict.

    Raises:
      UserError: no such file, or one that isn't a plain state dict.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
        read = _read_zip if zipfile.is_zipfile(io.BytesIO(content)) else _read_legacy
        tensors, storages = read(content)
        return {name: tensor.array(storages) for name, tensor in tensors.items() if isinstance(tensor, _Tensor)}
    except OSError as error:
        raise UserError(f"the weights file {path} can't be read: {reason(error)}") from None
    except (
        pickle.UnpicklingError,
        EOFError,
        KeyError,
        ValueError,
        IndexError,
        TypeError,
        AttributeError,
        StopIteration,
        RuntimeError,
        NotImplementedError,
        OverflowError,
        MemoryError,
        ImportError,
        RecursionError,
        struct.error,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        raise UserError(f"{path} is not a plain PyTorch weights file (a damaged download?): {error}") from None


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """A view into a storage that may not have been read yet."""

    storage: tuple
    offset: int
    shape: tuple
    strides: tuple

    def array(self, storages) -> np.ndarray:
        data = storages[self.storage[0]]
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        # Strides come from the file: one that reaches outside its storage must not be followed.
        if (
            min(self.shape, default=1) > 0
            and not (0 <= self.offset <= last < len(data))
            or min(self.strides, default=0) < 0
        ):
            raise ValueError("a tensor reaches outside its storage")
        if math.prod(self.shape) > len(data):
            raise ValueError("a tensor is larger than its storage")
        view = np.lib.stride_tricks.as_strided(
            data[self.offset :], self.shape, [stride * data.itemsize for stride in self.strides]
        )
        return view.copy()


class _Unpickler(pickle.Unpickler):
    """Knows ordered dicts, tensors and storage types; `storages` collects what is referred to."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *rest: _Tensor(storage, offset, tuple(shape), tuple(strides))
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *rest: tensor
        if module == "torch" and name in DTYPES:
            return np.dtype(DTYPES[name])
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid):
        kind, dtype, key, _, count = pid[:5]
        if kind != "storage" or len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("it holds an unknown kind of storage")
        self.storages[key] = (key, dtype, count)
        return self.storages[key]


def _read_zip(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        index = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        unpickler = _Unpickler(io.BytesIO(archive.read(index)))
        tensors = unpickler.load()
        folder = index[: -len("data.pkl")] + "data/"
        return tensors, {
            key: np.frombuffer(archive.read(folder + key), dtype, count)
            for key, dtype, count in unpickler.storages.values()
        }


def _read_legacy(content):
    file = io.BytesIO(content)
    if _Unpickler(file).load() != LEGACY_MAGIC:
        raise ValueError("it does not begin as one")
    _Unpickler(file).load()  # protocol version
    _Unpickler(file).load()  # byte order and type sizes of the machine that wrote it: little-endian since ever
    unpickler = _Unpickler(file)
    tensors = unpickler.load()
    storages = {}
    for key in _Unpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        _, dtype, expected = unpickler.storages[key]
        if count != expected:
            raise ValueError("a storage has another length than its tensors say")
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return tensors, storages
