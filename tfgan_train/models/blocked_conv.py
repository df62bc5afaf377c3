"""Convolutions to or from images of few channels, for a CPU: the same sums in an order that fills its vector units.

A CPU's convolutions work on 16 output channels at once, so that one that makes a grey image leaves 15 of 16
lanes idle: it costs as much as one to 16 channels. Here each 4x4 block of pixels (2x2 with colours) is
16 (12) channels of a coarser image, made by one wider kernel with the same weights and zeros in it, and then
laid out as pixels (a "sub-pixel" convolution, Shi et al. 2016, arXiv:1609.05158). Results differ by rounding only.

The gradient by a grey image is such a convolution too: D's first layer has it in every update of G and in every
gradient penalty. Training alone uses these; what is exported holds the plain operations. All can be
differentiated twice. Where channels are many on both sides, `patch_conv` has its say.
"""

import numpy as np
import tensorflow as tf

from tfgan_train.models import patch_conv
from tfgan_train.ops.custom_gradient import custom_gradient

_LANES = 16  # float32 in one AVX-512 register


def conv(x, kernel, stride: int):
    """tf.nn.conv2d(x, kernel, stride, "SAME") of float [n, h, w, inputs] and [k, k, inputs, outputs]; static h, w."""
    inputs, outputs = kernel.shape[2:]
    if stride == 1 and (block := _block(outputs, x.shape)):
        return _conv_to_few(x, kernel, block)
    if stride == 2 and (block := _block(inputs, x.shape)):
        return _conv_from_few(x, kernel, block)
    return patch_conv.conv(x, kernel, stride)


def up_conv(x, kernel, shape):
    """tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME") of float [n, h, w, inputs] and [k, k, outputs, inputs].

    Args:
      shape: [n, 2h or 2h - 1, 2w or 2w - 1, outputs], all but n static.
    """
    if block := _block(kernel.shape[2], shape):
        return _up_conv_to_few(x, kernel, block)
    return patch_conv.up_conv(x, kernel, shape)


def _block(channels, shape) -> int:
    """The side of the blocks for an image of few `channels` and this shape, or 0 where blocks gain nothing."""
    if tf.config.list_logical_devices("GPU"):
        return 0
    fitting = (block for block in (4, 2) if block**2 * channels <= _LANES and shape[1] % block == shape[2] % block == 0)
    return next(fitting, 0)


def _conv_to_few(x, kernel, block):
    size, _, inputs, outputs = kernel.shape
    before = (size - 1) // 2
    widen = _widening(size, block, block, lambda pixel, position: position - pixel + before)

    @custom_gradient
    def function(x, kernel):
        wide = _widened(kernel, widen)

        def gradient(dy):
            d_wide = _filter_gradient(x, wide.shape, tf.nn.space_to_depth(dy, block), block)
            d_wide = tf.reshape(d_wide, [*wide.shape[:2], inputs, block**2, outputs])
            d_taps = tf.reshape(tf.transpose(d_wide, [0, 1, 3, 2, 4]), [-1, inputs * outputs])
            d_kernel = tf.matmul(tf.constant(widen.reshape(-1, size**2), dy.dtype), d_taps, transpose_a=True)
            return tf.nn.conv2d_transpose(dy, kernel, tf.shape(x), 1, "SAME"), tf.reshape(d_kernel, kernel.shape)

        return tf.nn.depth_to_space(tf.nn.conv2d(x, wide, block, "SAME"), block), gradient

    return function(x, kernel)


def _up_conv_to_few(x, kernel, block):
    size = kernel.shape[0]
    before = max(size - 2, 0) // 2
    widen = _widening(size, block, block // 2, lambda pixel, position: pixel - 2 * position + before)

    @custom_gradient
    def function(x, kernel):
        wide = _widened(tf.transpose(kernel, [0, 1, 3, 2]), widen)

        def gradient(dy):
            return tf.nn.conv2d(dy, kernel, 2, "SAME"), _filter_gradient(dy, kernel.shape, x, 2)

        return tf.nn.depth_to_space(tf.nn.conv2d(x, wide, block // 2, "SAME"), block), gradient

    return function(x, kernel)


def _conv_from_few(x, kernel, block):
    @custom_gradient
    def function(x, kernel):
        def gradient(dy):
            return _up_conv_to_few(dy, kernel, block), _filter_gradient(x, kernel.shape, dy, 2)

        return tf.nn.conv2d(x, kernel, 2, "SAME"), gradient

    return function(x, kernel)


def _widening(size, block, stride, tap):
    """Which of a kernel's taps stands where in the wider kernel: 0 or 1, float32 [e, e, block^2, size^2].

    Args:
      size: side of the kernel.
      stride: of the wider kernel.
      tap: (pixel in the block, position in the input from the block's first) -> the tap that joins them, on one
        axis; no tap has that number where nothing joins them.
    """
    reach = range(-2 * size, 2 * size + block)
    used = [position for position in reach if any(0 <= tap(pixel, position) < size for pixel in range(block))]
    before, after = -used[0], used[-1] - stride + 1
    # "SAME" pads both sides alike, or by one more behind.
    before = max(before, after - 1)
    after = max(after, before)
    axis = np.array(
        [
            [[tap(pixel, position) == t for t in range(size)] for pixel in range(block)]
            for position in range(-before, stride + after)
        ],
        np.float32,
    )
    return np.einsum("ert,fsu->efrstu", axis, axis).reshape(len(axis), len(axis), block**2, size**2)


def _widened(kernel, widen):
    """[k, k, inputs, outputs] -> [e, e, inputs, block^2 outputs]."""
    positions, _, pixels, taps = widen.shape
    inputs, outputs = kernel.shape[2:]
    flat = tf.matmul(tf.constant(widen.reshape(-1, taps), kernel.dtype), tf.reshape(kernel, [taps, -1]))
    by_pixel = tf.reshape(flat, [positions, positions, pixels, inputs, outputs])
    return tf.reshape(tf.transpose(by_pixel, [0, 1, 3, 2, 4]), [positions, positions, inputs, pixels * outputs])


def _filter_gradient(x, shape, dy, stride):
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=shape, out_backprop=dy, strides=[1, stride, stride, 1], padding="SAME"
    )
