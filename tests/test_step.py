"""One update of both networks: against hand-written steps, and for every setting there is."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train.models import MODELS
from tfgan_train.models.layers import ACTIVATIONS, INITIALIZERS
from tfgan_train.models.variables import trainable
from tfgan_train.objective.augment import AUGMENTATIONS
from tfgan_train.objective.losses import LOSSES
from tfgan_train.objective.optimizers import OPTIMIZERS
from tfgan_train.objective.penalties import PENALTIES
from tfgan_train.objective.schedules import SCHEDULES
from tfgan_train.ops.latents import latents
from tfgan_train.training.step import TrainStep
from tfgan_train.training.step_inputs import TRAINING_STREAM
from tfgan_train.training.step_metrics import METRICS


@pytest.fixture(scope="module")
def built():
    """A function that gives a Training; networks that several settings have in common are built once."""
    kept = {}

    def training(**changes):
        networks = {name: value for name, value in changes.items() if name not in tiny.STEP_ONLY}
        key = tuple(sorted(networks.items()))
        if key not in kept:
            gan = tiny.Training(**networks).gan
            kept[key] = gan, {name: variable.numpy() for name, variable in tiny.variables(gan).items()}
        gan, start = kept[key]
        variables = tiny.variables(gan)
        for name, value in start.items():
            variables[name].assign(value)
        return tiny.Training(gan=gan, **changes)

    return training


# What a setting cannot go without.
NEEDS = {
    "wasserstein": {"weight_clip": 0.1},
    "wgan_gp": {"d_norm": "layer"},
    "dragan": {"d_norm": "instance"},
    "minibatch_discrimination": {"d_norm": "none"},
    "d_dense": {"d_norm": "spectral"},
    "projected": {"d_norm": "none", "conditional": True, "penalty": "r1_r2"},
}


def _settings():
    """Every entry of every registry, and every choice of the networks, as (setting, value)."""
    registries = {
        "loss": LOSSES,
        "penalty": PENALTIES,
        "augment": AUGMENTATIONS,
        "schedule": SCHEDULES,
        "architecture": [name for name, entry in MODELS.items() if entry.generator],
        "d_architecture": MODELS,
        "g_optimizer": OPTIMIZERS,
        "d_optimizer": OPTIMIZERS,
        "g_init": INITIALIZERS,
        "d_init": INITIALIZERS,
    }
    for name, registry in registries.items():
        yield from ((name, value) for value in registry)
    for side in "gd":
        yield from ((f"{side}_activation", f"{name}:2" if name == "maxout" else name) for name in ACTIVATIONS)
        yield from ((f"{side}_norm", value) for value in ("none", "batch", "layer", "instance", "group"))
        yield f"{side}_dropout", 0.3
    yield from [
        ("d_norm", "spectral"),
        ("norm_placement", "before"),
        ("g_output", "sigmoid"),
        ("d_input_range", "unit"),
        ("d_head", "softmax"),
        ("d_head", "tanh_softmax"),
        ("d_dense", 5),
        ("d_input_dropout", 0.2),
        ("g_final_conv", True),
        ("minibatch_discrimination", 3),
        ("label_smoothing", 0.1),
        ("fake_label_smoothing", 0.1),
        ("label_flip", 0.5),
        ("instance_noise", 0.3),
        ("historical_averaging", 0.1),
        ("feature_matching", 0.1),
        ("update", "simultaneous"),
        ("shared_z", False),
        ("d_steps", 2),
        ("latent_distribution", "uniform"),
        ("ema_half_life", 0.0),
        ("conditional", True),
        ("precision", "bfloat16"),
        ("precision", "float16"),
    ]


@pytest.mark.parametrize("name, value", list(_settings()))
def test_every_setting_takes_a_real_step(name, value, eagerly, built):
    _check_step(built(**{name: value} | NEEDS.get(value, {}) | NEEDS.get(name, {})))


def test_networks_that_are_shared_give_the_step_of_new_ones(eagerly, built):
    """Also after a step with other settings."""
    built(loss="hinge").run()
    shared, new = built(loss="least_squares", augment="cutout"), tiny.Training(loss="least_squares", augment="cutout")
    assert shared.run() == new.run()
    for name, value in new.state().items():
        np.testing.assert_array_equal(shared.state()[name], value, err_msg=name)


@pytest.mark.parametrize(
    "architecture, changes",
    [
        ("mlp", {"d_activation": "maxout:3", "g_activation": "maxout:2", "d_norm": "none"}),
        ("mlp", {"d_norm": "spectral", "g_norm": "layer", "norm_placement": "before"}),
        ("mlp", {"g_norm": "instance", "d_norm": "instance", "minibatch_discrimination": 2}),
        ("mlp", {"fake_pool": 12, "conditional": True, "d_norm": "none", "penalty": "r1_r2"}),
        ("mlp", {"g_optimizer": "sgd", "momentum": 0.5, "momentum_final": 0.9, "momentum_epochs": 3.0}),
        (
            "mlp",
            {
                "conditional": True,
                "d_conditioning": "concat",
                "historical_averaging": 0.1,
                "g_dropout": 0.2,
                "d_dropout": 0.2,
            },
        ),
        (
            "dcgan",
            {"conditional": True, "d_conditioning": "concat", "precision": "float16", "historical_averaging": 0.1},
        ),
        ("dcgan", {"d_norm": "spectral", "norm_placement": "before", "d_head": "softmax", "conditional": True}),
        (
            "dcgan",
            {
                "d_norm": "none",
                "penalty": "r1_r2",
                "loss": "relativistic",
                "update": "simultaneous",
                "d_steps": 2,
                "augment": ",".join(AUGMENTATIONS),
                "instance_noise": 0.1,
                "feature_matching": 1.0,
            },
        ),
    ],
)
def test_settings_together_take_a_real_step(architecture, changes, eagerly):
    _check_step(tiny.Training(architecture=architecture, **changes))


def _check_step(training):
    """One step is finite, moves every weight, and leaves the networks strangers to each other."""
    gan = training.gan
    networks = {"g": gan.generator, "d": gan.discriminator}
    handles = {side: {id(variable.value) for variable in network.variables} for side, network in networks.items()}
    assert not handles["g"] & handles["d"]
    before = training.state()
    # R3GAN's blocks end in zeros, so that what is before them has no gradient in the first step.
    steps = 2 if "r3gan" in (training.config.architecture, training.config.d_architecture) else 1
    row = training.run(steps)[-1]
    assert tuple(row) == METRICS and all(map(np.isfinite, row.values())), row
    after = training.state()
    for side, network in networks.items():
        weights = [variable.path for variable in network.trainable_variables]
        assert len(weights) == len(gan.g_optimizer._targets() if side == "g" else gan.d_optimizer._targets())
        for i, variable in enumerate(network.variables):
            if variable.trainable:
                key = next(key for key in after if key.startswith(f"{side}/{i}/"))
                # A loss of differences of logits doesn't see their common bias.
                still = LOSSES[training.config.loss].accuracy == "paired" and variable.path.endswith("head/bias")
                assert np.isfinite(after[key]).all() and (after[key] != before[key]).any() != still, variable.path
    assert after["counters/0/step:0"] == steps


@pytest.mark.parametrize(
    "side, changes",
    [("d", {"update": "alternating"}), ("d", {"update": "simultaneous"}), ("g", {"update": "simultaneous"})],
)
def test_an_update_moves_its_own_network_alone(side, changes, eagerly):
    """One network's first update is the same whatever the other's rate, so neither is touched by the other's."""
    other = "g" if side == "d" else "d"
    weights = [
        [variable.numpy() for variable in trainable(getattr(training.gan, name))]
        for rate in (1e-3, 1e-1)
        for training in [tiny.Training(**changes, **{f"{other}_lr": rate})]
        if training.run()
        for name in [{"g": "generator", "d": "discriminator"}[side]]
    ]
    for slow, fast in zip(*weights, strict=True):
        np.testing.assert_array_equal(slow, fast)


