"""Writes metrics.jsonl: a row of means when one is due, and any other row."""

import contextlib
import json
import math
import os
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfgan_train.common.files import naming, write_atomically
from tfgan_train.runs.rows import HEADER, Row, TrainRow, lines_of

_NUMBERED = re.compile(r"_\d+$")


class Recorder:
    """Collects the numbers of every step and writes a row when one is due.

    Rows after the checkpoint that a run resumes from are dropped, and the steps between
    the last row and that checkpoint are handed back in `pending`, so the file of a run that
    was killed has the rows of one that was not.

    Args:
      path: the metrics file.
      names: names of the columns given to `add`; those that end in a number are of single mini-batches, and last.
      step: the step of the checkpoint that the run resumes from; -1 where there is none, which
        drops whatever a run that was killed before its first checkpoint has left.
      pending: what `state()` gave at that step.
      say: told of lines that are no rows, which are left out: they only feed the report.
    """

    # Every mini-batch's loss is kept, beside the means.
    EACH = ("d_loss", "g_loss")

    def __init__(
        self,
        path: pathlib.Path,
        names: tuple[str, ...],
        step: int,
        pending: list,
        say: Callable[[str], None] = lambda text: None,
    ):
        self._path = path
        # A step with several updates of D has a loss of each, d_loss_0 and so on, behind the means.
        self._means = tuple(name for name in names if not _NUMBERED.search(name))
        self._each = {
            name: [i for i, other in enumerate(names) if _NUMBERED.sub("", other) == name and other != name]
            or [names.index(name)]
            for name in self.EACH
        }
        self._pending = [np.asarray(row, np.float32) for row in pending]
        self._truncate(step, say)
        self._file = open(path, "a", encoding="utf-8")
        if not self._file.tell():
            self._append(HEADER)

    def add(self, rows: np.ndarray) -> None:
        """Takes the numbers of some steps, float32 [steps, names]."""
        self._pending.extend(rows)

    @property
    def waiting(self) -> bool:
        """Whether there are steps since the last row."""
        return bool(self._pending)

    def means(self) -> dict[str, float]:
        """Means of the steps since the last row (float64 sums of float32 values).

        An infinite gradient norm is that of an update which float16 has skipped: it isn't counted. Where all are
        infinite, the mean is NaN.
        """
        table = np.asarray(self._pending, np.float64)[:, : len(self._means)]
        finite = np.isfinite(table)
        counts = np.where(finite.any(0), finite.sum(0), np.nan)
        return dict(zip(self._means, (np.where(finite, table, 0.0).sum(0) / counts).tolist(), strict=True))

    def write_means(self, step: int, facts: Mapping[str, Any]) -> TrainRow:
        """Writes the row of `step`: means since the last one, each loss, and `facts`."""
        table = np.asarray(self._pending)
        # 6 digits are all that a float32 loss is good for, and half the file.
        each = {
            f"{name}_each": [float(f"{value:.6g}") for value in table[:, columns].ravel()]
            for name, columns in self._each.items()
        }
        row = TrainRow.of(step, {**self.means(), **each, **facts})
        self._pending = []
        self.write(row)
        return row

    def write(self, row: Row) -> None:
        """Appends a row. Numbers that aren't finite, which JSON lacks, are left out."""
        self._append(row)

    def _append(self, row: Mapping[str, Any]) -> None:
        legal = {name: value for name, value in row.items() if not isinstance(value, float) or math.isfinite(value)}
        with naming(self._path):
            self._file.write(json.dumps(legal) + "\n")
            self._file.flush()

    def state(self) -> list:
        """What a checkpoint must keep: the steps since the last row. Rows so far are made durable."""
        with naming(self._path):
            os.fsync(self._file.fileno())
        return [row.tolist() for row in self._pending]

    def close(self) -> None:
        with contextlib.suppress(OSError):  # What a full disk didn't take was told when it was written.
            self._file.close()

    def _truncate(self, step: int, say):
        if not self._path.is_file():
            self._path.unlink(missing_ok=True)  # A pipe would be waited for.
            return
        lines, damaged = lines_of(self._path)
        if damaged:
            lines_are = "lines, which are" if damaged > 1 else "line, which is"
            say(f"warning: {self._path} has {damaged} damaged {lines_are} left out")
        write_atomically(
            self._path, "".join(line for line, row in lines if row["step"] <= step or row["kind"] == HEADER["kind"])
        )
