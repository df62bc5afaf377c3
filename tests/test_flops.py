"""The FLOPs of a step: by hand for a small network, and by the operations in the training graph itself."""

import numpy as np
import pytest

from tests import tiny
from tfgan_train.training.step_flops import step_flops

SMALL = dict(
    architecture="mlp",
    batch_size=4,
    latent_dim=5,
    g_depth=1,
    d_depth=1,
    g_width=3,
    d_width=7,
    g_norm="none",
    d_norm="none",
)
SHAPE = (4, 4, 1)


def _counted(**changes):
    training = tiny.Training(shape=SHAPE, **(SMALL | changes))
    return training, step_flops(training.config, training.gan.generator, training.gan.discriminator)


def test_a_small_network_by_hand():
    """G is 5-3-16, D is 16-7-1; a product of a row with a matrix is two FLOPs for each weight."""
    g1, g2, d1, d2 = 2 * 5 * 3, 2 * 3 * 16, 2 * 16 * 7, 2 * 7 * 1
    forward_g, forward_d = g1 + g2, d1 + d2
    update_of_d = 2 * (forward_d + (d1 + d2) + d2)  # real and fake: forward, weights, inputs of the second layer
    through_d = forward_d + (d2 + d1)  # forward again, and back to the pixels
    update_of_g = (g1 + g2) + g2  # weights, inputs of the second layer
    expected = forward_g + update_of_d + through_d + update_of_g
    assert _counted(update="alternating")[1] == expected
    assert _counted(update="simultaneous")[1] == expected - forward_d
    assert _counted(update="alternating", shared_z=False)[1] == expected + forward_g
    # Of the penalty every other step sees 1 + 2 passes of D.
    assert _counted(update="alternating", penalty="r1", penalty_every=2)[1] == expected + 3 * forward_d / 2


def _in_the_graph(training, with_penalty: bool) -> float:
    """FLOPs for an image of the matrix products that a step's outputs and updates depend on."""
    function = training._step._functions[with_penalty].get_concrete_function()
    (loop,) = (op for op in function.graph.get_operations() if op.type in ("While", "StatelessWhile"))
    body = function.graph._get_function(loop.get_attr("body").name).graph
    waiting, needed = [output.op for output in body.outputs] + list(body.control_outputs), set()
    while waiting:
        op = waiting.pop()
        if op not in needed:
            needed.add(op)
            waiting += [x.op for x in op.inputs] + list(op.control_inputs)
    total = 0
    for op in needed:
        if op.type in ("MatMul", "BatchMatMulV2"):
            rows = op.inputs[0].shape
            inner = rows[0] if op.get_attr("transpose_a") else rows[1]
            total += 2 * inner * op.outputs[0].shape.num_elements()
    return total / training.config.batch_size


@pytest.mark.parametrize(
    "changes",
    [
        {"shared_z": False, "d_steps": 2},
        {"loss": "relativistic", "update": "simultaneous"},
        {"feature_matching": 1.0},
        {"conditional": True, "d_conditioning": "concat", "loss": "relativistic"},
        {"penalty": "r1_r2"},
        {"penalty": "wgan_gp"},
        {"penalty": "dragan", "d_activation": "relu"},
    ],
    ids=str,
)
def test_the_graph_has_as_many(changes):
    """A wide layer before the head: the penalty's pass back through the head starts from a constant.

    What that saves isn't counted.
    """
    training, counted = _counted(**dict(d_depth=2, d_width=64, g_width=32) | changes)
    found = _in_the_graph(training, "penalty" in changes)
    np.testing.assert_allclose(counted, found, rtol=0.02)
