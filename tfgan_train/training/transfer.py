"""A run that begins with another's weights (--from_run): what it takes over, and what it leaves."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import Config
from tfgan_train.models import build_networks
from tfgan_train.models.base import EMBEDDING_SIZE
from tfgan_train.models.heads import build_heads
from tfgan_train.models.variables import named, trainable
from tfgan_train.objective.optimizers import OPTIMIZERS
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.runs import checkpoints
from tfgan_train.runs.data_facts import DataFacts
from tfgan_train.training.gan import Gan
from tfgan_train.training.parent import Parent

NAMES = {"generator": "G", "discriminator": "D"}
SAID = 8  # layers in a note, at most
Arrays = dict[str, np.ndarray]


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
            variables = named(gan.heads[part] if part in gan.heads else getattr(gan, part))
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
    _check_attributes(config, data, parent)
    ours, theirs = _networks(config, data), _networks(parent.config, parent.data)
    stored = _stored(parent, theirs)
    sizes = {LatentSpace.of(one).size for one in (config, parent.config)}
    latent = sizes.pop() if len(sizes) == 1 else 0
    weights = {part: _kept(one, stored.get(part, {}), latent * (part == "generator")) for part, one in ours.items()}
    if all(name.startswith("label/") for name in weights["generator"]):
        raise UserError(
            f"{parent.flag} shares no layer with this run's G; give settings of networks and --image_size as there"
        )
    average = stored.get("ema_generator", stored["generator"])
    _freeze(ours["discriminator"], config.freeze_d, weights["discriminator"])
    if parent.config.freeze_d:
        theirs["discriminator"].freeze(parent.config.freeze_d)
    optimizers = {}
    for side in "gd":
        kind, sides = getattr(config, f"{side}_optimizer"), [_of_side(side, one) for one in (ours, theirs)]
        mine, other = (_trained_parts(one) for one in sides)
        whole = all(_is_same(weights[part].get(name), stored.get(part, {}).get(name)) for part, name in mine)
        if whole and kind in OPTIMIZERS and kind == getattr(parent.config, f"{side}_optimizer"):
            found = _optimizer(parent.checkpoint, f"{side}_optimizer", mine, other)
            if found:
                optimizers[f"{side}_optimizer"] = found
    notes = _notes(parent, ours, stored, weights, optimizers)
    if config.ema_half_life:
        weights["ema_generator"] = _kept(ours["generator"], average, latent)
    return Transfer(weights, optimizers, notes, parent.facts() | {"notes": list(notes)})


def _networks(config: Config, data: DataFacts) -> dict[str, Any]:
    """A run's networks by their part of Gan.state, D's further heads last."""
    generator, discriminator = build_networks(config.replace(precision="float32"), data)
    return {
        "generator": generator,
        "discriminator": discriminator,
        **build_heads(config.replace(precision="float32"), data, discriminator),
    }


def _of_side(side: str, networks: Mapping[str, Any]) -> dict[str, Any]:
    """What one optimiser moves: G, or D and its heads."""
    return {part: network for part, network in networks.items() if (part == "generator") == (side == "g")}


def _trained_parts(networks: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(part, name) of each trained variable, in the order of an optimiser's slots."""
    return [(part, name) for part, network in networks.items() for name in _trained(network)]


def _check_families(config: Config, parent: Parent) -> None:
    def families(one: Config) -> tuple[str, str]:
        family = one.generator or one.architecture
        return family, one.discriminator or one.d_architecture or one.architecture

    for side, mine, other in zip("GD", families(config), families(parent.config), strict=True):
        if mine != other:
            raise UserError(
                f"{parent.flag} is a run of another architecture: its {side} is {other}, and this run's is {mine}"
            )


def _check_attributes(config: Config, data: DataFacts, parent: Parent) -> None:
    """Raises UserError where both are conditional, and one of them by other attributes."""
    mine, theirs = data.attributes, parent.data.attributes
    if config.conditional and parent.config.conditional and mine != theirs:
        raise UserError(
            f"{parent.flag} learnt {_named(theirs)}, and this run's data have {_named(mine)}; "
            "give the same ones in the same order, by --attributes and --attribute_names, or --noconditional"
        )


def _named(attributes: tuple[str, ...]) -> str:
    return f"the attributes {', '.join(attributes)}" if attributes else "classes"


def _freeze(discriminator, count: int, kept: Arrays) -> None:
    """Freezes stages of D, all of which must have been kept."""
    if not count:
        return
    before = _trained(discriminator)
    discriminator.freeze(count)
    lost = [name for name in before if name not in {*_trained(discriminator), *kept}]
    if lost:
        raise UserError(f"--freeze_d={count}: D's {lost[0]} doesn't fit the parent's, and can't stay untrained")


def _stored(parent: Parent, networks: Mapping[str, Any]) -> dict[str, Arrays]:
    """Every variable of the parent's networks, and of G's average where there is one, by part and name."""
    found = {}
    average = {"ema_generator": networks["generator"]} if parent.config.ema_half_life else {}
    for part, network in {**networks, **average}.items():
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


def _optimizer(checkpoint, part: str, mine: list, theirs: list) -> dict[str, Any]:
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
        said = NAMES.get(part, f"D's {part}")
        counts.append(f"{len(weights[part])} of {len(shapes)} variables of {said}")
        lost = {name.rpartition("/")[0]: name for name in reversed(shapes) if name not in weights[part]}
        for layer, name in reversed(lost.items()):
            there = stored.get(part, {}).get(name)
            was = "not there" if there is None else f"there {_size(there.shape)}"
            fresh.append(f"{said}'s {layer} ({_size(shapes[name])}, {was})")
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
