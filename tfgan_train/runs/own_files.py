"""Which files are a run's own, and that no command writes over them."""

import json
import pathlib
from collections.abc import Callable

from tfgan_train.common.errors import UserError

OWN = (
    "config.json",
    "metrics.jsonl",
    "checkpoints",
    "samples",
    "events",
    "eval",
    "report.html",
    "progress.webp",
    "progress.gif",
    ".lock",
)


def refuse_own_files(flag: str, *paths) -> None:
    """Makes sure that none of the files to be written is one of a run's own.

    Args:
      flag: how messages call the choice, e.g. "--out=run/config.png".
      paths: the files that would be written, side files among them.

    Raises:
      UserError: naming the file.
    """
    for path in map(pathlib.Path, paths):
        whole = path.absolute()
        for folder in whole.parents:
            if (
                (folder / "config.json").is_file()
                and (folder / "checkpoints").is_dir()
                and whole.relative_to(folder).parts[0] in OWN
            ):
                raise UserError(f"{flag} would write {path}, which belongs to the run in {folder}; choose another name")


def refuse_others_files(flag: str, path, is_ours: Callable[[dict], bool]) -> None:
    """Makes sure that a JSON file written beside --out replaces nothing but an earlier one of its kind.

    Raises:
      UserError: when the file is there and something else.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return
    try:
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        if isinstance(stored, dict) and is_ours(stored):
            return
    except (OSError, ValueError, RecursionError):
        pass
    raise UserError(f"{flag} would write {path} too, which holds something else; choose another name")
