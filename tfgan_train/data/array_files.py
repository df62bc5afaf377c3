"""Arrays in .npz and .npy files, read whole or refused in one line; nothing in them is run."""

import contextlib
import pathlib
import tokenize
import zipfile
import zlib

import numpy as np

from tfgan_train.common.errors import UserError, reason

MOST_BYTES = 64 << 30  # of one array: more is a damaged header


def read_arrays(path, flag: str) -> dict[str, np.ndarray]:
    """Name -> array of an .npz file; a .npy file's one array has the name "images".

    Args:
      path: the file.
      flag: how messages call it, e.g. "--images=x.npz".

    Raises:
      UserError: when it can't be read, or holds something else than arrays of numbers.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise UserError(f"{flag}: {path} is no file")
    try:
        _check_sizes(path)
        stored = np.load(path, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return {"images": stored}
        with stored:
            arrays = {name: stored[name] for name in stored.files}
    except OSError as error:
        raise UserError(f"{flag} can't be read: {reason(error)}") from None
    except (
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
    ) as error:
        raise UserError(
            f"{flag} can't be read: {str(error).splitlines()[0][:160] if str(error) else type(error).__name__}"
        ) from None
    found = {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}
    if not found:
        raise UserError(f"{flag} holds no arrays")
    return found


def _check_sizes(path: pathlib.Path) -> None:
    """Raises ValueError where a header promises more than the file can hold, so that no memory is asked for it."""
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            _check_header(file, path.stat().st_size)
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with contextlib.closing(archive.open(member)) as file:
                _check_header(file, member.file_size)


def _check_header(file, size: int) -> None:
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        return
    shape, _, dtype = read(file)
    promised = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if promised > min(size, MOST_BYTES):
        raise ValueError(f"its header promises {promised:,} bytes, and it has {size:,}")
