"""Watches the rows of metrics.jsonl and says what goes wrong, once, with a flag to try.

It knows rows only. What it says is a function of the rows it has seen, so a resumed run that
shows it the old rows first goes on as one that was never interrupted.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tfgan_train.doctor import rules

_KEPT_ROWS = 20  # at least this many rows are remembered …
_KEPT_STEPS = rules.SURE_STEPS  # … and at least this many steps
_START_STEPS = 500  # what counts as the start, whose gradients later ones are held against
_START_ROWS = 5
_TRAIN_KEYS = (
    *("step", "d_loss", "g_loss", "d_accuracy", "g_grad_norm", "d_grad_norm", "g_lr", "d_lr"),
    "class_accuracy_fake",
    "augment_probability",
)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that goes wrong.

    Attributes:
      sign: its short name, a key of rules.SIGNS.
      message: what is seen, with the numbers.
      remedy: flags to try, as they would be typed.
    """

    sign: str
    message: str
    remedy: str


class History:
    """What the signs look at: recent rows, and what the start was like.

    Attributes:
      paired: only differences between D's logits mean something (Wasserstein and relativistic losses), so
        its accuracy and the size of its losses tell nothing.
      train: recent rows of kind "train", oldest first, each with all of _TRAIN_KEYS (NaN where
        the row had none).
      samples: recent rows of kind "samples", oldest first.
      peak: name -> the highest finite value of a gradient norm so far.
      start: name -> the highest finite value of a gradient norm within the start; none before it is over.
      best_variety, best_classes: the highest variety of the samples, and the largest share of classes among them,
        after the start; see `rules.variety` and `rules.class_share`.
      few_classes_since: the step from which on all samples were of few classes.
    """

    def __init__(self, paired: bool):
        self.paired = paired
        self.train: collections.deque[dict] = collections.deque()
        self.samples: collections.deque[Mapping[str, Any]] = collections.deque(maxlen=_KEPT_ROWS)
        self.peak: dict[str, float] = {}
        self.start: dict[str, float] = {}
        self.best_variety = self.best_classes = 0.0
        self.few_classes_since = 0
        self._rows = 0

    def add_train(self, row: Mapping[str, Any]) -> None:
        row = {key: _number(row.get(key)) for key in _TRAIN_KEYS}
        self._rows += 1
        self.train.append(row)
        while len(self.train) > _KEPT_ROWS and self.train[1]["step"] <= row["step"] - _KEPT_STEPS:
            self.train.popleft()
        for key in ("g_grad_norm", "d_grad_norm"):
            if np.isfinite(row[key]):
                self.peak[key] = max(self.peak.get(key, 0.0), row[key])
        if not self.start and row["step"] >= _START_STEPS and self._rows >= _START_ROWS:
            self.start = dict(self.peak)

    def add_samples(self, row: Mapping[str, Any]) -> None:
        self.samples.append(row)
        if not (rules.class_share(row) or 0.0) < rules.FEW_CLASSES:
            self.few_classes_since = row["step"]
        if row["step"] > rules.COLLAPSE_STEPS:
            self.best_variety = max(self.best_variety, rules.variety(row) or 0.0)
            self.best_classes = max(self.best_classes, rules.class_share(row) or 0.0)

    def recent(self, key: str, rows: int) -> np.ndarray:
        """The newest `rows` values of a training row's key."""
        return np.array([row[key] for row in list(self.train)[-rows:]])

    def since(self, key: str, steps: int) -> np.ndarray:
        """The values of the rows of the newest `steps` steps; empty before so many have passed."""
        first = self.train[-1]["step"] - steps
        if self.train[0]["step"] > first:
            return np.array([])
        return np.array([row[key] for row in self.train if row["step"] > first])


class Doctor:
    """Told every row as it is written, it answers with what has just begun to go wrong.

    A sign is told when it appears and not again until it has been clearly gone in between:
    each has one threshold to appear and a milder one to go.

    Args:
      paired: whether only differences between D's logits mean something, which is what
        `losses.Loss.accuracy == "paired"` says; the signs that need more are then left out.
    """

    def __init__(self, paired: bool = False):
        self._history = History(paired)
        self._present: set[str] = set()

    def observe(self, row: Mapping[str, Any]) -> list[Finding]:
        """Takes one row and returns the findings that are new with it, mostly none.

        Args:
          row: of kind "train" or "samples", as runs/rows.py has them; the latter may lack any of
            "pairwise_distance" and "pairwise_distance_real" (mean distance between two samples and
            between two real images), "train_real_logits", "heldout_real_logits" and "sample_logits" (D's mean
            logits, all three in inference mode), "class_histogram" (samples by class), "class_variety" (distance
            within each label's samples against its real images). Rows
            of other kinds are passed over.
        """
        adders: dict[str, Callable] = {"train": self._history.add_train, "samples": self._history.add_samples}
        kind = row["kind"]
        if kind not in adders:
            return []
        adders[kind](row)
        return [finding for sign in rules.SIGNS.values() if sign.kind == kind for finding in self._check(sign)]

    def _check(self, sign: "rules.Sign") -> Iterable[Finding]:
        if sign.name in self._present:
            if sign.gone(self._history):
                self._present.discard(sign.name)
            return
        message = sign.seen(self._history)
        if message:
            self._present.add(sign.name)
            yield Finding(sign.name, message, sign.remedy(self._history))


def _number(value) -> float:
    return float("nan") if value is None else float(value)
