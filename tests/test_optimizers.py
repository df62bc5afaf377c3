import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import two_replicas
from tfgan_train.objective import averaging, optimizers
from tfgan_train.ops.replicas import all_reduce_sum

_HYPER = types.SimpleNamespace(beta1=0.5, beta2=0.99, epsilon=1e-7, momentum=0.7, rho=0.95)
_RATES = (0.1, 0.1, 0.03, 0.03, 0.01)
_SHAPES = ((3, 4), (4,), ())


def _variables():
    return [tf.Variable(tf.random.stateless_normal(shape, [1, i]), name=f"w{i}") for i, shape in enumerate(_SHAPES)]


def _gradients(step):
    return [tf.random.stateless_normal(shape, [2 + step, i]) for i, shape in enumerate(_SHAPES)]


def _keras_optimizer(name):
    return {
        "adam": keras.optimizers.Adam(0.1, _HYPER.beta1, _HYPER.beta2, _HYPER.epsilon),
        "sgd": keras.optimizers.SGD(0.1, _HYPER.momentum),
        "rmsprop": keras.optimizers.RMSprop(0.1, _HYPER.rho, _HYPER.momentum, _HYPER.epsilon),
    }[name]


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_five_steps_equal_keras(name):
    ours = _variables()
    optimizer = optimizers.OPTIMIZERS[name](ours, _HYPER)
    theirs = [keras.Variable(variable) for variable in ours]
    reference = _keras_optimizer(name)
    reference.build(theirs)

    @tf.function
    def update(grads, rate):
        optimizer.apply(grads, rate)

    for step, rate in enumerate(_RATES):
        update(_gradients(step), tf.constant(rate))
        reference.learning_rate = rate
        reference.apply(_gradients(step), theirs)
        for variable, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(variable, expected.numpy(), rtol=2e-5, atol=1e-6)
    assert optimizer.count.numpy() == len(_RATES)


def test_adam_with_another_beta2_in_each_update_equals_numpy():
    """v = beta2 v + (1 - beta2) grad^2, corrected by the beta2 of the moment, as PyTorch's changed `betas` are."""
    (variable,) = variables = [tf.Variable([1.0, -2.0])]
    optimizer = optimizers.Adam(variables, beta1=0.0, beta2=0.5, epsilon=1e-8)
    expected, v = variable.numpy().astype(np.float64), np.zeros(2)
    for step, beta2 in enumerate((0.9, 0.93, tf.constant(0.97), 0.99), 1):
        grad = np.array([0.3, -0.7]) * step
        optimizer.apply([tf.constant(grad, tf.float32)], 0.1, beta2=beta2)
        beta2 = float(beta2)
        v = beta2 * v + (1 - beta2) * grad**2
        expected -= 0.1 * grad / (np.sqrt(v / (1 - beta2**step)) + 1e-8)
        np.testing.assert_allclose(variable, expected, rtol=1e-5)


