"""Convolutions of large kernels against TensorFlow's plain ones, in float64: values, gradients, gradients of gradients."""
import pytest
import tensorflow as tf

from tests.same_convolution import assert_same, filled
from tfgan_train.models import few_channels, large_kernels


@pytest.fixture
def small(monkeypatch):
    """Kernels of 4 channels to 6 count as large, so that float64 is quick."""
    monkeypatch.setattr(large_kernels, "_LEAST_PAIRS", 24)


@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("height, width", [(8, 6), (7, 8)])
def test_same_as_the_plain_convolutions(small, height, width, size):
    kernel, x, half = filled(size, size, 4, 6), filled(2, height, width, 4), filled(2, -(-height // 2), -(-width // 2), 6)
    for stride in (1, 2):
        assert_same(lambda x, kernel, stride=stride: large_kernels.conv(x, kernel, stride),
                    lambda x, kernel, stride=stride: tf.nn.conv2d(x, kernel, stride, "SAME"), x, kernel)
    shape = [2, height, width, 4]
    assert_same(lambda x, kernel: large_kernels.up_conv(x, kernel, shape),
                lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME"), half, kernel)


def _operations(function, *arguments) -> set[str]:
    return {operation.type for operation in tf.function(function).get_concrete_function(*arguments).graph.get_operations()}


@pytest.mark.parametrize("inputs, outputs, patches", [(256, 512, True), (128, 256, False)])
def test_only_large_kernels_are_taken_apart(inputs, outputs, patches):
    """What training calls, with the channels of a 64x64 DCGAN's last layers: does it lay patches out, or use TensorFlow's own gradient?"""
    x, half = tf.zeros([2, 8, 8, inputs]), tf.zeros([2, 4, 4, outputs])
    kernel = tf.zeros([4, 4, inputs, outputs])
    for call, image in ((lambda x, k: few_channels.conv(x, k, 2), x), (lambda x, k: few_channels.up_conv(x, k, [2, 8, 8, inputs]), half)):
        found = _operations(lambda x, k: tf.gradients(tf.reduce_sum(call(x, k) ** 2), k), image, kernel)
        assert ("ExtractImagePatches" in found, "Conv2DBackpropFilter" in found) == (patches, not patches)


def test_patches_that_would_fill_the_memory_are_not_made():
    x, kernel = tf.TensorSpec([512, 32, 32, 256]), tf.TensorSpec([5, 5, 256, 512])
    found = _operations(lambda x, k: tf.gradients(tf.reduce_sum(large_kernels.conv(x, k, 2) ** 2), k), x, kernel)
    assert "ExtractImagePatches" not in found
