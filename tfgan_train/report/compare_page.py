"""The page of a comparison: groups, settings that differ, figures, curves, samples; from comparison.py's facts."""

import functools
import math
import pathlib

import numpy as np

from tfgan_train.common.numbers import duration, number
from tfgan_train.report import comparison, data_uris
from tfgan_train.report.charts import Guide, Series, line_chart
from tfgan_train.report.comparison import Group
from tfgan_train.report.page import page
from tfgan_train.report.templates import macros
from tfgan_train.runs.facts import RunFacts

_COLOURS = 8  # classes c0 … of page.css
_GRIDS_BYTES = 4_000_000  # of all the samples together
_GRID_BYTES = 120_000
_ARROWS = {"lower": " ↓", "higher": " ↑"}
# Rows' key, title, shown as a share, with a logarithmic axis, guide.
_TRAINING = (
    ("d_loss", "D's loss", False, False, None),
    ("g_loss", "G's loss", False, False, None),
    ("d_accuracy", "D's accuracy", True, False, Guide(0.5, "50 %: the ideal")),
    ("g_grad_norm", "G's gradient norm", False, True, None),
)


def render(groups: list[Group]) -> str:
    """The page's HTML; every section is there only where the runs have something for it."""
    runs = [run for group in groups for run in group.runs]
    title = f"{len(runs)} run{'s' if len(runs) > 1 else ''} compared"
    found = [
        ("figures", "Figures", "Figures", _figures(groups)),
        ("settings", "Settings", "What differs", _settings(groups)),
        ("curves", "Curves", "Curves, over steps and over wall time", _curves(groups)),
        ("samples", "Samples", "Last samples", _samples(groups)),
        ("runs", "Runs", "Runs", _runs(groups)),
    ]
    return page(title, macros("compare").headline(title, _lead(groups)), found, "finished")


def _lead(groups) -> str:
    count = len(groups)
    tried = max(len(group.runs) for group in groups)
    said = f"{count} recipe{'s' if count > 1 else ''}"
    return said + (
        f", with up to {tried} seeds each; runs that differ by their seed alone are one recipe."
        if tried > 1
        else ", one run each."
    )


def _figures(groups: list[Group]) -> str:
    measured = [group.measured() for group in groups]
    names = dict.fromkeys(name for figures in measured for name in figures)
    rows = [(name.replace("_", " ") + _arrow(measured, name), _metric_cells(measured, name)) for name in names]
    return macros("compare").figures(groups, _warnings(groups), rows)


def _metric_cells(measured, name) -> list[tuple[str, int, bool] | None]:
    """(text, number of runs, whether none is better) of each group; None where nothing was measured."""
    better = _better(measured, name)
    found = [figures.get(name) for figures in measured]
    means = [one.mean for one in found if one]
    best = {"lower": min, "higher": max}[better](means) if better in _ARROWS and len(means) > 1 else None
    return [
        one
        and (
            number(one.mean) + (f" ± {number(one.spread)}" if one.spread is not None else ""),
            one.runs,
            one.mean == best,
        )
        for one in found
    ]


def _better(measured, name) -> str:
    """Which way is better, from whichever run says so: a row of metrics.jsonl has the plain numbers."""
    return next((figures[name].better for figures in measured if name in figures and figures[name].better), "")


def _arrow(measured, name) -> str:
    return _ARROWS.get(_better(measured, name), "")


def _warnings(groups) -> list[str]:
    """What keeps figures from being compared."""
    said = []
    data = dict.fromkeys(group.settings["data"] for group in groups)
    if len(data) > 1:
        said.append(f"These runs saw different data ({'; '.join(data)}): their figures don't compare.")
    conditions = {one for group in groups for run in group.runs for one in comparison.conditions(run)}
    if len({(features, num) for _, features, num in conditions}) > 1:
        said.append(
            "These runs were evaluated with different features or numbers of samples: "
            "distances of features don't compare."
        )
    silent = [comparison.run_name(run) for group in groups for run in group.runs if not run.train]
    if silent:
        said.append(f"Nothing has been logged yet by {', '.join(silent)}.")
    return said


def _settings(groups: list[Group]) -> str:
    found = comparison.differing(groups)
    if found:
        return macros("compare").settings(groups, found)
    return macros("compare").same_settings() if len(groups) == 1 else ""


def _curves(groups: list[Group]) -> str:
    charts: list[str] = []
    for key, title, percent, logarithmic, guide in _TRAINING:
        charts += _pair(
            groups,
            title,
            lambda run, key=key: [(row["step"], row[key]) for row in run.train if key in row],
            percent=percent,
            logarithmic=logarithmic,
            guide=guide,
            limits=(0.0, 1.02) if percent else None,
        )
    names = dict.fromkeys(
        name for group in groups for run in group.runs for figures in run.evaluations.values() for name in figures
    )
    for name in names:
        points = functools.partial(_points_of, name)
        # A figure that no run has twice is in the table already.
        if any(len(points(run)) > 1 for group in groups for run in group.runs):
            charts += _pair(groups, name.replace("_", " "), points, logarithmic=True)
    charts = [chart for chart in charts if chart]
    return macros("common").charts(charts) if charts else ""


def _points_of(name: str, run: RunFacts) -> list[tuple[int, float]]:
    """(step, value) of each evaluation of a run that has the figure."""
    return [(step, figures[name].value) for step, figures in run.evaluations.items() if name in figures]


def _pair(groups, title, points, **options) -> list[str]:
    """The same values over steps and over wall time."""
    by_step, by_time = [], []
    for i, group in enumerate(groups):
        for run in group.runs:
            found = [(step, math.nan if value is None else value) for step, value in points(run)]
            if not found:
                continue
            steps, values = np.array(found, float).T
            name, colour = _line_name(group, run), f"c{i % _COLOURS}"
            by_step.append(Series(name, colour, steps, values))
            times = comparison.seconds_at(run, steps)
            if np.isfinite(times).all():
                by_time.append(Series(name, colour, times, values))
    return [line_chart(title, by_step, **options), line_chart(f"{title}, by time", by_time, x_name="sec", **options)]


def _line_name(group: Group, run: RunFacts) -> str:
    return f"{group.name}, seed {run.config.get('seed')}" if len(group.runs) > 1 else group.name


def _samples(groups: list[Group]) -> str:
    last = [(group, run, run.steps_of("step")[-1]) for group in groups for run in group.runs if run.steps_of("step")]
    if not last:
        return ""
    budget = min(_GRID_BYTES, _GRIDS_BYTES // len(last))
    return macros("compare").samples(
        (f"{_line_name(group, run)}: step {step:,}", data_uris.data_uri(path, budget))
        for group, run, (step, path) in last
    )


def _runs(groups: list[Group]) -> str:
    rows = []
    for group in groups:
        for run in group.runs:
            time, evaluated = comparison.seconds(run), comparison.evaluated_step(run)
            cells = [
                str(run.path),
                str(run.config.get("seed")),
                f"{run.step:,}",
                duration(time) if time else "–",
                "–" if evaluated is None else f"{evaluated:,}",
                " ← ".join(f"{pathlib.Path(name).name}, step {step:,}" for name, step in run.ancestors) or "–",
            ]
            rows.append((group.name, cells))
    return macros("compare").runs(rows)
