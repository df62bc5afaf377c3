"""Several runs side by side as plain facts: groups, what differs, figures over seeds, rows for a CSV; no HTML.

Runs whose settings differ by seed and place alone are one group: one recipe, tried several times.
"""

import csv
import dataclasses
import io
import statistics

import numpy as np

from tfgan_train.runs.facts import Figure, RunFacts, read_json

OF_THE_TRIAL = ("seed", "run_dir")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclasses.dataclass(frozen=True)
class Measured:
    """A figure over the runs of a group.

    Attributes:
      mean: over the runs that have it.
      spread: the sample standard deviation over them; of a single run, what the metric itself says; None: not known.
      runs: how many have it.
      better: "lower", "higher", "as the data" or "".
    """

    mean: float
    spread: float | None
    runs: int
    better: str = ""


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that differ by their seed alone.

    Attributes:
      name: a letter and the recipe (or the first run's folder, where recipes don't tell groups apart).
      runs: in the order given.
      settings: name -> value of all that the runs share; "data" says which examples they saw.
    """

    name: str
    runs: list[RunFacts]
    settings: dict

    def measured(self) -> dict[str, Measured]:
        """Metric -> its last figure in each run, over the runs."""
        each = [last_figures(run) for run in self.runs]
        names = dict.fromkeys(name for figures in each for name in figures)
        return {name: _over_runs([figures[name] for figures in each if name in figures]) for name in names}


def group_runs(runs: list[RunFacts]) -> list[Group]:
    """The groups, in the order of their first runs."""
    gathered: list[tuple[dict, list[RunFacts]]] = []
    for run in runs:
        settings = _shared_settings(run)
        known = next((members for found, members in gathered if found == settings), None)
        if known is None:
            gathered.append((settings, [run]))
        else:
            known.append(run)
    recipes = [settings.get("recipe") for settings, _ in gathered]
    told_apart = all(recipes) and len(set(recipes)) == len(recipes)
    return [
        Group(f"{_letter(i)} · {settings['recipe'] if told_apart else run_name(members[0])}", members, settings)
        for i, (settings, members) in enumerate(gathered)
    ]


def differing(groups: list[Group]) -> dict[str, list]:
    """Setting -> its value in each group, for those that are not the same in all."""
    names = dict.fromkeys(name for group in groups for name in group.settings)
    values = {name: [group.settings.get(name, "") for group in groups] for name in names}
    return {name: found for name, found in values.items() if any(value != found[0] for value in found)}


def last_figures(run: RunFacts) -> dict[str, Figure]:
    """Metric -> its figure at the last step that has it."""
    found: dict[str, Figure] = {}
    for figures in run.evaluations.values():
        found |= figures
    return found


def evaluated_step(run: RunFacts) -> int | None:
    """The last step that was evaluated."""
    return max(run.evaluations, default=None)


def seconds(run: RunFacts) -> float | None:
    """Wall time of the training so far."""
    return run.train[-1].get("seconds") if run.train else None


def seconds_at(run: RunFacts, steps: np.ndarray) -> np.ndarray:
    """Wall time at these steps, between the logged rows in a straight line; NaN where nothing was logged."""
    rows = [row for row in run.train if "seconds" in row]
    if not rows:
        return np.full(len(steps), np.nan)
    return np.interp(steps, [row["step"] for row in rows], [row["seconds"] for row in rows])


def run_name(run: RunFacts) -> str:
    """The run's folder."""
    return run.path.resolve().name


def conditions(run: RunFacts) -> set[tuple]:
    """(data, features, number of samples) of each evaluation kept as a file: figures of others don't compare."""
    found = set()
    for path in (run.path / "eval").glob("*.json"):
        stored = read_json(path)
        features = stored.get("features")
        name = features.get("name") if isinstance(features, dict) else None
        found.add(
            tuple(str(one) if one is not None else None for one in (stored.get("dataset"), name, stored.get("num")))
        )
    return found


CSV_BEGINS = "kind,group,run,seed,step"


def to_csv(groups: list[Group]) -> str:
    """A row for each run (kind run) and, where there are several in a group, one for their mean (kind group).

    A metric has two columns, its value and its spread; the settings are those that differ.
    """
    settings = differing(groups)
    metrics = list(dict.fromkeys(name for group in groups for name in group.measured()))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "kind",
            "group",
            "run",
            "seed",
            "step",
            "seconds",
            "evaluated_step",
            *settings,
            *(column for name in metrics for column in (name, f"{name}_spread")),
        ]
    )
    for i, group in enumerate(groups):
        values = [found[i] for found in settings.values()]
        for run in group.runs:
            figures = last_figures(run)
            writer.writerow(
                [
                    "run",
                    group.name,
                    run.path,
                    run.config.get("seed"),
                    run.step,
                    seconds(run),
                    evaluated_step(run),
                    *values,
                    *_cells(metrics, {name: (one.value, one.spread) for name, one in figures.items()}),
                ]
            )
        if len(group.runs) > 1:
            writer.writerow(
                [
                    "group",
                    group.name,
                    f"{len(group.runs)} runs",
                    "",
                    "",
                    "",
                    "",
                    *values,
                    *_cells(metrics, {name: (one.mean, one.spread) for name, one in group.measured().items()}),
                ]
            )
    return text.getvalue()


def _cells(metrics, pairs):
    return [cell for name in metrics for cell in pairs.get(name, (None, None))]


def _over_runs(figures: list[Figure]) -> Measured:
    values = [figure.value for figure in figures]
    spread = statistics.stdev(values) if len(values) > 1 else figures[0].spread
    return Measured(statistics.fmean(values), spread, len(values), figures[0].better)


def _shared_settings(run: RunFacts) -> dict:
    settings = {name: value for name, value in run.config.items() if name not in OF_THE_TRIAL}
    # The same flags can give other data: mnist without a network is the shipped digits.
    data = f"{run.data['name']}, {run.data['count']:,} examples" if run.data else ""
    return settings | {"data": data}


def _letter(index: int) -> str:
    return _LETTERS[index] if index < len(_LETTERS) else str(index + 1)
