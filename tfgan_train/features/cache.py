"""Arrays kept between processes, whole and checked: ~/.cache/tfgan_train or $TFGAN_CACHE."""
import contextlib
import fcntl
import hashlib
import io
import os
import pathlib
from typing import Callable, Optional

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import write_atomically

Arrays = dict[str, np.ndarray]
MAGIC = b"tfgan-cache-1 "
HEADER = len(MAGIC) + 64 + 1  # magic, SHA-256 of the rest, newline


def folder() -> pathlib.Path:
    """Where cached arrays are kept; safe to delete at any time."""
    return pathlib.Path(os.environ.get("TFGAN_CACHE") or pathlib.Path.home() / ".cache" / "tfgan_train")


def cached(name: str, build: Callable[[], Arrays], say: Callable[[str], None]) -> Arrays:
    """The arrays kept under `name`, built and kept first if they aren't there.

    Two processes that want the same name at once build it once: the second waits on a lock,
    which the system frees even if the first dies. A file that is damaged is said and rebuilt.

    Raises:
      UserError: when the cache folder can't be written.
    """
    path = folder() / f"{name}.cache"
    if (found := load(path)) is not None:
        return found
    with _locked(path.with_suffix(".lock"), say):
        if (found := load(path)) is not None:  # built by another process meanwhile
            return found
        if path.exists():
            say(f"{path} is damaged; it is rebuilt")
        arrays = build()
        with _writing():
            write_atomically(path, _pack(arrays))
        return arrays


def load(path: pathlib.Path) -> Optional[Arrays]:
    """The arrays in a cache file, or None when it isn't there or isn't whole."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    header, payload = content[:HEADER], content[HEADER:]
    if header != _header(payload):
        return None
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _pack(arrays: Arrays) -> bytes:
    payload = io.BytesIO()
    np.savez(payload, **arrays)
    return _header(payload.getvalue()) + payload.getvalue()


def _header(payload: bytes) -> bytes:
    return MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n"


@contextlib.contextmanager
def _locked(path, say):
    with _writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is preparing {path.stem}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _writing():
    """Says that the cache can't be written, instead of a bare OSError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"the cache {folder()} can't be written ({error.strerror}); "
                        "set TFGAN_CACHE to a folder that can") from None
