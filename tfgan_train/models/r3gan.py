"""R3GAN's networks, for any image size: Huang et al. 2024, "The GAN is dead; long live the GAN!" (arXiv:2501.05441).

Residual blocks without normalisation (1x1, grouped 3x3, 1x1), which fix-up initialisation (Zhang et al. 2019,
arXiv:1901.09321) makes the identity at the start, and smooth resampling between them. They go with --loss=relativistic
and --penalty=r1_r2. Resampling has the filter 1, 3, 3, 1, which keeps pixels' middles in place; the authors' code has
1, 2, 1.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from tfgan_train.models import base, resnet
from tfgan_train.models.architecture import Architecture
from tfgan_train.models.base import Discriminator, Generator
from tfgan_train.models.dcgan import WIDEST, size_plan
from tfgan_train.models.layers import Block, Conv, Dense, Initializers, activation
from tfgan_train.models.resampling import smoothly_doubled, smoothly_halved

EXPANSION = 2  # inner channels for each of a block's own
GROUP = 16  # channels of a group, which a CPU's vectors hold
INIT = "he"  # variance 2 / inputs; linear layers have half of it
LINEAR = math.sqrt(0.5)


class ResidualBlock(Block):
    """[n, h, w, c] -> the same: x + 1x1 conv(act(grouped 3x3 conv(act(1x1 conv(x))))).

    Args:
      init: of variance 2 / inputs.
      act: the activation's spec.
      total: residual blocks in the network. With the last convolution 0 and the others total^(-1/4) as large as
        usual, each block begins as the identity and the first updates move the network by the same whatever its depth.
    """

    def __init__(self, channels: int, init: Initializers, act: str, total: int, **kwargs):
        super().__init__(**kwargs)
        inner, first = EXPANSION * channels, init.scaled(total**-0.25)
        self._act = activation(act)[0]
        self.conv1 = Conv(inner, 1, 1, first, name="conv1")
        self.conv2 = Conv(inner, 3, 1, first, groups=inner // math.gcd(inner, GROUP), name="conv2")
        self.conv3 = Conv(channels, 1, 1, init.scaled(0.0), use_bias=False, name="conv3")

    def call(self, x, training=False):
        h = self._act(self.conv1(x, training=training), training)
        h = self._act(self.conv2(h, training=training), training)
        return x + self.conv3(h, training=training)


class Start(Block):
    """[n, inputs] -> [n, h, w, c]: a learnt image, each channel of it times a linear function of the inputs."""

    def __init__(self, shape: tuple[int, int, int], init: Initializers, **kwargs):
        super().__init__(**kwargs)
        self._shape, self._init = shape, keras.initializers.RandomNormal(stddev=1.0, seed=init().seed)
        self.dense = Dense(shape[2], init.scaled(LINEAR), use_bias=False, name="dense")

    def build(self, shape):
        self.basis = self.add_weight(shape=self._shape, initializer=self._init, name="basis", autocast=False)

    def call(self, x, training=False):
        self.output_size = self._shape
        scale = self.dense(x, training=training)
        return tf.cast(self.basis.value, x.dtype) * scale[:, tf.newaxis, tf.newaxis]


class End(Block):
    """[n, h, w, c] -> [n, c]: each channel's weighted sum over space, with learnt weights (a depthwise convolution)."""

    def __init__(self, shape: tuple[int, int], init: Initializers, **kwargs):
        super().__init__(**kwargs)
        std = 1 / math.sqrt(shape[0] * shape[1])
        self._shape, self._init = shape, keras.initializers.RandomNormal(stddev=std, seed=init().seed)

    def build(self, shape):
        self.basis = self.add_weight(
            shape=(*self._shape, shape[-1]), initializer=self._init, name="basis", autocast=False
        )

    def call(self, x, training=False):
        del training
        self.output_size = (x.shape[-1],)
        return tf.reduce_sum(x * tf.cast(self.basis.value, x.dtype), [1, 2])

    def flops(self):
        return 2 * self.basis.shape[0] * self.basis.shape[1] * self.basis.shape[2]


