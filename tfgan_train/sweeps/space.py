"""What a sweep may choose from: a JSON file, setting -> list of values, and a sample of it."""

import json
import math
import pathlib
import random
from collections.abc import Iterable, Mapping
from typing import Any

from tfgan_train.common.errors import UserError, unknown
from tfgan_train.config.checks import check_values
from tfgan_train.config.fields import FIELDS, Config

# Settings that the sweep gives each run itself.
ITS_OWN = ("run_dir", "steps", "epochs")
# Settings that are one for all runs: distances to other data can't be compared, and seeds are luck.
OF_ALL = {"recipe", "seed", "devices"} | {
    name
    for name, field in FIELDS.items()
    if field.metadata["group"] == "data" and name not in ("conditional", "flip", "crop_padding")
}
MAY_VARY = sorted(FIELDS.keys() - {*ITS_OWN, *OF_ALL})
Axis = list[dict[str, Any]]


def read_axes(path: pathlib.Path, base: Mapping[str, Any]) -> list[Axis]:
    """The space as a list of axes, each a list of alternatives: setting -> value.

    A key like "g_lr,d_lr" ties settings together: each of its values goes to all of them, or is a list with one for
    each.

    Args:
      path: the JSON file.
      base: settings of every run.

    Raises:
      UserError: the file, a setting's name or a value is wrong.
    """
    try:
        space = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON: {str(error).splitlines()[0]}") from None
    lists = isinstance(space, dict) and all(isinstance(values, list) and values for values in space.values())
    if not lists or not space:
        raise UserError(f'{path} must be a JSON object of lists with a value or more, as {{"g_lr": [1e-3, 2e-3]}}')
    axes: list[Axis] = []
    seen: set[str] = set()
    for key, values in space.items():
        names = [name.strip() for name in key.split(",")]
        for name in names:
            _check_name(path, name, seen, base)
            seen.add(name)
        axes.append([_alternative(path, names, value, base) for value in values])
    return axes


def _check_name(path: pathlib.Path, name: str, seen: set[str], base: Mapping[str, Any]) -> None:
    if name not in FIELDS:
        raise UserError(f"{path}: {unknown('setting', name, MAY_VARY)}")
    if name in ITS_OWN:
        raise UserError(f"{path}: {name} is the sweep's own to set; leave it out of the space")
    if name in OF_ALL:
        raise UserError(
            f"{path}: {name} must be the same for all runs; leave it out and give --{name} beside the space"
        )
    if name in base:
        raise UserError(f"{path}: {name} is given by --{name} too; leave out one of them")
    if name in seen:
        raise UserError(f"{path}: {name} stands in it twice")


def _alternative(path: pathlib.Path, names: list[str], value: Any, base: Mapping[str, Any]) -> dict[str, Any]:
    values = value if isinstance(value, list) else [value] * len(names)
    if len(values) != len(names) or not all(isinstance(one, (str, int, float)) for one in values):
        raise UserError(f'{path}: {json.dumps(value)} is not a value for "{",".join(names)}"')
    try:
        config = Config(**{**base, **dict(zip(names, values, strict=True))})
        check_values(config)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return {name: getattr(config, name) for name in names}


def draw(axes: Iterable[Axis], own: Mapping[str, Any], number: int, seed: int) -> list[dict[str, Any]]:
    """At most `number` different configurations, as what differs from the recipe's `own` settings.

    The first is the recipe.
    """
    axes = list(axes)
    found: list[dict[str, Any]] = [{}]
    size = math.prod(map(len, axes))
    for index in random.Random(seed).sample(range(size), min(size, 4 * number)):
        settings: dict[str, Any] = {}
        for axis in axes:
            index, place = divmod(index, len(axis))
            settings |= axis[place]
        settings = {name: value for name, value in settings.items() if value != own[name]}
        if len(found) < number and settings not in found:
            found.append(settings)
    return found
