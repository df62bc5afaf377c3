"""The run whose weights another begins with: found by --from_run, and its settings where none are given."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import FIELDS, Config
from tfgan_train.runs import checkpoints
from tfgan_train.runs.data_facts import DataFacts
from tfgan_train.runs.directory import RunDir, find_checkpoint, while_it_lasts

Taken = TypeVar("Taken")


@dataclasses.dataclass(frozen=True)
class Parent:
    """The checkpoint that a run begins from."""

    flag: str  # as messages call it
    run: RunDir
    config: Config
    data: DataFacts
    checkpoint: checkpoints.Checkpoint
    wanted: int | str | None  # as find_checkpoint has it

    @classmethod
    def find(cls, text: str) -> "Parent":
        """The parent that --from_run=RUN[@STEP|@best|@last] names.

        Raises:
          UserError: no such run, or no such checkpoint in it.
        """
        path, step = split(text)
        flag = f"--from_run={text}"
        run = RunDir(path)
        if not run.exists():
            raise UserError(f"{flag}: no run there (it has no config.json)")
        wanted = int(step) if step.isdecimal() else step or None
        with _naming(flag):
            return cls(flag, run, *run.read(), find_checkpoint(run, wanted), wanted)

    def read(self, take: Callable[["Parent"], Taken]) -> Taken:
        """What `take` makes of the parent; of its next newest checkpoint where it trains and has dropped this one.

        Raises:
          UserError: there is none any more.
        """

        def of_one(checkpoint) -> Taken:
            taken = take(dataclasses.replace(self, checkpoint=checkpoint))
            checkpoints.check_still_there(checkpoint)  # It was read in several parts.
            return taken

        def find():
            with _naming(self.flag):
                return find_checkpoint(self.run, self.wanted)

        return while_it_lasts(of_one, self.checkpoint, find)

    def facts(self) -> dict:
        """What the child's config.json says of it; "parent" in it is the parent's own, {} for none."""
        return {
            "run": str(self.run.path.resolve()),
            "step": self.checkpoint.step,
            "checkpoint": self.checkpoint.fingerprint,
            "data": self.data.name,
            "parent": self.run.parent(),
        }


@contextlib.contextmanager
def _naming(flag: str) -> Iterator[None]:
    """Has messages begin with --from_run in place of --run_dir."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{flag}: {str(error).removeprefix('--run_dir=')}") from None


def split(text: str) -> tuple[str, str]:
    """(run, step) of RUN[@STEP|@best|@last]; step "" where none is named."""
    path, sign, step = text.rpartition("@")
    named = sign and (step.isdecimal() or step in ("best", "last")) and not RunDir(text).exists()
    return (path, step) if named else (text, "")


def absolute(text: str) -> str:
    """--from_run's value with an absolute path, so that it is the same from any folder; "" stays."""
    if not text:
        return ""
    path, step = split(text)
    return str(pathlib.Path(os.path.abspath(path))) + (f"@{step}" if step else "")


def inherit(asked: Config, parent: Parent) -> Config:
    """`asked` with the parent's settings in place of those that weren't asked for.

    Networks, objective, optimisation and length are the parent's; with a recipe that was asked for, the networks
    alone. Images have the parent's size, and labels are learnt where the parent learnt them.
    """
    stored, given = parent.config, asked.given
    groups = {"networks"} if "recipe" in given else {"networks", "objective", "optimisation"}
    names = {name for name, field in FIELDS.items() if field.metadata["group"] in groups}
    if "recipe" not in given:
        names |= {"recipe", "precision"} | (set() if given & {"steps", "epochs"} else {"steps", "epochs"})
    changes = {name: getattr(stored, name) for name in sorted(names - given)}
    if "image_size" not in given:
        height, width, _ = parent.data.image_shape
        changes["image_size"] = "" if (height, width) == (1, 1) else f"{height}x{width}"
    if "conditional" not in given:
        changes["conditional"] = stored.conditional
    return asked.replace(**changes)
