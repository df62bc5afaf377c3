"""What a person sees of a long task: one live line, or plain lines where there is no terminal.

A stream may be None, closed, full, gone, narrow or unable to encode. What can't be shown is
dropped: no message is worth a training.
"""

import os
import sys
import time

from tqdm import tqdm

from tfgan_train.common.numbers import duration

PLAIN_SECONDS = 10.0
LIVE_SECONDS = 0.1
UNKNOWN = 1000  # columns where nobody knows the width
SHORTEST_BAR, LONGEST_BAR = 10, 40  # columns


class Terminal:
    """Writes lines to a stream, and a live line that the next one replaces.

    Args:
      stream: where to write; None: stderr, which may itself be None.

    Attributes:
      live: whether the stream is a terminal, so that a line can be rewritten.
    """

    def __init__(self, stream=None):
        self._stream = sys.stderr if stream is None else stream
        try:
            self.live = self._stream.isatty()
        except (AttributeError, ValueError):  # None, or closed.
            self.live = False
        self._width = 0

    def line(self, text: str) -> None:
        """A line that stays; it replaces the live line."""
        self._write(("\r" + text.ljust(self._width) if self._live_line() else text) + "\n")
        self._width = 0

    def rewrite(self, text: str) -> None:
        """Shows `text` as the live line; on a stream that is no terminal, as a line."""
        if not self.live:
            self.line(text)
            return
        self._write("\r" + text.ljust(self._width))
        self._width = len(text)

    def columns(self) -> int:
        """Characters that a live line may have; a large number where nobody knows."""
        try:
            # The last column is left free: some terminals wrap when it is filled.
            return max(20, os.get_terminal_size(self._stream.fileno()).columns - 1)
        except (OSError, ValueError, AttributeError):
            return UNKNOWN

    @property
    def takes_blocks(self) -> bool:
        """Whether a bar may be drawn with block characters."""
        return (getattr(self._stream, "encoding", None) or "").lower().startswith("utf")

    def clear(self) -> None:
        """Takes the live line away."""
        if self._live_line():
            self._write("\r" + " " * self._width + "\r")
            self._width = 0

    def leave(self) -> None:
        """Leaves the live line standing."""
        if self._live_line():
            self._write("\n")
            self._width = 0

    def _live_line(self):
        return self.live and self._width > 0

    def _write(self, text):
        if self._stream is None:
            return
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = getattr(self._stream, "encoding", None) or "ascii"
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):  # Gone, full or closed: so it will be at the next line.
            self._stream, self.live = None, False


def with_bar(head: str, rest: str, share: float, terminal: Terminal, gap: str = "  ") -> str:
    """`head` and `rest` with a bar between them, which shows `share` of 1; with `gap` where no bar has room."""
    columns = terminal.columns() if terminal.live else UNKNOWN
    bare = len(head) + len(rest) + 2
    room = min(columns - bare - 2, LONGEST_BAR)  # 2 for its ends
    if columns == UNKNOWN or room < SHORTEST_BAR:
        return f"{head}{gap}{rest}"[:columns]
    words = [text.replace("{", "{{").replace("}", "}}") for text in (head, rest)]
    layout, blocks = f"{words[0]} |{{bar}}| {words[1]}", terminal.takes_blocks
    return tqdm.format_meter(min(share, 1.0), 1, 0, ncols=bare + 2 + room, bar_format=layout, ascii=not blocks)


class Progress:
    """The state of a training run.

    Args:
      steps: the run's last step.
      stream: where to print; None: stderr.
      clock: seconds, for tests.

    Attributes:
      seconds: between two states that are shown.
    """

    def __init__(self, steps: int, stream=None, clock=time.monotonic):
        self._steps, self._clock = steps, clock
        self._terminal = Terminal(stream)
        self.seconds = LIVE_SECONDS if self._terminal.live else PLAIN_SECONDS
        self._last = -1e9

    def note(self, text: str) -> None:
        """A line that stays."""
        self._terminal.line(text)

    def update(
        self, step: int, seconds_per_step: float, images_per_second: float, means: dict, force: bool = False
    ) -> None:
        """Shows the state of the run, if it's time for it.

        Args:
          step: completed steps.
          seconds_per_step: recent; 0 while unknown.
          images_per_second: recent.
          means: d_loss, g_loss and d_accuracy of the last steps; may be empty.
          force: print whatever the time.
        """
        if not seconds_per_step:  # Only the first call is done, which says nothing of speed.
            return
        now = self._clock()
        if not force and now - self._last < self.seconds:
            return
        self._last = now
        head = f"step {step:,}/{self._steps:,} ({step / self._steps:.0%})"
        speed = f"{images_per_second:,.0f} img/s"
        losses = f"D {means['d_loss']:.3f}  G {means['g_loss']:.3f}" if means else ""
        right = f"D right {means['d_accuracy']:.0%}" if means else ""
        left = f"{duration((self._steps - step) * seconds_per_step)} left"
        columns = self._terminal.columns() if self._terminal.live else UNKNOWN
        # A narrow terminal loses the least important part first.
        for parts in ([speed, losses, right, left], [speed, losses, left], [speed, left], [left]):
            rest = "  ".join(part for part in parts if part)
            if len(head) + 2 + len(rest) <= columns:
                break
        self.show(head, rest, step / self._steps)

    def show(self, head: str, rest: str, share: float) -> None:
        """Shows the state; `share` of the run is done."""
        self._terminal.rewrite(with_bar(head, rest, share, self._terminal))

    def close(self) -> None:
        """Leaves the live line standing."""
        self._terminal.leave()


class Countdown:
    """Shows `what: done/total, time left` of a task whose length is known.

    Args:
      what: the task, as the line begins.
      total: what `done` will reach.
      stream, clock: for tests.
    """

    def __init__(self, what: str, total: int, stream=None, clock=time.monotonic):
        self._what, self._total, self._clock = what, total, clock
        self._terminal = Terminal(stream)
        self._begin = self._last = clock()

    def __call__(self, done: int) -> None:
        """Tells that `done` of the total are done."""
        now = self._clock()
        if done and now - self._last >= (LIVE_SECONDS if self._terminal.live else PLAIN_SECONDS):
            self._last = now
            left = duration((now - self._begin) / done * (self._total - done))
            head = f"{self._what}: {done:,}/{self._total:,}"
            self._terminal.rewrite(with_bar(head, f"{left} left", done / self._total, self._terminal, ", "))
        if done >= self._total:
            self._terminal.clear()
