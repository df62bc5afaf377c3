"""The one exception that means "the user can fix this", and the words for an unknown name."""

import difflib
import os
import pathlib
import re
import textwrap
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in a flag, a file or the environment, told in one plain line.

    The message names the flag or file at fault and what would be legal. The binaries
    print it without a traceback and exit with status 2.
    """


def nearest(name: str, legal: Iterable) -> list[str]:
    """The legal names that `name` may be a misspelling of, at most three, the likeliest first."""
    return difflib.get_close_matches(str(name), [str(value) for value in legal], n=3, cutoff=0.5)


def unknown(kind: str, name: str, legal: Iterable) -> str:
    """One line that says `name` is no legal `kind` and which legal ones are near."""
    legal = [str(value) for value in legal]
    near = nearest(name, legal)
    hint = f"did you mean {' or '.join(near)}?" if near else f"legal: {', '.join(legal)}"
    return f"unknown {kind} '{name}'; {hint}"


def reason(error: Exception) -> str:
    """Why a file can't be read or written, in words: "No space left on device".

    Args:
      error: an OSError, or TensorFlow's OpError, whose message names graph nodes first.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    lines = str(getattr(error, "message", None) or error).strip().splitlines() or [type(error).__name__]
    words = re.sub(r" \[Op:\w+\].*$", "", lines[0].rsplit("; ", 1)[-1].rsplit("}} ", 1)[-1])
    return textwrap.shorten(words, 200, placeholder=" …")


def file_error(error: OSError) -> str:
    """One line for an OSError that nobody expected: which file, and why."""
    if error.filename is None:
        return reason(error)
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
    return f"{printable(name)}: {reason(error)}"


def printable(text) -> str:
    """A file's name as it may be shown: control characters and bytes that are no text are escaped."""
    shown = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in shown)


def unwritable(error: OSError, run_dir: pathlib.Path) -> str:
    """One line for a file that failed while a run trained; it blames --run_dir only for what lies below it."""
    resumes = "the same command resumes from the last checkpoint"
    if error.filename is not None and pathlib.Path(str(error.filename)).absolute().is_relative_to(run_dir.absolute()):
        return f"--run_dir={run_dir} can't be written: {file_error(error)}; {resumes}"
    return f"{file_error(error)}; {resumes}"
