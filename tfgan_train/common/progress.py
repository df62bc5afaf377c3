"""What a person sees while a run goes: one live line, or plain lines where there is no terminal."""
import sys
import time

from tfgan_train.common.numbers import duration

PLAIN_SECONDS = 10.0
LIVE_SECONDS = 0.1


class Progress:
    """Prints to stderr; rewrites one line on a terminal, adds a line now and then elsewhere.

    Args:
      steps: the run's last step.
      stream: where to print.
      clock: seconds, for tests.
    """

    def __init__(self, steps: int, stream=None, clock=time.monotonic):
        self._steps, self._clock = steps, clock
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._last = -1e9
        self._width = 0

    def note(self, text: str) -> None:
        """A line that stays."""
        self._print(text, keep=True)

    def update(self, step: int, seconds_per_step: float, images_per_second: float, means: dict, force=False) -> None:
        """The state of the run, if it's time for it.

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
        if not force and now - self._last < (LIVE_SECONDS if self._live else PLAIN_SECONDS):
            return
        self._last = now
        eta = duration((self._steps - step) * seconds_per_step)
        facts = f"  D {means['d_loss']:.3f}  G {means['g_loss']:.3f}  D right {means['d_accuracy']:.0%}" if means else ""
        self._print(f"step {step:,}/{self._steps:,} ({step / self._steps:.0%})  "
                    f"{images_per_second:,.0f} img/s{facts}  {eta} left", keep=not self._live)

    def _print(self, text, keep):
        if not self._live:
            print(text, file=self._stream, flush=True)
            return
        self._stream.write("\r" + text.ljust(self._width) + ("\n" if keep else ""))
        self._stream.flush()
        self._width = 0 if keep else len(text)

    def close(self) -> None:
        """Leaves the live line standing."""
        if self._width:
            self._stream.write("\n")
            self._width = 0
