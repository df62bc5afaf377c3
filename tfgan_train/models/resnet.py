"""Residual networks after Miyato et al. 2018 (arXiv:1802.05957) and Miyato & Koyama 2018 (arXiv:1802.05637).

Any image size will do.

G doubles by nearest neighbours; where it knows labels, its batch normalisations have a scale and a shift for each.
D halves by means, sums its last features over space, and takes labels by projection. `--d_norm=spectral` is the
articles'.
"""

import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.models import base, dcgan
from tfgan_train.models.architecture import Architecture
from tfgan_train.models.base import Discriminator, Generator, child
from tfgan_train.models.dcgan import WIDEST, DenseImage, size_plan
from tfgan_train.models.layers import Block, Conv, activation
from tfgan_train.models.norms import AttributeBatchNorm, ConditionalBatchNorm, norm
from tfgan_train.models.resampling import ConvOfDoubled, HalvedConv, doubled, halved
from tfgan_train.ops.random import dropout


class _Norm(Block):
    """The normalisation that --g_norm names, by label or attributes where it is that of the batch."""

    def __init__(self, network, **kwargs):
        super().__init__(**kwargs)
        config, data = network.config, network.data
        self._by_label = config.g_norm == "batch" and config.conditional
        if not self._by_label:
            self.norm = norm(config.g_norm, image=True)
        elif data.attributes:
            self.norm = AttributeBatchNorm(len(data.attributes), name="norm")
        else:
            self.norm = ConditionalBatchNorm(data.num_classes, name="norm")

    def call(self, x, label, training=False):
        if self.norm is None:
            return x
        return self.norm(x, label, training=training) if self._by_label else self.norm(x, training=training)


class UpBlock(Block):
    """[n, h, w, inputs] -> [n, *size, channels].

    conv(act(norm(conv(doubled(act(norm(x))))))) + doubled(1x1 conv(x)).
    """

    def __init__(self, network, channels: int, size: tuple[int, int], **kwargs):
        super().__init__(**kwargs)
        config, init = network.config, network.new_init
        self._size, self._rate = size, config.g_dropout
        self._act = activation(config.g_activation)[0]
        self.norm1 = _Norm(network, name="norm1")
        self.conv1 = ConvOfDoubled(channels, size, init, config.g_norm != "batch", name="conv1")
        self.norm2 = _Norm(network, name="norm2")
        self.conv2 = Conv(channels, 3, 1, init, name="conv2")
        self.skip = Conv(channels, 1, 1, init, use_bias=False, name="skip")

    def call(self, x, label, training=False, draw=None):
        h = self.conv1(self._act(self.norm1(x, label, training=training), training), training=training)
        h = self._act(self.norm2(h, label, training=training), training)
        h = self.conv2(dropout(h, self._rate, draw if training else None), training=training)
        # A convolution of 1x1 may as well come before the doubling, on a quarter of the pixels.
        return h + doubled(self.skip(x, training=training), self._size)


class DownBlock(Block):
    """[n, h, w, inputs] -> [n, ceil(h/2), ceil(w/2), channels], or the same size with `halves` False.

    halved(conv(act(norm(conv(act(norm(x))))))) + 1x1 conv(halved(x)); `first`: without the first norm and activation,
    since x are pixels. Without halving, and with as many channels, x itself is the skip.
    """

    def __init__(self, network, inputs: int, channels: int, halves: bool = True, first: bool = False, **kwargs):
        super().__init__(**kwargs)
        config, init = network.config, network.new_init
        spectral = config.d_norm == "spectral"
        self._halves, self._first, self._rate = halves, first, config.d_dropout
        self._act = activation(config.d_activation)[0]
        hidden = channels if first else inputs
        self.norm1 = None if first else norm(config.d_norm, image=True, name="norm1")
        self.conv1 = Conv(hidden, 3, 1, init, config.d_norm != "batch" or first, spectral, name="conv1")
        self.norm2 = None if first else norm(config.d_norm, image=True, name="norm2")
        self.conv2 = (
            HalvedConv(channels, init, True, spectral, name="conv2")
            if halves
            else Conv(channels, 3, 1, init, True, spectral, name="conv2")
        )
        self.skip = Conv(channels, 1, 1, init, False, spectral, name="skip") if halves or channels != inputs else None

    def call(self, x, training=False, draw=None):
        h = x if self._first else self._act(_normed(self.norm1, x, training), training)
        h = self._act(_normed(self.norm2, self.conv1(h, training=training), training), training)
        h = self.conv2(dropout(h, self._rate, draw if training else None), training=training)
        x = halved(x) if self._halves else x
        return h + (x if self.skip is None else self.skip(x, training=training))


def _normed(layer, x, training):
    return x if layer is None else layer(x, training=training)


class ResnetGenerator(Generator):
    """z (and the label's embedding) -> dense to the base -> blocks that double -> norm, activation, 3x3 convolution."""

    def __init__(self, config, data):
        super().__init__(config, data)
        plan = size_plan(*data.image_shape[:2], config.g_depth)
        widths = [config.g_width * min(WIDEST, 2**i) for i in range(len(plan) - 1, -1, -1)]
        self.base = DenseImage((*plan[0], widths[0]), self.new_init, True, name="base")
        self.stages = [
            UpBlock(self, width, size, name=f"block{i}")
            for i, (size, width) in enumerate(zip(plan[1:], widths[1:], strict=True))
        ]
        self.last_norm = _Norm(self, name="last_norm")
        self._act = activation(config.g_activation)[0]
        self.output_layer = Conv(data.image_shape[2], 3, 1, self.new_init, name="image")

    def raw_images(self, x, label, training, draw):
        x = self.base(x, training=training)
        for i, block in enumerate(self.stages):
            x = block(x, label, training=training, draw=child(draw, f"g{i}"))
        x = self._act(self.last_norm(x, label, training=training), training)
        return self.output_layer(x, training=training)


class ResnetDiscriminator(Discriminator):
    """Blocks that halve, one that doesn't, activation, sum over space; the head is the base's."""

    def _make_trunk(self) -> int:
        config, data = self.config, self.data
        height, width, _ = data.image_shape
        steps = len(size_plan(height, width, config.d_depth)) - 1
        widths = [config.d_width * min(WIDEST, 2**i) for i in range(steps)]
        inputs = [data.image_shape[2], *widths]
        self.stages = [
            DownBlock(self, inputs[i], width, first=i == 0, name=f"block{i}") for i, width in enumerate(widths)
        ]
        self.stages.append(DownBlock(self, inputs[-1], inputs[-1], halves=False, name=f"block{steps}"))
        self._act = activation(config.d_activation)[0]
        return inputs[-1]

    def trunk(self, x, label, training, draw):
        x = self._with_label_maps(x, label)
        for i, block in enumerate(self.stages):
            x = block(x, training=training, draw=child(draw, f"d{i}"))
        return tf.cast(tf.reduce_sum(tf.cast(self._act(x, training), tf.float32), [1, 2]), x.dtype)


def check(config, data, side: str) -> None:
    """Raises UserError for images or settings that a network of residual blocks can't take."""
    dcgan.check(config, data, side)
    spec = config.g_activation if side == "g" else config.d_activation
    if activation(spec)[1] > 1:
        raise UserError(f"--{side}_activation={spec} would leave residual blocks fewer channels; legal: any but maxout")


ARCHITECTURE = Architecture(
    ResnetGenerator,
    ResnetDiscriminator,
    settings=base.SETTINGS | base.STAGE_SETTINGS - {"norm_placement"},
    defaults={"g_width": 32, "d_width": 32},
    check=check,
)
