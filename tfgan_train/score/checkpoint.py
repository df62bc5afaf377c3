"""Scores one checkpoint of a run and keeps the figures in the run's eval/STEP.json."""

import dataclasses
import pathlib
import time
from collections.abc import Collection

from tfgan_train.common.errors import UserError, reason
from tfgan_train.common.files import write_json
from tfgan_train.metrics import Result
from tfgan_train.runs.directory import RunDir, load_run
from tfgan_train.score import of_run, points, table
from tfgan_train.score.evaluation import Evaluation, Scored, Scores


@dataclasses.dataclass(frozen=True)
class CheckpointScores:
    """What a checkpoint got.

    Attributes:
      results: the figures.
      text: the same as a table for people.
      path: the file that keeps them.
    """

    results: list[Result]
    text: str
    path: pathlib.Path


def score_checkpoint(
    run: RunDir,
    step: int | str | None,
    evaluation: Evaluation | None,
    num: int,
    names: Collection[str] = (),
    added: Collection[str] = (),
    linear_probe: bool = False,
) -> CheckpointScores:
    """Draws `num` images of a checkpoint, scores them and keeps the figures.

    Args:
      run: its directory.
      step: as runs.directory.find_checkpoint has it.
      evaluation: the data, ready to judge by; None for a run on a 2-D mixture.
      num: how many images.
      names, added: metrics, as Evaluation.score has them.
      linear_probe: whether to add a classifier on D's features.

    Raises:
      UserError: no such checkpoint, figures that can't be computed, or a file that can't be written.
    """
    begin, loaded = time.monotonic(), load_run(run.path, step)
    about: dict = {"step": loaded.step, "num": num}
    if evaluation is None:
        results = points.score(loaded, num)
        text = points.table(results)
        about["seconds"] = round(time.monotonic() - begin, 1)
        content = points.to_json(results, about, loaded.data.name)
    else:
        scores = _scores(loaded, evaluation, num, names, added, linear_probe)
        results, text = [one.result for one in scores.figures], table.table(scores, evaluation)
        about["seconds"] = round(time.monotonic() - begin, 1)
        content = table.to_json(scores, evaluation, about)
    path = run.eval_dir / f"{loaded.step:08d}.json"
    keep(path, content)
    return CheckpointScores(results, f"{run.path}, step {loaded.step:,}\n{text}", path)


def keep(path: pathlib.Path, content: dict) -> None:
    """Writes figures. Raises UserError where that fails."""
    try:
        write_json(path, content)
    except OSError as error:
        raise UserError(f"{path} can't be written: {reason(error)}") from None


def _scores(loaded, evaluation, num, names, added, linear_probe) -> Scores:
    images, labels = of_run.draw(loaded, num)
    wants_discriminator = not names or "discriminator" in names
    extra = of_run.discriminator_fields(loaded, evaluation, images, labels) if wants_discriminator else {}
    scores = evaluation.score(images, names, added, extra)
    if linear_probe:
        probed = [Scored(result) for result in of_run.probe(loaded, evaluation)]
        scores = Scores(scores.figures + probed, scores.left_out)
    return scores
