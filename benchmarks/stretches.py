"""The time of a step between two rows of a run's metrics.jsonl, where nothing but steps was done."""

import itertools
import pathlib
import statistics

from tfgan_train.runs.rows import read_rows


def steps_of(rows: list[dict], kind: str) -> set[int]:
    """The steps of all rows of a kind."""
    return {row["step"] for row in rows if row["kind"] == kind}


def stretches(rows: list[dict], checkpoint_every: int) -> list[tuple[int, float]]:
    """(step at the end, seconds a step) from each row of kind "train" to the next.

    A row is written before the sample grid, the evaluation and the checkpoint of its step, so that their time is in the
    stretch that begins there: it is left out, as is all before the first row, which has the tracing.
    """
    busy = steps_of(rows, "samples") | steps_of(rows, "eval")
    train = [row for row in rows if row["kind"] == "train"]
    found = []
    for a, b in itertools.pairwise(train):
        begin, end = a["step"], b["step"]
        quiet = not any(begin <= step < end for step in busy)
        if quiet and -(-begin // checkpoint_every) * checkpoint_every >= end:  # No checkpoint in [begin, end).
            found.append((end, (b["seconds"] - a["seconds"]) / (end - begin)))
    return found


def median_step(run: pathlib.Path, checkpoint_every: int) -> float:
    """The median seconds of a step in those stretches of a run."""
    rows = read_rows(run / "metrics.jsonl")
    return statistics.median(seconds for _, seconds in stretches(rows, checkpoint_every))
