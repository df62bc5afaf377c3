"""A run that begins with another's weights (--from_run): what it takes over, and what it leaves."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import FIELDS, Config
from tfgan_train.models import build_networks
from tfgan_train.models.base import EMBEDDING_SIZE
from tfgan_train.models.variables import named, trainable
from tfgan_train.objective.optimizers import OPTIMIZERS
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import DataFacts, RunDir, find_checkpoint
from tfgan_train.training.gan import Gan

NAMES = {"generator": "G", "ema_generator": "G's average", "discriminator": "D"}
SAID = 8  # layers in a note, at most
Arrays = dict[str, np.ndarray]


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


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What a new run takes over from its parent.

    Attributes:
      weights: part of Gan.state -> variable's name -> value.
      optimizers: "g_optimizer" and "d_optimizer", where they fit -> slot -> value of each trained variable; "count".
      notes: what was kept and what wasn't, in one or two lines.
      parent: the facts of the parent, for config.json.
    """

    weights: dict[str, Arrays]
    optimizers: dict[str, dict[str, Any]]
    notes: tuple[str, ...]
    parent: dict

    def apply(self, gan: Gan) -> None:
        """Sets the variables of a new Gan."""
        for part, arrays in self.weights.items():
            variables = named(getattr(gan, part))
            for name, value in arrays.items():
                variables[name].assign(value)
        for part, state in self.optimizers.items():
            optimizer = getattr(gan, part).state()
            optimizer["count"].assign(state["count"])
            for slot, values in state["slots"].items():
                for variable, value in zip(optimizer["slots"][slot], values, strict=True):
                    variable.assign(value)
        for history, weights in ((gan.g_history, trainable(gan.generator)), (gan.d_history, gan.d_trainable)):
            for mean, weight in zip(history, weights, strict=bool(history)):
                mean.assign(weight)


def plan(config: Config, data: DataFacts, parent: Parent) -> Transfer:
    """What fits of the parent; builds the networks of both once, and writes nothing.

    Args:
      config: the child's, resolved.
      data: the child's.

    Raises:
      UserError: a parent of another architecture, or one that shares no layer.
    """
    _check_families(config, parent)
    ours = build_networks(config.replace(precision="float32"), data)
    theirs = build_networks(parent.config.replace(precision="float32"), parent.data)
    stored = _stored(parent, *theirs)
    mine, there = LatentSpace.of(config), LatentSpace.of(parent.config)
    latent = mine.size if mine.size == there.size else 0
    parts = {"generator": "generator", "discriminator": "discriminator"}
    if config.ema_half_life:
        parts["ema_generator"] = "ema_generator" if "ema_generator" in stored else "generator"
    weights = {}
    for part, source in parts.items():
        network = ours[part == "discriminator"]
        weights[part] = _kept(network, stored[source], latent if part != "discriminator" else 0)
    if all(name.startswith("label/") for name in weights["generator"]):
        raise UserError(
            f"{parent.flag} shares no layer with this run's G; give settings of networks and --image_size as there"
        )
    _freeze(ours[1], config.freeze_d, weights["discriminator"])
    if parent.config.freeze_d:
        theirs[1].freeze(parent.config.freeze_d)
    optimizers = {}
    for side, child, other in zip("gd", ours, theirs, strict=True):
        kind = getattr(config, f"{side}_optimizer")
        part = "generator" if side == "g" else "discriminator"
        whole = all(_is_same(weights[part].get(name), stored[part].get(name)) for name in _trained(child))
        headed = side == "d" and (mine.code_size or there.code_size)  # Further heads, which begin anew.
        if whole and not headed and kind in OPTIMIZERS and kind == getattr(parent.config, f"{side}_optimizer"):
            found = _optimizer(parent.checkpoint, f"{side}_optimizer", _trained(child), _trained(other))
            if found:
                optimizers[f"{side}_optimizer"] = found
    notes = _notes(parent, dict(zip(("generator", "discriminator"), ours, strict=True)), stored, weights, optimizers)
    return Transfer(weights, optimizers, notes, parent.facts() | {"notes": list(notes)})


def _check_families(config: Config, parent: Parent) -> None:
    def families(one: Config) -> tuple[str, str]:
        family = one.generator or one.architecture
        return family, one.discriminator or one.d_architecture or one.architecture

    for side, mine, other in zip("GD", families(config), families(parent.config), strict=True):
        if mine != other:
            raise UserError(
                f"{parent.flag} is a run of another architecture: its {side} is {other}, and this run's is {mine}"
            )


def _freeze(discriminator, count: int, kept: Arrays) -> None:
    """Freezes stages of D, all of which must have been kept."""
    if not count:
        return
    before = _trained(discriminator)
    discriminator.freeze(count)
    lost = [name for name in before if name not in {*_trained(discriminator), *kept}]
    if lost:
        raise UserError(f"--freeze_d={count}: D's {lost[0]} doesn't fit the parent's, and can't stay untrained")


