"""The live line and the plain lines, with a clock of the test's own."""

import io

import pytest

from tfgan_train.common.numbers import duration
from tfgan_train.common.terminal import Progress

MEANS = {"d_loss": 1.25, "g_loss": 0.5, "d_accuracy": 0.625}


class _Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.isatty = lambda: terminal


def _progress(terminal):
    stream, now = _Stream(terminal), [0.0]
    return Progress(200, stream, lambda: now[0]), stream, now


def test_plain_lines_come_every_ten_seconds_and_at_the_end():
    progress, stream, now = _progress(False)
    for step in range(1, 101):
        now[0] += 0.25
        progress.update(step, 0.5, 1234.5, MEANS)
    progress.update(200, 0.5, 1234.5, {}, force=True)
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["1/200", "41/200", "81/200", "200/200"]
    assert lines[1] == "step 41/200 (20%)  1,234 img/s  D 1.250  G 0.500  D right 62%  1 min 20 s left"
    assert lines[-1] == "step 200/200 (100%)  1,234 img/s  0 s left"


def test_a_terminal_has_one_line_that_is_rewritten():
    progress, stream, now = _progress(True)
    progress.update(10, 1.0, 50.0, MEANS)
    now[0] += 0.05
    progress.update(11, 1.0, 50.0, MEANS)  # too soon
    now[0] += 0.1
    progress.update(12, 1.0, 5.0, {})
    progress.note("saved")
    progress.update(13, 1.0, 5.0, {}, force=True)
    progress.close()
    text = stream.getvalue()
    assert "11/200" not in text and text.count("\n") == 2
    shown = [line.split("\r")[-1] for line in text.split("\n")]
    assert shown[0].rstrip() == "saved" and shown[1].startswith("step 13/200")
    # Each rewriting covers the whole of what stood there.
    long, short = text.split("\r")[1:3]
    assert len(short) == len(long)


@pytest.mark.parametrize(
    "seconds, text", [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text
