"""What a run's networks are trained by: the entries that its Config names, the user's own included."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfgan_train.common import dotted
from tfgan_train.common.errors import UserError
from tfgan_train.objective.augment import AUGMENTATIONS
from tfgan_train.objective.keras_optimizer import Factory
from tfgan_train.objective.losses import LOSSES, Loss
from tfgan_train.objective.optimizers import OPTIMIZERS
from tfgan_train.objective.penalties import PENALTIES, Penalty

OWN_PENALTY_PASSES = 3  # of D, which a penalty that is a bare function is taken to cost


@dataclasses.dataclass(frozen=True)
class Objective:
    """The functions of a run's training step.

    Attributes:
      loss: the adversarial loss.
      penalty: D's penalty, or None.
      augmentations: (name, function) of all that D sees, in their order.
      g_optimizer, d_optimizer: (variables, hyper, name) -> optimiser.
      g_lr, d_lr: the learning rates that the schedule starts from.
    """

    loss: Loss
    penalty: Penalty | None
    augmentations: tuple[tuple[str, Callable], ...]
    g_optimizer: Callable
    d_optimizer: Callable
    g_lr: float
    d_lr: float

    @classmethod
    def of(cls, config, own: Mapping[str, Any] | None = None) -> "Objective":
        """What a Config names.

        Args:
          config: a Config, whose names are in the registries, are `python:package.module:name`, or are dotted.GIVEN.
          own: setting -> the object that was passed from Python for it; for augment a sequence of them.

        Raises:
          UserError: a module or name that isn't there, something that isn't what its flag takes, or weights that the
            loss has no terms for.
        """
        own = own or {}
        functions = own.get("augment") or [None] * len(config.augment.split(","))
        loss = _weighed(loss_of(config.loss, own), config)
        penalty = None if config.penalty == "none" else _penalty(config, own)
        g_optimizer = _optimizer(config.g_optimizer, "g_optimizer", own)
        d_optimizer = _optimizer(config.d_optimizer, "d_optimizer", own)
        return cls(
            loss=loss,
            penalty=penalty,
            augmentations=tuple(
                (name, _function(_entry(AUGMENTATIONS, name, "augment", function), f"--augment={name}"))
                for name, function in zip(config.augment.split(","), functions, strict=True)
                if name
            ),
            g_optimizer=g_optimizer,
            d_optimizer=d_optimizer,
            g_lr=getattr(g_optimizer, "learning_rate", None) or config.g_lr,
            d_lr=getattr(d_optimizer, "learning_rate", None) or config.d_lr,
        )


def passed(
    loss: Loss | None = None,
    penalty: Callable | None = None,
    augmentation: Callable | Sequence[Callable] | None = None,
    optimizer: Any = None,
) -> tuple[dict[str, str], dict[str, Any]]:
    """What a caller of `train` passes, as settings and as objects.

    Args:
      loss, penalty: as in LOSSES and PENALTIES, the penalty also as a function.
      augmentation: one function or several.
      optimizer: of both networks, or a pair: G's and D's; see keras_optimizer.Factory.

    Returns:
      setting -> its text, for the Config; and setting -> the object, for `Objective.of`.
    """
    g_optimizer, d_optimizer = optimizer if isinstance(optimizer, (tuple, list)) else (optimizer, optimizer)
    given = {"loss": loss, "penalty": penalty, "g_optimizer": g_optimizer, "d_optimizer": d_optimizer}
    own = {name: thing for name, thing in given.items() if thing is not None}
    texts = {name: dotted.text_of(thing, _functions(thing)) for name, thing in own.items()}
    if augmentation is not None:
        own["augment"] = [augmentation] if callable(augmentation) else list(augmentation)
        texts["augment"] = ",".join(dotted.text_of(function) for function in own["augment"])
    return texts, own


def _functions(thing: Any) -> list[Callable]:
    """The functions of which a registry's entry is made: where they are, the entry may have its name."""
    return [thing.d, thing.g] if isinstance(thing, Loss) else [thing.function] if isinstance(thing, Penalty) else []


def loss_of(text: str, own: Mapping[str, Any] | None = None) -> Loss:
    """The loss that --loss names.

    Raises:
      UserError: it isn't there, or is no Loss.
    """
    found = _entry(LOSSES, text, "loss", (own or {}).get("loss"))
    if not isinstance(found, Loss):
        raise UserError(f"--loss={text} is a {type(found).__name__}, not a tfgan_train.Loss(d=..., g=...)")
    return found


def _weighed(loss: Loss, config) -> Loss:
    try:
        return loss.weighed(config.real_weight, config.fake_weight)
    except ValueError:
        flag = "real_weight" if config.real_weight != 1 else "fake_weight"
        legal = ", ".join(name for name, known in LOSSES.items() if known.d_terms)
        raise UserError(
            f"--{flag} needs a loss with terms of real images and of fakes ({legal}), not --loss={config.loss}"
        ) from None


def _penalty(config, own: Mapping[str, Any]) -> Penalty:
    text = config.penalty
    found = _entry(PENALTIES, text, "penalty", own.get("penalty"))
    if isinstance(found, Penalty):
        return found.aimed(config.penalty_target, config.penalty_one_sided)
    return Penalty(_function(found, f"--penalty={text}"), passes=OWN_PENALTY_PASSES)


def _optimizer(text: str, flag: str, own: Mapping[str, Any]) -> Callable:
    if text in OPTIMIZERS:
        return OPTIMIZERS[text]
    return Factory(_entry(OPTIMIZERS, text, flag, own.get(flag)), f"--{flag}={text}")


def _function(found: Any, what: str) -> Callable:
    if not callable(found):
        raise UserError(f"{what} is a {type(found).__name__}, not a function")
    return found


def _entry(registry: Mapping[str, Any], text: str, flag: str, own: Any) -> Any:
    """The object passed from Python, else the registry's entry, else what a dotted name leads to."""
    if own is not None:
        return own
    if text == dotted.GIVEN:
        raise UserError(
            f"--{flag}: this run's was passed from Python and has no name to import it by; pass it again to train(), "
            f"or begin with one at the top of a module and --{flag}={dotted.PREFIX}package.module:name"
        )
    return registry[text] if text in registry else dotted.resolve(text, flag)