# --- against steps written by hand


class Oracle:
    """The same initial networks, trained by Keras' losses and optimisers."""

    def __init__(self, training):
        self.config, self.gan = training.config, tiny.Gan(training.config, tiny.facts())

        def adam():
            return keras.optimizers.Adam(2e-4, 0.5, 0.999, epsilon=1e-8)

        self.optimizers = {"g": adam(), "d": adam()}
        self._images = tf.constant(training.images)
        self._entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        self._batch = 0

    def real(self):
        """The next real batch of the run, float32 in [-1, 1]."""
        where = (self._batch * 12 + np.arange(12)) % tiny.EXAMPLES
        self._batch += 1
        return tf.cast(tf.gather(self._images, where), tf.float32) / 127.5 - 1

    def z(self, number):
        """The latents of the run's batch of fakes of this number."""
        return latents(self.config.seed, number * 12 + tf.range(12), 6, "normal", TRAINING_STREAM)

    def d_loss(self, real, fake):
        real_logits, fake_logits = (self.gan.discriminator(x, training=True) for x in (real, fake))
        return self._entropy(tf.ones(12), real_logits) + self._entropy(tf.zeros(12), fake_logits)

    def g_loss(self, fake):
        return self._entropy(tf.ones(12), self.gan.discriminator(fake, training=True))

    def apply(self, side, gradients):
        network = self.gan.generator if side == "g" else self.gan.discriminator
        self.optimizers[side].apply(gradients, network.trainable_variables)

    def d_update(self, number):
        """D's update on the next real batch against the fakes of `number`."""
        real, fake = self.real(), self.gan.generator(self.z(number), training=True)
        with tf.GradientTape() as tape:
            loss = self.d_loss(real, fake)
        self.apply("d", tape.gradient(loss, trainable(self.gan.discriminator)))
        return loss


