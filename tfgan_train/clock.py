"""Where a run's wall time goes: in the graph, and around it."""
import contextlib
import time

from tfgan_train.progress import duration


class Clock:
    """Where the time went: in the graph, and around it."""

    def __init__(self, begin: float):
        self._begin = self._first = begin
        self._spent = {"graph": 0.0, "data": 0.0, "logging": 0.0, "samples": 0.0, "checkpoints": 0.0, "report": 0.0,
                       "evaluation": 0.0}
        self._start_up = 0.0

    def started(self):
        """Training begins; what was before is start-up."""
        self._first = time.monotonic()

    def traced(self):
        """The first step is done: its time was for tracing, so it belongs to the start-up."""
        now = time.monotonic()
        self._start_up = now - self._begin
        self._first = now
        self._spent = dict.fromkeys(self._spent, 0.0)

    def elapsed(self) -> float:
        """Seconds since training began here, start-up included."""
        return time.monotonic() - self._begin

    @contextlib.contextmanager
    def section(self, name: str):
        begin = time.monotonic()
        yield
        self._spent[name] += time.monotonic() - begin

    def facts(self) -> dict:
        """Seconds since the process's part began, of start-up, and of training by where they went."""
        wall = max(time.monotonic() - self._first, 1e-9)
        return {"seconds": self.elapsed(), "start_up": self._start_up, "training": wall, **self._spent}

    def summary(self, steps: int, path) -> str:
        """The closing line."""
        facts = self.facts()
        wall = facts["training"]
        parts = ", ".join(f"{name} {spent / wall:.1%}" for name, spent in self._spent.items() if name != "graph" and spent)
        return (f"done: {steps:,} steps in {duration(facts['seconds'])} ({duration(self._start_up)} start-up); "
                f"{1 - facts['graph'] / wall:.1%} of the training outside the graph ({parts}); see {path}")
