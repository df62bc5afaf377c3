"""metrics.jsonl: one row per logged step, exact across a kill and a resume."""
import json
import math
import os
import pathlib

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import write_atomically


class Recorder:
    """Collects the numbers of every step and writes a row when one is due.

    Rows after the checkpoint that a run resumes from are dropped, and the steps between
    the last row and that checkpoint are handed back in `pending`, so the file of a run that
    was killed has the rows of one that was not.

    Args:
      path: the metrics file.
      names: names of the columns given to `add`.
      step: the step of the checkpoint that the run resumes from; -1 where there is none, which
        drops whatever a run that was killed before its first checkpoint has left.
      pending: what `state()` gave at that step.

    Raises:
      UserError: when a line of the file is no row.
    """

    # Every mini-batch's loss is kept, beside the means.
    EACH = ("d_loss", "g_loss")

    def __init__(self, path: pathlib.Path, names: tuple[str, ...], step: int, pending: list):
        self._path, self._names = path, names
        self._pending = [np.asarray(row, np.float32) for row in pending]
        self._truncate(step)
        self._file = open(path, "a", encoding="utf-8")

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
        table = np.asarray(self._pending, np.float64)
        finite = np.isfinite(table)
        counts = np.where(finite.any(0), finite.sum(0), np.nan)
        return dict(zip(self._names, (np.where(finite, table, 0.0).sum(0) / counts).tolist()))

    def write_means(self, step: int, facts: dict) -> dict:
        """Writes the row of `step`: means since the last one, each loss, and `facts`."""
        table = np.asarray(self._pending)
        # 6 digits are all that a float32 loss is good for, and half the file.
        each = {f"{name}_each": [float(f"{value:.6g}") for value in table[:, self._names.index(name)]]
                for name in self.EACH}
        row = {"kind": "train", "step": step, **self.means(), **each, **facts}
        self._pending = []
        self.write(row)
        return row

    def write(self, row: dict) -> None:
        """Appends any row; it must have `kind` and `step`. Numbers that aren't finite, which JSON lacks, are left out."""
        legal = {name: value for name, value in row.items() if not isinstance(value, float) or math.isfinite(value)}
        self._file.write(json.dumps(legal) + "\n")
        self._file.flush()

    def state(self) -> list:
        """What a checkpoint must keep: the steps since the last row. Rows so far are made durable."""
        os.fsync(self._file.fileno())
        return [row.tolist() for row in self._pending]

    def close(self) -> None:
        self._file.close()

    def _truncate(self, step: int):
        if not self._path.exists():
            return
        kept = []
        for number, line in enumerate(self._path.read_text().splitlines(keepends=True), 1):
            try:
                if _is_row(line, step):
                    kept.append(line)
            except (ValueError, KeyError, TypeError):
                raise UserError(f"{self._path}, line {number}, is damaged; delete that line to go on without it") from None
        write_atomically(self._path, "".join(kept))


def read_rows(path: pathlib.Path) -> list[dict]:
    """The rows of a metrics file; a last line that is being written is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _is_row(line: str, last_step: int) -> bool:
    return line.endswith("\n") and json.loads(line)["step"] <= last_step
