import numpy as np
import pytest
import tensorflow as tf

from tests import two_replicas
from tfgan_train.ops import replicas


def test_one_replica_leaves_everything_as_it_is():
    tensors = [tf.constant(1.0), tf.constant([2.0])]
    assert all(ours is given for ours, given in zip(replicas.all_reduce_sum(tensors), tensors, strict=True))
    assert replicas.mean_over_replicas(tensors[1]) is tensors[1]
    assert replicas.gather_over_replicas(tensors[1]) is tensors[1]


def test_local_value_follows_the_writes_before_it():
    variable = tf.Variable(1, dtype=tf.int64)

    @tf.function
    def write_and_read():
        before = replicas.local_value(variable)
        variable.assign_add(4)
        return before, replicas.local_value(variable)

    np.testing.assert_array_equal(write_and_read(), [1, 5])
    assert write_and_read()[1].dtype == tf.int64


def _on_two_replicas(strategy):
    with strategy.scope():
        variable = tf.Variable([0.0, 0.0])
        # Where networks are built on dummy images, in scope but on no replica.
        assert replicas.gather_over_replicas(variable) is variable
        assert replicas.mean_over_replicas(variable) is variable

    @tf.function
    def run():
        def replica():
            mine = tf.distribute.get_replica_context().replica_id_in_sync_group + 1
            mine = tf.cast(mine, tf.float32)  # 1 and 2
            tf.raw_ops.AssignAddVariableOp(resource=variable.handle, value=[mine, 1.0])
            sparse = tf.IndexedSlices(tf.stack([[mine]]), [1], [3, 1])
            with tf.GradientTape() as tape:
                tape.watch(mine)
                # Gradients of all replicas' losses: each has weight `mine`, so 1 + 2.
                loss = tf.stop_gradient(mine) * tf.square(replicas.mean_over_replicas(mine))
            return (
                replicas.all_reduce_sum([mine, sparse]),
                replicas.local_value(variable),
                replicas.mean_over_replicas(mine),
                tape.gradient(loss, mine),
            )

        return tf.nest.map_structure(strategy.experimental_local_results, strategy.run(replica))

    (dense, sparse), values, means, gradients = run()
    np.testing.assert_array_equal(dense, [3.0, 3.0])
    np.testing.assert_array_equal(sparse, [[[0.0], [3.0], [0.0]]] * 2)
    np.testing.assert_array_equal(values, [[1.0, 1.0], [2.0, 1.0]])
    np.testing.assert_array_equal(means, [1.5, 1.5])
    # d (1 m^2 + 2 m^2) / d mine, where m = (mine + other) / 2 = 1.5: 6 m / 2.
    np.testing.assert_array_equal(gradients, [4.5, 4.5])


@pytest.mark.slow
def test_two_replicas():
    two_replicas.run("test_replicas", "_on_two_replicas")
