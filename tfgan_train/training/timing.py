"""Where a run's wall time goes: in the graph, and around it; and how fast the graph calculates."""

import contextlib
import time

from tfgan_train.common.numbers import duration, flop_rate, percent


class Clock:
    """Where the time went: in the graph, and around it.

    Attributes:
      flops: multiplications and additions that the graph has done since its first call.
      peak: FLOPs a second that this machine can do; 0 while nobody has measured it.
    """

    def __init__(self, begin: float):
        self._begin = self._first = begin
        self._spent = {
            "graph": 0.0,
            "data": 0.0,
            "logging": 0.0,
            "samples": 0.0,
            "checkpoints": 0.0,
            "report": 0.0,
            "evaluation": 0.0,
            "peak": 0.0,
        }
        self._start_up = self.flops = self.peak = 0.0

    def started(self):
        """Training begins; what was before is start-up."""
        self._first = time.monotonic()

    def prepared(self, seconds: float, first: bool):
        """A graph has run for the first time: that was for preparing it, so it belongs to the start-up.

        Args:
          seconds: what the call took.
          first: whether it was the run's first call; all before it was start-up then.
        """
        now = time.monotonic()
        if first:
            self._first, self._start_up = now, now - self._begin
            self._spent = dict.fromkeys(self._spent, 0.0)
        else:
            self._first, self._start_up = self._first + seconds, self._start_up + seconds
            self._spent["graph"] -= seconds

    def calculated(self, flops: float):
        """The graph has done so many, within its section."""
        self.flops += flops

    def elapsed(self) -> float:
        """Seconds since training began here, start-up included."""
        return time.monotonic() - self._begin

    @contextlib.contextmanager
    def section(self, name: str):
        begin = time.monotonic()
        yield
        self._spent[name] += time.monotonic() - begin

    def facts(self) -> dict:
        """Seconds since the process's part began, of start-up, and of training by where they went.

        `flops_per_second` is the graph's, of the steps after the first call; it and `peak_flops_per_second` are
        0 where they aren't known.
        """
        wall = max(time.monotonic() - self._first, 1e-9)
        rate = self.flops / self._spent["graph"] if self.flops else 0.0
        return {
            "seconds": self.elapsed(),
            "start_up": self._start_up,
            "training": wall,
            **self._spent,
            "flops_per_second": rate,
            "peak_flops_per_second": self.peak,
        }

    def summary(self, steps: int, path) -> str:
        """The closing line."""
        facts = self.facts()
        wall = facts["training"]
        parts = ", ".join(
            f"{name} {spent / wall:.1%}" for name, spent in self._spent.items() if name != "graph" and spent
        )
        achieved = ""
        if facts["flops_per_second"] and self.peak:
            achieved = (
                f"; {flop_rate(facts['flops_per_second'])} in the graph, "
                f"{percent(facts['flops_per_second'] / self.peak)}% of this machine's peak"
            )
        return (
            f"done: {steps:,} steps in {duration(facts['seconds'])} ({duration(self._start_up)} start-up); "
            f"{1 - facts['graph'] / wall:.1%} of the training outside the graph ({parts}){achieved}; see {path}"
        )
