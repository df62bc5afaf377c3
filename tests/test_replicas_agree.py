"""One update at the same global batch on 1, 2 and (where sums are shared in most ways) 3 devices gives equal weights.

TensorFlow fixes its devices when it starts, so the comparison runs in a process of its own that
has three. SGD moves by the gradient itself, so its weights are compared to 1e-6.
Adam's first step divides each gradient by its own size: where that is no more than rounding, the step's
sign is rounding too. So with Adam the weights of large gradients alone are compared.
"""

import pathlib
import sys

import numpy as np
import pytest

from tests import processes

pytestmark = pytest.mark.slow

CASES = {
    "dcgan, batch norm in both": {},
    "dcgan, r1 through batch norm": {"penalty": "r1", "penalty_weight": 0.1},
    "dcgan, wgan_gp, spectral": {"loss": "wasserstein", "penalty": "wgan_gp", "d_norm": "spectral"},
    "dcgan, dragan, layer norm": {"penalty": "dragan", "d_norm": "layer"},
    "dcgan, dropout, augmentation, noise, flips": {
        "d_dropout": 0.3,
        "g_dropout": 0.2,
        "d_input_dropout": 0.1,
        "augment": "translation,cutout,brightness,contrast,flip",
        "instance_noise": 0.2,
        "label_flip": 0.2,
        "label_smoothing": 0.1,
    },
    "dcgan, conditional projection, d_steps": {"conditional": True, "d_steps": 2, "shared_z": False},
    "dcgan, simultaneous, remedies": {
        "update": "simultaneous",
        "feature_matching": 0.02,
        "historical_averaging": 0.1,
        "minibatch_discrimination": 3,
        "penalty": "r1_r2",
        "penalty_weight": 0.1,
        "d_norm": "none",
        "loss": "relativistic",
        "augment": "ada",
    },
    "resnet, batch norm by label, spectral": {
        "architecture": "resnet",
        "conditional": True,
        "d_norm": "spectral",
        "loss": "hinge",
    },
    "resnet, attributes": {"architecture": "resnet", "conditional": True, "attributes": "a,b", "d_norm": "none"},
    "r3gan, r1 and r2, labels": {
        "architecture": "r3gan",
        "conditional": True,
        "loss": "relativistic",
        "penalty": "r1_r2",
        "penalty_weight": 0.1,
    },
    "style, r1, labels": {
        "architecture": "style",
        "conditional": True,
        "d_norm": "none",
        "penalty": "r1",
        "penalty_weight": 0.1,
    },
    "mlp, batch norm, conditional concat": {"architecture": "mlp", "conditional": True, "d_conditioning": "concat"},
    "mlp, minibatch discrimination through r1, codes, acgan": {
        "architecture": "mlp",
        "conditional": True,
        "d_conditioning": "acgan",
        "code_categories": "4",
        "code_continuous": 2,
        "minibatch_discrimination": 3,
        "penalty": "r1",
        "d_norm": "spectral",
        "g_norm": "layer",
    },
}
ADAM_CASE = "dcgan, batch norm in both"
ON_THREE = (
    ADAM_CASE,
    "dcgan, dropout, augmentation, noise, flips",
    "dcgan, simultaneous, remedies",
    "resnet, batch norm by label, spectral",
    "mlp, minibatch discrimination through r1, codes, acgan",
)
HALF_CASE = {"precision": "float16", "d_norm": "none", "conditional": True}


