"""A generator of styles, for any image size: StyleGAN2 (Karras et al. 2020, arXiv:1912.04958).

A mapping network makes w of z; w scales the channels of every convolution's input, and each scale of the image adds
its part to the pixels (skip outputs). Kernels are shared by a batch: scaling the input and dividing the output is what
kernels of each example's own would do (section 2.2), and costs one convolution. There are no noise inputs, so that z
alone makes the image. D is that of `resnet`. Doubling is by nearest neighbours before a 3x3 convolution, where the
authors filter too; their path length penalty and mixing in training are left out.
"""

import itertools
import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgan_train.models import base, dcgan, resnet
from tfgan_train.models.architecture import Architecture
from tfgan_train.models.base import Generator
from tfgan_train.models.dcgan import WIDEST, size_plan
from tfgan_train.models.layers import Block, Conv, Initializers, activation, of_label, squash
from tfgan_train.models.resampling import ConvOfDoubled, smoothly_doubled
from tfgan_train.ops.replicas import all_reduce_sum, assign

INIT = "normal:1"  # rates are equalised: a weight's size at the start is in the layer's constants (PGGAN, section 4.1)
SLOPE = "leaky_relu:0.2"
KEPT = 0.995  # of w's average at each batch, as the authors' code has it
EPSILON = 1e-8


def normalised(x):
    """[n, m] -> the same direction at length sqrt(m)."""
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + EPSILON)


def _act(x, training):
    """Leaky ReLU, times sqrt(2) to keep the variance."""
    return activation(SLOPE)[0](x, training) * math.sqrt(2)


