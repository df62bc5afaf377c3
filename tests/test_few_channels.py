"""Convolutions of few channels against TensorFlow's plain ones, in float64: values, gradients, gradients of gradients."""
import numpy as np
import pytest
import tensorflow as tf

from tfgan_train.models import few_channels

SIZES = [(28, 28), (8, 12), (14, 14), (7, 6)]  # blocks of 4, of 4, of 2, none


def _filled(*shape):
    return tf.constant(np.random.default_rng(sum(shape)).standard_normal(shape))


def _all_of(function, x, kernel):
    """y, the gradients of sum(w y^2) and, as in a gradient penalty, the kernel's and w's of ||its gradient by x||^2."""
    with tf.GradientTape(persistent=True) as outer:
        outer.watch([x, kernel])
        with tf.GradientTape(persistent=True) as inner:
            inner.watch([x, kernel])
            y = function(x, kernel)
            loss = tf.reduce_sum(y * y * _filled(*y.shape))
        to_x, to_kernel = inner.gradient(loss, [x, kernel])
        penalty = tf.reduce_sum(to_x ** 2) + tf.reduce_sum(to_kernel ** 2)
    return [y, to_x, to_kernel, *outer.gradient(penalty, [x, kernel])]


def _assert_same(ours, plain, x, kernel):
    for mine, theirs in zip(_all_of(ours, x, kernel), _all_of(plain, x, kernel), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10 * np.abs(theirs).max())


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_same_as_the_plain_convolutions(height, width, size, channels):
    few, many = _filled(2, height, width, channels), _filled(2, height, width, 6)
    half = _filled(2, -(-height // 2), -(-width // 2), 6)
    for stride in (1, 2):
        plain = lambda x, kernel, stride=stride: tf.nn.conv2d(x, kernel, stride, "SAME")
        ours = lambda x, kernel, stride=stride: few_channels.conv(x, kernel, stride)
        _assert_same(ours, plain, few, _filled(size, size, channels, 6))
        _assert_same(ours, plain, many, _filled(size, size, 6, channels))
    shape = [2, height, width, channels]
    _assert_same(lambda x, kernel: few_channels.up_conv(x, kernel, shape),
                 lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME"),
                 half, _filled(size, size, channels, 6))


def test_blocks_fill_the_vector_units():
    """A grey image goes in blocks of 4, a colour one of 2; no block where it doesn't fit or gains nothing."""
    assert [few_channels._block(*case) for case in [
        (1, (2, 28, 28, 1)), (3, (2, 64, 64, 3)), (1, (2, 30, 28, 1)), (1, (2, 7, 28, 1)), (16, (2, 28, 28, 16))]] == [4, 2, 2, 0, 0]
