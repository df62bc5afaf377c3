"""Architectures: `MODELS[name]` is a module with `generator(config, data)`, `discriminator(config, data)` and `DEFAULTS`.

G and D may come from two architectures; a module whose `generator` is None has a discriminator only.
"""

import tensorflow as tf

from tfgan_train.models import dcgan, mlp

MODELS = {"dcgan": dcgan, "mlp": mlp}


def dummy_inputs(config, data, batch: int = 2):
    """Zeros of the right shapes: (z, images, label or None)."""
    label = tf.zeros([batch], tf.int32) if config.conditional else None
    return tf.zeros([batch, config.latent_dim]), tf.zeros([batch, *data.image_shape]), label


def build_generator(config, data):
    """A generator with its variables made (Keras' own `build` makes none on a subclass)."""
    generator = MODELS[config.architecture].generator(config, data)
    z, _, label = dummy_inputs(config, data)
    generator(z, label, training=False)
    return generator


def build_networks(config, data):
    """(generator, discriminator) with their variables made.

    Args:
      config: a resolved Config (widths and depths filled in).
      data: anything with `image_shape` (H, W, C) and `num_classes`.
    """
    generator = MODELS[config.architecture].generator(config, data)
    discriminator = MODELS[config.d_architecture or config.architecture].discriminator(config, data)
    z, images, label = dummy_inputs(config, data)
    generator(z, label, training=False)
    discriminator(images, label, training=False)
    return generator, discriminator