class Equalised(Block):
    """[n, inputs] -> [n, units] = rate (x kernel / sqrt(inputs) + bias), a dense layer.

    The kernel starts at variance 1 / rate^2, so that `rate` says how much an update moves the output and not what it is
    at the start (Karras et al. 2019, appendix C).
    """

    def __init__(self, units: int, init: Initializers, rate: float = 1.0, bias: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self._units, self._rate, self._bias_start = units, rate, keras.initializers.Constant(bias / rate)
        self._kernel_init = init.scaled(1 / rate)()

    def build(self, shape):
        self._gain = self._rate / math.sqrt(shape[-1])
        self.kernel = self.add_weight(
            shape=(shape[-1], self._units), initializer=self._kernel_init, name="kernel", autocast=False
        )
        self.bias = self.add_weight(shape=(self._units,), initializer=self._bias_start, name="bias", autocast=False)

    def call(self, x):
        self.output_size = (self._units,)
        return tf.matmul(x, self.kernel.value) * self._gain + self.bias.value * self._rate

    def matrix(self) -> np.ndarray:
        """What x is multiplied by, float32 [inputs, units]."""
        return self.kernel.numpy() * self._gain

    def flops(self):
        return 2 * self.kernel.shape[0] * self._units


class Mapping(Block):
    """z [n, latent_dim] and the labels' embedding [n, m], both normalised -> w [n, latent_dim]; all float32.

    Keeps w's moving average, one for each label: half-way between two labels lies neither's typical picture.
    """

    def __init__(self, units: int, depth: int, rate: float, num_classes: int, init: Initializers, **kwargs):
        super().__init__(**kwargs)
        self._shape = (max(num_classes, 1), units)
        self.stages = [Equalised(units, init, rate, name=f"dense{i}") for i in range(depth)]

    def build(self, shape):
        del shape
        self.average = self.add_weight(
            shape=self._shape, initializer="zeros", name="average", trainable=False, autocast=False
        )

    def call(self, z, label=None, embedded=None, training=False):
        w = normalised(z) if embedded is None else tf.concat([normalised(z), normalised(embedded)], -1)
        for stage in self.stages:
            w = _act(stage(w), training)
        self.output_size = self._shape[1:]
        if training:
            self._follow(tf.stop_gradient(w), label)
        return w

    def mean(self, label=None):
        """w's average [n, latent_dim] of each label; [1, latent_dim] without labels."""
        return self.average.value if label is None else of_label(self.average.value, label)

    def _follow(self, w, label):
        """Moves the average of each label that the global batch has."""
        chosen = tf.zeros([tf.shape(w)[0]], tf.int32) if label is None else label
        mine = tf.one_hot(chosen, self._shape[0])
        sums, counts = all_reduce_sum([tf.matmul(mine, w, transpose_a=True), tf.reduce_sum(mine, 0)])
        counts = counts[:, tf.newaxis]
        average = self.average.value
        now = tf.where(counts > 0, sums / tf.maximum(counts, 1.0), average)
        assign(average, KEPT * average + (1 - KEPT) * now)


class Constant(Block):
    """w -> a learnt image [1, *shape], the same for every w, in the type asked for."""

    def __init__(self, shape: tuple[int, int, int], dtype: tf.DType, init: Initializers, **kwargs):
        super().__init__(**kwargs)
        self._shape, self._type, self._init = shape, dtype, init()

    def build(self, shape):
        del shape
        self.basis = self.add_weight(shape=self._shape, initializer=self._init, name="basis", autocast=False)

    def call(self, w):
        del w
        self.output_size = self._shape
        return tf.cast(self.basis.value, self._type)[tf.newaxis]


class StyledConv(Block):
    """[n or 1, h, w, inputs] and w [n, latent_dim] -> what `conv` gives, of kernels scaled by each example's style.

    With the style s = affine(w) an example's kernel is k' = s k over its input channels, demodulated
    k' / sqrt(sum k'^2 + epsilon) for each output channel (equations 1 and 3). Scaling the input by s and the output by
    the root gives the same from one kernel.

    Args:
      conv: without a bias.
      inputs, outputs: numbers of channels.
      demodulate: whether outputs are brought to variance 1.
      gain: the factor of outputs that aren't.
    """

    def __init__(
        self, conv: Conv, inputs: int, outputs: int, init: Initializers, demodulate=True, gain: float = 1.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.conv, self._outputs, self._demodulate, self._gain = conv, outputs, demodulate, gain
        self.affine = Equalised(inputs, init, bias=1.0, name="affine")

    def build(self, x_shape, w_shape):
        del x_shape, w_shape
        self.bias = self.add_weight(shape=(self._outputs,), initializer="zeros", name="bias", autocast=False)

    @property
    def kernel(self):
        """The convolution's kernel, a Keras variable [k, k, inputs, outputs]."""
        return self.conv.kernel

    def call(self, x, w, training=False):
        style = self.affine(w)
        if not self._demodulate:
            style *= self._gain / math.sqrt(x.shape[-1])
        y = self.conv(x * tf.cast(style, x.dtype)[:, tf.newaxis, tf.newaxis], training=training)
        if self._demodulate:
            squares = tf.reduce_sum(tf.square(self.kernel.value), [0, 1])
            root = tf.math.rsqrt(tf.matmul(style * style, squares) + EPSILON)
            y *= tf.cast(root, y.dtype)[:, tf.newaxis, tf.newaxis]
        self.output_size = tuple(y.shape[1:])
        return tf.nn.bias_add(y, tf.cast(self.bias.value, y.dtype))


class StyleGenerator(Generator):
    """z, label -> w -> a learnt constant -> convolutions styled by w, two at each size, each size adding to the image.

    Attributes:
      latents: how many w make an image: one for each convolution, the last for the last pixels (as in the authors'
        code, a size's pixels share theirs with the next convolution).
    """

    def __init__(self, config, data):
        super().__init__(config, data, INIT)
        plan = size_plan(*data.image_shape[:2], config.g_depth)
        widths = [config.g_width * min(WIDEST, 2**i) for i in range(len(plan) - 1, -1, -1)]
        # With attributes one average is of all: few examples have the same ones.
        init, num_classes = self.new_init, data.num_classes if config.conditional else 0
        self.mapping = Mapping(
            config.latent_dim, config.mapping_depth, config.mapping_lr, num_classes, init, name="mapping"
        )
        self._sizes = plan[1:]
        self.constant = Constant((*plan[0], widths[0]), self._compute, init, name="constant")
        self.ups = [
            self._styled(ConvOfDoubled(b, size, init, use_bias=False, name="conv"), a, b, f"up{i}")
            for i, (size, (a, b)) in enumerate(zip(self._sizes, itertools.pairwise(widths), strict=True), 1)
        ]
        self.convs = [
            self._styled(Conv(c, 3, 1, init, use_bias=False, name="conv"), c, c, f"conv{i}")
            for i, c in enumerate(widths)
        ]
        self.output_layers = [self._pixels(c, len(plan), i) for i, c in enumerate(widths)]
        self.output_layer = self.output_layers[-1]
        self.latents = 2 * len(plan)

    def _styled(self, conv: Conv, inputs: int, outputs: int, name: str) -> StyledConv:
        return StyledConv(conv, inputs, outputs, self.new_init, name=name)

    def _pixels(self, inputs: int, sizes: int, i: int) -> StyledConv:
        """The 1x1 convolution to pixels; the sum over the sizes has variance 1 at most."""
        channels = self.data.image_shape[2]
        conv = Conv(channels, 1, 1, self.new_init, use_bias=False, name="conv")
        return StyledConv(conv, inputs, channels, self.new_init, False, 1 / math.sqrt(sizes), name=f"image{i}")

    def call(self, z, label=None, training=False, draw=None):
        del draw
        return self.images([self.styles(z, label, training)] * self.latents, training)

    def styles(self, z, label=None, training=False, truncation=None):
        """w, float32 [n, latent_dim].

        Args:
          truncation: float32 scalar or [n]; None: 1. w is brought so much nearer to its average, of the same label
            (Karras et al. 2019, appendix B): 0 gives the average itself.
        """
        # Keras makes tensors of what its own call is given, and this isn't it.
        label = None if label is None else self.condition(tf.convert_to_tensor(label))
        embedded = None if self.embedding is None else self.embedding(label)
        label = None if self.data.attributes else label
        w = self.mapping(self.scaled(tf.cast(z, tf.float32)), label, embedded, training=training)
        if truncation is None:
            return w
        mean = self.mapping.mean(label)
        share = tf.reshape(truncation, [-1, 1])
        return share * w + (1 - share) * mean  # exact at both ends

    def truncated(self, z, label, truncation):
        """Images of z whose w are truncated, see `styles`."""
        return self.images([self.styles(z, label, truncation=truncation)] * self.latents)

    def mixed(self, coarse, fine):
        """Images whose smaller sizes have the w of `coarse`, and the larger ones of `fine`; both [n, latent_dim].

        Style mixing (Karras et al. 2019, section 3.1): pose and shape are of the first, details and colours of the
        second.
        """
        smaller = self.latents // 2
        return self.images([coarse] * smaller + [fine] * (self.latents - smaller))

    def images(self, styles: Sequence[tf.Tensor], training=False):
        """float32 images [n, H, W, C] in [-1, 1].

        Args:
          styles: w [n, latent_dim] of each of the `latents` places, coarse before fine.
        """
        place = iter(styles)
        w = next(place)
        x = _act(self.convs[0](self.constant(w), w, training=training), training)
        w = next(place)
        image = tf.cast(self.output_layers[0](x, w, training=training), tf.float32)
        for size, up, conv, output in zip(self._sizes, self.ups, self.convs[1:], self.output_layers[1:], strict=True):
            x = _act(up(x, w, training=training), training)
            x = _act(conv(x, next(place), training=training), training)
            w = next(place)
            image = smoothly_doubled(image, size, training) + tf.cast(output(x, w, training=training), tf.float32)
        return squash(image, self.config.g_output)

    def style_matrix(self) -> np.ndarray:
        """float32 [latent_dim, channels of all styled layers]: what w is multiplied by, side by side (for SeFa)."""
        layers: list[StyledConv] = [block for block in self.blocks() if isinstance(block, StyledConv)]
        return np.concatenate([layer.affine.matrix() for layer in layers], 1)


def check(config, data, side: str) -> None:
    """Raises UserError for images or settings that its G, or D of residual blocks, can't take."""
    (dcgan.check if side == "g" else resnet.check)(config, data, side)


ARCHITECTURE = Architecture(
    StyleGenerator,
    resnet.ResnetDiscriminator,
    settings=base.SETTINGS - {"g_init"}
    | {"g_width", "g_depth", "mapping_depth", "mapping_lr"}
    | {"d_width", "d_depth", "d_norm", "d_activation", "d_dropout"},
    defaults={"g_width": 16, "d_width": 32},
    check=check,
)
