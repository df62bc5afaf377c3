"""The countdown's arithmetic and when it speaks, with a clock of the test's own."""

import io

import pytest

from tfgan_train.common.terminal import Countdown


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


def test_elsewhere_a_line_every_ten_seconds(clock):
    out = io.StringIO()
    countdown = Countdown("images", 100, out, clock)
    for done in range(1, 101):
        clock.now = done * 0.5
        countdown(done)
    assert out.getvalue().splitlines() == [
        "images: 20/100, 40 s left",
        "images: 40/100, 30 s left",
        "images: 60/100, 20 s left",
        "images: 80/100, 10 s left",
        "images: 100/100, 0 s left",
    ]


def test_terminal_line_is_rewritten_and_wiped_at_the_end(clock):
    out = Terminal()
    countdown = Countdown("images", 4, out, clock)
    for done in (1, 2, 3, 4):
        clock.now = done
        countdown(done)
    shown = out.getvalue().split("\r")
    assert "\n" not in out.getvalue()
    assert shown[1] == "images: 1/4, 3 s left" and shown[-2].strip() == ""


def test_short_tasks_say_nothing(clock):
    out = io.StringIO()
    countdown = Countdown("images", 2, out, clock)
    clock.now = 3
    countdown(2)
    assert out.getvalue() == ""
