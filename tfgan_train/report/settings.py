"""A run's settings: which were chosen, which its recipe set, and the command that repeats it."""

import dataclasses
import shlex

from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import FIELDS, Config


@dataclasses.dataclass(frozen=True)
class Settings:
    """Name -> value, in three groups.

    Attributes:
      chosen: dataset and recipe, and what differs from what these two give by themselves.
      by_recipe: the recipe's, where they differ from the plain defaults.
      plain: all others.
    """

    chosen: dict
    by_recipe: dict
    plain: dict


def sort(config: dict) -> Settings:
    """Splits the settings of config.json by where they come from."""
    base = _base(config)
    groups: tuple[dict, dict, dict] = ({}, {}, {})
    for name, value in config.items():
        if name == "run_dir":  # always filled in; it changes nothing of what is learnt
            group = 2
        elif name in ("dataset", "recipe") or name not in base or value != base[name]:
            group = 0
        else:
            group = 1 if value != FIELDS[name].default else 2
        groups[group][name] = value
    return Settings(*groups)


def command(config: dict) -> str:
    """The command line that trains the same run again, in a directory of its own (--fresh)."""
    # Asking for one unit of length takes back the recipe's other one; there 0 says nothing, nor does "".
    wanted = {
        name: value
        for name, value in sort(config).chosen.items()
        if value or name not in ("steps", "epochs", "dataset", "recipe")
    }
    return shlex.join(
        ["python", "-m", "tfgan_train.main", *(flag(name, value) for name, value in wanted.items()), "--fresh"]
    )


def _base(config: dict) -> dict:
    """What the run's dataset and recipe give without further flags.

    A recipe that this installation doesn't have leaves the plain defaults: then every
    setting that differs from those counts as chosen, and the command still says all of them.
    """
    asked = {name: config[name] for name in ("dataset", "recipe") if config.get(name)}
    try:
        return Config(**asked).as_dict()
    except UserError:
        return {name: field.default for name, field in FIELDS.items()} | asked


def flag(name: str, value) -> str:
    """A setting as a command line has it."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no{name}"
    return f"--{name}={value}"
