"""Architectures by name. To add one, write a file with an `Architecture` and add its line to MODELS.

A user's own are not in MODELS: a module with an ARCHITECTURE is named as python:package.module, and functions that
return a keras.Model stand in for one side or both (see keras_adapter).
"""

import tensorflow as tf

from tfgan_train.common import dotted
from tfgan_train.common.errors import UserError
from tfgan_train.models import dcgan, mlp, projected, r3gan, resnet, style
from tfgan_train.models.architecture import Architecture
from tfgan_train.models.keras_adapter import KERAS, function_of
from tfgan_train.ops.codes import LatentSpace

MODELS: dict[str, Architecture] = {
    "dcgan": dcgan.ARCHITECTURE,
    "mlp": mlp.ARCHITECTURE,
    "projected": projected.ARCHITECTURE,
    "r3gan": r3gan.ARCHITECTURE,
    "resnet": resnet.ARCHITECTURE,
    "style": style.ARCHITECTURE,
}


def architectures(config) -> dict[str, Architecture]:
    """The families of the two networks: "g" -> G's, "d" -> D's.

    Raises:
      UserError: when the one that is to draw has a discriminator only, or a module of the user's can't be imported.
    """
    of_d = ("d_architecture", config.d_architecture) if config.d_architecture else ("architecture", config.architecture)
    families = {
        "g": KERAS if config.generator else _named("architecture", config.architecture),
        "d": KERAS if config.discriminator else _named(*of_d),
    }
    if families["g"].generator is None:
        raise UserError(
            f"--architecture={config.architecture} has no generator; give it as --d_architecture={config.architecture}"
        )
    return families


def _named(flag: str, name: str) -> Architecture:
    if not dotted.is_dotted(name):
        return MODELS[name]
    module = dotted.resolve(name, flag)
    found = module if isinstance(module, Architecture) else getattr(module, "ARCHITECTURE", None)
    if not isinstance(found, Architecture):
        raise UserError(f"--{flag}={name} has no ARCHITECTURE, an Architecture of tfgan_train.models.architecture")
    return found


def require(config) -> None:
    """Imports what a run's networks are made of.

    Raises:
      UserError: when a module of the user's, or what it is to hold, isn't there.
    """
    architectures(config)
    for side in ("generator", "discriminator"):
        if name := getattr(config, side):
            function_of(name, side)


def dummy_inputs(config, data, batch: int = 2):
    """Zeros of the right shapes: (z, images, label or None)."""
    label = tf.zeros([batch], tf.int32) if config.conditional else None
    return tf.zeros([batch, LatentSpace.of(config).size]), tf.zeros([batch, *data.image_shape]), label


def build_generator(config, data):
    """A generator with its variables made (Keras' own `build` makes none on a subclass)."""
    generator = architectures(config)["g"].generator(config, data)
    z, _, label = dummy_inputs(config, data)
    generator(z, label, training=False)
    return generator


def build_networks(config, data):
    """(generator, discriminator) with their variables made.

    Args:
      config: a resolved Config (widths and depths filled in).
      data: anything with `image_shape` (H, W, C) and `num_classes`.
    """
    families = architectures(config)
    generator, discriminator = families["g"].generator(config, data), families["d"].discriminator(config, data)
    z, images, label = dummy_inputs(config, data)
    generator(z, label, training=False)
    discriminator(images, label, training=False)
    return generator, discriminator