def _alternating(oracle, step, d_steps, shared_z):
    for i in range(d_steps):
        number = step * (d_steps + 1) + i
        generator = [variable.numpy() for variable in oracle.gan.generator.variables]
        oracle.d_update(number)
    if shared_z:  # Those fakes are used again: the generator isn't run a second time.
        for variable, value in zip(oracle.gan.generator.variables, generator, strict=True):
            variable.assign(value)
    else:
        number = step * (d_steps + 1) + d_steps
    with tf.GradientTape() as tape:
        loss = oracle.g_loss(oracle.gan.generator(oracle.z(number), training=True))
    oracle.apply("g", tape.gradient(loss, trainable(oracle.gan.generator)))


def _simultaneous(oracle, step, d_steps, shared_z):
    del shared_z
    for i in range(d_steps - 1):
        oracle.d_update(step * (d_steps + 1) + i)
    real, z = oracle.real(), oracle.z(step * (d_steps + 1) + d_steps - 1)
    with tf.GradientTape(persistent=True) as tape:
        fake = oracle.gan.generator(z, training=True)
        real_logits = oracle.gan.discriminator(real, training=True)
        fake_logits = oracle.gan.discriminator(fake, training=True)
        entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        d_loss = entropy(tf.ones(12), real_logits) + entropy(tf.zeros(12), fake_logits)
        g_loss = entropy(tf.ones(12), fake_logits)
    d_gradients = tape.gradient(d_loss, trainable(oracle.gan.discriminator))
    g_gradients = tape.gradient(g_loss, trainable(oracle.gan.generator))
    oracle.apply("d", d_gradients)
    oracle.apply("g", g_gradients)


@pytest.mark.parametrize(
    "update, d_steps, shared_z",
    [
        ("alternating", 1, True),
        ("alternating", 1, False),
        ("alternating", 3, True),
        ("alternating", 2, False),
        ("simultaneous", 1, True),
        ("simultaneous", 3, True),
    ],
)
def test_three_steps_equal_hand_written_ones(update, d_steps, shared_z, eagerly):
    training = tiny.Training(update=update, d_steps=d_steps, shared_z=shared_z)
    oracle = Oracle(training)
    by_hand = {"alternating": _alternating, "simultaneous": _simultaneous}[update]
    for step in range(3):
        training.run()
        by_hand(oracle, step, d_steps, shared_z)
    for ours, theirs in zip(
        (training.gan.generator, training.gan.discriminator),
        (oracle.gan.generator, oracle.gan.discriminator),
        strict=True,
    ):
        for mine, expected in zip(ours.variables, theirs.variables, strict=True):
            np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=2e-6, err_msg=expected.path)


# --- penalties


def test_a_lazy_penalty_is_as_strong_as_the_steps_it_stands_for(eagerly):
    weights = []
    for weight, every in ((2.0, 4), (8.0, 1), (2.0, 1)):
        training = tiny.Training(
            d_norm="none", penalty="r1", penalty_weight=weight, penalty_every=every, d_optimizer="sgd", d_lr=0.01
        )
        assert training.run()[0]["penalty"] > 0
        weights.append(np.concatenate([variable.numpy().ravel() for variable in trainable(training.gan.discriminator)]))
        assert training.run(with_penalty=False)[0]["penalty"] == 0
    np.testing.assert_array_equal(weights[0], weights[1])
    assert np.abs(weights[0] - weights[2]).max() > 1e-4


# --- courses