def _stored(parent: Parent, generator, discriminator) -> dict[str, Arrays]:
    """Every variable of the parent's networks, by part and name."""
    found = {}
    parts = {"generator": generator, "discriminator": discriminator}
    if parent.config.ema_half_life:
        parts["ema_generator"] = generator
    for part, network in parts.items():
        variables = named(network)
        checkpoints.restore_part(parent.checkpoint, **{part: variables})
        found[part] = {name: variable.numpy() for name, variable in variables.items()}
    return found


def _kept(network, stored: Arrays, latent_dim: int) -> Arrays:
    """What `network` takes over: of each layer all, where every trained variable of it has its namesake and shape.

    The stages of a generator of another image size are matched from the image too: its last is that of the parent.
    The kernel that reads z and the label's embedding keeps z's rows where only one of the two runs learns labels.

    Args:
      stored: the parent's variables.
      latent_dim: length of z, the same in both; 0: of a network that takes none, or where they differ.
    """
    variables = {name: variable.numpy() for name, variable in named(network).items()}
    trained = set(_trained(network))
    shift = _depth(variables) - _depth(stored)
    layers: dict[str, list[str]] = {}
    for name in variables:
        layers.setdefault(name.rpartition("/")[0], []).append(name)
    kept: Arrays = {}
    for names in layers.values():
        for by in (0, shift) if latent_dim else (0,):
            found = {}
            for name in names:
                value = _fitting(variables[name], stored.get(_moved(name, by)), latent_dim)
                if value is not None:
                    found[name] = value
            if found and found.keys() >= trained & set(names):
                kept |= found
                break
    return kept


def _fitting(value: np.ndarray, other: np.ndarray | None, latent_dim: int) -> np.ndarray | None:
    """What becomes of a variable `value`, given the parent's; None where that doesn't fit."""
    if other is not None and latent_dim and _differ_by_labels(value.shape, other.shape, latent_dim):
        return np.concatenate([other[:latent_dim], value[latent_dim:]])
    return other if other is not None and other.shape == value.shape else None


def _depth(names: Iterable[str]) -> int:
    """The highest number of a stage in these variables' names."""
    return max((int(number) for name in names for number in re.findall(r"[a-z](\d+)/", name)), default=0)


def _moved(name: str, by: int) -> str:
    """The name of the variable `by` stages before: stage3/up3/kernel -> stage2/up2/kernel."""
    return re.sub(r"(?<=[a-z])\d+(?=/)", lambda found: str(int(found[0]) - by), name)


def _differ_by_labels(mine: Sequence[int], other: Sequence[int], latent_dim: int) -> bool:
    rows = {latent_dim, latent_dim + EMBEDDING_SIZE}
    return len(mine) == len(other) == 2 and {mine[0], other[0]} == rows and mine[1] == other[1]


def _is_same(mine: np.ndarray | None, other: np.ndarray | None) -> bool:
    return mine is not None and other is not None and mine.shape == other.shape


def _trained(network) -> list[str]:
    """Names of the trained variables, in the order of an optimiser's slots."""
    names = {id(variable): name for name, variable in named(network).items()}
    return [names[id(variable)] for variable in trainable(network)]


def _optimizer(checkpoint, part: str, mine: list[str], theirs: list[str]) -> dict[str, Any]:
    """The state of the parent's optimiser in the order of `mine`; {} where it lacks one of them."""
    stored = checkpoints.values(checkpoint, part)
    slots = {name.split("/")[1] for name in stored if name.startswith("slots/")}
    if "count" not in stored or not set(mine) <= set(theirs):
        return {}
    order = [theirs.index(name) for name in mine]
    return {"count": stored["count"], "slots": {slot: [stored[f"slots/{slot}/{i}"] for i in order] for slot in slots}}


def _notes(
    parent: Parent,
    networks: Mapping[str, Any],
    stored: Mapping[str, Arrays],
    weights: Mapping[str, Arrays],
    optimizers: Mapping[str, Any],
) -> tuple[str, ...]:
    counts, fresh = [], []
    for part, network in networks.items():
        shapes = {name: tuple(variable.shape) for name, variable in named(network).items()}
        counts.append(f"{len(weights[part])} of {len(shapes)} variables of {NAMES[part]}")
        lost = {name.rpartition("/")[0]: name for name in reversed(shapes) if name not in weights[part]}
        for layer, name in reversed(lost.items()):
            there = stored[part].get(name)
            was = "not there" if there is None else f"there {_size(there.shape)}"
            fresh.append(f"{NAMES[part]}'s {layer} ({_size(shapes[name])}, {was})")
    names = {"g_optimizer": "G's", "d_optimizer": "D's"}
    moments = [name for part, name in names.items() if part in optimizers]
    kept = f"{', '.join(counts)}" + (f", {' and '.join(moments)} optimiser" if moments else "")
    fresh += [f"{name} optimiser" for part, name in names.items() if part not in optimizers]
    notes = [f"begun from {parent.run.path} at step {parent.checkpoint.step:,}: {kept}"]
    if fresh:
        more = f" and {len(fresh) - SAID} more" if len(fresh) > SAID else ""
        notes.append(f"doesn't fit, so it begins anew: {', '.join(fresh[:SAID])}{more}")
    return tuple(notes)


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"
