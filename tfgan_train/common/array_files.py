"""Arrays in .npz and .npy files, whole or refused in one line; nothing in them is run."""

import contextlib
import os
import pathlib
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

from tfgan_train.common.errors import UserError, reason
from tfgan_train.common.images import aligned_empty, fill

MOST_BYTES = 64 << 30  # of one array: more is a damaged header
_DAMAGE = (
    ValueError,
    EOFError,
    KeyError,
    AttributeError,
    TypeError,
    RuntimeError,
    NotImplementedError,
    MemoryError,
    SyntaxError,
    OverflowError,
    zlib.error,
    zipfile.BadZipFile,
    tokenize.TokenError,
)


class ArrayFile:
    """The arrays of an .npz file, each read when it is asked for; a .npy file's one array has the name "images".

    Args:
      path: the file.
      flag: how messages call it, e.g. "--images=x.npz".

    Attributes:
      names: of its arrays.

    Raises:
      UserError: when it can't be read, or holds something else than arrays of numbers.
    """

    def __init__(self, path: str | os.PathLike, flag: str):
        self._path, self._flag = pathlib.Path(path), flag
        if not self._path.is_file():
            raise UserError(f"{flag}: {self._path} is no file")
        with self._refusing():
            self._members = _members(self._path)
        self.names = tuple(self._members)
        if not self.names:
            raise UserError(f"{flag} holds no arrays")

    def described(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """The shape and type of one array, by its header; a damaged one is a UserError."""
        with self._refusing(), self._opened(name) as file:
            shape, _, dtype = _header(file)
            return shape, dtype

    def read(self, name: str) -> np.ndarray:
        """One array, in memory that a tensor can share; a damaged one is a UserError."""
        with self._refusing(), self._opened(name) as file:
            return _array(file)

    def parts(self, name: str, most_bytes: int) -> Iterator[np.ndarray]:
        """One array in parts along its first axis, which together are it; a damaged one is a UserError."""
        with self._refusing(), self._opened(name) as file:
            yield from _parts(file, most_bytes)

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        member = self._members[name]
        if member is None:
            with open(self._path, "rb") as file:
                yield file
        else:
            with zipfile.ZipFile(self._path) as archive, archive.open(member) as packed:
                yield packed

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(f"{self._flag} can't be read: {reason(error)}") from None
        except _DAMAGE as error:
            words = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
            raise UserError(f"{self._flag} can't be read: {words}") from None


def read_arrays(path: str | os.PathLike, flag: str) -> dict[str, np.ndarray]:
    """Name -> array of all that an ArrayFile holds; raises as it does."""
    file = ArrayFile(path, flag)
    return {name: file.read(name) for name in file.names}


def _members(path: pathlib.Path) -> dict[str, zipfile.ZipInfo | None]:
    """Name of each array -> its member of the archive; None for the one of a .npy file.

    Raises ValueError where a header promises more than the file can hold, so that no memory is asked for it.
    """
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            _check_size(file, path.stat().st_size)
        return {"images": None}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with contextlib.closing(archive.open(member)) as file:
                _check_size(file, member.file_size)
        return {member.filename.removesuffix(".npy"): member for member in archive.infolist()}


def _check_size(file: IO[bytes], size: int) -> None:
    shape, _, dtype = _header(file)
    promised = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if promised > min(size, MOST_BYTES):
        raise ValueError(f"its header promises {promised:,} bytes, and it has {size:,}")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, whether it is in Fortran's order, type), which NumPy has checked."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"it is of NumPy's format {version[0]}.{version[1]}; legal: 1.0 and 2.0")
    found = read(file)
    if found[2].hasobject:
        raise ValueError("it holds Python objects, not numbers")
    return found


def _array(file: IO[bytes]) -> np.ndarray:
    shape, in_fortrans_order, dtype = _header(file)
    array = aligned_empty(shape[::-1] if in_fortrans_order else shape, dtype)
    _fill(array, file)
    _check_end(file)
    return np.ascontiguousarray(array.T) if in_fortrans_order else array


def _parts(file: IO[bytes], most_bytes: int) -> Iterator[np.ndarray]:
    shape, in_fortrans_order, dtype = _header(file)
    rows = max(1, most_bytes // max(1, int(np.prod(shape[1:])) * dtype.itemsize))
    # Fortran's order has the first axis last.
    whole = aligned_empty(shape[::-1], dtype) if in_fortrans_order else None
    if whole is not None:
        _fill(whole, file)
    for start in range(0, shape[0], rows):
        if whole is not None:
            yield np.ascontiguousarray(whole.T[start : start + rows])
            continue
        part = np.empty((min(rows, shape[0] - start), *shape[1:]), dtype)
        _fill(part, file)
        yield part
    _check_end(file)


def _fill(array: np.ndarray, file: IO[bytes]) -> None:
    if fill(array, file) < array.nbytes:
        raise ValueError("it is cut short")


def _check_end(file: IO[bytes]) -> None:
    if file.read(1):  # The end of a packed member has its checksum, which this compares.
        raise ValueError("it is longer than its header says")
