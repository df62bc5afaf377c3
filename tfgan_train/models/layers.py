"""The blocks that the architectures share; knows nothing of losses, data or flags.

Weights are float32 always. A block computes in the type of its input, so a network picks
its precision by casting what goes in. Nothing here keeps a random state: dropout takes
its mask from the step's `Draw`.
"""

import zlib
from collections.abc import Callable

import keras
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.models import blocked_conv
from tfgan_train.ops.custom_gradient import custom_gradient
from tfgan_train.ops.replicas import assign

# A value of `training` between its two: a network is looked at as it is in training, on batches of real or of
# fake images with their own statistics, but nothing is dropped and no variable moves.
WATCHED = "watched"


class Initializers:
    """Hands out weight initialisers, each with a seed of its own.

    Args:
      kind: `normal:STD`, `uniform:LIMIT`, `glorot`, `he` or `orthogonal`.
      seed: the run's seed.
      network: name mixed into the seeds, so that G and D start independently.
    """

    def __init__(self, kind: str, seed: int, network: str):
        self._kind, self._seed, self._network, self._count = kind, seed, network, 0

    def __call__(self) -> keras.initializers.Initializer:
        self._count += 1
        seed = zlib.crc32(f"{self._seed}/{self._network}/{self._count}".encode())
        name, _, scale = self._kind.partition(":")
        return INITIALIZERS[name](seed, float(scale) if scale else None)

    def scaled(self, factor: float) -> Callable[[], keras.initializers.Initializer]:
        """Hands out initialisers of this kind, `factor` times as large."""
        return lambda: _Scaled(self(), factor)


class _Scaled(keras.initializers.Initializer):
    def __init__(self, inner: keras.initializers.Initializer, factor: float):
        self._inner, self._factor, self.seed = inner, factor, inner.seed

    def __call__(self, shape, dtype=None):
        return self._inner(shape, dtype) * self._factor


SCALED = ("normal", "uniform")  # initialisers that take a number, as normal:0.02
INITIALIZERS = {
    "normal": lambda seed, std: keras.initializers.RandomNormal(stddev=0.02 if std is None else std, seed=seed),
    "uniform": lambda seed, limit: keras.initializers.RandomUniform(
        -(0.05 if limit is None else limit), 0.05 if limit is None else limit, seed=seed
    ),
    "glorot": lambda seed, _: keras.initializers.GlorotUniform(seed=seed),
    # He et al. 2015 without Keras' truncation: N(0, sqrt(2 / fan_in)).
    "he": lambda seed, _: keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=seed),
    "orthogonal": lambda seed, _: keras.initializers.Orthogonal(seed=seed),
}


def _relu(x, slope: float, training):
    """max(x, slope x); in training with a gradient whose own gradient by x is None, not TensorFlow's zeros.

    Zeros would be sent all the way back through a network that is judged for a gradient penalty alone (WGAN-GP,
    DRAGAN). Only training has this: a custom gradient leaves a node in graphs, which exports are to be without.
    """
    plain = (lambda x: tf.nn.leaky_relu(x, slope)) if slope else tf.nn.relu
    if not training:
        return plain(x)

    @custom_gradient
    def function(x):
        kept = tf.stop_gradient(x)
        return plain(x), lambda dy: tf.raw_ops.LeakyReluGrad(gradients=dy, features=kept, alpha=slope)

    return function(x)


