"""Locks on files, where the system has them: Windows and some network file systems don't."""

import errno

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
