"""A sweep's report.html: its runs ranked, what they changed, and what they drew."""

import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from tfgan_train.common.files import write_atomically
from tfgan_train.common.images import is_picture
from tfgan_train.common.numbers import duration
from tfgan_train.report import data_uris, settings
from tfgan_train.report.page import page
from tfgan_train.report.templates import macros
from tfgan_train.runs.facts import read_run
from tfgan_train.sweeps import halving
from tfgan_train.sweeps.plan import Plan

GRIDS = 24  # of the first in the ranking
_GRID_BYTES = 120_000


def write(out: pathlib.Path, plan: Plan, rows: Sequence[Mapping[str, Any]], status: str) -> pathlib.Path:
    """Writes OUT/report.html.

    Args:
      plan: of the sweep.
      rows: of its log.
      status: running, finished or stopped.
    """
    ranked = halving.ranked(rows)
    title = f"Sweep of {plan.stored['recipe_settings']['recipe']} on {plan.common['dataset']}"
    lead = f"{len(rows)} trainings of {len(plan.candidates)} configurations in {len(plan.amounts)} rungs, {status}."
    sections = [
        ("ranking", "Ranking", "Ranking", _ranking(out, ranked)),
        ("best", "Best", "Train the best", _best(plan, ranked)),
        ("samples", "Samples", "Last samples, the best first", _samples(out, ranked)),
        ("space", "Space", "The space", macros("sweep").space(plan.stored["space"])),
    ]
    html = page(title, macros("sweep").headline(title, lead), sections, status)
    return write_atomically(out / "report.html", html)


def best_command(plan: Plan, ranked: Sequence[Mapping[str, Any]]) -> str:
    """The command line that trains the best configuration of the last rung to the end; "" before one is known."""
    if not ranked or ranked[0]["score"] is None:
        return ""
    best = {**plan.common, **ranked[0]["settings"]}
    flags = [settings.flag(name, value) for name, value in best.items()]
    return shlex.join(["python", "-m", "tfgan_train.main", *flags])


def _ranking(out: pathlib.Path, ranked) -> str:
    rows = []
    for place, row in enumerate(ranked, 1):
        name = halving.run_name(row["rung"], row["candidate"])
        link = f"runs/{name}/report.html"
        cells = [
            str(row["rung"]),
            halving.shown(row["settings"]),
            halving.shown_score(row),
            f"{row['steps']:,}",
            duration(row["seconds"]),
        ]
        rows.append((place, cells, link if (out / link).is_file() else ""))
    return macros("sweep").ranking(rows)


def _best(plan: Plan, ranked) -> str:
    command = best_command(plan, ranked)
    return macros("sweep").best(command) if command else ""


def _samples(out: pathlib.Path, ranked) -> str:
    found = []
    for place, row in enumerate(ranked[:GRIDS], 1):
        grids = read_run(out / "runs" / halving.run_name(row["rung"], row["candidate"])).steps_of("step")
        if grids and is_picture(grids[-1][1]):
            words = f"{place}. rung {row['rung']}, {halving.shown(row['settings'])}: {halving.shown_score(row)}"
            found.append((words, data_uris.data_uri(grids[-1][1], _GRID_BYTES)))
    return macros("compare").samples(found) if found else ""
