"""Convolutions of large kernels against TensorFlow's, in float64: values, gradients, gradients of gradients."""

import pytest
import tensorflow as tf

from tests.same_convolution import assert_same, filled
from tfgan_train.models import blocked_conv, patch_conv


@pytest.fixture
def small(monkeypatch):
    """Kernels of 4 channels to 6 count as large, and float64 counts as bfloat16: the check is quick and exact."""
    monkeypatch.setattr(patch_conv, "_LEAST_PAIRS", 24)
    monkeypatch.setattr(patch_conv, "_TYPES", (tf.float64,))
    monkeypatch.setattr(patch_conv, "_MOST_PLACES", 64)


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("height, width", [(8, 6), (7, 8)])
def test_same_as_the_plain_convolutions(small, height, width, size):
    kernel, x, half = (
        filled(size, size, 4, 6),
        filled(2, height, width, 4),
        filled(2, -(-height // 2), -(-width // 2), 6),
    )
    for stride in (1, 2):
        assert_same(
            lambda x, kernel, stride=stride: patch_conv.conv(x, kernel, stride),
            lambda x, kernel, stride=stride: tf.nn.conv2d(x, kernel, stride, "SAME"),
            x,
            kernel,
        )
    shape = [2, height, width, 4]
    assert_same(
        lambda x, kernel: patch_conv.up_conv(x, kernel, shape),
        lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME"),
        half,
        kernel,
    )


def _kernel_gradients(function, x, kernel) -> set[str]:
    """The operations that a kernel's gradient is made of."""
    gradient = tf.function(lambda x, kernel: tf.gradients(tf.reduce_sum(function(x, kernel) ** 2), kernel))
    types = {operation.type for operation in gradient.get_concrete_function(x, kernel).graph.get_operations()}
    return types & {"ExtractImagePatches", "Conv2DBackpropFilter"}


@pytest.mark.parametrize(
    "dtype, side, inputs, outputs, patches",
    [
        ("bfloat16", 8, 256, 512, True),
        ("float32", 8, 256, 512, False),
        ("bfloat16", 16, 256, 512, False),
        ("bfloat16", 8, 64, 128, False),
    ],
)
def test_what_training_calls_lays_patches_out_only_where_they_gain(dtype, side, inputs, outputs, patches):
    x, half = tf.zeros([2, side, side, inputs], dtype), tf.zeros([2, side // 2, side // 2, outputs], dtype)
    kernel = tf.zeros([4, 4, inputs, outputs], dtype)
    expected = {"ExtractImagePatches" if patches else "Conv2DBackpropFilter"}
    assert _kernel_gradients(lambda x, kernel: blocked_conv.conv(x, kernel, 2), x, kernel) == expected
    assert (
        _kernel_gradients(lambda x, kernel: blocked_conv.up_conv(x, kernel, [2, side, side, inputs]), half, kernel)
        == expected
    )