def numbers(case: str) -> tuple[int, ...]:
    """How many devices the case runs on."""
    return (1, 2, 3) if case in ON_THREE else (1, 2)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{(case, optimiser, replicas): {variable or metric: value}}, computed elsewhere."""
    path = tmp_path_factory.mktemp("replicas") / "results.npz"
    done = processes.run(
        [sys.executable, "-m", "tests.test_replicas_agree", str(path)],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parent.parent,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            case, optimizer, replicas, name = key.split("|")
            found.setdefault((case, optimizer, int(replicas)), {})[name] = arrays[key]
    return found


@pytest.mark.parametrize("case", CASES)
def test_sgd_gives_the_same_weights_statistics_and_metrics(results, case):
    alone = results[case, "sgd", 1]
    for replicas in numbers(case)[1:]:
        for name, value in results[case, "sgd", replicas].items():
            # Metrics of logits and norms have their own scale; weights are of the order 0.1.
            tolerance = {"rtol": 1e-4, "atol": 1e-5} if name == "metrics" else {"rtol": 1e-6, "atol": 1e-6}
            np.testing.assert_allclose(value, alone[name], **tolerance, err_msg=f"{name} on {replicas}")


def test_adam_gives_the_same_weights_where_gradients_are_more_than_rounding(results):
    alone = results[ADAM_CASE, "adam", 1]
    for replicas in (2, 3):
        several = results[ADAM_CASE, "adam", replicas]
        certain = np.abs(alone["adam gradients"]) > 1e-3
        assert certain.mean() > 0.8
        # A gradient's rounding of 1e-7, over its size of 1e-3, times the rate of 0.01.
        np.testing.assert_allclose(several["adam weights"][certain], alone["adam weights"][certain], rtol=0, atol=2e-6)
        np.testing.assert_allclose(several["adam gradients"], alone["adam gradients"], rtol=1e-3, atol=1e-6)


def test_a_traced_step_in_float16_on_two_devices_moves_as_an_eager_one_on_one(results):
    """Its rounding, 2^-11 of each product, is another where a batch is cut; the update under its condition isn't."""
    one, two = results["half", "sgd", 1], results["half", "graph", 2]
    assert two["counters/0/step:0"] == two["d_optimizer/0/d_optimizer/count:0"] == 1
    for name, value in two.items():
        if name.split("/")[0] in ("g", "d"):
            np.testing.assert_allclose(value, one[name], rtol=1e-2, atol=2e-3, err_msg=name)


def _train_all(path):
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 3
    )
    runs = [(case, "sgd", replicas) for case in CASES for replicas in numbers(case)]
    runs += [(ADAM_CASE, "adam", replicas) for replicas in (1, 2, 3)] + [("half", "sgd", 1), ("half", "graph", 2)]
    arrays = {}
    for case, how, replicas in runs:
        tf.config.run_functions_eagerly(how != "graph")
        for name, value in _train(case, how, replicas).items():
            arrays[f"{case}|{how}|{replicas}|{name}"] = value
    np.savez(path, **arrays)


def _train(case, how, replicas):
    """{name: value} after some steps, once the replicas' copies are seen to be equal."""
    import tensorflow as tf

    from tests import tiny
    from tfgan_train.models.variables import trainable

    strategy = tf.distribute.MirroredStrategy(
        [f"CPU:{i}" for i in range(replicas)], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    optimizer = "adam" if how == "adam" else "sgd"
    training = tiny.Training(
        strategy, g_optimizer=optimizer, d_optimizer=optimizer, g_lr=0.01, d_lr=0.01, **CASES.get(case, HALF_CASE)
    )
    training.gan.loss_scale.assign(2.0**8 if case == "half" else 1.0)  # Its own start overflows such a network.
    # Weights are their own past at first, so that historical averaging acts from the second step on.
    rows = training.run(2 if training.config.historical_averaging else 1)
    for variable in tiny.variables(training.gan).values():
        first, *others = strategy.experimental_local_results(variable)
        for other in others:
            np.testing.assert_array_equal(first, other)
    values = {"metrics": np.array([list(row.values()) for row in rows])} | training.state()
    if how == "adam":

        def flat(variables):
            return np.concatenate([variable.numpy().ravel() for variable in variables])

        gan = training.gan
        values["adam weights"] = flat(trainable(gan.generator) + trainable(gan.discriminator))
        values["adam gradients"] = np.sqrt(
            flat(gan.g_optimizer.slots["v"] + gan.d_optimizer.slots["v"]) / (1 - training.config.beta2)
        )
    return values


if __name__ == "__main__":
    _train_all(sys.argv[1])
