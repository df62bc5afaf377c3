"""Trains and scores a sweep's configurations, each in processes of its own."""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tfgan_train.common.errors import UserError
from tfgan_train.report.settings import flag
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.rows import TrainRow, read_rows
from tfgan_train.sweeps.halving import Outcome
from tfgan_train.sweeps.space import ITS_OWN, OF_ALL

PACKAGE = pathlib.Path(__file__).resolve().parent.parent.parent


class Trainer:
    """Trains and scores one after the other.

    Args:
      folder: where the runs are kept, and what their processes say.
      common: setting -> value of every run.
      evaluation: flags of tfgan_train.evaluate.
    """

    def __init__(self, folder: pathlib.Path, common: Mapping[str, Any], evaluation: list[str]) -> None:
        self._folder, self._common, self._evaluation = folder, common, evaluation

    def __call__(self, settings: Mapping[str, Any], steps: int, name: str) -> Outcome:
        """The Frechet distance after `steps` steps; a run of that name that was stopped is resumed.

        Raises:
          UserError: when a process failed for a reason that isn't the settings'.
        """
        run = RunDir(self._folder / name)
        flags = {**self._common, **settings, "steps": steps, "run_dir": run.path}
        message = self._run("main", name, [flag(*one) for one in flags.items()])
        rows = [row for row in read_rows(run.metrics_path) if row.kind == TrainRow.kind]
        seconds = round(rows[-1]["seconds"], 1) if rows else 0.0
        about = re.match(r"--(\w+)=", message)
        if about and about[1] in {*ITS_OWN, *OF_ALL}:
            raise UserError(message)
        if message:
            return Outcome(math.inf, seconds, message)
        message = self._run("evaluate", name, [f"--run_dir={run.path}", *self._evaluation])
        if message:
            raise UserError(f"{run.path} can't be scored: {message}")
        figures = json.loads((run.eval_dir / f"{steps:08d}.json").read_text())["metrics"]
        return Outcome(figures["fd"]["value"], seconds)

    def _run(self, command: str, name: str, flags: list[str]) -> str:
        """Runs a command to its end; its last line if it failed, else ""."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}-{command}.txt"
        package = os.pathsep.join(filter(None, (str(PACKAGE), os.environ.get("PYTHONPATH"))))
        with open(path, "w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", f"tfgan_train.{command}", *flags],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": package},
            )
            try:
                code = process.wait()
            except BaseException:  # Stopped ourselves: the run saves, and nothing of it goes on behind our back.
                process.terminate()
                process.wait()
                raise
        if code < 0 or code > 128:
            raise UserError(
                f"{path}: the process was ended by signal {-code if code < 0 else code - 128}; "
                "the same command goes on from there"
            )
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()] if code else []
        return (lines[-1].removeprefix("error: ") if lines else f"exit code {code}") if code else ""
