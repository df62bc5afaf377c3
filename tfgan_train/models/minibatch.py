"""Minibatch discrimination as a layer of D."""

import tensorflow as tf

from tfgan_train.models.layers import Block, Initializers
from tfgan_train.ops.replicas import gather_over_replicas

KERNEL_SIZE = 5  # Salimans et al. 2016 used 50 kernels of 5 dimensions


class MinibatchDiscrimination(Block):
    """features [n, F] -> how near each example is to the others of its batch [n, kernels].

    Salimans et al. 2016, section 3.2. The batch is the global one, whatever the number of replicas.
    """

    def __init__(self, kernels: int, init: Initializers, **kwargs):
        super().__init__(**kwargs)
        self._kernels, self._init = kernels, init()

    def build(self, shape):
        self.tensor = self.add_weight(
            shape=(shape[-1], self._kernels * KERNEL_SIZE), initializer=self._init, name="tensor", autocast=False
        )

    def call(self, features):
        self.output_size = (self._kernels,)
        m = tf.matmul(tf.cast(features, tf.float32), self.tensor.value)
        return tf.cast(minibatch_features(tf.reshape(m, [-1, self._kernels, KERNEL_SIZE])), features.dtype)

    def flops(self):
        return 2 * self.tensor.shape[0] * self.tensor.shape[1]


def minibatch_features(m) -> tf.Tensor:
    """How near each example is to those of the global batch, [n, B]: section 3.2.

    Args:
      m: [n, B, C], each example's features times a learnt tensor: B kernels of C dimensions.

    Returns:
      float32 o with o[i, b] = sum over j of exp(-||m[i, b] - m[j, b]||_1), from 1 to the global batch N.
      The sum takes in j = i, as the paper's does. It needs n N B C numbers.
    """
    m = tf.cast(m, tf.float32)
    distance = tf.reduce_sum(tf.abs(m[:, tf.newaxis] - gather_over_replicas(m)[tf.newaxis]), axis=3)
    return tf.reduce_sum(tf.exp(-distance), axis=1)
