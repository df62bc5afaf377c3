"""Locks on files, where the system has them: Windows and some network file systems don't."""

import errno
import pathlib
from collections.abc import Callable
from typing import IO

from tfgan_train.common.errors import UserError, reason

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What a file system without locks answers; only EWOULDBLOCK means that another process holds the lock.
REFUSED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class Held(Exception):
    """Another process holds the lock."""


def lock(file, wait: bool = False) -> bool:
    """Locks an open file until it is closed; whether the system could.

    Args:
      file: open for writing.
      wait: whether to wait for another process that holds it.

    Raises:
      Held: another process holds it, and `wait` is false.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        raise Held from None
    except OSError as error:
        if error.errno in REFUSED:
            return False
        raise


def hold(path: pathlib.Path, flag: str, busy: str, alone: str, say: Callable[[str], None]) -> IO[str]:
    """Locks a file, made with its folder if need be; it is held until it is closed.

    Args:
      flag: how messages call the folder, e.g. "--run_dir=RUN".
      busy: what they say where another process holds it.
      alone: what may be done there by one process at a time alone, e.g. "train there".
      say: told where the system has no locks.

    Raises:
      UserError: another process does, or the file can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "w")
    except OSError as error:
        raise UserError(f"{flag} can't be written: {reason(error)}") from None
    try:
        if not lock(file):
            say(f"note: {path.parent} can't be locked on this system; {alone} with one process at a time")
        return file
    except Held:
        file.close()
        raise UserError(f"{flag}: {busy}") from None
