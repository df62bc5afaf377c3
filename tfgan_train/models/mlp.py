"""Fully connected generator and discriminator, for any image shape."""

import tensorflow as tf

from tfgan_train.models import base
from tfgan_train.models.architecture import Architecture
from tfgan_train.models.base import Discriminator, Generator, Stage, child
from tfgan_train.models.layers import Dense, activation, condition_on


def _stages(network, side: str, spectral: bool) -> list[Stage]:
    """`depth` dense layers of `width` units with the flags of G (`g_…`) or D (`d_…`)."""

    def flag(name: str):
        return getattr(network.config, f"{side}_{name}")

    pieces = activation(flag("activation"))[1]
    # A bias under a batch normalisation would be subtracted again.
    use_bias = not (flag("norm") == "batch" and network.config.norm_placement == "after")
    # Real and fake batches are normalised apart, so a normalisation before D's first layer would hide from it the mean
    # and the contrast of each pixel, and one before its head the mean logit (Radford et al. 2015, section 3, leave out
    # the first too).
    bare = 1 if side == "d" and network.config.norm_placement == "before" else 0
    return [
        Stage(
            Dense(flag("width") * pieces, network.new_init, use_bias, spectral, name=f"dense{i}"),
            flag("activation"),
            flag("dropout"),
            "none" if i < bare else flag("norm"),
            network.config.norm_placement,
            image=False,
            name=f"hidden{i}",
        )
        for i in range(flag("depth"))
    ]


class MlpGenerator(Generator):
    """z -> dense layers -> one unit a pixel."""

    def __init__(self, config, data):
        super().__init__(config, data)
        self.stages = _stages(self, "g", spectral=False)
        size = data.image_shape[0] * data.image_shape[1] * data.image_shape[2]
        self.output_layer = Dense(size, self.new_init, name="pixels")
        before = config.g_norm if config.norm_placement == "before" else "none"
        self.output_stage = Stage(self.output_layer, "", 0.0, before, "before", image=False, name="output")

    def raw_images(self, x, label, training, draw):
        for i, stage in enumerate(self.stages):
            x = stage(x, training=training, draw=child(draw, f"g{i}"))
        return tf.reshape(self.output_stage(x, training=training), [-1, *self.data.image_shape])


class MlpDiscriminator(Discriminator):
    """Pixels -> dense layers; the head is the base's."""

    def _make_trunk(self) -> int:
        self.stages = _stages(self, "d", spectral=self.config.d_norm == "spectral")
        return self.config.d_width

    def trunk(self, x, label, training, draw):
        x = tf.reshape(x, [-1, x.shape[1:].num_elements()])
        x = condition_on(x, label, self.embedding if self._concatenates else None)
        for i, stage in enumerate(self.stages):
            x = stage(x, training=training, draw=child(draw, f"d{i}"))
        return x


ARCHITECTURE = Architecture(
    MlpGenerator,
    MlpDiscriminator,
    settings=base.SETTINGS | base.STAGE_SETTINGS,
    defaults={"g_width": 256, "d_width": 256, "g_depth": 2, "d_depth": 2},
)