def _blocks(network, width: int, act: str, total: int, place: int) -> list[ResidualBlock]:
    """The residual blocks of one image size, `place` counted from the network's input."""
    return [
        ResidualBlock(width, network.new_init, act, total, name=f"block{place}_{i}")
        for i in range(network.config.blocks)
    ]


class R3ganGenerator(Generator):
    """z (and the label's embedding) -> learnt start -> blocks at each size -> 1x1 convolution to pixels.

    Between sizes there are a 1x1 convolution and a doubling.
    """

    def __init__(self, config, data):
        super().__init__(config, data, INIT)
        plan = size_plan(*data.image_shape[:2], config.g_depth)
        widths = [config.g_width * min(WIDEST, 2**i) for i in range(len(plan) - 1, -1, -1)]
        linear, total = self.new_init.scaled(LINEAR), config.blocks * len(plan)
        self.start = Start((*plan[0], widths[0]), self.new_init, name="start")
        self.stages, self.transitions, self._sizes = [], [], plan[1:]
        for i, width in enumerate(widths):
            if i:
                self.transitions.append(Conv(width, 1, 1, linear, use_bias=False, name=f"up{i}"))
            self.stages.append(_blocks(self, width, config.g_activation, total, i))
        self.output_layer = Conv(data.image_shape[2], 1, 1, linear, name="image")

    def raw_images(self, x, label, training, draw):
        del label, draw
        x = self.start(x, training=training)
        for i, blocks in enumerate(self.stages):
            if i:
                # A 1x1 convolution may as well come before the doubling, on a quarter of the pixels.
                x = smoothly_doubled(self.transitions[i - 1](x, training=training), self._sizes[i - 1], training)
            for block in blocks:
                x = block(x, training=training)
        return self.output_layer(x, training=training)


class R3ganDiscriminator(Discriminator):
    """1x1 convolution of pixels -> blocks at each size -> a learnt sum over space; the head is the base's.

    Between sizes there are a halving and a 1x1 convolution.
    """

    def __init__(self, config, data):
        super().__init__(config, data, INIT, spectral=False)

    def _make_trunk(self) -> int:
        config, data = self.config, self.data
        height, width, _ = data.image_shape
        plan = size_plan(height, width, config.d_depth)[::-1]
        widths = [config.d_width * min(WIDEST, 2**i) for i in range(len(plan))]
        linear, total = self.new_init.scaled(LINEAR), config.blocks * len(plan)
        # The transition to each size: from pixels to the first.
        self.transitions = [
            Conv(width, 1, 1, linear, use_bias=False, name=f"down{i}" if i else "pixels")
            for i, width in enumerate(widths)
        ]
        self.stages = [_blocks(self, width, config.d_activation, total, i) for i, width in enumerate(widths)]
        self.end = End(plan[-1], self.new_init, name="end")
        self.label_init: Any = self.new_init.scaled(LINEAR / math.sqrt(widths[-1]))
        return widths[-1]

    def trained_stages(self):
        return [[one, *blocks] for one, blocks in zip(self.transitions, self.stages, strict=True)]

    def trunk(self, x, label, training, draw):
        del draw
        x = self._with_label_maps(x, label)
        for i, (transition, blocks) in enumerate(zip(self.transitions, self.stages, strict=True)):
            x = transition(smoothly_halved(x) if i else x, training=training)
            for block in blocks:
                x = block(x, training=training)
        return self.end(x, training=training)


ARCHITECTURE = Architecture(
    R3ganGenerator,
    R3ganDiscriminator,
    settings=base.SETTINGS - {"g_init", "d_init"}
    | {"g_width", "d_width", "g_depth", "d_depth", "g_activation", "d_activation", "blocks"},
    defaults={"g_width": 16, "d_width": 16},
    check=resnet.check,
)
