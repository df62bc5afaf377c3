"""The run whose weights another begins with: found by --from_run, and its settings where none are given."""

import dataclasses
import os
import pathlib

from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import FIELDS, Config
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import DataFacts, RunDir, find_checkpoint


@dataclasses.dataclass(frozen=True)
class Parent:
    """The checkpoint that a run begins from."""

    flag: str  # as messages call it
    run: RunDir
    config: Config
    data: DataFacts
    checkpoint: checkpoints.Checkpoint

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
        try:
            config, data = run.read()
            checkpoint = find_checkpoint(run, int(step) if step.isdecimal() else step or None)
        except UserError as error:
            raise UserError(f"{flag}: {str(error).removeprefix('--run_dir=')}") from None
        return cls(flag, run, config, data, checkpoint)

    def facts(self) -> dict:
        """What the child's config.json says of it; "parent" in it is the parent's own, {} for none."""
        return {
            "run": str(self.run.path.resolve()),
            "step": self.checkpoint.step,
            "checkpoint": self.checkpoint.fingerprint(),
            "data": self.data.name,
            "parent": self.run.parent(),
        }


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