@pytest.mark.parametrize("beta1, beta2", [(0.0, 0.99), (0.5, 0.999), (0.9, 0.9999)])
def test_adam_equals_its_formula_in_float64(beta1, beta2):
    variable = tf.Variable(np.float32([1.0, -2.0, 3.0]))
    optimizer = optimizers.Adam([variable], beta1, beta2, 1e-8)
    x, m, v = variable.numpy().astype(np.float64), 0.0, 0.0
    beta1, beta2 = (np.float64(np.float32(beta)) for beta in (beta1, beta2))
    for t in range(1, 30):
        grad = np.float32(np.cos([t, 2.0 * t, 3e-4 * t]))
        optimizer.apply([tf.constant(grad)], 0.01)
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * np.square(grad, dtype=np.float64)
        x = x - 0.01 * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + 1e-8)
        np.testing.assert_allclose(variable, x, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
def test_momentum_of_one_update_replaces_the_optimisers_own(name):
    variable = tf.Variable(1.0)
    optimizer = optimizers.OPTIMIZERS[name]([variable], _HYPER)
    x, velocity, square = 1.0, 0.0, 0.0
    for rate, momentum in ((0.1, 0.5), (0.05, 0.6), (0.02, 0.7)):
        optimizer.apply([tf.constant(2.0)], rate, tf.constant(momentum))
        square = _HYPER.rho * square + (1 - _HYPER.rho) * 4.0
        scale = 1.0 if name == "sgd" else 1 / np.sqrt(square + _HYPER.epsilon)
        velocity = momentum * velocity - rate * 2.0 * scale
        x += velocity
        np.testing.assert_allclose(variable, x, rtol=1e-6)


def test_without_momentum_sgd_is_gradient_descent():
    variable = tf.Variable([1.0, 2.0])
    optimizer = optimizers.SGD([variable])
    for _ in range(2):
        optimizer.apply([tf.constant([3.0, -1.0])], 0.1)
    np.testing.assert_allclose(variable, [0.4, 2.2], rtol=1e-6)


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_gradients_of_an_embedding_are_those_of_its_rows_summed(name):
    sparse = tf.IndexedSlices(tf.constant([[1.0], [2.0], [4.0]]), tf.constant([2, 0, 2]), tf.constant([3, 1]))
    results = []
    for grad in (sparse, tf.constant([[2.0], [0.0], [5.0]])):
        variable = tf.Variable(tf.ones((3, 1)))
        optimizer = optimizers.OPTIMIZERS[name]([variable], _HYPER)
        optimizer.apply(all_reduce_sum([grad]), 0.1)
        results.append(variable.numpy())
    np.testing.assert_array_equal(results[0], results[1])
    assert results[0][1] == 1.0 != results[0][0]


def test_a_missing_gradient_is_named_and_nothing_moves():
    variables = _variables()
    optimizer = optimizers.Adam(variables)
    grads = _gradients(0)
    with pytest.raises(ValueError, match="depend on w1"):
        optimizer.apply([grads[0], None, grads[2]], 0.1)
    with pytest.raises(ValueError, match="2 gradients for 3 variables"):
        optimizer.apply(grads[:2], 0.1)
    with pytest.raises(ValueError, match="beta1"):
        optimizer.apply(grads, 0.1, momentum=0.5)
    for variable, initial in zip(variables, _variables(), strict=True):
        np.testing.assert_array_equal(variable, initial)


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_a_checkpoint_holds_slots_and_count_and_not_the_weights(name, tmp_path):
    variables = _variables()
    optimizer = optimizers.OPTIMIZERS[name](variables, _HYPER)
    assert {id(v) for v in optimizer.variables}.isdisjoint(id(v) for v in variables)
    for step in range(3):
        optimizer.apply(_gradients(step), 0.1)
    path = tf.train.Checkpoint(optimizer=optimizer).write(str(tmp_path / "saved"))
    middle = [variable.numpy() for variable in variables]
    optimizer.apply(_gradients(3), 0.1)

    resumed = [tf.Variable(value) for value in middle]
    other = optimizers.OPTIMIZERS[name](resumed, _HYPER)
    tf.train.Checkpoint(optimizer=other).read(path).assert_consumed()
    other.apply(_gradients(3), 0.1)
    for expected, variable in zip(variables, resumed, strict=True):
        np.testing.assert_array_equal(variable, expected)


_BATCH = 8
_STEPS = 3


class _Training(tf.Module):
    """A Keras model, its average and its optimiser under `strategy`, as a GAN's step has them:
    a loop in the graph round the replicas, and a condition round the update."""

    def __init__(self, strategy, name):
        super().__init__()
        self._strategy = strategy
        with strategy.scope():
            self.model = keras.Sequential([keras.layers.Embedding(5, 3), keras.layers.Flatten(), keras.layers.Dense(2)])
            self.model.build((None, 2))
            for i, variable in enumerate(self.model.variables):
                variable.assign(tf.random.stateless_normal(variable.shape, [1, i]))
            self.values = [variable.value for variable in self.model.trainable_variables]
            self.averages = [tf.Variable(v, trainable=False) for v in self.values]
            self.optimizer = optimizers.OPTIMIZERS[name](self.values, _HYPER)
        self.checkpoint = tf.train.Checkpoint(model=self.model, averages=self.averages, optimizer=self.optimizer)

    @tf.function
    def run(self, first, steps):
        for step in tf.range(first, first + steps):
            self._strategy.run(self._step, args=(step,))

    def _step(self, step):
        replica = tf.distribute.get_replica_context()
        count = _BATCH // replica.num_replicas_in_sync
        start = replica.replica_id_in_sync_group * count
        ids = tf.random.stateless_uniform((_BATCH, 2), [3, step], 0, 5, tf.int32)
        with tf.GradientTape() as tape:
            outputs = self.model(ids[start : start + count])
            loss = tf.reduce_sum(tf.square(outputs - 1.0)) / _BATCH
        grads = all_reduce_sum(tape.gradient(loss, self.values))
        # As a step of loss scaling skips an overflow: every third one, here.
        tf.cond(step % 3 == 2, lambda: None, lambda: self._apply(grads, step))

    def _apply(self, grads, step):
        self.optimizer.apply(grads, 0.1 / tf.cast(step + 1, tf.float32))
        averaging.ema_update(self.averages, self.values, 0.9)

    def state(self):
        return [variable.numpy() for variable in self._variables()]

    def assert_copies_agree(self):
        for variable in self._variables():
            first, second = self._strategy.experimental_local_results(variable)
            np.testing.assert_array_equal(first, second)

    def _variables(self):
        return [*self.values, *self.averages, *self.optimizer.variables]


def _on_two_replicas(strategy, folder):
    for name in optimizers.OPTIMIZERS:
        _check_on_two_replicas(strategy, name, folder)


def _check_on_two_replicas(two, name, folder):
    distributed = _Training(two, name)
    alone = _Training(tf.distribute.get_strategy(), name)
    for training in (distributed, alone):
        training.run(0, _STEPS)
    distributed.assert_copies_agree()
    for one, other in zip(alone.state(), distributed.state(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert alone.optimizer.count.numpy() == 2

    path = distributed.checkpoint.write(f"{folder}/{name}-2")
    resumed = _Training(tf.distribute.get_strategy(), name)
    resumed.checkpoint.read(path).assert_consumed()
    for one, other in zip(resumed.state(), distributed.state(), strict=True):
        np.testing.assert_array_equal(one, other)
    # And back: 1 -> 2 replicas, both of whose copies are restored.
    resumed.run(_STEPS, 1)
    again = _Training(two, name)
    again.checkpoint.read(resumed.checkpoint.write(f"{folder}/{name}-1")).assert_consumed()
    for one, other in zip(resumed.state(), again.state(), strict=True):
        np.testing.assert_array_equal(one, other)
    for training in (resumed, again):
        training.run(_STEPS + 1, _STEPS)
    again.assert_copies_agree()
    for one, other in zip(resumed.state(), again.state(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_two_replicas_agree_and_checkpoints_move_between_two_and_one(tmp_path):
    two_replicas.run("test_optimizers", "_on_two_replicas", str(tmp_path))
