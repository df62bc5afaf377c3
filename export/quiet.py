"""Keeps the converters' chatter from the user, unless they fail."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Puts aside what the block prints, C++ code included, and shows it if the block raises.

    With TF_CPP_MIN_LOG_LEVEL set to 0 by the user, all is shown.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    with tempfile.TemporaryFile() as aside:
        try:
            for number in (1, 2):
                os.dup2(aside.fileno(), number)
            yield
        except BaseException:
            aside.seek(0)
            os.write(kept[1], aside.read())
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)
