"""Reads what a run directory holds into one plain object; knows files, not HTML.

Everything but the folder itself may be missing or half written: the report is made while
the run goes on.
"""

import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from tfgan_train.common.images import is_picture
from tfgan_train.common.numbers import is_count, is_number
from tfgan_train.config.fields import AUTO, FIELDS
from tfgan_train.runs import rows

_STEP_IN_NAME = re.compile(r"-(\d+)\.png$")


_NOT_FIGURES = ("step", "epoch", "seconds", "seed", "format", "num", "count")


@dataclasses.dataclass(frozen=True)
class Figure:
    """One measured figure: its value, its standard deviation where known, which way is better."""

    value: float
    spread: float | None = None
    better: str = ""


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """A run as its files tell it.

    Attributes:
      path: the run directory.
      config: the settings, name -> value, without those of another type; {} where there is no config.json.
      data, versions: the other parts of config.json.
      train: the rows of kind "train" in metrics.jsonl, in order.
      samples: the rows of kind "samples" (statistics of the sample grid), in order.
      doctor: the rows of kind "doctor".
      accuracy: the row of kind "d_accuracy", D over the whole data at the run's end; {} before.
      clock: the row of kind "clock", where the time went; {} before the run's end.
      evaluations: step -> metric name -> Figure, from rows of kind "eval" and eval/STEP.json.
      parent: of a run that began with another's weights: that run, its step, its own parent …; {} for the others.
      updated: when metrics.jsonl (or else config.json) was last written, seconds since 1970.
    """

    path: pathlib.Path
    config: dict
    data: dict
    versions: dict
    train: list[rows.Row]
    samples: list[rows.Row]
    doctor: list[rows.Row]
    accuracy: Mapping[str, Any]
    clock: Mapping[str, Any]
    evaluations: dict[int, dict[str, Figure]]
    updated: float
    parent: dict = dataclasses.field(default_factory=dict)

    @property
    def ancestors(self) -> list[tuple[str, int]]:
        """(run, step) of what the run's weights come from, the nearest first."""
        one: Any = self.parent
        found = []
        while isinstance(one, dict) and one:
            step = one.get("step")
            found.append((str(one.get("run", "")), step if is_count(step) else 0))
            one = one.get("parent")
        return found

    @property
    def step(self) -> int:
        """The last step that was logged; 0 before the first."""
        return self.train[-1]["step"] if self.train else 0

    def picture(self, name: str) -> pathlib.Path | None:
        """samples/NAME where it is there and whole, else None."""
        path = self.path / "samples" / name
        return path if is_picture(path) else None

    def steps_of(self, prefix: str) -> list[tuple[int, pathlib.Path]]:
        """(step, path) of every samples/PREFIX-STEP.png that is whole, ascending."""
        found = ((_STEP_IN_NAME.search(path.name), path) for path in (self.path / "samples").glob(f"{prefix}-*.png"))
        return sorted((int(match[1]), path) for match, path in found if match and is_picture(path))

    def facts_of(self, name: str) -> dict:
        """samples/NAME.json; {} where it is missing."""
        return read_json(self.path / "samples" / f"{name}.json")


def read_run(path) -> RunFacts:
    """Reads a run directory, whatever is in it so far."""
    path = pathlib.Path(path)
    stored = read_json(path / "config.json")
    written = rows.read_rows(path / "metrics.jsonl")
    kinds = {kind: [row for row in written if row.kind == kind] for kind in rows.KINDS}
    return RunFacts(
        path,
        {name: value for name, value in _part(stored, "config").items() if _is_setting(name, value)},
        _part(stored, "data"),
        _part(stored, "versions"),
        kinds["train"],
        kinds["samples"],
        kinds["doctor"],
        kinds["d_accuracy"][-1] if kinds["d_accuracy"] else {},
        kinds["clock"][-1] if kinds["clock"] else {},
        _evaluations(path / "eval", kinds["eval"]),
        _updated(path),
        _part(stored, "parent"),
    )


def _is_setting(name: str, value: Any) -> bool:
    """Whether a setting that is known has a value of its type."""
    kind = FIELDS[name].type if name in FIELDS else None
    auto = kind is not None and FIELDS[name].metadata["auto"] and value == AUTO
    return kind in (None, type(value)) or auto or (kind is float and is_number(value))


def _part(stored: dict, name: str) -> dict:
    value = stored.get(name)
    return value if isinstance(value, dict) else {}


def read_json(path: pathlib.Path) -> dict:
    """A JSON file's object; {} where it is missing or damaged: the report does without."""
    try:
        value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _evaluations(folder: pathlib.Path, written: list[rows.Row]) -> dict[int, dict[str, Figure]]:
    found: dict[int, dict[str, Figure]] = {}
    for row in written:
        found.setdefault(row.step, {}).update(_figures(row))
    for path in folder.glob("*.json"):
        if path.stem.isdecimal():
            step = int(path.stem)
            found[step] = found.get(step, {}) | _figures(read_json(path))
    return {step: found[step] for step in sorted(found) if found[step]}


def _protocol(stored: Mapping[str, Any]) -> str:
    """How an evaluation's figures were taken, as it stands behind their names: figures of two protocols share nothing.

    "" where the file doesn't say, as those of older versions don't.
    """
    features = stored.get("features")
    name = features.get("frechet") if isinstance(features, dict) else features
    return f" ({name}, {stored['num']:,} images)" if isinstance(name, str) and is_count(stored.get("num")) else ""


def _figures(stored: Mapping[str, Any]) -> dict[str, Figure]:
    """The figures in an evaluation: plain numbers, and metrics' results in lists or by name."""
    protocol = _protocol(stored)
    return {f"{name}{protocol}": figure for name, figure in _plain_figures(stored).items()}


def _plain_figures(stored: Mapping[str, Any]) -> dict[str, Figure]:
    found = {}
    for name, value in stored.items():
        if isinstance(value, (list, dict)):
            results = value if isinstance(value, list) else value.values()
            results = [
                result for result in results if isinstance(result, dict) and "value" in result and "name" in result
            ]
            for result in results:
                if is_number(result["value"]) and isinstance(result["name"], str):
                    spread, better = result.get("spread"), result.get("better")
                    found[result["name"]] = Figure(
                        result["value"],
                        spread if is_number(spread) else None,
                        better if isinstance(better, str) else "",
                    )
        elif is_number(value) and name not in _NOT_FIGURES:
            found[name] = Figure(value)
    return found


def _updated(path: pathlib.Path) -> float:
    for name in ("metrics.jsonl", "config.json"):
        if (path / name).is_file():
            return (path / name).stat().st_mtime
    return path.stat().st_mtime
