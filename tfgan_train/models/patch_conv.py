"""Convolutions of many channels onto few places, in bfloat16 on a CPU: the kernel's gradient as one matrix product.

TensorFlow's own gradient of a large kernel by 4x4 places or fewer takes longer in bfloat16 than in float32, where
everything else takes half the time (BUILD_NOTES.md). Here every place's patch of the input is laid out as a row, so
that a product of two matrices does the same sums. Results differ by rounding only. All can be differentiated twice.
"""

import tensorflow as tf

from tfgan_train.ops.custom_gradient import custom_gradient

_TYPES = (tf.bfloat16,)
_MOST_PLACES = 16
_LEAST_PAIRS = 2**15  # of input and output channels


def conv(x, kernel, stride: int):
    """tf.nn.conv2d(x, kernel, stride, "SAME") of float [n, h, w, inputs] and [k, k, inputs, outputs]; static h, w."""
    if not _gains(kernel, -(-x.shape[1] // stride) * -(-x.shape[2] // stride)):
        return tf.nn.conv2d(x, kernel, stride, "SAME")
    return _conv(x, kernel, stride)


def up_conv(x, kernel, shape):
    """tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME") of float [n, h, w, inputs] and [k, k, outputs, inputs].

    Args:
      shape: [n, 2h or 2h - 1, 2w or 2w - 1, outputs], all but n static.
    """
    if not _gains(kernel, x.shape[1] * x.shape[2]):
        return tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME")
    return _transposed(x, kernel, shape, 2)


def _gains(kernel, places: int) -> bool:
    pairs = kernel.shape[2] * kernel.shape[3]
    return (
        kernel.dtype in _TYPES
        and places <= _MOST_PLACES
        and pairs >= _LEAST_PAIRS
        and not tf.config.list_logical_devices("GPU")
    )


def _conv(x, kernel, stride):
    @custom_gradient
    def function(x, kernel):
        return tf.nn.conv2d(x, kernel, stride, "SAME"), lambda dy: (
            _transposed(dy, kernel, tf.shape(x), stride),
            _kernel_gradient(x, kernel.shape, dy, stride),
        )

    return function(x, kernel)


def _transposed(x, kernel, shape, stride):
    @custom_gradient
    def function(x, kernel):
        return tf.nn.conv2d_transpose(x, kernel, shape, stride, "SAME"), lambda dy: (
            _conv(dy, kernel, stride),
            _kernel_gradient(dy, kernel.shape, x, stride),
        )

    return function(x, kernel)


def _kernel_gradient(x, shape, dy, stride):
    """The gradient by a kernel of `shape` [k, k, inputs, outputs] of sum(dy * conv2d(x, kernel, stride, "SAME"))."""
    size, _, inputs, outputs = shape
    patches = tf.image.extract_patches(x, [1, size, size, 1], [1, stride, stride, 1], [1, 1, 1, 1], "SAME")
    rows, columns = tf.reshape(patches, [-1, size**2 * inputs]), tf.reshape(dy, [-1, outputs])
    return tf.reshape(tf.matmul(rows, columns, transpose_a=True), shape)
