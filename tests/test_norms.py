"""Batch normalisation where |mean| >> std: on two replicas as on one, and as float64 says, gradients included."""

import numpy as np
import pytest

from tests import two_replicas
from tfgan_train.models.norms import BatchNorm

N, UNITS, EPSILON = 64, 3, 1e-5
# Activations near 1000 are multiples of 6e-5 in float32, so y of the order 1 can't be told more exactly; the gradients
# are sums of such. E[x^2] - E[x]^2 in float32 is off by up to 0.06 there.
TOLERANCE = 5e-4


def _inputs():
    """x [N, UNITS] with mean 1000 and standard deviation 1, gamma, beta, and weights of the sum that is differentiated.

    All are float32.
    """
    random = np.random.default_rng(0)
    x = 1000 + random.standard_normal((N, UNITS))
    return [
        array.astype(np.float32)
        for array in (
            x,
            1 + 0.3 * random.standard_normal(UNITS),
            random.standard_normal(UNITS),
            random.standard_normal((N, UNITS)),
        )
    ]


def _expected():
    """float64: y, moving mean and variance after one step, and the gradients of sum(weights * y) to x, gamma and beta.

    The gradient to x is that of Ioffe & Szegedy 2015, section 3, worked out for the sum.
    """
    x, gamma, beta, weights = (array.astype(np.float64) for array in _inputs())
    mean, variance = x.mean(0), x.var(0)
    scale = 1 / np.sqrt(variance + EPSILON)
    normal = (x - mean) * scale
    to_normal = weights * gamma
    to_x = scale * (to_normal - to_normal.mean(0) - normal * (to_normal * normal).mean(0))
    return {
        "y": normal * gamma + beta,
        "mean": 0.1 * mean,
        "variance": 0.9 + 0.1 * variance,
        "to_x": to_x,
        "to_gamma": (weights * normal).sum(0),
        "to_beta": weights.sum(0),
    }


def _measured(strategy):
    """The same by the layer, half of the batch on each replica of the strategy."""
    import tensorflow as tf

    x, gamma, beta, weights = _inputs()
    replicas = strategy.num_replicas_in_sync
    with strategy.scope():
        layer = BatchNorm(epsilon=EPSILON)
        layer.build((None, UNITS))
        layer.gamma.assign(gamma)
        layer.beta.assign(beta)

    def split(array):
        parts = np.split(array, replicas)
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    @tf.function
    def step(x, weights):
        def on_replica(x, weights):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
                loss = tf.reduce_sum(weights * y)
            return [y, *tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])]

        return strategy.run(on_replica, (x, weights))

    y, to_x, to_gamma, to_beta = (
        [part.numpy() for part in strategy.experimental_local_results(value)]
        for value in step(split(x), split(weights))
    )
    return {
        "y": np.concatenate(y),
        "to_x": np.concatenate(to_x),
        "to_gamma": sum(to_gamma),
        "to_beta": sum(to_beta),
        "mean": layer.mean.numpy(),
        "variance": layer.variance.numpy(),
    }


def _agrees(strategy):
    for name, value in _measured(strategy).items():
        expected = _expected()[name]
        np.testing.assert_allclose(
            value, expected, rtol=0, atol=TOLERANCE * max(1, np.abs(expected).max()), err_msg=name
        )


def test_one_replica_agrees_with_float64():
    import tensorflow as tf

    _agrees(tf.distribute.get_strategy())


@pytest.mark.slow
def test_two_replicas_agree_with_float64():
    two_replicas.run("test_norms", "_agrees")


def test_the_statistics_of_one_pass_would_not_pass():
    """What the tolerance is worth: the difference of squares misses float64's variance by far more."""
    x = _inputs()[0]
    one_pass = np.square(x).mean(0, dtype=np.float32) - np.square(x.mean(0, dtype=np.float32))
    assert np.abs(one_pass - x.astype(np.float64).var(0)).max() > 20 * TOLERANCE


def test_statistics_written_here_are_those_of_a_numerical_derivative():
    """The closed form above against central differences in float64, so that it isn't its own witness."""
    x, gamma, beta, weights = (array.astype(np.float64) for array in _inputs())

    def total(x):
        return (weights * ((x - x.mean(0)) / np.sqrt(x.var(0) + EPSILON) * gamma + beta)).sum()

    for place in ((0, 0), (17, 2)):
        up, down = x.copy(), x.copy()
        up[place] += 1e-4
        down[place] -= 1e-4
        assert _expected()["to_x"][place] == pytest.approx((total(up) - total(down)) / 2e-4, rel=1e-5, abs=1e-6)
