"""In the graph that TensorFlow runs, a variable is updated after all that read its old value.

TensorFlow's optimiser of graphs (2.21) drops such an order where it followed from a path of gradients which it folds
to constants later: a linear loss has them. The step then took either value, by chance.
"""

import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from tests import tiny
from tfgan_train import Loss
from tfgan_train.training.replica_step import ReplicaStep

LINEAR = Loss(d=lambda real, fake: fake - real, g=lambda real, fake: -fake)


def squares(critic, real, fake, draw):
    return tf.square(critic(real))


def _graphs(training):
    """The step's graph as it was traced, and as TensorFlow's optimisers leave it: {node: (op, inputs)}."""
    resident = tuple(tf.constant(part) for part in (training.images, training.labels))

    @tf.function(autograph=False)
    def step(batch):
        one = ReplicaStep(training.config, training.gan, resident, 4.0)
        return tf.distribute.get_strategy().run(lambda: one.take(batch, training.config.penalty != "none"))

    batch = tf.constant(tiny.indices(training.config, 1)[0])
    traced = step.get_concrete_function(batch).graph.as_graph_def()
    context.enable_graph_collection()
    try:
        step(batch)
        ran = context.export_run_metadata().function_graphs[-1].post_optimization_graph
    finally:
        context.disable_graph_collection()
    return [{node.name: (node.op, [_node(name) for name in node.input]) for node in g.node} for g in (traced, ran)]


def _node(name):
    return name.removeprefix("^").split(":")[0]


def _before(graph, name):
    """All nodes that `name` waits for."""
    found, left = set(), [name]
    while left:
        for one in graph[left.pop()][1]:
            if one in graph and one not in found:
                found.add(one)
                left.append(one)
    return found


slow = pytest.mark.slow
READS = ("ReadVariableOp", "ResourceGather")
OWN = dict(loss="python:tests.test_order_of_updates:LINEAR", penalty="python:tests.test_order_of_updates:squares")


@pytest.mark.parametrize(
    "changes",
    [
        OWN | dict(d_optimizer="python:keras.optimizers:SGD"),
        pytest.param(OWN | dict(d_optimizer="rmsprop"), marks=slow),
        pytest.param(OWN | dict(update="simultaneous", d_optimizer="python:keras.optimizers:RMSprop"), marks=slow),
        pytest.param(OWN | dict(g_optimizer="python:keras.optimizers:SGD", d_norm="none"), marks=slow),
        pytest.param(dict(loss="wasserstein", penalty="none", weight_clip=0.1), marks=slow),
        pytest.param(
            dict(loss="wasserstein", penalty="r1", d_norm="spectral", shared_z=False, d_steps=2, architecture="dcgan"),
            marks=slow,
        ),
        pytest.param(dict(loss="wasserstein", penalty="none", weight_clip=0.1, fake_pool=12), marks=slow),
        pytest.param(dict(loss="hinge", penalty="none", d_optimizer="python:keras.optimizers:SGD"), marks=slow),
    ],
    ids=str,
)
def test_no_variable_is_written_before_it_was_read(changes):
    traced, ran = _graphs(tiny.Training(**dict(architecture="mlp") | changes))
    checked = 0
    for name, (op, inputs) in traced.items():
        if not op.startswith(("Assign", "ResourceApply", "ResourceScatter")) or name not in ran:
            continue
        reads = {one for one in inputs[1:] if traced[one][0] in READS and one in ran}
        missing = reads - _before(ran, name)
        assert not missing, f"{name} doesn't wait for {missing}"
        checked += len(reads)
    assert checked > 20
