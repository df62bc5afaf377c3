"""Runs the package's command lines inside the test's process, which has TensorFlow already."""

import contextlib
import dataclasses
import io
import sys
from unittest import mock


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command left: its exit status and what it printed."""

    status: int
    out: str
    err: str


def call(main, *arguments) -> Result:
    """Calls a binary's `main` as if `arguments` stood on the command line."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["binary", *map(str, arguments)]),
    ):
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
    return Result(status, out.getvalue(), err.getvalue())