@pytest.mark.parametrize("step, share", [(0, 0.0), (5, 0.5), (13, 1.0)])
def test_a_step_in_the_burn_in_equals_one_with_the_values_of_that_moment(step, share, eagerly):
    """Half a cosine is half-way after half of the steps."""
    courses = {
        "g_lr": (4e-3, 1e-3),
        "d_lr": (1e-3, 5e-3),
        "beta2": (0.9, 0.99),
        "penalty_weight": (2.0, 8.0),
        "ema_half_life": (0.0, 300.0),
        "augment_probability": (0.0, 0.6),
    }
    common = dict(d_norm="none", penalty="r1", augment="brightness,geometry,color", d_optimizer="adam")
    moving = tiny.Training(
        **common,
        **{name: end for name, (_, end) in courses.items()},
        **{f"{name}_start": start for name, (start, _) in courses.items()},
        burn_in_steps=10,
    )
    still = tiny.Training(**common, **{name: a + share * (b - a) or 1e-9 for name, (a, b) in courses.items()})
    for training in (moving, still):
        training.gan.step.assign(step)
    (row,), (expected,) = moving.run(), still.run()
    assert row == pytest.approx(expected, rel=1e-4)
    expected = still.state()
    for name, value in moving.state().items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-6, err_msg=name)


# --- the rest of the step


def test_the_average_equals_one_computed_in_numpy(eagerly):
    training = tiny.Training(ema_half_life=300.0)

    def values(network):
        return [variable.numpy().astype(np.float64) for variable in network.variables]

    average = values(training.gan.generator)
    names = [variable.name for variable in training.gan.generator.variables]
    assert {"mean", "variance"} <= set(names)  # of the batch normalisation
    for step in range(4):
        training.run()
        decay = min(0.5 ** (12 / 300), 1 - 10 / (step + 100))
        average = [
            decay * old + (1 - decay) * new for old, new in zip(average, values(training.gan.generator), strict=True)
        ]
    for name, expected, variable in zip(names, average, training.gan.ema_generator.variables, strict=True):
        np.testing.assert_allclose(variable, expected, rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.slow
def test_a_graph_of_several_steps_equals_single_eager_ones():
    changes = dict(
        d_norm="none",
        penalty="r1",
        d_dropout=0.2,
        g_dropout=0.2,
        augment="translation,cutout",
        instance_noise=0.1,
        instance_noise_steps=10,
        label_flip=0.2,
        conditional=True,
        d_steps=2,
        schedule="cosine",
        momentum=0.5,
        g_optimizer="sgd",
        d_optimizer="rmsprop",
    )
    graph = tiny.Training(**changes)
    rows = graph.run(3)
    tf.config.run_functions_eagerly(True)
    try:
        single = tiny.Training(**changes)
        for row in rows:
            np.testing.assert_allclose(list(single.run()[0].values()), list(row.values()), rtol=2e-4, atol=1e-5)
    finally:
        tf.config.run_functions_eagerly(False)
    expected = single.state()
    for name, value in graph.state().items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=1e-5, err_msg=name)


def test_resident_data_are_gathered_on_the_host():
    """In the graph of a replica on a GPU, its networks lie there, and the gather of its batches beside the data."""
    training = tiny.Training(tf.distribute.OneDeviceStrategy("/gpu:0"), architecture="mlp")
    graph = training._step._functions[False].get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    devices = {op: [node.device[-5:] for node in nodes if node.op == op] for op in ("GatherV2", "MatMul")}
    assert devices["GatherV2"] == ["CPU:0", "CPU:0"]  # the images and the labels
    assert set(devices["MatMul"]) == {"GPU:0"}


def test_streamed_pixels_train_as_resident_ones(eagerly):
    resident = tiny.Training(conditional=True, d_steps=2)
    streamed = tiny.Training(conditional=True, d_steps=2)
    step = TrainStep(streamed.config, streamed.gan, tf.distribute.get_strategy(), None, None, 4.0)
    for i in range(2):
        resident.run()
        where = tiny.indices(streamed.config, 1, i)
        step.run((streamed.images[where], streamed.labels[where]), False)
    expected = resident.state()
    for name, value in streamed.state().items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_weight_clipping_bounds_d_alone(eagerly):
    training = tiny.Training(loss="wasserstein", weight_clip=0.01)
    training.run()
    assert max(np.abs(variable).max() for variable in trainable(training.gan.discriminator)) <= 0.01
    assert max(np.abs(variable).max() for variable in trainable(training.gan.generator)) > 0.1
