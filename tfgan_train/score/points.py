"""Scores a run on a 2-D mixture by the published protocol; the counterpart of evaluation.py for points."""

from tfgan_train.common.errors import UserError
from tfgan_train.data.points import MIXTURES, to_plane
from tfgan_train.metrics import METRICS, Inputs, Result
from tfgan_train.metrics.modes import CEILING
from tfgan_train.score import of_run
from tfgan_train.score.table import FORMAT

METRIC = "mixture_modes"


def score(loaded, num: int) -> list[Result]:
    """Modes covered and the share of high-quality samples, of `num` points that the run's generator draws."""
    make_means, sigma = MIXTURES[loaded.data.name]
    points, _ = of_run.draw(loaded, num)
    return METRICS[METRIC].compute(
        Inputs(fake_points=to_plane(points, loaded.data.name), means=make_means(), sigma=sigma)
    )


def check_names(names, features: str) -> None:
    """Raises UserError for metrics or features that are of pictures."""
    wrong = [f"--metrics={name}" for name in names if name != METRIC] + ([f"--features={features}"] if features else [])
    if wrong:
        raise UserError(f"{wrong[0]} is for pictures; runs on points have --metrics={METRIC} alone")


def table(results: list[Result]) -> str:
    """The figures in words."""
    modes, quality = results
    return (
        f"modes covered:         {modes.value:.0f} of {modes.details['of']}\n"
        f"high-quality samples:  {quality.value:.1%} +- {quality.spread:.1%} "
        f"(within 3 sigma of a mode; the mixture itself: {CEILING:.1%})\n"
        f"of {modes.n:,} samples, as in arXiv:1712.04086"
    )


def to_json(results: list[Result], about: dict, dataset: str) -> dict:
    """What eval/STEP.json holds."""
    of_data = METRICS[METRIC].of_data or {}
    metrics = {result.name: result.to_json() | {"real": of_data.get(result.name)} for result in results}
    return {"format": FORMAT} | about | {"dataset": dataset, "metrics": metrics}
