"""How far a long task is and how long it will still take, on stderr."""
import sys
import time

from tfgan_train.common.numbers import duration

PLAIN_SECONDS, LIVE_SECONDS = 10.0, 0.2


class Countdown:
    """Prints `what: done/total, time left`: one living line on a terminal, a line now and then elsewhere.

    Args:
      what: the task, as the line begins.
      total: what `done` will reach.
      stream, clock: for tests.
    """

    def __init__(self, what: str, total: int, stream=None, clock=time.monotonic):
        self._what, self._total, self._clock = what, total, clock
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._begin = self._last = clock()
        self._width = 0

    def __call__(self, done: int) -> None:
        """Tells that `done` of the total are done."""
        now = self._clock()
        if now - self._last >= (LIVE_SECONDS if self._live else PLAIN_SECONDS):
            self._last = now
            left = duration((now - self._begin) / done * (self._total - done))
            text = f"{self._what}: {done:,}/{self._total:,}, {left} left"
            self._stream.write("\r" + text.ljust(self._width) if self._live else text + "\n")
            self._stream.flush()
            self._width = len(text)
        if done >= self._total and self._live and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._width = 0
