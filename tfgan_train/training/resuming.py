"""Which run directory a run has, and what may differ from the run that is in it."""

import pathlib
import re
from collections.abc import Collection
from typing import Any

from tfgan_train.common.errors import UserError, reason
from tfgan_train.config.fields import AUTO, FIELDS, Config
from tfgan_train.runs.data_facts import DataFacts
from tfgan_train.runs.directory import RunDir

# What may change when a run is resumed: how long, how often, and where things are.
FREE = {
    "steps",
    "epochs",
    "log_every",
    "sample_every",
    "checkpoint_every",
    "checkpoint_minutes",
    "keep_checkpoints",
    "eval_every",
    "eval_num",
    "eval_features",
    "patience",
    "steps_per_loop",
    "data_dir",
    "attributes",
    "cache_dir",
    "devices",
    "run_dir",
}
# Zero, empty or auto here means "choose for me", so it contradicts nothing.
CHOSEN_LATER = {"g_width", "d_width", "g_depth", "d_depth", "sample_every", "precision"}


def check_same_data(config: Config, run: RunDir, stored: DataFacts, data: DataFacts) -> None:
    if (stored.count, stored.image_shape) != (data.count, data.image_shape):
        raise UserError(
            f"--dataset={config.dataset} now gives {data.count} images of {data.image_shape}, but {run.path} "
            f"was begun on {stored.count} of {stored.image_shape}; use --fresh to begin anew"
        )
    if stored.attributes != data.attributes:
        raise UserError(
            f"--attributes: the data now have {', '.join(data.attributes) or 'none'}, but {run.path} was begun with "
            f"{', '.join(stored.attributes) or 'none'}; use --fresh to begin anew"
        )
    if stored.fingerprint and stored.fingerprint != data.fingerprint:
        raise UserError(
            f"--dataset={config.dataset} now gives other images or labels than those that {run.path} was begun on; "
            "use --fresh to begin anew"
        )


def run_directory(config: Config, fresh: bool) -> RunDir:
    """--run_dir, or runs/<dataset>-<recipe>; with `fresh`, the first such with a number that is free."""
    dataset = re.sub(r"[^\w.-]+", "-", pathlib.PurePath(config.dataset).as_posix()).strip("-")
    first = pathlib.Path(config.run_dir or f"runs/{dataset}-{config.recipe}")
    try:
        return _free_of_others(_numbered(first) if fresh else first)
    except OSError as error:
        raise UserError(f"--run_dir={first} can't be read: {reason(error)}") from None


def _numbered(first: pathlib.Path) -> pathlib.Path:
    """`first` if there is nothing, else the first of first-2, first-3, … where there is nothing."""
    named = first if first.name else first.resolve()  # --run_dir=. has no name of its own
    path, number = first, 2
    while path.exists():
        path, number = named.parent / f"{named.name}-{number}", number + 1
    return path


def _free_of_others(path: pathlib.Path) -> RunDir:
    run = RunDir(path)
    if path.exists() and not path.is_dir():
        raise UserError(f"--run_dir={path} is a file; name a folder")
    if path.is_dir() and not run.exists() and any(not entry.name.startswith(".") for entry in path.iterdir()):
        raise UserError(f"--run_dir={path} is not empty and holds no run; name an empty or new folder")
    return run


def resumed(stored: Config, asked: Config, given: Collection[str], run: RunDir) -> Config:
    """The stored Config with what may change taken from `asked`.

    Raises:
      UserError: when `asked` contradicts the stored run.
    """
    changes = {}
    for name in given:
        now, before = getattr(asked, name), getattr(stored, name)
        # Data may have moved: whether they are the same, their fingerprint tells.
        if name in FREE or (name == "dataset" and _may_be_moved(before, now)):
            changes[name] = now
        elif now != before and not _is_left_open(name, now):
            raise UserError(
                f"--{name}={now}, but the run in {run.path} was begun with {before}; "
                "leave it out to resume, name another --run_dir, or add --fresh"
            )
    if changes.get("epochs"):
        changes["steps"] = 0
    elif changes.get("steps"):
        changes["epochs"] = 0.0
    else:
        changes.pop("steps", None)
    if "sample_every" in changes and not changes["sample_every"]:
        changes.pop("sample_every")
    return stored.replace(**changes)


def _is_left_open(name: str, value: Any) -> bool:
    """Whether a setting's value says "choose for me"."""
    return (name in CHOSEN_LATER and value in (0, "", AUTO)) or (FIELDS[name].metadata["auto"] and value == AUTO)


def _may_be_moved(before: str, now: str) -> bool:
    from tfgan_train.data import may_move

    return may_move(before) and now.startswith(before.partition(":")[0] + ":")
