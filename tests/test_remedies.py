import numpy as np
import pytest
import scipy.spatial.distance
import tensorflow as tf

from tests import two_replicas
from tfgan_train.models.minibatch import minibatch_features
from tfgan_train.objective import regularizers


def _normal(seed, *shape):
    return tf.random.stateless_normal(shape, [seed, 0])


def test_feature_matching_is_the_squared_distance_of_the_means():
    real, fake = _normal(1, 6, 2, 3), _normal(2, 6, 2, 3)
    expected = np.square(real.numpy().astype(float).mean(0) - fake.numpy().mean(0)).sum()
    value = regularizers.feature_matching(real, fake)
    assert value.shape == () and value.dtype == tf.float32
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    half = regularizers.feature_matching(tf.cast(real, tf.bfloat16), tf.cast(fake, tf.bfloat16))
    assert half.dtype == tf.float32
    np.testing.assert_allclose(half, expected, rtol=0.05)


def test_minibatch_features_equal_scipys_distances():
    m = _normal(3, 7, 4, 5)
    expected = np.stack(
        [
            np.exp(-scipy.spatial.distance.cdist(kernel, kernel, "cityblock")).sum(1)
            for kernel in m.numpy().transpose(1, 0, 2)
        ],
        axis=1,
    )
    value = minibatch_features(m)
    assert value.shape == (7, 4)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_minibatch_features_tell_a_collapsed_batch_from_a_diverse_one():
    np.testing.assert_allclose(minibatch_features(tf.ones((8, 2, 3))), 8.0)
    apart = 100.0 * tf.reshape(tf.range(48, dtype=tf.float32), (8, 2, 3))
    np.testing.assert_allclose(minibatch_features(apart), 1.0)


def test_minibatch_features_gradient_equals_finite_differences():
    m = _normal(4, 3, 2, 2)
    direction = _normal(5, 3, 2, 2)
    with tf.GradientTape() as tape:
        tape.watch(m)
        value = tf.reduce_sum(minibatch_features(m) ** 2)
    slope = tf.reduce_sum(tape.gradient(value, m) * direction)
    ahead, behind = (tf.reduce_sum(minibatch_features(m + size * direction) ** 2) for size in (1e-2, -1e-2))
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-2, rtol=1e-2)


def test_historical_averaging_is_the_gradient_of_its_term():
    variables = [tf.Variable(_normal(6, 3)), tf.Variable(_normal(7, 2, 2))]
    history = [tf.Variable(_normal(8, 3)), tf.Variable(_normal(9, 2, 2))]
    with tf.GradientTape() as tape:
        term = 0.3 * tf.add_n([tf.reduce_sum((v - h) ** 2) for v, h in zip(variables, history, strict=True)])
    for ours, expected in zip(
        regularizers.historical_averaging(variables, history, 0.3), tape.gradient(term, variables), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_history_is_the_mean_of_all_that_was():
    variable, count = tf.Variable([1.0, -1.0]), tf.Variable(0, dtype=tf.int64)
    history = [tf.Variable(variable)]
    past = [variable.numpy()]
    for step in range(6):
        variable.assign_add([0.5 * step, 2.0])
        count.assign_add(1)
        past.append(variable.numpy())
        regularizers.update_history(history, [variable], count)
        np.testing.assert_allclose(history[0], np.mean(past, axis=0), rtol=1e-6)


def _on_two_replicas(strategy):
    """Each is a function of the global batch, and so are the summed gradients."""
    real = _normal(1, 6, 2, 2)
    # A replica's loss is its share, for gradients are summed.
    _check(
        strategy,
        lambda fake, first, share: share * regularizers.feature_matching(real[first : first + len(fake)], fake),
    )
    _check(
        strategy,
        lambda fake, first, share: tf.reduce_sum(
            minibatch_features(fake) ** 2 * tf.reshape(tf.range(6.0), (6, 1))[first : first + len(fake)]
        ),
    )
    _check(strategy, _penalised)


def _penalised(fake, first, share):
    """As a gradient penalty on a D with minibatch discrimination: a second derivative."""
    del first, share
    with tf.GradientTape() as tape:
        tape.watch(fake)
        value = tf.reduce_sum(minibatch_features(fake) ** 2)
    return tf.reduce_sum(tape.gradient(value, fake) ** 2)


def _check(strategy, function):
    fake = _normal(2, 6, 2, 2)

    @tf.function
    def both():
        def replica():
            first = 3 * tf.distribute.get_replica_context().replica_id_in_sync_group
            mine = fake[first : first + 3]
            with tf.GradientTape() as tape:
                tape.watch(mine)
                value = function(mine, first, 0.5)
            return value, tape.gradient(value, mine)

        return tf.nest.map_structure(strategy.experimental_local_results, strategy.run(replica))

    with tf.GradientTape() as tape:
        tape.watch(fake)
        expected = function(fake, 0, 1.0)
    values, gradients = both()
    np.testing.assert_allclose(tf.add_n(values), expected, rtol=1e-5)
    np.testing.assert_allclose(tf.concat(gradients, 0), tape.gradient(expected, fake), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_on_two_replicas_features_are_compared_over_the_global_batch():
    two_replicas.run("test_remedies", "_on_two_replicas")
