"""What a Config may say: each value by its field, and the combinations that can't work."""

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfgan_train.common.errors import UserError, unknown
from tfgan_train.common.images import are_points
from tfgan_train.config.checks import check_values
from tfgan_train.config.fields import AUTO, Config

if TYPE_CHECKING:  # It imports TensorFlow.
    from tfgan_train.objective.objective import Objective

MOST_CATEGORIES = 1000  # of one code


def validate(config: Config, own: Mapping[str, Any] | None = None) -> "Objective":
    """Checks everything that can be known before the data is read.

    Args:
      config: any.
      own: setting -> the object that was passed from Python for it.

    Returns:
      What trains the networks, with the user's own modules imported.

    Raises:
      UserError: naming the flag, what was given and what is legal.
    """
    from tfgan_train.objective.objective import Objective

    check_values(config)
    objective = Objective.of(config, own)
    _check_targets(config, objective.loss)
    for rule in RULES:
        complaint = rule(config)
        if complaint:
            raise UserError(complaint)
    if config.devices != "auto" and not re.match(r"^(cpu|gpu):[1-9]\d*$", config.devices):
        raise UserError(f"--devices={config.devices} is not auto, cpu:N or gpu:N")
    from tfgan_train.data import check_name
    from tfgan_train.data.folder import parse_value_range
    from tfgan_train.data.transform import parse_image_size

    check_name(config.dataset)
    parse_image_size(config.image_size)
    parse_value_range(config.value_range)
    _check_networks(config)
    return objective


def validate_with_data(config: Config, source, replicas: int) -> None:
    """Checks what depends on the data and the devices.

    Args:
      source: the training Source.
      replicas: number of devices that share a batch.
    """
    from tfgan_train.models import architectures
    from tfgan_train.objective.augment import AUGMENTATIONS, Composed

    if config.batch_size > source.count:  # Batches says so too, but only once files are being made.
        raise UserError(f"--batch_size={config.batch_size} is more than the {source.count} images of {source.name}")
    if config.batch_size % replicas:
        raise UserError(f"--batch_size={config.batch_size} can't be shared evenly by {replicas} devices")
    _check_attributes(config, source)
    if config.conditional and not (source.num_classes or source.attributes):
        raise UserError(f"--conditional needs labelled data, and {source.name} has no labels; add --noconditional")
    if config.eval_every and are_points(source.image_shape):
        raise UserError(
            f"--eval_every is for pictures; runs on {source.name} are scored by python -m tfgan_train.evaluate"
        )
    _check_flips_and_crops(config, source)
    composed = (isinstance(AUGMENTATIONS.get(name), Composed) for name in config.augment.split(","))
    if are_points(source.image_shape) and any(composed):
        raise UserError(f"--augment={config.augment} is for pictures, and {source.name} is points; leave it out")
    for side, family in architectures(config).items():
        family.check(config, source, side)


def _check_attributes(config, source):
    if not source.attributes:
        return
    if not config.conditional:
        raise UserError(
            f"--attributes={config.attributes} would do nothing with --noconditional; leave one of them out"
        )
    if config.d_conditioning == "acgan":
        raise UserError(
            "--d_conditioning=acgan names one class, and --attributes are several; legal: projection, concat"
        )
    if config.generator or config.discriminator:
        raise UserError(
            f"--attributes={config.attributes} is for the package's own networks; leave out "
            f"{'--generator' if config.generator else '--discriminator'}"
        )


def _check_flips_and_crops(config, source):
    if (config.flip or config.crop_padding) and are_points(source.image_shape):
        raise UserError(f"--flip and --crop_padding are for pictures, and {source.name} is points; leave them out")
    most = min(source.image_shape[:2]) - 1
    if config.crop_padding > most:
        raise UserError(
            f"--crop_padding={config.crop_padding} is too much for images of {source.image_shape[0]}x"
            f"{source.image_shape[1]}; legal: 0 to {most}"
        )


def _check_networks(config):
    from tfgan_train.models.layers import INITIALIZERS, SCALED, activation

    for flag in ("g_activation", "d_activation"):
        try:
            activation(getattr(config, flag))
        except UserError as error:
            raise UserError(f"--{flag}: {error}") from None
    for flag in ("g_init", "d_init"):
        name, _, scale = getattr(config, flag).partition(":")
        if name not in INITIALIZERS:
            raise UserError(unknown(f"value of --{flag}:", name, INITIALIZERS))
        if scale and name not in SCALED:
            raise UserError(f"--{flag}={name}:{scale}: {name} takes no number; write --{flag}={name}")
        if scale and not re.match(r"^\d*\.?\d+(e-?\d+)?$", scale):
            raise UserError(f"--{flag}={name}:{scale}: '{scale}' is not a positive number")


def _length(config):
    if config.steps and config.epochs:
        return "--steps and --epochs both say how long to train; give one of them"
    if not config.steps and not config.epochs:
        return "give --steps or --epochs, above 0, to say how long to train"


