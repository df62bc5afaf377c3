"""Convolutions of few channels against TensorFlow's, in float64: values, gradients, gradients of gradients."""

import pytest
import tensorflow as tf

from tests.same_convolution import assert_same, filled
from tfgan_train.models import blocked_conv

SIZES = [(28, 28), (8, 12), (14, 14), (7, 6)]  # blocks of 4, of 4, of 2, none


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_same_as_the_plain_convolutions(height, width, size, channels):
    few, many = filled(2, height, width, channels), filled(2, height, width, 6)
    half = filled(2, -(-height // 2), -(-width // 2), 6)
    for stride in (1, 2):

        def plain(x, kernel, stride=stride):
            return tf.nn.conv2d(x, kernel, stride, "SAME")

        def ours(x, kernel, stride=stride):
            return blocked_conv.conv(x, kernel, stride)

        assert_same(ours, plain, few, filled(size, size, channels, 6))
        assert_same(ours, plain, many, filled(size, size, 6, channels))
    shape = [2, height, width, channels]
    assert_same(
        lambda x, kernel: blocked_conv.up_conv(x, kernel, shape),
        lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME"),
        half,
        filled(size, size, channels, 6),
    )


def test_blocks_fill_the_vector_units():
    """A grey image goes in blocks of 4, a colour one of 2; no block where it doesn't fit or gains nothing."""
    assert [
        blocked_conv._block(*case)
        for case in [
            (1, (2, 28, 28, 1)),
            (3, (2, 64, 64, 3)),
            (1, (2, 30, 28, 1)),
            (1, (2, 7, 28, 1)),
            (16, (2, 28, 28, 16)),
        ]
    ] == [4, 2, 2, 0, 0]
