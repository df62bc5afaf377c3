"""What every generator and discriminator has in common: signature, precision, cost."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.models.layers import WATCHED, Block, Dense, Embedding, Initializers, activation, condition_on, squash
from tfgan_train.models.minibatch import MinibatchDiscrimination
from tfgan_train.models.norms import norm
from tfgan_train.ops.attributes import vectors
from tfgan_train.ops.random import dropout

EMBEDDING_SIZE = 32

# Settings that Generator and Discriminator read, whatever their subclasses do.
SETTINGS = frozenset(
    "code_scale g_init d_init g_label_std g_output g_output_bias d_input_range d_input_dropout d_head d_conditioning "
    "minibatch_discrimination".split()
)
# Settings of networks that are a row of Stages.
STAGE_SETTINGS = frozenset(
    "g_width d_width g_depth d_depth g_norm d_norm norm_placement g_activation d_activation g_dropout d_dropout".split()
)


class Network(keras.Model):
    """A subclassed Keras model that computes in `precision` and keeps float32 weights."""

    def __init__(self, config, data, name: str, init: str):
        # The models cast for themselves; Keras' own casting would undo it.
        super().__init__(name=name, autocast=False, dtype="float32")
        self.config, self.data = config, data
        self._compute = tf.as_dtype(config.precision)
        self.new_init = Initializers(init, config.seed, name)

    def build(self, shape):
        """Makes nothing: each layer makes its variables in its first call. Keras would trace `call` to find them."""

    def condition(self, label):
        """What the layers take for `label`: attribute vectors float32 [n, attributes] of their bits, else as it is."""
        return label if label is None or not self.data.attributes else vectors(label, len(self.data.attributes))

    def compute_cast(self, x):
        """Casts a network's input to the type it computes in."""
        return tf.cast(x, self._compute)

    def blocks(self) -> list[Block]:
        """The layers in the order of their making, for tables and costs."""
        return [layer for layer in self._flatten_layers(include_self=False) if isinstance(layer, Block)]

    def flops(self) -> int:
        """Multiplications and additions of one example's forward pass (weighted layers)."""
        return sum(block.flops() for block in self.blocks())


class Stage(Block):
    """A weighted layer with its normalisation, activation and dropout.

    With `placement` "before", the normalisation works on the layer's input.
    """

    def __init__(
        self, weighted: Block, act: str, dropout: float, norm_kind: str, placement: str, image: bool, **kwargs
    ):
        super().__init__(**kwargs)
        self.weighted, self._rate = weighted, dropout
        self.norm = norm(norm_kind, image)
        self._before = placement == "before"
        self._activation = activation(act)[0] if act else (lambda x, training: x)

    def call(self, x, training=False, draw=None):
        if self.norm is not None and self._before:
            x = self.norm(x, training=training)
        x = self.weighted(x, training=training)
        if self.norm is not None and not self._before:
            x = self.norm(x, training=training)
        x = self._activation(x, training)
        self.output_size = tuple(x.shape[1:])
        return dropout(x, self._rate, draw if training else None)


class Generator(Network):
    """z [n, latent_dim] (and label int32 [n], see `condition`) -> float32 images [n, H, W, C] in [-1, 1]."""

    def __init__(self, config, data, init: str = ""):
        """`init`: the family's own initialiser; empty: --g_init's."""
        super().__init__(config, data, "generator", init or config.g_init)
        self.embedding = (
            Embedding(data.condition_size, EMBEDDING_SIZE, self._label_init(), name="label")
            if config.conditional
            else None
        )

    def _label_init(self) -> Initializers:
        """Of the labels' embedding, which stands beside latents of standard deviation one."""
        std = self.config.g_label_std
        return Initializers(f"normal:{std}", self.config.seed, "generator labels") if std else self.new_init

    def scaled(self, z):
        """z with its code, the last columns, times --code_scale.

        One category among 62 numbers of noise hardly moves G's first layer, and comes to mean a slant, not a shape. A
        code that outweighs the noise is what ClusterGAN relies on (Mukherjee et al. 2019, arXiv:1809.03627, section 3).
        """
        scale, noise = self.config.code_scale, self.config.latent_dim
        return z if scale == 1 else tf.concat([z[:, :noise], scale * z[:, noise:]], 1)

    def call(self, z, label=None, training=False, draw=None):
        label = self.condition(label)
        x = condition_on(self.compute_cast(self.scaled(z)), label, self.embedding)
        return squash(self.raw_images(x, label, training, draw), self.config.g_output)

    def set_output_bias(self, mean_image: np.ndarray):
        """Starts the last bias so that an all-zero last kernel would draw the mean image.

        Args:
          mean_image: float [H, W, C] in [-1, 1].
        """
        mean = np.clip((mean_image + 1) / 2, 0.01, 0.99)
        bias = self.output_layer.bias
        mean = mean.reshape(-1) if bias.shape[0] == mean.size else mean.mean((0, 1))
        logit = np.log(mean / (1 - mean))
        # tanh(x) = 2 sigmoid(2x) - 1, so it reaches the same pixel at half the logit.
        bias.assign(logit if self.config.g_output == "sigmoid" else logit / 2)


