"""A user's own Keras models as G and D: what they compute, what of them is kept, and what is refused."""

import itertools
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from export.generator import of_run
from tests import tiny, two_replicas, users_networks
from tfgan_train import UserError, models
from tfgan_train.config.checks import check_needs
from tfgan_train.models import keras_adapter
from tfgan_train.models.own_checks import check_own_networks
from tfgan_train.models.variables import named
from tfgan_train.objective.losses import LOSSES
from tfgan_train.objective.penalties import PENALTIES
from tfgan_train.ops.random import Draw
from tfgan_train.runs.directory import LoadedRun, RunDir
from tfgan_train.training.monitor import applicable

OWN = {"generator": "tests.users_networks:generator", "discriminator": "tests.users_networks:discriminator"}
LABELLED = {
    "generator": "tests.users_networks:LabelledGenerator",
    "discriminator": "tests.users_networks:labelled_discriminator",
    "conditional": True,
}


def _config(**changes):
    shared = {"recipe": "smoke", "steps": 10, "batch_size": 12, "latent_dim": 6}
    given = {side: keras_adapter.text_of(value, side) for side, value in changes.items() if callable(value)}
    return tiny.config(**(dict.fromkeys(("g_width", "d_width"), 0) | shared | OWN | changes | given))


def _images(count=12, seed=3):
    return tf.random.stateless_uniform([count, *tiny.SHAPE], [seed, 0], -1, 1)


# --- what they compute


def test_outputs_are_those_of_the_users_models():
    generator, discriminator = models.build_networks(_config(), tiny.facts())
    z, images = tf.random.stateless_normal([5, 6], [1, 0]), _images(5)
    np.testing.assert_array_equal(generator(z), generator.model(z))
    np.testing.assert_array_equal(discriminator(images), discriminator.model(images)[:, 0])
    last = discriminator.model.layers[-1]
    before = keras.Model(discriminator.model.inputs, discriminator.model.layers[-3].output)(images)
    np.testing.assert_allclose(discriminator.features(images), tf.reduce_sum(before, [1, 2]), rtol=1e-5, atol=1e-6)
    assert last.kernel.shape == (4 * 4 * 8, 1)


def test_features_are_what_the_model_names():
    config = _config(discriminator="tests.users_networks:smooth_discriminator")
    _, discriminator = models.build_networks(config, tiny.facts())
    assert discriminator.features(_images()).shape == (12, 12)


def test_labels_reach_networks_of_two_inputs():
    config = _config(**LABELLED)
    assert check_own_networks(config, tiny.facts()) == []
    for network, x in zip(
        models.build_networks(config, tiny.facts()), (tf.ones([3, 6]), tf.ones([3, *tiny.SHAPE])), strict=True
    ):
        zero, one = (network(x, tf.fill([3], label)).numpy() for label in (0, 1))
        assert np.abs(zero - one).max() > 0


def test_a_pass_in_training_moves_what_keras_moves():
    _, discriminator = models.build_networks(_config(), tiny.facts())
    norm, images = discriminator.model.layers[5], _images()
    before = [v.numpy() for v in discriminator.variables]
    judged = discriminator.judge(images).numpy()
    np.testing.assert_array_equal(judged, discriminator.judge(images))
    assert all(np.array_equal(v.numpy(), old) for v, old in zip(discriminator.variables, before, strict=True))
    noisy = discriminator(images, training=True, draw=Draw(1, 0, 12, 0, 12)).numpy()
    assert np.abs(noisy - judged).max() > 1e-3  # something was dropped
    assert np.abs(norm.moving_mean.numpy()).max() > 0
    seeds = [v for v in discriminator.variables if not v.value.dtype.is_floating]
    assert [int(v.numpy()[1]) for v in seeds] == [0, 1]  # Dropout takes the step's own masks, SpatialDropout2D Keras'


