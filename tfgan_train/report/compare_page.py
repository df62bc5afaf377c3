"""The page of a comparison: groups, settings that differ, figures, curves, samples. HTML from comparison.py's facts."""

import functools
import math
from html import escape

import numpy as np

from tfgan_train.common.numbers import duration, number
from tfgan_train.report import comparison, data_uris
from tfgan_train.report.charts import Guide, Series, line_chart
from tfgan_train.report.comparison import Group
from tfgan_train.report.page import page
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
    return page(
        title,
        f'<p class="over">GAN training comparison</p><h1>{escape(title)}</h1>'
        f'<p class="lead">{escape(_lead(groups))}</p>',
        found,
        "finished",
    )


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
    notes = _warnings(groups)
    if not names:
        return (
            notes
            + '<p class="soft">None of these runs has been evaluated: '
            + "python -m tfgan_train.evaluate --run_dir=RUN does that.</p>"
        )
    rows = "".join(
        _row(escape(name.replace("_", " ")) + _arrow(measured, name), _metric_cells(measured, name)) for name in names
    )
    return f"""{notes}<div class="wide"><table class="figures"><caption>Each run's last figure. Over several seeds:
the mean ± the standard deviation over the runs. Of one run: ± what the metric says of its own uncertainty.</caption>
{_head(groups)}{rows}</table></div>"""


def _metric_cells(measured, name) -> list[str]:
    better = _better(measured, name)
    found = [figures.get(name) for figures in measured]
    means = [one.mean for one in found if one]
    best = {"lower": min, "higher": max}[better](means) if better in _ARROWS and len(means) > 1 else None
    cells = []
    for one in found:
        if one is None:
            cells.append('<span class="soft">–</span>')
            continue
        text = number(one.mean) + (f" ± {number(one.spread)}" if one.spread is not None else "")
        text += f' <span class="soft">({one.runs} runs)</span>' if one.runs > 1 else ""
        cells.append(f"<b>{text}</b>" if one.mean == best else text)
    return cells


def _better(measured, name) -> str:
    """Which way is better, from whichever run says so: a row of metrics.jsonl has the plain numbers."""
    return next((figures[name].better for figures in measured if name in figures and figures[name].better), "")


def _arrow(measured, name) -> str:
    return _ARROWS.get(_better(measured, name), "")


def _warnings(groups) -> str:
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
    return "".join(f'<p class="note">{escape(text)}</p>' for text in said)


def _settings(groups: list[Group]) -> str:
    found = comparison.differing(groups)
    if not found:
        return '<p class="soft">Nothing: these runs have the same settings.</p>' if len(groups) == 1 else ""
    rows = "".join(
        _row(f"<code>{escape(name)}</code>", [f"<code>{escape(str(value))}</code>" for value in values])
        for name, values in found.items()
    )
    return f'<div class="wide"><table>{_head(groups)}{rows}</table></div>'


def _curves(groups: list[Group]) -> str:
    charts = []
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
    return f'<div class="charts">{"".join(charts)}</div>' if any(charts) else ""


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
    figures = []
    for group, run, (step, path) in last:
        words = escape(f"{_line_name(group, run)}: step {step:,}")
        figures.append(
            f'<figure><img src="{data_uris.data_uri(path, budget)}" alt="Samples of {words}">'
            f"<figcaption>{words}</figcaption></figure>"
        )
    return f'<div class="pair">{"".join(figures)}</div>'


def _runs(groups: list[Group]) -> str:
    names = ("recipe", "run", "seed", "step", "time", "evaluated at")
    head = "<tr>" + "".join(f"<th scope=col>{name}</th>" for name in names) + "</tr>"
    rows = []
    for group in groups:
        for run in group.runs:
            time, evaluated = comparison.seconds(run), comparison.evaluated_step(run)
            cells = [
                escape(str(run.path)),
                str(run.config.get("seed")),
                f"{run.step:,}",
                duration(time) if time else "–",
                "–" if evaluated is None else f"{evaluated:,}",
            ]
            rows.append(_row(escape(group.name), cells))
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'


def _head(groups) -> str:
    return "<tr><td></td>" + "".join(f"<th scope=col><b>{escape(group.name)}</b></th>" for group in groups) + "</tr>"


def _row(title: str, cells: list[str]) -> str:
    return f"<tr><th scope=row>{title}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
