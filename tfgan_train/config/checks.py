"""Which values of the settings are legal, and which settings would do nothing beside others."""

import dataclasses
import importlib
import math
import re
from collections.abc import Iterable

from tfgan_train.common.dotted import GIVEN, is_dotted
from tfgan_train.common.errors import UserError, unknown
from tfgan_train.config import registries
from tfgan_train.config.fields import AUTO, FIELDS, MODELS, OF_ALL_ARCHITECTURES, Config

MOST = 2**31 - 1  # of any whole number: TensorFlow counts what is in an array by such ones


def legal_values(field: dataclasses.Field, imported: bool = True) -> tuple:
    """The values `field` may take, or () where any value in its range will do.

    Args:
      field: of Config.
      imported: whether to import the registry that knows them, and TensorFlow with it; else its source is read.
    """
    choices = field.metadata["choices"] or ()
    if isinstance(choices, str):
        choices = tuple(registries.entries(choices)) if imported else registries.names(choices)
        choices = {"penalty": ("none",), "d_architecture": ("",)}.get(field.name, ()) + choices
    return choices


def check_values(config: Config, registries: bool = True, imported: bool = True) -> None:
    """Checks each value by itself: among the choices, finite, within its bounds.

    Args:
      config: any.
      registries: whether to look up choices that other modules know.
      imported: whether to import those modules, and TensorFlow with them; else their source is read.

    Raises:
      UserError: naming the flag, what was given and what is legal.
    """
    for name, field in FIELDS.items():
        legal = legal_values(field, imported) if registries or not isinstance(field.metadata["choices"], str) else ()
        _check_value(field, getattr(config, name), legal)


def check_needs(config: Config, given: Iterable[str]) -> None:
    """Checks that none of the settings that were asked for would do nothing.

    Args:
      config: the settings of the run.
      given: names of those that were asked for (Config.asked_for).

    Raises:
      UserError: naming the setting and what it goes with.
    """
    for name in sorted(FIELDS.keys() & set(given)):
        if _is_off(FIELDS[name], getattr(config, name)):
            continue
        needs = FIELDS[name].metadata["needs"].split()
        met = not needs or any(_holds(config, need) for need in needs)
        if met and not is_read(config, name):
            met, needs = False, [f"architecture={','.join(_readers(name))}"]
        if not met:
            goes_with = " or ".join(f"--{need}" for need in needs)
            raise UserError(f"--{name} would do nothing here: it goes with {goes_with} only; leave it out")


def readers(name: str) -> list[str]:
    """The architectures that read a setting, where not all do; else []. Imports TensorFlow."""
    if FIELDS[name].metadata["group"] != "networks" or name in OF_ALL_ARCHITECTURES:
        return []
    return [] if len(found := _readers(name)) == len(registries.entries(MODELS)) else found


def _readers(name: str) -> list[str]:
    """The architectures of the package that read a network setting."""
    models = registries.entries(MODELS)
    return [key for key, entry in models.items() if name in entry.settings]


def is_read(config: Config, name: str) -> bool:
    """Whether one of the networks that a setting is for reads it."""
    if FIELDS[name].metadata["group"] != "networks" or name in OF_ALL_ARCHITECTURES:
        return True
    families = importlib.import_module("tfgan_train.models").architectures(config)
    of_d = name.startswith("d_") or name == "minibatch_discrimination"
    sides = "d" if of_d else "g" if name.startswith("g_") else "gd"
    return any(name in families[side].settings for side in sides)


def _is_off(field, value) -> bool:
    """Whether the value switches the setting off, which may undo a recipe's."""
    return value is True if field.default is True else value == "none" or (not field.default and not value)


def _holds(config, need: str) -> bool:
    name, sign, values = re.findall(r"(\w+)(!?=)?(.*)", need)[0]
    value = getattr(config, name)
    if not sign:
        return value not in (0, "", "none", False)
    has = value.split(",") if FIELDS[name].metadata["several"] else [value]
    return bool({*has} & {*values.split(",")}) == (sign == "=")


def _check_value(field, value, legal):
    meta = field.metadata
    if meta["auto"] and value == AUTO:
        return
    for one in value.split(",") if meta["several"] and value else () if meta["several"] else (value,):
        if legal and one not in legal and not (meta["dotted"] and (is_dotted(one) or one == GIVEN)):
            raise UserError(unknown(f"value of --{field.name}:", one, legal))
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"--{field.name}={value} is not a finite number")
    low, high, above = meta["minimum"], meta["maximum"], meta["above"]
    if above is not None and not value > above:
        raise UserError(f"--{field.name}={value} must be above {above}")
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise UserError(f"--{field.name}={_short(value)} must be {bounds}")
    if isinstance(value, int) and abs(value) > MOST:
        raise UserError(f"--{field.name}={_short(value)} is beyond reason; legal: up to {MOST:,}")


def _short(value) -> str:
    """A number as it is, or its beginning where nobody would read on."""
    text = (
        str(value)
        if not isinstance(value, int) or abs(value) < 10**30
        else f"a number of {int(math.log10(abs(value))) + 1} digits"
    )
    return text if len(text) <= 60 else text[:60] + "…"
