"""Doubling and halving of images, alone and together with a 3x3 convolution.

Sizes may be odd: doubling goes to 2h or 2h - 1, halving to ceil(h / 2). A convolution that follows a doubling by
nearest neighbours, or comes before a halving by means, is one of stride 2 with a 4x4 kernel: 16 products instead
of 36 for each pixel of the smaller image, and the same numbers.
"""

import numpy as np
import tensorflow as tf

from tfgan_train.models import blocked_conv
from tfgan_train.models.layers import Conv, Initializers

# Which of a 3x3 kernel's taps are summed at each of the 4x4 places, 0 or 1: on one axis, and on both.
_AXIS = np.eye(4, 3) + np.eye(4, 3, -1)
_PLACES = np.kron(_AXIS, _AXIS)


def doubled(x, size: tuple[int, int]):
    """[n, h, w, c] -> [n, *size, c] by nearest neighbours, in operations that every export format has."""
    height, width, channels = x.shape[1:]
    x = tf.reshape(tf.concat([x, x], -1), [-1, height, 2 * width * channels])
    x = tf.reshape(tf.concat([x, x], -1), [-1, 2 * height, 2 * width, channels])
    return x[:, : size[0], : size[1]]


def halved(x):
    """[n, h, w, c] -> [n, ceil(h/2), ceil(w/2), c], the mean of each 2x2 pixels, or of those that there are."""
    return tf.nn.avg_pool2d(x, 2, 2, "SAME")


def smoothly_doubled(x, size: tuple[int, int], training=False):
    """[n, h, w, c] -> [n, *size, c] by bilinear interpolation, the pixels' middles in place."""
    _, height, width, channels = x.shape
    if training:
        return _resampled(x, _bilinear(height)[: size[0]], _bilinear(width)[: size[1]])
    # What is exported has no products of constants: both sides' neighbours as further channels, which a reshape
    # makes pixels.
    before, after = tf.concat([x[:, :, :1], x[:, :, :-1]], 2), tf.concat([x[:, :, 1:], x[:, :, -1:]], 2)
    x = tf.reshape(
        tf.concat([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], -1), [-1, height, 2 * width * channels]
    )
    before, after = tf.concat([x[:, :1], x[:, :-1]], 1), tf.concat([x[:, 1:], x[:, -1:]], 1)
    x = tf.concat([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], -1)
    return tf.reshape(x, [-1, 2 * height, 2 * width, channels])[:, : size[0], : size[1]]


def smoothly_halved(x):
    """[n, h, w, c] -> [n, ceil(h/2), ceil(w/2), c] by the filter 1, 3, 3, 1 on both axes; edges are repeated."""
    return _resampled(x, _halving(x.shape[1]), _halving(x.shape[2]))


def _resampled(x, rows: np.ndarray, columns: np.ndarray):
    """[n, h, w, c] -> [n, H, W, c] by matrices [H, h] and [W, w] of sums over each axis.

    On a CPU the gradient of slices, whose kernels copy number by number, takes far longer (BUILD_NOTES.md, The step).
    """
    _, height, width, channels = x.shape
    x = tf.matmul(tf.constant(columns, x.dtype), tf.reshape(x, [-1, width, channels]))
    x = tf.matmul(tf.constant(rows, x.dtype), tf.reshape(x, [-1, height, len(columns) * channels]))
    return tf.reshape(x, [-1, len(rows), len(columns), channels])


def _bilinear(side: int) -> np.ndarray:
    """[2 side, side]: each pixel's two halves, three quarters its own and a quarter their neighbour's."""
    pixels = np.arange(side)[:, np.newaxis]
    return _sums(np.stack([pixels + [0, 0, 0, -1], pixels + [0, 0, 0, 1]], 1).reshape(-1, 4), side)


def _halving(side: int) -> np.ndarray:
    """[ceil(side / 2), side]: pixels by the filter 1, 3, 3, 1."""
    return _sums(2 * np.arange((side + 1) // 2)[:, np.newaxis] + [-1, 0, 0, 0, 1, 1, 1, 2], side)


def _sums(places: np.ndarray, side: int) -> np.ndarray:
    """[n, side]: the mean of the pixels at each row's `places`, of which those outside are the edge's."""
    return np.eye(side)[places.clip(0, side - 1)].mean(1)


class ConvOfDoubled(Conv):
    """[n, h, w, inputs] -> [n, *size, channels]: doubles by nearest neighbours, then convolves by a 3x3 kernel.

    `size` is (2h or 2h-1, 2w or 2w-1); an odd one is the beginning of the even one.
    """

    def __init__(self, channels: int, size: tuple[int, int], init: Initializers, use_bias=True, **kwargs):
        super().__init__(channels, 3, 1, init, use_bias, **kwargs)
        self._image = size

    def call(self, x, training=False):
        self._inputs, (height, width) = x.shape, self._image
        kernel = self._kernel(x, training)
        if not training:  # What is exported has its kernels as they are: quantisers want constants.
            large = doubled(x, (2 * x.shape[1], 2 * x.shape[2]))
            return self._finish(tf.nn.conv2d(large, kernel, 1, "SAME")[:, :height, :width])
        batch = x.shape[0] if x.shape[0] is not None else tf.shape(x)[0]
        # A convolution's transpose turns the kernel round.
        kernel = tf.transpose(four_by_four(tf.reverse(kernel, [0, 1])), [0, 1, 3, 2])
        return self._finish(blocked_conv.up_conv(x, kernel, [batch, height, width, self._channels]))

    def flops(self):
        return 2 * self._inputs[1] * self._inputs[2] * 16 * self._inputs[3] * self._channels


class HalvedConv(Conv):
    """[n, h, w, inputs] -> [n, ceil(h/2), ceil(w/2), channels]: convolves by a 3x3 kernel, then takes means of 2x2.

    At an odd side's end the last mean is of the convolution's values there and one pixel beyond.
    """

    def __init__(self, channels: int, init: Initializers, use_bias=True, spectral=False, **kwargs):
        super().__init__(channels, 3, 2, init, use_bias, spectral, **kwargs)

    def call(self, x, training=False):
        kernel = four_by_four(self._kernel(x, training)) / 4
        return self._finish(blocked_conv.conv(x, kernel, 2) if training else tf.nn.conv2d(x, kernel, 2, "SAME"))

    def flops(self):
        height, width, _ = self.output_size
        return 2 * height * width * 16 * self.kernel.shape[2] * self._channels


def four_by_four(kernel):
    """[3, 3, inputs, outputs] -> [4, 4, inputs, outputs], the sum of the kernel at each place of 2x2."""
    # A product, for the reason of `_resampled`: slices of large kernels took a quarter of a step.
    inputs, outputs = kernel.shape[2:]
    sums = tf.matmul(tf.constant(_PLACES, kernel.dtype), tf.reshape(kernel, [9, -1]))
    return tf.reshape(sums, [4, 4, inputs, outputs])
