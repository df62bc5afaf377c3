"""A run as Python callers hold it: everything that the commands do with one, as methods."""

import base64
import html
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgan_train.api import notebook
from tfgan_train.common.errors import UserError
from tfgan_train.common.images import are_points
from tfgan_train.common.terminal import Terminal
from tfgan_train.metrics import Result
from tfgan_train.runs import run as stored
from tfgan_train.runs.data_facts import DataFacts
from tfgan_train.runs.facts import read_run

FORMATS = ("saved_model", "tflite")
WIDEST = 640  # pixels of a grid in a notebook


class Run(stored.Run):
    """A run; `train` and `load` return it.

    Attributes:
      run_dir: where it is kept.
      stopped: number of the signal that ended the training early, or None.
      config: its settings, resolved.
      metrics: the training rows of metrics.jsonl by column, float64 [rows].
      report_path: its page.
    """

    def __init__(self, run_dir, stopped: int | None = None, data: Any = None, held_out: Any = None):
        """`data` and `held_out` are the Sources that a run was trained on which were passed from Python."""
        super().__init__(run_dir, stopped)
        self._data, self._held_out = data, held_out

    @property
    def sample_steps(self) -> list[int]:
        """The steps that have a grid of samples, ascending."""
        return [step for step, _ in read_run(self.run_dir).steps_of("step")]

    def images(self, step: int | None = None) -> np.ndarray:
        """The samples that the training drew at a step, uint8 [n, H, W, C], always of the same latents.

        Args:
          step: one of `sample_steps`; None: the newest.

        Raises:
          UserError: a step without samples, or a run on points.
        """
        from tfgan_train.pictures import grid, training_samples

        config, facts = self._files()
        if are_points(facts.image_shape):
            raise UserError(f"{self.run_dir} draws points; generate() gives their coordinates")
        paths = dict(read_run(self.run_dir).steps_of("step"))
        step = max(paths, default=None) if step is None else step
        if step not in paths:
            there = ", ".join(map(str, paths)) or "none"
            raise UserError(f"step={step}: {self.run_dir} has no samples of that step; there are: {there}")
        count, columns = training_samples.layout(config, facts)
        return grid.tiles(grid.read_png(paths[step]), count, facts.image_shape, columns)

    def evaluate(
        self,
        num: int = 10_000,
        features: str = "",
        metrics: Sequence[str] = (),
        step: int | str | None = None,
    ) -> dict[str, Result]:
        """Scores a checkpoint, as `tfgan_train.evaluate` does, and keeps the figures in eval/STEP.json.

        Args:
          num: generated images, and at most as many real ones.
          features: a name of `features.FEATURES`; "": the best there is.
          metrics: names of `metrics.METRICS`; none: the default set.
          step: "best", "last" or a number; None: the best where there is one, else the last.

        Returns:
          Name -> Result (value, spread, better, unit ...).

        Raises:
          UserError: a run whose data were passed from Python and aren't here, or anything else that you can mend.
        """
        from tfgan_train.report.page import write_report
        from tfgan_train.score.checkpoint import score_checkpoint
        from tfgan_train.score.evaluation import Evaluation, check_names

        check_names(metrics)
        run = self._checked()
        config, facts = self._files()
        evaluation = None
        if not are_points(facts.image_shape):
            say = Terminal().line
            evaluation = Evaluation(config, num, features, say=say, train=self._data, heldout=self._held_out)
        scored = score_checkpoint(run, step, evaluation, num, metrics)
        write_report(run.path)
        return {result.name: result for result in scored.results}

    def export(
        self,
        out: str | pathlib.Path,
        formats: Sequence[str] = FORMATS,
        step: int | str | None = None,
        overwrite: bool = False,
    ) -> pathlib.Path:
        """Writes the generator for other apps, as `export.main` does: each file is verified in a fresh process.

        Args:
          out: the folder to make.
          formats: of saved_model, tflite, tflite_float16, tflite_dynamic, tflite_int8, tflite_weight_int8, onnx.
          step: as in `evaluate`.
          overwrite: replace an earlier export.

        Returns:
          The folder.

        Raises:
          UserError: a wrong argument, a missing package, or a format that failed its verification.
        """
        from export.export import export
        from export.formats import parse

        formats = parse(",".join(formats))
        if export(str(self.run_dir), str(out), formats, step=step, overwrite=overwrite):
            raise UserError(f"{out}: a format failed its verification and was left out; see its manifest.json")
        return pathlib.Path(out)

    def show(self) -> None:
        """Shows the newest samples and figures in a notebook; elsewhere prints the figures and the page's path."""
        if not notebook.display_html(self._repr_html_()):
            print(f"{self!r}\n{self._figures()}\n{self.report_path}")

    def __repr__(self) -> str:
        return f"Run({str(self.run_dir)!r})"

    def _figures(self) -> str:
        """The state of the run in a line."""
        facts = read_run(self.run_dir)
        parts = [f"step {facts.step:,} of {facts.config.get('steps', 0):,}"]
        for step, figures in list(facts.evaluations.items())[-1:]:
            parts += [f"{name} {one.value:.4g} at step {step:,}" for name, one in list(figures.items())[:1]]
        return ", ".join(parts)

    def _repr_html_(self) -> str:
        facts = read_run(self.run_dir)
        grids = facts.steps_of("step")
        picture = ""
        if grids:
            content = base64.b64encode(grids[-1][1].read_bytes()).decode()
            picture = f'<br><img style="max-width:{WIDEST}px" src="data:image/png;base64,{content}" alt="samples">'
        where, figures = html.escape(str(self.run_dir)), html.escape(self._figures())
        return f"<b>{where}</b>: {figures}; {html.escape(str(self.report_path))}{picture}"

    def _checked(self):
        """The RunDir of a run that is there."""
        from tfgan_train.runs.directory import RunDir

        run = RunDir(self.run_dir)
        run.read()
        return run

    def _files(self) -> tuple[Any, DataFacts]:
        return self._checked().read()
