"""Run by test_optimizers: logical devices must be made before TensorFlow starts.

Every optimiser trains a small Keras model on two logical CPUs, with a loop in the graph round
the replicas and a condition round the update, then on from its checkpoint on one.
"""
import sys
import types

import keras
import numpy as np
import tensorflow as tf

from tfgan_train import ema, optimizers

_HYPER = types.SimpleNamespace(beta1=0.5, beta2=0.99, epsilon=1e-7, momentum=0.7, rho=0.95)
_BATCH = 8
_STEPS = 3


class _Training(tf.Module):
    """A model, its average and its optimiser, trained under `strategy`."""

    def __init__(self, strategy, name):
        super().__init__()
        self._strategy = strategy
        with strategy.scope():
            self.model = keras.Sequential([
                keras.layers.Embedding(5, 3), keras.layers.Flatten(), keras.layers.Dense(2)])
            self.model.build((None, 2))
            for i, variable in enumerate(self.model.variables):
                variable.assign(tf.random.stateless_normal(variable.shape, [1, i]))
            self.values = [variable.value for variable in self.model.trainable_variables]
            self.averages = [tf.Variable(v, trainable=False) for v in self.values]
            self.optimizer = optimizers.OPTIMIZERS[name](self.values, _HYPER)
        self.checkpoint = tf.train.Checkpoint(
            model=self.model, averages=self.averages, optimizer=self.optimizer)

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
            outputs = self.model(ids[start:start + count])
            loss = tf.reduce_sum(tf.square(outputs - 1.0)) / _BATCH
        grads = optimizers.all_reduce_sum(tape.gradient(loss, self.values))
        # As a step of loss scaling skips an overflow: every third one, here.
        tf.cond(step % 3 == 2, lambda: None, lambda: self._apply(grads, step))

    def _apply(self, grads, step):
        self.optimizer.apply(grads, 0.1 / tf.cast(step + 1, tf.float32))
        ema.ema_update(self.averages, self.values, 0.9)

    def state(self):
        return [variable.numpy() for variable in
                [*self.values, *self.averages, *self.optimizer.variables]]


def _check(name, folder):
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    distributed = _Training(two, name)
    alone = _Training(tf.distribute.get_strategy(), name)
    for training in (distributed, alone):
        training.run(0, _STEPS)
    for variable in [*distributed.values, *distributed.averages,
                     *distributed.optimizer.variables]:
        first, second = two.experimental_local_results(variable)
        np.testing.assert_array_equal(first, second)
    for one, other in zip(alone.state(), distributed.state()):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert alone.optimizer.count.numpy() == 2

    path = distributed.checkpoint.write(f"{folder}/{name}-2")
    resumed = _Training(tf.distribute.get_strategy(), name)
    resumed.checkpoint.read(path).assert_consumed()
    for one, other in zip(resumed.state(), distributed.state()):
        np.testing.assert_array_equal(one, other)
    # And back: 1 -> 2 replicas, both of whose copies are restored.
    resumed.run(_STEPS, 1)
    again = _Training(two, name)
    again.checkpoint.read(resumed.checkpoint.write(f"{folder}/{name}-1")).assert_consumed()
    for one, other in zip(resumed.state(), again.state()):
        np.testing.assert_array_equal(one, other)
    for training in (resumed, again):
        training.run(_STEPS + 1, _STEPS)
    for one, other in zip(resumed.state(), again.state()):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


if __name__ == "__main__":
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
    for optimizer_name in optimizers.OPTIMIZERS:
        _check(optimizer_name, sys.argv[1])