def _check_targets(config, loss):
    from tfgan_train.objective.losses import LOSSES

    if (config.label_smoothing or config.fake_label_smoothing) and not loss.has_targets:
        legal = ", ".join(name for name, known in LOSSES.items() if known.has_targets)
        flag = "label_smoothing" if config.label_smoothing else "fake_label_smoothing"
        raise UserError(f"--{flag} needs a loss with targets ({legal}), not --loss={config.loss}")


def _own_optimizer(config):
    own = not {config.g_optimizer, config.d_optimizer} <= {"adam", "sgd", "rmsprop"}
    if own and config.precision == "float16":
        return "--precision=float16 skips updates, which a Keras optimizer can't; use --precision=bfloat16"


def _wasserstein(config):
    if (
        config.loss == "wasserstein"
        and not config.discriminator
        and not config.weight_clip
        and config.penalty == "none"
        and config.d_norm != "spectral"
    ):
        return "--loss=wasserstein needs --weight_clip=0.01, --penalty=wgan_gp or --d_norm=spectral to keep D Lipschitz"


def _penalised_norm(config):
    if config.penalty in ("wgan_gp", "dragan") and config.d_norm == "batch" and not config.discriminator:
        return (
            f"--penalty={config.penalty} is of single images, and --d_norm=batch mixes those of a batch; "
            "use --d_norm=layer, instance, spectral or none"
        )


def _automatic_penalty(config):
    from tfgan_train.objective.penalties import PENALTIES

    legal = [name for name, penalty in PENALTIES.items() if penalty.of_squares]
    if config.penalty_weight == AUTO and config.penalty not in legal:
        return f"--penalty_weight=auto is for --penalty={','.join(legal)}; --penalty={config.penalty} wants a number"


def _momentum(config):
    if config.momentum_final and config.momentum_epochs <= 1:
        return f"--momentum_epochs={config.momentum_epochs} must be above 1 for --momentum_final to be reached"


def _codes(config):
    sizes = config.code_categories.split(",") if config.code_categories else []
    if not all(size.isdecimal() and 2 <= int(size) <= MOST_CATEGORIES for size in sizes):
        return (
            f"--code_categories={config.code_categories} is not sizes separated by commas, as 10 or 20,20; "
            f"legal: each from 2 to {MOST_CATEGORIES}"
        )


def _ada(config):
    if config.augment == "ada" and (config.augment_probability != 1 or config.augment_probability_start >= 0):
        return (
            "--augment_probability would do nothing here: --augment=ada steers its own; "
            "--augment=geometry,color has a fixed one"
        )


def _freeze(config):
    if config.freeze_d and config.discriminator:
        return f"--freeze_d={config.freeze_d} is for the package's own networks, and D is --discriminator's"


def _workers(config):
    if os.environ.get("TF_CONFIG") and config.devices.startswith("cpu:"):
        return "--devices=cpu:N makes devices on one machine; with TF_CONFIG set use --devices=auto"


def _burn_in(config):
    starts = {
        "g_lr_start": (config.g_lr_start, True, ""),
        "d_lr_start": (config.d_lr_start, True, ""),
        "beta2_start": (config.beta2_start, "adam" in (config.g_optimizer, config.d_optimizer), "an adam optimiser"),
        "penalty_weight_start": (config.penalty_weight_start, config.penalty != "none", "--penalty"),
        "ema_half_life_start": (config.ema_half_life_start, config.ema_half_life > 0, "--ema_half_life"),
        "augment_probability_start": (config.augment_probability_start, bool(config.augment), "--augment"),
    }
    for name, (start, does_something, needed) in starts.items():
        if -1 < start < 0:
            return f"--{name}={start} must be at least 0, or -1 for no course"
        if start >= 0 and not does_something:
            return f"--{name} would do nothing without {needed}; leave it out"
    if config.burn_in_steps and all(start < 0 for start, *_ in starts.values()):
        return (
            f"--burn_in_steps would do nothing alone: it goes with one of {', '.join(f'--{name}' for name in starts)}"
        )


def _fake_pool(config):
    from tfgan_train.objective.penalties import PENALTIES

    if not config.fake_pool:
        return None
    if config.batch_size < 2 or config.fake_pool < config.batch_size:
        return (
            f"--fake_pool={config.fake_pool} is too small for --batch_size={config.batch_size}; "
            "legal: as many past fakes as a batch has, which are 2 or more"
        )
    if config.update == "simultaneous":
        return "--fake_pool needs --update=alternating: G must learn from fakes of its own as it is"
    legal = [name for name, penalty in PENALTIES.items() if penalty.apart]
    if config.conditional and config.penalty not in ("none", *legal):
        return (
            f"--penalty={config.penalty} may mix a real image with its fake, and those of --fake_pool have other "
            f"labels; use --penalty={', '.join(legal[:-1])} or {legal[-1]}, or --noconditional"
        )


RULES = (
    _length,
    _codes,
    _wasserstein,
    _penalised_norm,
    _automatic_penalty,
    _momentum,
    _own_optimizer,
    _burn_in,
    _ada,
    _freeze,
    _fake_pool,
    _workers,
)
