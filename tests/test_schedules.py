import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_train.objective import schedules

_STEPS = (0, 1, 10, 333, 999, 1000, 1200)


@pytest.mark.parametrize(
    "name, reference",
    [
        ("linear", keras.optimizers.schedules.PolynomialDecay(0.3, 1000, 0.0)),
        ("cosine", keras.optimizers.schedules.CosineDecay(0.3, 1000)),
        ("exponential", keras.optimizers.schedules.ExponentialDecay(0.3, 1, 0.99)),
        ("constant", lambda step: 0.3),
    ],
)
def test_equal_keras(name, reference):
    for step in _STEPS:
        ours = schedules.rate(name, 0.3, tf.constant(step, tf.int64), 1000, decay=0.99)
        assert ours.dtype == tf.float32 and ours.shape == ()
        np.testing.assert_allclose(ours, reference(step), rtol=1e-4, atol=1e-7, err_msg=str(step))


def test_every_schedule_starts_at_the_base_rate():
    for name in schedules.SCHEDULES:
        assert schedules.rate(name, 0.25, 0, 1000, decay=0.99) == 0.25


def test_a_decay_near_one_keeps_its_digits_and_stops_at_the_floor():
    """The first paper's: 0.1, divided by 1.000004 each update, down to 1e-6."""
    for step in (1, 1000, 500_000, 2_000_000):
        rate = schedules.rate("exponential", 0.1, step, 10**7, decay=1 / 1.000004, floor=1e-6)
        np.testing.assert_allclose(rate, 0.1 * 1.000004**-step, rtol=2e-6)
    assert schedules.rate("exponential", 0.1, 9_000_000, 10**7, 1 / 1.000004, 1e-6) == 1e-6


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_floor_is_a_rate_not_a_share(name):
    assert schedules.rate(name, 0.1, 1000, 1000, floor=0.02) == np.float32(0.02)
    assert schedules.rate(name, 0.1, 1, 1000, floor=0.02) > 0.099


def test_warm_up_is_linear_and_meets_the_schedule():
    rates = [schedules.rate("linear", 0.2, step, 100, warmup_steps=4).numpy() for step in range(8)]
    expected = [0.2 * (1 - step / 100) * min(1, (step + 1) / 4) for step in range(8)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
    assert rates[0] > 0  # a first step that moves nothing would be wasted


def test_cool_down_takes_any_schedule_to_zero():
    rates = [
        schedules.rate("exponential", 0.2, step, 100, decay=0.99, floor=0.1, cooldown_steps=4).numpy()
        for step in range(90, 101)
    ]
    expected = [max(0.2 * 0.99**step, 0.1) * min(1, (100 - step) / 4) for step in range(90, 101)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
    assert rates[-2] > 0 == rates[-1]


def test_momentum_ramp():
    for step, expected in ((-1, 0.5), (0, 0.5), (62.5, 0.55), (125, 0.6), (250, 0.7), (300, 0.7)):
        assert math.isclose(schedules.momentum(step, 0.5, 0.7, 250), expected, rel_tol=1e-6)


def test_in_a_graph_the_step_is_a_tensor():
    @tf.function
    def both(step):
        return schedules.rate("cosine", 0.1, step, 10), schedules.momentum(step, 0.1, 0.9, 10)

    assert both(tf.constant(5, tf.int64))[0].numpy() == pytest.approx(0.05)
    assert both(tf.constant(5, tf.int64))[1].numpy() == pytest.approx(0.5)
    assert both.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("start, end", [(2e-4, 5e-5), (0.0, 0.55), (0.9, 0.99)])
def test_a_burn_in_is_half_a_cosine_between_two_values(start, end):
    for step in (0, 1, 250, 500, 999, 1000, 5000):
        done = min(step / 1000, 1)
        expected = start + (end - start) * math.sin(math.pi * done / 2) ** 2
        value = schedules.burn_in(tf.constant(step, tf.int64), start, end, 1000)
        assert value.dtype == tf.float32 and value.shape == ()
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)
    assert schedules.burn_in(7, start, end, 1000) != start
    assert schedules.burn_in(7, -1, end, 1000) == end
