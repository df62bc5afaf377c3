"""Data that Python callers pass, as Sources."""

import pathlib
from typing import Any

from tfgan_train.common.errors import UserError
from tfgan_train.data import from_python, reading
from tfgan_train.data.source import Source
from tfgan_train.runs.data_facts import DataFacts

SPOOLED = ".data"  # in a run directory: what a tf.data.Dataset beyond the memory limit holds


def sources(
    data: Any, held_out: Any, value_range: tuple[float, float] | None, run_dir: pathlib.Path
) -> tuple[Source | None, Source | None]:
    """(training, held-out) Sources; None for what isn't given.

    Args:
      data, held_out, value_range: as `train` takes them.
      run_dir: the run's, where a tf.data.Dataset beyond the memory limit goes.

    Raises:
      UserError: what is no data, or held-out images alone.
    """
    if data is None:
        if held_out is not None:
            raise UserError("held_out goes with data: pass both")
        return None, None
    held = None
    if held_out is not None:
        held = from_python.as_source(held_out, value_range, "held_out", run_dir / SPOOLED / "held_out")
    return from_python.as_source(data, value_range, "data", run_dir / SPOOLED / "train"), held


def check_same(source: Source, facts: DataFacts, run_dir) -> None:
    """Raises UserError unless these are the data that the run was trained on."""
    if facts.fingerprint and reading.fingerprint(source) != facts.fingerprint:
        raise UserError(f"data has other images or labels than those that {run_dir} was trained on")