class Discriminator(Network):
    """Images [n, H, W, C] in [-1, 1] (and label int32 [n]) -> float32 logits [n].

    Positive means real. With the softmax head of two units the logit is their difference,
    whose sigmoid is the first unit's probability.
    """

    def __init__(self, config, data, init: str = "", spectral: bool | None = None):
        """`init`: the family's own initialiser, empty: --d_init's; `spectral`: of the head, None: as --d_norm says."""
        super().__init__(config, data, "discriminator", init or config.d_init)
        self._projects = config.conditional and config.d_conditioning == "projection"
        self._concatenates = config.conditional and config.d_conditioning == "concat"
        self._is_told = self._projects or self._concatenates
        self.label_init = self.new_init  # a trunk may want another
        width = self._make_trunk()
        spectral = config.d_norm == "spectral" if spectral is None else spectral
        size = width if self._projects else EMBEDDING_SIZE
        self.embedding = (
            Embedding(data.condition_size, size, self.label_init, spectral and self._projects, name="label")
            if self._is_told
            else None
        )
        self.minibatch = (
            MinibatchDiscrimination(config.minibatch_discrimination, self.new_init, name="minibatch")
            if config.minibatch_discrimination
            else None
        )
        self.head = Dense(1 if config.d_head == "logit" else 2, self.new_init, spectral=spectral, name="head")

    def call(self, x, label=None, training=False, draw=None):
        return self.logits_and_features(x, label, training, draw)[0]

    def judge(self, x, label=None):
        """Logits [n] as in training: a batch normalisation takes the statistics of `x`, all real or all fake.

        Its moving ones are of both kinds together, and no batch that D ever judged was. No dropout, and no variable
        moves.
        """
        return self(x, label, training=WATCHED)

    def features(self, x, label=None):
        """The penultimate layer, pooled over space: float32 [n, features]."""
        return tf.cast(pooled(self._trunk_output(x, self.condition(label), False, None)), tf.float32)

    def logits_and_features(self, x, label=None, training=False, draw=None, maps=None):
        """Logits [n] and the pooled penultimate features [n, features], both float32.

        Args:
          maps: what frozen layers made of `x` before, where there are some.
        """
        del maps
        label = self.condition(label)
        h = self._trunk_output(x, label, training, draw)
        return self._logits(h, label, training), tf.cast(pooled(h), tf.float32)

    def _logits(self, h, label, training, *beside):
        """Logits [n] of the trunk's output; `beside` are further inputs [n, m] of the head."""
        flat = tf.reshape(h, [-1, h.shape[1:].num_elements()])
        beside = [*beside, *([] if self.minibatch is None else [self.minibatch(flat)])]
        joint = tf.concat([flat, *beside], -1) if beside else flat
        out = tf.cast(self.head(joint, training=training), tf.float32)
        out = tf.tanh(out) if self.config.d_head == "tanh_softmax" else out
        logits = out[:, 0] if self.config.d_head == "logit" else out[:, 0] - out[:, 1]
        if self._projects:
            # Miyato & Koyama 2018: the label's embedding times the pooled features.
            logits += tf.reduce_sum(self.embedding(label, training=training) * tf.cast(pooled(h), tf.float32), -1)
        return logits

    def trained_stages(self) -> list[list]:
        """The layers of each stage, from the image on; what stands behind them isn't in it."""
        return [[stage] for stage in getattr(self, "stages", [])]

    def freeze(self, count: int) -> None:
        """Leaves the first `count` stages as they are in training (Mo et al. 2020, arXiv:2002.10964).

        Raises:
          UserError: there are fewer.
        """
        stages = self.trained_stages()
        if count > len(stages):
            raise UserError(f"--freeze_d={count}: this run's D has {len(stages)} stages; legal: 0 to {len(stages)}")
        for layer in (layer for stage in stages[:count] for layer in stage):
            layer.trainable = False

    def frozen_flops(self) -> int:
        """Of one example's way through layers that are never trained."""
        return 0

    def _trunk_output(self, x, label, training, draw):
        return self.trunk(self._prepared(x, training, draw), label, training, draw)

    def _prepared(self, x, training, draw):
        """Images in D's range and type, some pixels dropped."""
        if self.config.d_input_range == "unit":
            x = (x + 1.0) / 2.0
        x = self.compute_cast(x)
        return dropout(x, self.config.d_input_dropout, child(draw, "pixels") if training else None)

    def _with_label_maps(self, x, label):
        """Images with the label's embedding repeated over them as further channels, where labels are concatenated."""
        if not self._concatenates:
            return x
        maps = tf.cast(self.embedding(label), x.dtype)[:, None, None, :]
        return tf.concat([x, tf.tile(maps, [1, x.shape[1], x.shape[2], 1])], -1)


def pooled(h):
    """[n, h, w, c] -> the sum over space [n, c]; [n, c] as it is."""
    return tf.reduce_sum(h, [1, 2]) if len(h.shape) == 4 else h


def child(draw, name: str):
    """The part of the step's randomness called `name`; None stays None."""
    return None if draw is None else draw.child(name)
