"""What can be wrong with a user's own networks, found before a run begins: one line each."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.models.inference import graph_of, random_layers, variables_read
from tfgan_train.models.keras_adapter import KerasDiscriminator, KerasGenerator
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.ops.latents import latents

PROBED = 4  # latents that G is tried on …
FAR = 1e3  # … and again so many times as long: without tanh or the like, pixels grow with them
TOLERANCE = 1e-3


def check_own_networks(config, data) -> list[str]:
    """Checks the networks that a Config's `generator` and `discriminator` name.

    Args:
      config: a resolved Config.
      data: image_shape and num_classes.

    Returns:
      Lines for the user: what is legal and may surprise.

    Raises:
      UserError: for what can't be trained.
    """
    notes: list[str] = []
    made: list[KerasGenerator | KerasDiscriminator] = []
    label = tf.range(PROBED) % max(data.num_classes, 1) if config.conditional else None
    z = LatentSpace.of(config).draw(config.seed, tf.range(PROBED))
    if config.generator:
        generator = KerasGenerator(config, data)
        _check_each(generator, KerasGenerator(config, data), (z, label))
        notes += _range_notes(generator, z, label)
        made.append(generator)
    if config.discriminator:
        images = tf.reshape(
            latents(config.seed, tf.range(PROBED), int(np.prod(data.image_shape)), "uniform"), (-1, *data.image_shape)
        )
        discriminator = KerasDiscriminator(config, data)
        _check_each(discriminator, KerasDiscriminator(config, data), (images, label))
        notes += _penalty_notes(config, discriminator)
        made.append(discriminator)
    if len(made) == 2 and _shared(*made):
        raise UserError(
            f"--generator and --discriminator share the weights {_shared(*made)}; each network needs layers of its own"
        )
    return notes


def _shared(one, other) -> str:
    """The path of a variable that both networks have, or ""."""
    ids = {id(variable) for variable in one.variables}
    return next((variable.path for variable in other.variables if id(variable) in ids), "")


def _check_each(network, again, inputs) -> None:
    flag = f"--{network.name}={getattr(network.config, network.name)}"
    if network.model is again.model:
        raise UserError(f"{flag} returned the same model twice; it must make a new one at each call")
    if _shared(network, again):
        raise UserError(
            f"{flag} returned two models with the same weights {_shared(network, again)}; make all layers inside it"
        )
    if not network.trainable_variables:
        raise UserError(f"{flag} has no trainable weights")
    _check_variables(network, flag)
    with tf.GradientTape() as tape:
        output = network(*inputs, training=True)
    variables = network.trainable_variables
    gradients = tape.gradient(output, [variable.value for variable in variables])
    unused = [variable.path for variable, gradient in zip(variables, gradients, strict=True) if gradient is None]
    if unused:
        raise UserError(
            f"{flag}: its output doesn't depend on the weights {', '.join(unused[:5])}; leave that layer out"
        )
    _check_state(network, inputs, flag)


def _check_variables(network, flag) -> None:
    for variable in network.variables:
        if variable.value.dtype.is_floating and variable.value.dtype != tf.float32:
            raise UserError(
                f"{flag}: the weights {variable.path} are {variable.dtype}; mixed policies keep float32 weights"
            )
    for variable in network.trainable_variables:
        for word in ("regularizer", "constraint"):
            if getattr(variable, word) is not None:
                raise UserError(
                    f"{flag}: {variable.path} has a {word}, which a GAN's step doesn't apply; leave it out"
                    + ("; --weight_clip clips D's weights" if word == "constraint" else "")
                )
    if network.model.losses:
        raise UserError(f"{flag} adds losses of its own (add_loss), which a GAN's step doesn't apply; leave them out")


def _check_state(network, inputs, flag) -> None:
    """A run resumes exactly: all that a pass in training depends on must be in the checkpoint."""
    graph = graph_of(network, inputs, training=True)
    drawing = random_layers(graph, network, seeded=False)
    if drawing:
        raise UserError(
            f"{flag}: {drawing[0]} draws random numbers that no checkpoint can hold; draw them by keras.random "
            "with a keras.random.SeedGenerator that is the layer's"
        )
    own = {id(variable.value) for variable in network.variables}
    strange = [variable.name for variable in variables_read(graph) if id(variable) not in own]
    if strange:
        raise UserError(
            f"{flag} reads or writes {strange[0]}, which isn't a variable of the model; give each layer that draws "
            "random numbers a keras.random.SeedGenerator, and make other variables by add_weight"
        )


def _range_notes(generator, z, label) -> list[str]:
    """Refuses pixels beyond [-1, 1]; a note where none is below 0."""
    flag = f"--generator={generator.config.generator}"
    images = [generator(scale * z, label).numpy() for scale in (1.0, FAR)]
    lowest, highest = (function([function(one) for one in images]) for function in (np.min, np.max))
    if not np.isfinite(images[0]).all():
        raise UserError(f"{flag} draws NaN or infinite pixels")
    if max(-np.nanmin(images), np.nanmax(images)) > 1 + TOLERANCE:
        raise UserError(
            f"{flag} draws pixels from {lowest:.3g} to {highest:.3g}; they must stay in [-1, 1] (end it with tanh)"
        )
    if lowest >= 0:
        return [f"{flag} draws no pixel below 0; black is -1 here and white 1, so a sigmoid wants 2 x - 1 behind it"]
    return []


def _penalty_notes(config, discriminator) -> list[str]:
    layers = list(discriminator.model._flatten_layers())
    normalised = [layer.name for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    flag = f"--discriminator={config.discriminator}"
    if normalised and config.penalty != "none":
        return [
            f"warning: --penalty={config.penalty} is of single images, and the batch normalisation {normalised[0]} of "
            f"{flag} mixes those of a batch; LayerNormalization doesn't"
        ]
    lipschitz = config.weight_clip or config.penalty != "none"
    if config.loss == "wasserstein" and not lipschitz:
        if not any(isinstance(layer, keras.layers.SpectralNormalization) for layer in layers):
            return [
                f"warning: --loss=wasserstein wants a Lipschitz D: SpectralNormalization in {flag}, --weight_clip=0.01 "
                "or --penalty=wgan_gp"
            ]
    return []
