"""Writing files so that they appear whole or not at all; knows nothing of runs."""

import contextlib
import hashlib
import json
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import BinaryIO, TypeAlias

from tfgan_train.common.errors import UserError

Content: TypeAlias = bytes | str | Callable[[BinaryIO], None]


def write_atomically(path, content: Content) -> pathlib.Path:
    """Writes `content` beside `path`, then renames it into place.

    Args:
      path: the final file; its folder is created when missing.
      content: bytes, text (stored as UTF-8), or a function that is given the open
        binary file and writes into it.

    Returns:
      The final path. On any error (a full disk included) the old file, if there was
      one, is untouched and nothing is left beside it.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with naming(path), os.fdopen(handle, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; a run directory is meant to be shared.
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename == beside:  # A folder is there.
            error.filename = str(path)
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    return path


@contextlib.contextmanager
def naming(path):
    """Gives an OSError the name of the file that is being written; a full disk tells none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def refuse_what_is_no_file(path: pathlib.Path, flag: str) -> None:
    """Makes sure that what is there can be read to an end: a pipe would be waited for.

    Raises:
      UserError: a pipe, a device or a folder is there; `flag`: how the message begins.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{flag}: {path} is no file")


def remove_leftovers(folder: pathlib.Path) -> None:
    """Removes what `write_atomically` left in `folder` and below when its process was killed."""
    for path in pathlib.Path(folder).rglob(".*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()


def write_json(path, value) -> pathlib.Path:
    """Writes `value` as indented JSON, whole or not at all."""
    return write_atomically(path, json.dumps(value, indent=2) + "\n")


def sha256(path) -> str:
    """The file's SHA-256 as hexadecimal text."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