def test_moving_statistics_are_those_of_kerass_own_call():
    ours, plain = (models.build_networks(_config(generator=_without_dropout), tiny.facts())[0] for _ in range(2))
    z = tf.random.stateless_normal([12, 6], [1, 0])
    expected = plain.model(z, training=True)
    np.testing.assert_allclose(ours(z, training=True), expected, rtol=1e-5, atol=1e-6)
    for one, other in zip(ours.variables, plain.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


def _without_dropout():
    layers_of = [layer for layer in users_networks.generator().layers if not isinstance(layer, layers.Dropout)]
    return keras.Sequential([keras.Input((6,)), *layers_of])


def test_steps_train_both_and_average_every_statistic():
    training = tiny.Training(**{"g_width": 0, "d_width": 0} | OWN, ema_half_life=24.0)
    start = training.state()
    rows = training.run(3)
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    end = training.state()
    kept = [name for name in start if np.array_equal(start[name], end[name])]
    # The seed generators of Dropout, whose masks are the step's, stay; all else moves.
    assert {name.rpartition("/")[2] for name in kept} == {"seed_generator_state", "loss_scale:0", "scale_age:0"}, kept
    assert len(kept) == 5


@pytest.mark.slow
@pytest.mark.parametrize("loss, penalty", list(itertools.zip_longest(LOSSES, ["none", *PENALTIES], fillvalue="r1")))
def test_every_loss_and_penalty_takes_a_step(loss, penalty, eagerly):
    loss = "non_saturating" if loss == "r1" else loss
    smooth = "tests.users_networks:smooth_discriminator"
    terms = {"feature_matching": 0.1, "historical_averaging": 0.1, "augment": "translation", "weight_clip": 0.5}
    training = tiny.Training(
        **{"g_width": 0, "d_width": 0, "loss": loss, "penalty": penalty} | OWN | terms | {"discriminator": smooth}
    )
    start = training.state()
    assert np.isfinite(list(training.run(1)[0].values())).all()
    weights = [name for name in start if name.startswith(("g/", "d/")) and "seed" not in name]
    end = training.state()
    # Losses of differences between logits say nothing of the last bias.
    assert {name for name in weights if np.array_equal(start[name], end[name])} <= {"d/7/bias"}


@pytest.mark.slow
def test_two_replicas_take_the_same_steps_as_one():
    two_replicas.run("test_own_networks", "check_two_replicas")


def check_two_replicas(strategy):
    """Batch statistics and dropout masks are those of the global batch."""
    sgd = {"g_optimizer": "sgd", "d_optimizer": "sgd", "g_lr": 0.05, "d_lr": 0.05}
    changes = {"g_width": 0, "d_width": 0, "ema_half_life": 24.0} | OWN | sgd
    changes["discriminator"] = keras_adapter.text_of(lambda: users_networks.discriminator(0.0), "discriminator")
    states = []
    for one in (None, strategy):
        training = tiny.Training(one, **changes)
        start = training.state()
        training.run(3)
        states.append(training.state())
    assert sum(not np.array_equal(start[name], states[0][name]) for name in start) > 30
    for name, expected in states[0].items():
        np.testing.assert_allclose(states[1][name], expected, rtol=1e-4, atol=2e-6, err_msg=name)
    # SpatialDropout2D is Keras' own: each replica drops other channels, and its state moves alike on both.
    training = tiny.Training(strategy, **changes | {"discriminator": OWN["discriminator"]})
    assert np.isfinite(training.run(2)[-1]["d_loss"])
    for variable in training.gan.discriminator.variables:
        first, second = (part.numpy() for part in variable.value.values)
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_precision_is_a_policy_of_kerass(precision):
    config = _config(precision=precision)
    generator, _ = models.build_networks(config, tiny.facts())
    assert generator.model.layers[0].compute_dtype == precision
    assert {v.dtype for v in generator.trainable_variables} == {"float32"}
    assert generator(tf.zeros([2, 6])).dtype == tf.float32
    assert keras.config.dtype_policy().name == "float32"


def test_names_and_start_do_not_depend_on_what_the_process_made_before():
    first = models.build_networks(_config(), tiny.facts())
    layers.Dense(3)
    state = random.getstate()
    second = models.build_networks(_config(), tiny.facts())
    assert random.getstate() == state
    for one, other in zip(first, second, strict=True):
        assert list(named(one)) == list(named(other))
        for name, variable in named(one).items():
            np.testing.assert_array_equal(variable, named(other)[name])
    assert [v.path for v in first[0].variables] != [v.path for v in second[0].variables]


def test_costs_are_those_of_the_kernels():
    generator, discriminator = models.build_networks(_config(), tiny.facts())
    assert generator.flops() == 2 * (6 * 128 + 4 * 4 * 25 * 64 + 8 * 8 * 25 * 8)
    assert discriminator.flops() == 2 * (8 * 8 * 25 * 8 + 4 * 4 * 25 * 64 + 128)


# --- what is refused


def _one(*shape, act="tanh"):
    return [layers.Dense(int(np.prod(shape)), activation=act), layers.Reshape(shape)]


def _sigmoid():
    return keras.Sequential([keras.Input((6,)), *_one(*tiny.SHAPE, act="sigmoid")])


def _draws(*inner):
    return keras.Sequential([keras.Input((6,)), *inner])


SAME = []


def _same():
    if not SAME:
        SAME.append(users_networks.generator())
    return SAME[0]


LAYER = layers.Dense(256, activation="tanh", name="common")


def _with_common_layer():
    return keras.Sequential([keras.Input((6,)), layers.Dense(256), LAYER, layers.Reshape(tiny.SHAPE)])


def _judge_with_common_layer():
    return keras.Sequential([keras.Input(tiny.SHAPE), layers.Flatten(), LAYER, layers.Dense(1)])


def _two_outputs():
    x = keras.Input(tiny.SHAPE)
    h = layers.Flatten()(x)
    return keras.Model(x, [layers.Dense(1)(h), layers.Dense(3)(h)])


class _Unseeded(keras.layers.Layer):
    def call(self, x):
        return x + tf.random.normal(tf.shape(x))


class _GlobalSeed(keras.layers.Layer):
    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x))


