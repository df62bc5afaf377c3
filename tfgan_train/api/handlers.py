"""What a library must not leave behind."""

import contextlib
import logging


@contextlib.contextmanager
def logging_left_alone():
    """Takes back the root logger's handler that TensorFlow's first checkpoint adds where there is none.

    With it, the caller's own logging.basicConfig would do nothing.
    """
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        yield
    finally:
        for handler in [one for one in root.handlers if one not in before]:
            root.removeHandler(handler)
