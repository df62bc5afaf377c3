import numpy as np
import pytest
import tensorflow as tf

from tfgan_train.objective.averaging import ema_decay, ema_update


def test_average_equals_its_closed_form():
    values = [tf.Variable([1.0, 2.0]), tf.Variable(3.0)]
    averages = [tf.Variable(value) for value in values]
    expected = [value.numpy().astype(np.float64) for value in values]
    for step in range(5):
        for value in values:
            value.assign_add(tf.cos(value) + step)
        decay = 0.5 + 0.1 * step
        ema_update(averages, values, decay)
        for i, value in enumerate(values):
            expected[i] = decay * expected[i] + (1 - decay) * value.numpy()
            np.testing.assert_allclose(averages[i], expected[i], rtol=1e-6)


def test_without_decay_the_average_is_the_value():
    average = tf.Variable([1e-3, 7.0])
    ema_update([average], [tf.Variable([5.0, -2.0])], 0.0)
    np.testing.assert_allclose(average, [5.0, -2.0], rtol=1e-6)


def test_every_variable_needs_its_average():
    with pytest.raises(ValueError):
        ema_update([tf.Variable(1.0)], [], 0.5)


def test_half_life_is_counted_in_images():
    """After it, a value that was 1 and became 0 is at one half; whatever the batch."""
    for batch in (1, 64, 500):
        average, value = tf.Variable(1.0), tf.Variable(0.0)
        for _ in range(1000 // batch):
            ema_update([average], [value], ema_decay(10**6, batch, 1000.0))
        np.testing.assert_allclose(average, 0.5 ** (1000 // batch * batch / 1000), rtol=1e-4)


def test_warm_up_bounds_the_decay_of_a_young_run():
    for step in (0, 1, 50, 900, 10**7):
        decay = ema_decay(tf.constant(step, tf.int64), 64, 1e9)
        assert decay.dtype == tf.float32 and decay.shape == ()
        np.testing.assert_allclose(decay, min(0.5 ** (64 / 1e9), 1 - 10 / (step + 100)), rtol=1e-6)
    assert ema_decay(0, 64, 100.0) == np.float32(0.5**0.64)
    assert ema_decay(500, 64, 0) == 0


def test_a_half_life_may_be_a_tensor():
    for step, half_life in ((10**6, 800.0), (3, 800.0), (10**6, 0.0)):
        expected = ema_decay(step, 64, half_life)
        np.testing.assert_allclose(ema_decay(step, 64, tf.constant(half_life)), expected, rtol=1e-6)
