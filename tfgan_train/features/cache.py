"""Arrays kept between processes, whole and checked: ~/.cache/tfgan_train or $TFGAN_CACHE."""

import contextlib
import hashlib
import io
import os
import pathlib
import zipfile
from collections.abc import Callable

import numpy as np

from tfgan_train.common import locks
from tfgan_train.common.errors import reason
from tfgan_train.common.files import write_atomically

Arrays = dict[str, np.ndarray]
MAGIC = b"tfgan-cache-1 "
_TOLD: set[str] = set()  # what this process has said of its cache
HEADER = len(MAGIC) + 64 + 1  # magic, SHA-256 of the rest, newline


def folder() -> pathlib.Path | None:
    """Where cached arrays are kept, safe to delete at any time; None for a user without a home."""
    if os.environ.get("TFGAN_CACHE"):
        return pathlib.Path(os.environ["TFGAN_CACHE"])
    try:
        return pathlib.Path.home() / ".cache" / "tfgan_train"
    except (RuntimeError, KeyError):  # A container's user may have neither HOME nor an entry in passwd.
        return None


def cached(name: str, build: Callable[[], Arrays], say: Callable[[str], None]) -> Arrays:
    """The arrays kept under `name`, built and kept first if they aren't there.

    Two processes that want the same name at once build it once: the second waits on a lock,
    which the system frees even if the first dies. A file that is damaged is said and rebuilt.
    Where the cache can't be written, that is said once and the arrays are built without it.
    """
    kept = folder()
    if kept is None:
        _say_once(say, "this user has no home, so nothing is kept in a cache; set TFGAN_CACHE to a folder to have one")
        return build()
    path = kept / f"{name}.cache"
    if (found := load(path)) is not None:
        return found
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_locked(path.with_suffix(".lock"), say))
        except OSError as error:
            _say_once(
                say,
                f"the cache {kept} can't be written ({reason(error)}), so nothing is kept; "
                "set TFGAN_CACHE to a folder that can",
            )
            return build()
        if (found := load(path)) is not None:  # built by another process meanwhile
            return found
        if path.exists():
            say(f"{path} is damaged; it is rebuilt")
        arrays = build()
        try:
            write_atomically(path, _pack(arrays))
        except OSError as error:
            _say_once(say, f"{path} can't be written ({reason(error)}), so it isn't kept")
        return arrays


def is_any_kept(prefix: str) -> bool:
    """Whether the cache holds a file whose name begins so; False where it can't be read."""
    kept = folder()
    try:
        return kept is not None and any(
            path.name.startswith(prefix) and path.suffix == ".cache" for path in kept.iterdir()
        )
    except OSError:
        return False


def load(path: pathlib.Path | None) -> Arrays | None:
    """The arrays in a cache file, or None when it isn't there or isn't whole."""
    try:
        if path is None or not path.is_file():
            return None
        content = path.read_bytes()
        header, payload = content[:HEADER], content[HEADER:]
        if header != _header(payload):
            return None
        with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile):
        return None


def _say_once(say, text: str) -> None:
    if text not in _TOLD:
        _TOLD.add(text)
        say(text)


def _pack(arrays: Arrays) -> bytes:
    payload = io.BytesIO()
    np.savez(payload, allow_pickle=False, **arrays)
    return _header(payload.getvalue()) + payload.getvalue()


def _header(payload: bytes) -> bytes:
    return MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n"


@contextlib.contextmanager
def _locked(path, say):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            locks.lock(file)
        except locks.Held:
            say(f"another process is preparing {path.stem}; waiting for it")
            locks.lock(file, wait=True)
        yield
