"""What streams that can't take everything are shown: nothing is raised, nothing is lost."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from tfgan_train.common.terminal import Progress, Terminal

MEANS = {"d_loss": 1.25, "g_loss": 0.5, "d_accuracy": 0.625}


class _Failing(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


def _closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [_Failing(), _closed()])
def test_a_stream_that_fails_is_given_up(stream):
    terminal = Terminal(stream)
    terminal.line("a")
    terminal.rewrite("b")
    terminal.clear()
    terminal.leave()


def test_without_stderr_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    progress = Progress(10)
    progress.note("a")
    progress.update(3, 0.1, 5.0, MEANS)
    progress.close()


def test_what_an_encoding_lacks_is_escaped():
    kept = io.BytesIO()
    stream = io.TextIOWrapper(kept, encoding="ascii")
    Terminal(stream).line("naïve …")
    assert kept.getvalue() == b"na\\xefve \\u2026\n"


@pytest.mark.parametrize("columns", [100, 70, 50, 30, 22])
def test_the_live_line_fits_the_terminal_as_it_is_now(columns):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(slave, "w") as stream:
        progress = Progress(600_000, stream)
        progress.update(123_456, 0.01, 12_345.0, MEANS)
        shown = os.read(master, 4096).decode().strip("\r")
    os.close(master)
    assert 0 < len(shown) < columns and shown.startswith("step 123,456/600,000")
    assert columns < 40 or shown.endswith(" left")


@pytest.mark.slow
@pytest.mark.parametrize("redirection", ["2>&-", "1>&- 2>&-", "2>/dev/full", ">/dev/full"])
def test_commands_run_whatever_the_streams_are(redirection, tmp_path):
    program = "from tfgan_train import compare; compare.main()"
    done = subprocess.run(
        f"{sys.executable} -c '{program}' --help {redirection}",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if redirection == ">/dev/full" else 0), done.stderr


@pytest.mark.parametrize("encoding, full", [("utf-8", "█"), ("ascii", "#")])
def test_a_wide_terminal_has_a_bar_of_what_is_done(encoding, full):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 140, 0, 0))
    with os.fdopen(slave, "w", encoding=encoding) as stream:
        progress = Progress(600_000, stream)
        bars = []
        for step in (150_000, 450_000):
            progress.update(step, 0.01, 12_345.0, MEANS, force=True)
            bars.append(re.search(r"%\) \|(.+)\| 12,345 img/s", os.read(master, 4096).decode())[1])
    os.close(master)
    assert [bar.count(full) / len(bar) for bar in bars] == [0.25, 0.75] and len(bars[0]) == 40
