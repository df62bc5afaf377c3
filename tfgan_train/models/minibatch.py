"""Minibatch discrimination as a layer of D."""
import tensorflow as tf

from tfgan_train.models.layers import Block, Initializers
from tfgan_train.remedies import minibatch_features

KERNEL_SIZE = 5  # Salimans et al. 2016 used 50 kernels of 5 dimensions


class MinibatchDiscrimination(Block):
    """features [n, F] -> how near each example is to the others of its batch [n, kernels].

    Salimans et al. 2016, section 3.2. The batch is the global one, whatever the number of replicas.
    """

    def __init__(self, kernels: int, init: Initializers, **kwargs):
        super().__init__(**kwargs)
        self._kernels, self._init = kernels, init()

    def build(self, shape):
        self.tensor = self.add_weight(shape=(shape[-1], self._kernels * KERNEL_SIZE), initializer=self._init,
                                      name="tensor", autocast=False)

    def call(self, features):
        self.output_size = (self._kernels,)
        m = tf.matmul(tf.cast(features, tf.float32), self.tensor.value)
        return tf.cast(minibatch_features(tf.reshape(m, [-1, self._kernels, KERNEL_SIZE])), features.dtype)

    def flops(self):
        return 2 * self.tensor.shape[0] * self.tensor.shape[1]