# (x, the number after the colon or None, training) -> y
ACTIVATIONS = {
    "relu": lambda x, _, training: _relu(x, 0.0, training),
    "leaky_relu": lambda x, slope, training: _relu(x, 0.2 if slope is None else slope, training),
    "elu": lambda x, *_: tf.nn.elu(x),
    "gelu": lambda x, *_: tf.nn.gelu(x),
    "swish": lambda x, *_: tf.nn.silu(x),
    "tanh": lambda x, *_: tf.tanh(x),
    # Goodfellow et al. 2013: the largest of K linear pieces.
    "maxout": lambda x, pieces, _: tf.reduce_max(
        tf.reshape(x, [-1, *x.shape[1:-1], x.shape[-1] // int(pieces), int(pieces)]), -1
    ),
}
TAKE_A_NUMBER = ("leaky_relu", "maxout")  # a slope, and the number of pieces


def activation(spec: str) -> tuple[Callable, int]:
    """`name` or `name:number` -> (function of x and training, how many inputs make one output unit).

    Raises:
      UserError: for an unknown name, a bad number, or one that the activation doesn't take.
    """
    name, _, number = spec.partition(":")
    if name not in ACTIVATIONS:
        raise UserError(
            f"unknown activation '{spec}'; legal: {', '.join(ACTIVATIONS)}, "
            "with a number after a colon where one applies (leaky_relu:0.2, maxout:5)"
        )
    try:
        value = float(number) if number else None
    except ValueError:
        raise UserError(f"activation '{spec}': '{number}' is not a number") from None
    if number and name not in TAKE_A_NUMBER:
        raise UserError(f"activation '{spec}': {name} takes no number")
    pieces = 1
    if name == "maxout":
        if value is None or value < 2 or value != int(value):
            raise UserError(f"activation '{spec}': maxout wants its pieces, as in maxout:5")
        pieces = int(value)
    return (lambda x, training=False: ACTIVATIONS[name](x, value, training)), pieces


class Block(keras.layers.Layer):
    """A layer that leaves its input's type alone and knows its own cost."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, dtype="float32", **kwargs)
        self.output_size: tuple = ()

    def build(self, shape):
        """Makes nothing: a layer of layers has no variables of its own. Without this, Keras would trace `call`."""

    def flops(self) -> int:
        """Multiplications and additions for one example, forward."""
        return 0


class _Weighted(Block):
    """A kernel, a bias and, if asked for, the kernel's spectral normalisation."""

    def __init__(self, init: Callable[[], keras.initializers.Initializer], use_bias: bool, spectral: bool, **kwargs):
        super().__init__(**kwargs)
        self._kernel_init, self._use_bias, self._spectral = init(), use_bias, spectral

    def _add_weights(self, shape, outputs):
        self.kernel = self.add_weight(shape=shape, initializer=self._kernel_init, name="kernel", autocast=False)
        self.bias = (
            self.add_weight(shape=(outputs,), initializer="zeros", name="bias", autocast=False)
            if self._use_bias
            else None
        )
        if self._spectral:
            self.u = power_iteration_start(self, outputs, self._kernel_init.seed)

    def _kernel(self, x, training):
        kernel = self.kernel.value
        if self._spectral:
            kernel = spectrally_normalised(kernel, self.u.value, training)
        return tf.cast(kernel, x.dtype)

    def _finish(self, y):
        self.output_size = tuple(y.shape[1:])
        return y if self.bias is None else tf.nn.bias_add(y, tf.cast(self.bias.value, y.dtype))


class Dense(_Weighted):
    """[n, inputs] -> [n, units]."""

    def __init__(
        self, units: int, init: Callable[[], keras.initializers.Initializer], use_bias=True, spectral=False, **kwargs
    ):
        super().__init__(init, use_bias, spectral, **kwargs)
        self._units = units

    def build(self, shape):
        self._add_weights((shape[-1], self._units), self._units)

    def call(self, x, training=False):
        return self._finish(tf.matmul(x, self._kernel(x, training)))

    def flops(self):
        return 2 * self.kernel.shape[0] * self._units


class Conv(_Weighted):
    """[n, h, w, inputs] -> [n, ceil(h/stride), ceil(w/stride), channels], 'SAME' padding.

    With `groups`, the i-th part of the output channels sees the i-th part of the input channels alone.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        stride: int,
        init: Callable[[], keras.initializers.Initializer],
        use_bias=True,
        spectral=False,
        groups: int = 1,
        **kwargs,
    ):
        super().__init__(init, use_bias, spectral, **kwargs)
        self._channels, self._size, self._stride, self._groups = channels, size, stride, groups

    def build(self, shape):
        self._add_weights((self._size, self._size, shape[-1] // self._groups, self._channels), self._channels)

    def call(self, x, training=False):
        kernel = self._kernel(x, training)
        blocked = training and self._groups == 1
        y = blocked_conv.conv(x, kernel, self._stride) if blocked else tf.nn.conv2d(x, kernel, self._stride, "SAME")
        return self._finish(y)

    def flops(self):
        height, width, _ = self.output_size
        return 2 * height * width * self._size**2 * self.kernel.shape[2] * self._channels


class UpConv(_Weighted):
    """Transposed convolution of stride 2 to a given size: [n, h, w, inputs] -> [n, *size, channels].

    `size` is (2h or 2h-1, 2w or 2w-1), so any image size can be reached.
    """

    def __init__(self, channels: int, kernel: int, size: tuple[int, int], init: Initializers, use_bias=True, **kwargs):
        super().__init__(init, use_bias, spectral=False, **kwargs)
        self._channels, self._size, self._image = channels, kernel, size

    def build(self, shape):
        self._inputs = shape
        # tf.nn.conv2d_transpose wants [height, width, outputs, inputs].
        self._add_weights((self._size, self._size, self._channels, shape[-1]), self._channels)

    def call(self, x, training=False):
        batch = x.shape[0] if x.shape[0] is not None else tf.shape(x)[0]
        kernel, shape = self._kernel(x, training), [batch, *self._image, self._channels]
        return self._finish(
            blocked_conv.up_conv(x, kernel, shape) if training else tf.nn.conv2d_transpose(x, kernel, shape, 2)
        )

    def flops(self):
        return 2 * self._inputs[1] * self._inputs[2] * self._size**2 * self._inputs[3] * self._channels


class Embedding(Block):
    """Labels (see `of_label`) -> float32 [n, size]; with `spectral` the table [classes, size] is normalised."""

    def __init__(
        self,
        num_classes: int,
        size: int,
        init: Callable[[], keras.initializers.Initializer],
        spectral=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._shape, self._init, self._spectral = (num_classes, size), init(), spectral

    def build(self, shape):
        self.table = self.add_weight(shape=self._shape, initializer=self._init, name="table", autocast=False)
        if self._spectral:
            self.u = power_iteration_start(self, self._shape[1], self._init.seed)

    def call(self, label, training=False):
        self.output_size = (self._shape[1],)
        table = self.table.value
        if self._spectral:
            table = spectrally_normalised(table, self.u.value, training)
        return of_label(table, label)


def of_label(table, label):
    """Rows of a table [classes, size] by labels int32 [n], or mixed by weights float32 [n, classes]: [n, size].

    Attributes float32 [n, attributes] are such weights: a linear layer without a bias.
    """
    return tf.matmul(label, table) if label.dtype.is_floating else tf.gather(table, label)


def power_iteration_start(layer: Block, outputs: int, seed: int):
    """The variable `u` [1, outputs] of `spectrally_normalised`, as a weight of `layer`."""
    start = keras.initializers.RandomNormal(seed=seed)
    return layer.add_weight(shape=(1, outputs), initializer=start, name="u", trainable=False, autocast=False)


def spectrally_normalised(kernel, u, training: bool):
    """`kernel` over its largest singular value (Miyato et al. 2018, algorithm 1).

    One power iteration on `u` [1, outputs] in each training call; `u` stays as it is otherwise.
    """
    matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
    v = tf.math.l2_normalize(tf.matmul(u, matrix, transpose_b=True), epsilon=1e-12)
    new_u = tf.math.l2_normalize(tf.matmul(v, matrix), epsilon=1e-12)
    v, new_u = tf.stop_gradient(v), tf.stop_gradient(new_u)
    if training and training != WATCHED:
        assign(u, new_u)
    return kernel / tf.reduce_sum(tf.matmul(v, matrix) * new_u)


def condition_on(x, label, embedding: Embedding | None):
    """[n, units] -> [n, units + embedding], or `x` as it is for unconditional networks."""
    if embedding is None:
        return x
    return tf.concat([x, tf.cast(embedding(label), x.dtype)], -1)


def squash(x, kind: str):
    """Raw outputs -> float32 pixels in [-1, 1], by tanh or by a sigmoid stretched to it."""
    x = tf.cast(x, tf.float32)
    return tf.tanh(x) if kind == "tanh" else 2.0 * tf.sigmoid(x) - 1.0
