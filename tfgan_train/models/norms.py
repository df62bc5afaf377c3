"""Normalisation layers; batch statistics are those of the global batch."""

import numpy as np
import tensorflow as tf

from tfgan_train.models.layers import WATCHED, Block, of_label
from tfgan_train.ops.replicas import assign


class BatchNorm(Block):
    """Batch normalisation (Ioffe & Szegedy 2015) over all axes but the last.

    With several replicas the statistics are those of the whole batch, so a run doesn't
    depend on their number. On one replica TensorFlow's fused kernel does the work.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self._momentum, self._epsilon = momentum, epsilon

    def build(self, shape):
        def weight(name, start, trainable):
            return self.add_weight(
                shape=(shape[-1],), initializer=start, name=name, trainable=trainable, autocast=False
            )

        self.gamma, self.beta = weight("gamma", "ones", True), weight("beta", "zeros", True)
        self.mean, self.variance = weight("mean", "zeros", False), weight("variance", "ones", False)

    def call(self, x, training=False):
        return self._normalised(x, self.gamma.value, self.beta.value, training)

    def _normalised(self, x, gamma, beta, training):
        self.output_size = tuple(x.shape[1:])
        if not training:
            return self._affine(x, gamma, beta)
        replicas = tf.distribute.get_replica_context()
        if replicas.num_replicas_in_sync == 1:
            y, mean, variance = fused_batch_norm(x, gamma, beta, self._epsilon)
        else:
            y, mean, variance = self._over_replicas(x, gamma, beta, replicas)
        if training == WATCHED:
            return y
        for moving, now in ((self.mean.value, mean), (self.variance.value, variance)):
            assign(moving, moving * self._momentum + tf.stop_gradient(now) * (1 - self._momentum))
        return y

    def _affine(self, x, gamma, beta):
        scale = gamma * tf.math.rsqrt(self.variance.value + self._epsilon)
        return x * tf.cast(scale, x.dtype) + tf.cast(beta - self.mean.value * scale, x.dtype)

    def _over_replicas(self, x, gamma, beta, replicas):
        """The mean first, then the deviations from it: E[x^2] - E[x]^2 would be rounding where |mean| >> std."""

        def mean_of(values):
            local = tf.reduce_mean(values, list(range(len(x.shape) - 1)))
            return replicas.all_reduce(tf.distribute.ReduceOp.MEAN, local)

        wide = tf.cast(x, tf.float32)
        mean = mean_of(wide)
        centred = wide - mean
        variance = mean_of(tf.square(centred))
        y = centred * (gamma * tf.math.rsqrt(variance + self._epsilon)) + beta
        return tf.cast(y, x.dtype), mean, variance


def fused_batch_norm(x, gamma, beta, epsilon: float):
    """Batch normalisation over all axes but the last of one replica's float x, by TensorFlow's fused kernel.

    Args:
      gamma, beta: float32 [channels].

    Returns:
      (y, mean, variance): y as x; the batch's biased moments, float32 [channels].
    """
    image = x if len(x.shape) == 4 else tf.reshape(x, [-1, 1, 1, x.shape[-1]])
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=image,
        scale=gamma,
        offset=beta,
        mean=[],
        variance=[],
        epsilon=epsilon,
        is_training=True,
    )
    # The kernel reports the unbiased variance; the moving one is of the biased kind.
    count = tf.cast(tf.size(image) // image.shape[-1], tf.float32)
    y = y if image is x else tf.reshape(y, tf.shape(x))
    return y, mean, variance * (count - 1) / count


class ConditionalBatchNorm(BatchNorm):
    """Batch normalisation with a scale and a shift for each label (Dumoulin et al. 2017, arXiv:1610.07629, equation 5).

    Images [n, h, w, c] and labels int32 [n] -> [n, h, w, c]. The statistics are of all labels together.
    """

    def __init__(self, num_classes: int, **kwargs):
        super().__init__(**kwargs)
        self._num_classes = num_classes

    def build(self, shape):
        def weight(name, size, start, trainable):
            return self.add_weight(shape=size, initializer=start, name=name, trainable=trainable, autocast=False)

        table, channels = (self._num_classes, shape[-1]), (shape[-1],)
        self.gamma, self.beta = weight("gamma", table, "ones", True), weight("beta", table, "zeros", True)
        self.mean, self.variance = weight("mean", channels, "zeros", False), weight("variance", channels, "ones", False)

    def call(self, x, label, training=False):
        channels = x.shape[-1]
        y = self._normalised(x, tf.ones([channels]), tf.zeros([channels]), training)
        scale, shift = (
            tf.cast(tf.reshape(of_label(table.value, label), [-1, 1, 1, channels]), x.dtype)
            for table in (self.gamma, self.beta)
        )
        return y * scale + shift


class AttributeBatchNorm(BatchNorm):
    """Batch normalisation whose scale and shift are affine in an attribute vector, which several labels at once need.

    Images [n, h, w, c] and attributes a, float32 [n, attributes], normalised to x: (gamma + a S) x + beta + a B.
    ConditionalBatchNorm is the same for one-hot a.
    """

    def __init__(self, attributes: int, **kwargs):
        super().__init__(**kwargs)
        self._attributes = attributes

    def build(self, shape):
        super().build(shape)
        self.scale, self.shift = (
            self.add_weight(shape=(self._attributes, shape[-1]), initializer="zeros", name=name, autocast=False)
            for name in ("scale", "shift")
        )

    def call(self, x, attributes, training=False):
        channels = x.shape[-1]
        y = self._normalised(x, tf.ones([channels]), tf.zeros([channels]), training)
        scale, shift = (
            tf.cast(tf.reshape(start.value + tf.matmul(attributes, by.value), [-1, 1, 1, channels]), x.dtype)
            for start, by in ((self.gamma, self.scale), (self.beta, self.shift))
        )
        return y * scale + shift


class LayerNorm(Block):
    """Layer normalisation (Ba et al. 2016): each example by itself, over all its units."""

    def __init__(self, axes: tuple[int, ...] | None = None, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self._axes, self._epsilon = axes, epsilon

    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma", autocast=False)
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta", autocast=False)

    def call(self, x, training=False):
        self.output_size = tuple(x.shape[1:])
        axes = self._axes or tuple(range(1, len(x.shape)))
        wide = tf.cast(x, tf.float32)
        mean, variance = tf.nn.moments(wide, axes, keepdims=True)
        y = (wide - mean) * tf.math.rsqrt(variance + self._epsilon)
        return tf.cast(y * self.gamma.value + self.beta.value, x.dtype)


class GroupNorm(LayerNorm):
    """Group normalisation (Wu & He 2018, arXiv:1803.08494, equation 7): each example's channels in groups.

    There are `groups`, or the most below that divide the channels.
    """

    def __init__(self, groups: int = 32, epsilon: float = 1e-5, **kwargs):
        super().__init__(epsilon=epsilon, **kwargs)
        self._groups = groups

    def call(self, x, training=False):
        self.output_size = tuple(x.shape[1:])
        channels = x.shape[-1]
        groups = next(count for count in range(min(self._groups, channels), 0, -1) if channels % count == 0)
        pixels = int(np.prod(x.shape[1:-1]))
        wide = tf.reshape(tf.cast(x, tf.float32), [-1, pixels, groups, channels // groups])
        mean, variance = tf.nn.moments(wide, (1, 3), keepdims=True)
        y = tf.reshape((wide - mean) * tf.math.rsqrt(variance + self._epsilon), [-1, *x.shape[1:]])
        return tf.cast(y * self.gamma.value + self.beta.value, x.dtype)


def norm(kind: str, image: bool, name: str = "norm") -> Block | None:
    """The layer for a flag's value, or None for `none` and `spectral` (which acts on weights).

    Instance normalisation (Ulyanov et al. 2016) of a dense layer would erase it, so it is
    that of the layer there.
    """
    if kind == "batch":
        return BatchNorm(name=name)
    if kind == "layer":
        return LayerNorm(name=name)
    if kind == "instance":
        return LayerNorm(axes=(1, 2) if image else None, name=name)
    if kind == "group":
        return GroupNorm(name=name)
    return None
