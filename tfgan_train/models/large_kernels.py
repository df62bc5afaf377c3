"""Convolutions of many channels to many, for a CPU: the gradient of a large kernel as one matrix product.

TensorFlow's own kernel for that gradient keeps all of it at hand while it goes over the images, which a core's cache
doesn't hold for 256 channels to 512: it takes twice as long as the convolution, whose sums are the same, and
in bfloat16 six times (BUILD_NOTES.md). Here every place's patch of the input is laid out as a row, so that a product of
two matrices, which works in blocks, does the sums. Results differ by rounding only. All can be differentiated twice.
"""
import tensorflow as tf

_LEAST_PAIRS = 2**17        # of input and output channels; with a quarter of them the patches cost what the product saves
_MOST_PATCH_VALUES = 2**26  # 256 MB in float32


def conv(x, kernel, stride: int):
    """tf.nn.conv2d(x, kernel, stride, "SAME") of float [n, h, w, inputs] and [k, k, inputs, outputs], h and w static."""
    places = -(-x.shape[1] // stride) * -(-x.shape[2] // stride)
    if not _gains(kernel, x.shape[0], places):
        return tf.nn.conv2d(x, kernel, stride, "SAME")
    return _conv(x, kernel, stride)


def up_conv(x, kernel, shape):
    """tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME") of float [n, h, w, inputs] and [k, k, outputs, inputs].

    Args:
      shape: [n, 2h or 2h - 1, 2w or 2w - 1, outputs], all but n static.
    """
    if not _gains(kernel, x.shape[0], x.shape[1] * x.shape[2]):
        return tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME")
    return _transposed(x, kernel, shape, 2)


def _gains(kernel, batch, places: int) -> bool:
    """Whether patches pay, for a batch known beforehand (a training batch is) on a CPU."""
    size, _, narrow, wide = kernel.shape
    return (batch is not None and narrow * wide >= _LEAST_PAIRS and batch * places * size**2 * narrow <= _MOST_PATCH_VALUES
            and not tf.config.list_logical_devices("GPU"))


def _conv(x, kernel, stride):
    @tf.custom_gradient
    def function(x, kernel):
        return tf.nn.conv2d(x, kernel, stride, "SAME"), lambda dy: (
            _transposed(dy, kernel, x.shape, stride), _kernel_gradient(x, kernel.shape, dy, stride))
    return function(x, kernel)


def _transposed(x, kernel, shape, stride):
    @tf.custom_gradient
    def function(x, kernel):
        return tf.nn.conv2d_transpose(x, kernel, shape, stride, "SAME"), lambda dy: (
            _conv(dy, kernel, stride), _kernel_gradient(dy, kernel.shape, x, stride))
    return function(x, kernel)


def _kernel_gradient(x, shape, dy, stride):
    """The gradient by a kernel of `shape` [k, k, inputs, outputs] of sum(dy * conv2d(x, kernel, stride, "SAME"))."""
    size, _, inputs, outputs = shape
    patches = tf.image.extract_patches(x, [1, size, size, 1], [1, stride, stride, 1], [1, 1, 1, 1], "SAME")
    rows, columns = tf.reshape(patches, [-1, size**2 * inputs]), tf.reshape(dy, [-1, outputs])
    return tf.reshape(tf.matmul(rows, columns, transpose_a=True), shape)
