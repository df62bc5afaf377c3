"""Half precision in the step: its direction, its loss scale, and the updates that it skips."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train.models.variables import trainable

pytestmark = pytest.mark.slow


def _weights(training):
    return [
        variable.numpy()
        for network in (training.gan.generator, training.gan.discriminator)
        for variable in trainable(network)
    ]


@pytest.mark.parametrize("precision, tolerance", [("bfloat16", 0.1), ("float16", 0.05)])
def test_half_precision_moves_as_float32_does(precision, tolerance, eagerly):
    """The direction of a descent step; the rounding of products (2^-8, 2^-11) is what is left."""
    moved = {}
    for name in ("float32", precision):
        training = tiny.Training(precision=name, g_optimizer="sgd", d_optimizer="sgd", g_lr=0.1, d_lr=0.1)
        start = _weights(training)
        training.run()
        assert all(variable.dtype == tf.float32 for variable in training.gan.generator.variables)
        moved[name] = np.concatenate([(new - old).ravel() for new, old in zip(_weights(training), start, strict=True)])
    difference = np.linalg.norm(moved[precision] - moved["float32"]) / np.linalg.norm(moved["float32"])
    assert 0 < difference < tolerance


def test_an_overflowed_update_is_skipped_and_the_loss_scale_halved(eagerly):
    training = tiny.Training(precision="float16")
    training.gan.loss_scale.assign(2.0**60)
    before = _weights(training)
    training.run()
    for old, new in zip(before, _weights(training), strict=True):
        np.testing.assert_array_equal(old, new)
    assert training.gan.loss_scale.numpy() == 2.0**58  # once for D, once for G
    assert training.gan.g_optimizer.count.numpy() == training.gan.d_optimizer.count.numpy() == 0
    assert training.gan.step.numpy() == 1


def test_the_loss_scale_doubles_after_2000_good_updates(eagerly):
    training = tiny.Training(precision="float16")
    training.gan.loss_scale.assign(2.0**8)
    training.gan.scale_age.assign(1998)
    training.run()  # D's update is the 1,999th, G's the 2,000th
    assert training.gan.loss_scale.numpy() == 2.0**9
    training.run()
    assert training.gan.loss_scale.numpy() == 2.0**9
    assert training.gan.scale_age.numpy() == 2


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_gradients_are_unscaled_by_the_scale_they_were_scaled_with(update, eagerly):
    """Where D's update changes the scale, G's gradients of the same pass still have the old one."""
    norms = []
    for age in (0, 1999):
        training = tiny.Training(precision="float16", update=update)
        training.gan.loss_scale.assign(2.0**8)
        training.gan.scale_age.assign(age)
        norms.append(training.run()[0]["g_grad_norm"])
    np.testing.assert_allclose(norms[0], norms[1], rtol=0.02)


def test_a_penalty_of_tiny_gradients_is_that_of_float32(eagerly):
    """D's gradient by a pixel is some 1e-8 here, which float16 has no number for: without a scale it would be 0."""
    found = {}
    for name in ("float32", "float16"):
        training = tiny.Training(precision=name, d_norm="none", d_init="normal:0.003", penalty="r1")
        found[name] = training.run()[0]["penalty"]
    assert 0 < found["float32"] < 12 * 16 * 16 * 1e-14
    np.testing.assert_allclose(found["float16"], found["float32"], rtol=0.01)
