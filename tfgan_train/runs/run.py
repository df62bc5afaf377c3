"""What can be read and drawn from a run's directory alone."""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgan_train.common import alpha
from tfgan_train.common.errors import UserError
from tfgan_train.runs.directory import LoadedRun, RunDir, load_run
from tfgan_train.runs.rows import TrainRow, read_rows


class Run:
    """A trained run.

    Attributes:
      run_dir: where it is kept.
      stopped: number of the signal that ended the training early, or None.
    """

    def __init__(self, run_dir, stopped: int | None = None):
        self.run_dir, self.stopped = pathlib.Path(run_dir), stopped
        self._samplers: dict[tuple[float, str, str], Any] = {}

    @functools.cached_property
    def loaded(self) -> LoadedRun:
        """Config, data facts and networks at the newest checkpoint."""
        return load_run(self.run_dir)

    def generate(
        self,
        num: int,
        seed: int = 0,
        label: int | str | None = None,
        truncation: float = 1.0,
        code: Mapping[str, float] | None = None,
        attributes: Mapping[str, int] | None = None,
    ) -> np.ndarray:
        """Images uint8 [num, H, W, C]; the same for the same seed, here and in `tfgan_train.sample`.

        Of four channels the last is a straight alpha.

        Args:
          num: how many.
          seed: -2**31 to 2**31 - 1.
          label: number or name, for conditional runs; None: labels drawn from the seed.
          truncation: 0 to 1; less than 1 gives more typical, less various images.
          code: values of codes by name, for runs that have them; the others are drawn from the seed.
          attributes: 0 or 1 by name, for runs that have them; the others are those of real images.

        Raises:
          UserError: for a label, a code or an attribute the run doesn't know, or a number that can't be.
        """
        if num < 1:
            raise UserError(f"num={num} must be at least 1")
        if not 0 <= truncation <= 1:
            raise UserError(f"truncation={truncation} must be from 0 to 1")
        images = self._sampler(truncation, code or {}, attributes).images(num, seed, self.loaded.label_index(label))
        return alpha.straight(images) if alpha.has_alpha(images) else images

    def _sampler(self, truncation: float, code: Mapping[str, float], attributes: Mapping[str, int] | None = None):
        """One for all calls of a truncation, a code and attributes: a new one would trace its graph anew."""
        from tfgan_train.ops.codes import LatentSpace
        from tfgan_train.runs.sampler import Sampler

        texts = [",".join(f"{name}={value}" for name, value in sorted(one.items())) for one in (code, attributes or {})]
        key = (truncation, texts[0], texts[1])
        if key not in self._samplers:
            loaded = self.loaded
            values, fixed = LatentSpace.of(loaded.config).parse(texts[0]), loaded.parse_attributes(texts[1])
            made = Sampler(loaded.generator, loaded.config, loaded.data, values, truncation, fixed)
            self._samplers[key] = made
        return self._samplers[key]

    @functools.cached_property
    def config(self):
        """The run's settings, resolved."""
        return RunDir(self.run_dir).read()[0]

    @property
    def report_path(self) -> pathlib.Path:
        """The run's page."""
        return RunDir(self.run_dir).report_path

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """The training rows of metrics.jsonl by column: float64 [rows], NaN where a row lacks it."""
        rows = [row for row in read_rows(RunDir(self.run_dir).metrics_path) if row.kind == TrainRow.kind]
        names = dict.fromkeys(name for row in rows for name, value in row.items() if isinstance(value, (int, float)))
        return {name: np.array([row.get(name, np.nan) for row in rows], np.float64) for name in names}