def _judge(*inner):
    return keras.Sequential([keras.Input(tiny.SHAPE), layers.Flatten(), *inner, layers.Dense(1)])


def _fails():
    raise RuntimeError("no\nsuch luck")


def _unused():
    x = keras.Input(tiny.SHAPE)
    h = layers.Flatten()(x)
    return keras.Model(x, layers.Dense(1)(h) + 0.0 * keras.ops.stop_gradient(layers.Dense(1, name="idle")(h)))


BAD = {
    "shape": ("generator", lambda: _draws(*_one(8, 8, 1)), r"\(2, 8, 8, 1\).*\[n, 16, 16, 1\]"),
    "range": ("generator", lambda: _draws(*_one(16, 16, 1, act=None)), r"\[-1, 1\].*tanh"),
    "latents": ("generator", lambda: keras.Sequential([keras.Input((7,)), *_one(16, 16, 1)]), r"shape \(2, 6\)"),
    "same model": ("generator", _same, "same model twice"),
    "same layers": ("generator", _with_common_layer, "same weights .*common"),
    "two outputs": ("discriminator", _two_outputs, r"has 2 outputs.*\[n\] or \[n, 1\]"),
    "wide output": ("discriminator", lambda: keras.Sequential(_judge().layers[:-1]), r"\(2, 256\).*\[n\] or"),
    "no model": ("discriminator", lambda: 3, "returned a int"),
    "failing": ("discriminator", _fails, "failed: RuntimeError: no$"),
    "idle weights": ("discriminator", _unused, "doesn't depend on the weights idle"),
    "unseeded noise": ("discriminator", lambda: _judge(_Unseeded(name="wobble")), "wobble draws random numbers"),
    "global seed": ("discriminator", lambda: _judge(_GlobalSeed()), "SeedGenerator"),
    "regularizer": ("discriminator", lambda: _judge(layers.Dense(3, kernel_regularizer="l2")), "has a regularizer"),
    "constraint": ("discriminator", lambda: _judge(layers.Dense(3, bias_constraint="non_neg")), "--weight_clip"),
    "one label too many": ("labelled", users_networks.generator, "--noconditional"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_trained_is_one_line(case):
    side, function, message = BAD[case]
    changes = {"discriminator": "", "generator": ""} | (
        {"generator": function, "conditional": True} if side == "labelled" else {side: function}
    )
    with pytest.raises(UserError, match=message) as caught:
        check_own_networks(_config(**changes), tiny.facts())
    assert "\n" not in str(caught.value)


def test_a_layer_in_both_networks_is_refused():
    made = {}

    def generator():
        made["common"] = layers.Dense(256, activation="tanh", name="common")
        return keras.Sequential([keras.Input((6,)), layers.Dense(256), made["common"], layers.Reshape(tiny.SHAPE)])

    def discriminator():
        return keras.Sequential([keras.Input(tiny.SHAPE), layers.Flatten(), made["common"], layers.Dense(1)])

    config = _config(generator=generator, discriminator=discriminator)
    with pytest.raises(UserError, match="share|same weights"):
        check_own_networks(config, tiny.facts())


@pytest.mark.parametrize(
    "text, message",
    [
        ("nowhere_at_all.nets:generator", "there is no module nowhere_at_all"),
        ("tests.users_networks:genrator", "did you mean generator"),
        ("tests.users_networks", "package.module:function"),
        ("__main__:generator", "a process that has gone"),
    ],
)
def test_a_name_that_leads_nowhere_is_one_line(text, message):
    with pytest.raises(UserError, match=message):
        check_own_networks(_config(generator=text), tiny.facts())


def test_an_architecture_of_the_users_module_has_the_packages_contract(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_family.py").write_text(
        "import dataclasses\nfrom tfgan_train.models import mlp\n"
        "ARCHITECTURE = dataclasses.replace(mlp.ARCHITECTURE, defaults={'g_width': 5, 'd_width': 7})\n"
    )
    (tmp_path / "my_empty.py").write_text("")
    config = tiny.config(architecture="python:my_family", g_width=0, d_width=0, g_depth=1, d_depth=1, d_norm="none")
    generator, discriminator = models.build_networks(config, tiny.facts())
    assert [v.shape[-1] for v in (generator.trainable_variables[0], discriminator.trainable_variables[0])] == [5, 7]
    with pytest.raises(UserError, match="--architecture=python:my_empty has no ARCHITECTURE"):
        models.architectures(
            _config(generator="", architecture="python:my_family").replace(architecture="python:my_empty")
        )
    with pytest.raises(UserError, match="--d_dense would do nothing here"):
        check_needs(config.replace(d_dense=3), {"d_dense"})


def test_notes_on_what_may_surprise():
    facts = tiny.facts()
    (note,) = check_own_networks(_config(penalty="wgan_gp"), facts)
    assert "batch normalisation" in note and "--penalty=wgan_gp" in note
    smooth = {"discriminator": "tests.users_networks:smooth_discriminator"}
    assert check_own_networks(_config(penalty="wgan_gp", **smooth), facts) == []
    (note,) = check_own_networks(_config(loss="wasserstein", **smooth), facts)
    assert "Lipschitz" in note
    (note,) = check_own_networks(_config(generator=_sigmoid), facts)
    assert "no pixel below 0" in note


def test_settings_of_the_packages_networks_are_refused_beside_own_ones():
    with pytest.raises(UserError, match="--g_width would do nothing here"):
        check_needs(_config(g_width=8), {"g_width"})
    with pytest.raises(UserError, match="--d_norm would do nothing here"):
        check_needs(_config(generator="", d_norm="layer"), {"d_norm"})
    check_needs(_config(discriminator=""), {"d_norm", "latent_dim", "generator"})


def test_the_doctor_names_no_flag_that_would_be_refused():
    remedy = "--minibatch_discrimination=32, --g_norm=batch, --penalty=r1 or a lower --g_lr"
    assert applicable(remedy, tiny.config()) == remedy
    assert applicable(remedy, _config()) == "--penalty=r1 or a lower --g_lr"
    assert (
        applicable(remedy, _config(discriminator="")) == "--minibatch_discrimination=32, --penalty=r1 or a lower --g_lr"
    )


# --- exports


def _exportable(**changes):
    config, facts = _config(**changes), tiny.facts()
    return LoadedRun(RunDir("r"), config, facts, 1, *models.build_networks(config, facts))


def test_an_export_holds_the_variables_that_make_an_image():
    generator = of_run(_exportable())
    seeds = 2  # of its Dropout
    everything = sum(int(np.prod(v.shape)) for v in users_networks.generator().variables)
    assert generator.facts.parameters == everything - seeds
    assert generator.facts.architecture == OWN["generator"]


class _Noise(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seed_generator)


def _always_noisy():
    return _draws(layers.Dense(256), _Noise(name="always"), layers.Activation("tanh"), layers.Reshape(tiny.SHAPE))


def test_a_layer_that_draws_random_numbers_at_inference_is_not_exported():
    with pytest.raises(UserError, match="layer always draws random numbers"):
        of_run(_exportable(generator=_always_noisy))
    check_own_networks(_config(generator=_always_noisy), tiny.facts())  # It can be trained: its state is a variable.
