"""Both families: their shapes, sizes, costs, and what they do with their inputs."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tests import tiny
from tfgan_train import Config, models
from tfgan_train.config.fields import FIELDS, OF_ALL_ARCHITECTURES
from tfgan_train.models import dcgan, layers
from tfgan_train.ops.random import Draw

FAMILIES = [name for name, entry in models.MODELS.items() if entry.generator]  # others have a discriminator only


def _families_with(setting):
    return [name for name in FAMILIES if setting in models.MODELS[name].settings]


def _normal(seed, *shape):
    return tf.random.stateless_normal(shape, [seed, 0])


def _networks(shape=tiny.SHAPE, num_classes=3, **changes):
    config = tiny.config(shape, **{"batch_size": 4} | changes)
    return models.build_networks(config, tiny.facts(shape, num_classes))


def _count(network):
    return sum(int(tf.size(variable.value)) for variable in network.trainable_variables)


# --- what an architecture says of itself


class _Watched:
    """A Config that keeps the names of the settings that are read."""

    def __init__(self, config):
        self._config, self.read = config, set()

    def __getattr__(self, name):
        self.read.add(name)
        return getattr(self._config, name)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_architecture_names_the_settings_that_it_reads(family):
    entry = models.MODELS[family]
    in_networks = {name for name, field in FIELDS.items() if field.metadata["group"] == "networks"}
    assert set(entry.defaults) <= entry.settings <= in_networks - OF_ALL_ARCHITECTURES
    watched = _Watched(tiny.config(architecture=family, conditional=True))
    for make, inputs in ((entry.generator, _normal(1, 2, 6)), (entry.discriminator, _normal(1, 2, *tiny.SHAPE))):
        if make is not None:
            make(watched, tiny.facts())(inputs, tf.zeros([2], tf.int32), training=True, draw=Draw(1, 0, 2, 0, 2))
    assert watched.read & in_networks - OF_ALL_ARCHITECTURES <= entry.settings


def test_every_network_setting_is_read_by_an_architecture():
    read = frozenset().union(*(entry.settings for entry in models.MODELS.values()))
    assert {
        name for name, field in FIELDS.items() if field.metadata["group"] == "networks"
    } == read | OF_ALL_ARCHITECTURES


# --- shapes and sizes


@pytest.mark.parametrize(
    "shape, sizes",
    [
        ((28, 28, 1), [(7, 7), (14, 14), (28, 28)]),
        ((32, 32, 3), [(4, 4), (8, 8), (16, 16), (32, 32)]),
        ((64, 64, 3), [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)]),
        ((96, 64, 3), [(6, 4), (12, 8), (24, 16), (48, 32), (96, 64)]),
        ((200, 200, 1), [(7, 7), (13, 13), (25, 25), (50, 50), (100, 100), (200, 200)]),
        ((45, 37, 1), [(6, 5), (12, 10), (23, 19), (45, 37)]),
        ((8, 40, 1), [(4, 20), (8, 40)]),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_any_image_shape(family, shape, sizes):
    assert dcgan.size_plan(*shape[:2]) == sizes
    generator, discriminator = _networks(shape, architecture=family, g_width=2, d_width=2, g_activation="elu")
    images = generator(_normal(1, 3, 6), training=False)
    assert images.shape == (3, *shape) and images.dtype == tf.float32
    assert np.abs(images).max() <= 1 and images.numpy().std() > 0
    logits = discriminator(images, training=False)
    assert logits.shape == (3,) and logits.dtype == tf.float32
    assert discriminator.features(images).shape.rank == 2
    if family == "dcgan":
        assert [stage.output_size[:2] for stage in generator.stages] == sizes
        assert [stage.output_size[:2] for stage in discriminator.stages] == sizes[-2::-1]


def test_depth_sets_the_number_of_doublings():
    generator, discriminator = _networks((64, 64, 3), g_depth=2, d_depth=3)
    assert [stage.output_size[:2] for stage in generator.stages] == [(16, 16), (32, 32), (64, 64)]
    assert [stage.output_size[:2] for stage in discriminator.stages] == [(32, 32), (16, 16), (8, 8)]


def test_radfords_64x64_networks_have_the_published_sizes():
    """1024-512-256-128-3 from 4x4 with 5x5 kernels (Radford et al. 2015, figure 1); no bias under a batch norm."""
    generator, discriminator = _networks((64, 64, 3), g_width=128, d_width=128, latent_dim=100)
    assert [stage.output_size[2] for stage in generator.stages] == [1024, 512, 256, 128, 3]
    channels = [1024, 512, 256, 128]
    norms_ = sum(2 * c for c in channels)
    kernels = sum(25 * a * b for a, b in zip(channels, channels[1:] + [3], strict=True))
    assert _count(generator) == 100 * 16 * 1024 + kernels + norms_ + 3
    assert _count(discriminator) == kernels + 128 + (norms_ - 2 * 128) + 16 * 1024 + 1


def test_the_tutorials_networks_have_its_numbers_of_weights():
    """As Keras' summary gives them: D 212,865; G's kernels alone: its first norm has a scale for each unit there."""
    recipe = Config(recipe="tutorial_dcgan").as_dict()
    names = [name for name in recipe if name.startswith(("g_", "d_", "norm", "kernel"))]
    generator, discriminator = _networks((28, 28, 1), latent_dim=100, **{name: recipe[name] for name in names})
    assert _count(discriminator) == 212_865
    kernels = [int(np.prod(weight.shape)) for weight in generator.trainable_variables if weight.name == "kernel"]
    assert kernels == [1_254_400, 819_200, 204_800, 1600]


def test_an_mlp_has_the_sizes_of_its_layers():
    generator, discriminator = _networks(
        (9, 7, 1),
        architecture="mlp",
        g_width=20,
        g_depth=3,
        d_width=12,
        d_depth=2,
        g_norm="none",
        d_norm="none",
        latent_dim=5,
        d_activation="maxout:4",
    )
    assert _count(generator) == (5 + 1) * 20 + 2 * (20 + 1) * 20 + (20 + 1) * 63
    assert _count(discriminator) == (63 + 1) * 48 + (12 + 1) * 48 + (12 + 1)


def test_maxout_keeps_the_width_of_convolutions():
    generator, discriminator = _networks(g_activation="maxout:3", d_activation="maxout:3", g_norm="none", d_norm="none")
    assert [stage.output_size[2] for stage in discriminator.stages] == [4, 8]
    assert _count(discriminator) == (25 * 1 + 1) * 12 + (25 * 4 + 1) * 24 + (16 * 8 + 1)
    assert [stage.output_size[2] for stage in generator.stages] == [8, 4, 1]
    assert _count(generator) == (6 + 1) * 16 * 24 + 25 * 8 * 12 + 12 + 25 * 4 * 1 + 1


@pytest.mark.parametrize(
    "family, changes",
    [
        ("dcgan", {}),
        ("dcgan", {"g_final_conv": True, "d_dense": 7, "g_dense": 9}),
        ("mlp", {"d_activation": "maxout:3", "d_norm": "none"}),
    ],
)
def test_flops_equal_the_profilers_count_of_products(family, changes):
    shape = (32, 32, 3)  # whose sides halve evenly: the profiler counts a transposed convolution by its larger side
    generator, discriminator = _networks(shape, architecture=family, **changes)
    for network, inputs in ((generator, [1, 6]), (discriminator, [1, *shape])):
        function = tf.function(functools.partial(network, training=False)).get_concrete_function(tf.TensorSpec(inputs))
        graph = convert_variables_to_constants_v2(function).graph
        options = (
            tf.compat.v1.profiler.ProfileOptionBuilder(tf.compat.v1.profiler.ProfileOptionBuilder.float_operation())
            .with_empty_output()
            .order_by("name")
            .build()
        )
        options["account_type_regexes"] = ["MatMul", "Conv2D", "Conv2DBackpropInput"]
        counted = tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
        assert network.flops() == counted


def test_weights_start_as_the_seed_says_and_all_differ():
    kernels = {
        seed: [
            variable.numpy()
            for network in _networks(seed=seed, architecture="mlp", latent_dim=4, g_width=4, g_depth=3)
            for variable in network.variables
            if variable.path.endswith("kernel")
        ]
        for seed in (1, 2)
    }
    again = _networks(seed=1, architecture="mlp", latent_dim=4, g_width=4, g_depth=3)
    for old, new in zip(
        kernels[1], [v for network in again for v in network.variables if v.path.endswith("kernel")], strict=True
    ):
        np.testing.assert_array_equal(old, new)
    square = [kernel for seed in kernels for kernel in kernels[seed] if kernel.shape == (4, 4)]
    assert len(square) > 4 and len({kernel.tobytes() for kernel in square}) == len(square)


# --- what the networks do with their inputs


@pytest.mark.parametrize("family", FAMILIES)
def test_projection_adds_the_labels_product_with_the_features(family):
    _, discriminator = _networks(architecture=family, conditional=True)
    x = _normal(1, 2, *tiny.SHAPE)
    features, table = discriminator.features(x), discriminator.embedding.table.value
    np.testing.assert_array_equal(discriminator.features(x, tf.constant([1, 2])), features)  # which know no label
    first, second = (discriminator(x, tf.fill([2], label)) for label in (0, 2))
    np.testing.assert_allclose(second - first, tf.linalg.matvec(features, table[2] - table[0]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_concatenated_labels_reach_the_logits_and_the_images(family):
    generator, discriminator = _networks(architecture=family, conditional=True, d_conditioning="concat")
    x, z = _normal(1, 2, *tiny.SHAPE), _normal(2, 2, 6)
    for network, inputs in ((discriminator, x), (generator, z)):
        first, second = (network(inputs, tf.fill([2], label)) for label in (0, 2))
        assert np.abs(first - second).max() > 1e-4
        # As if the label's embedding were a further input: the other images keep theirs.
        mixed = network(inputs, tf.constant([0, 2]))
        np.testing.assert_allclose(mixed[0], first[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(mixed[1], second[1], rtol=1e-5, atol=1e-6)


def test_an_mlps_features_are_what_its_head_sees():
    _, discriminator = _networks(architecture="mlp")
    x = _normal(1, 3, *tiny.SHAPE)
    expected = discriminator.features(x) @ discriminator.head.kernel.value + discriminator.head.bias.value
    np.testing.assert_allclose(discriminator(x), expected[:, 0], rtol=1e-5, atol=1e-6)


def test_a_dcgans_features_are_summed_over_space():
    _, discriminator = _networks()
    x = _normal(1, 3, *tiny.SHAPE)
    h = x
    for stage in discriminator.stages:
        h = stage(h, training=False)
    np.testing.assert_allclose(discriminator.features(x), tf.reduce_sum(h, [1, 2]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("head, squash", [("softmax", lambda x: x), ("tanh_softmax", np.tanh)])
def test_a_softmax_heads_logit_is_that_of_its_first_unit(head, squash):
    _, discriminator = _networks(architecture="mlp", d_head=head)
    x = _normal(1, 3, *tiny.SHAPE)
    units = squash(
        (discriminator.features(x) @ discriminator.head.kernel.value + discriminator.head.bias.value).numpy()
    )
    np.testing.assert_allclose(tf.sigmoid(discriminator(x)), tf.nn.softmax(units)[:, 0], rtol=1e-5)


def test_unit_input_range_shows_d_pixels_from_0_to_1():
    _, symmetric = _networks()
    _, unit = _networks(d_input_range="unit")
    x = _normal(1, 3, *tiny.SHAPE)
    np.testing.assert_allclose(unit(x), symmetric((x + 1) / 2), rtol=1e-4, atol=1e-5)


def test_a_sigmoid_reaches_the_same_pixels_as_a_tanh():
    x = _normal(1, 10)
    np.testing.assert_allclose(layers.squash(2 * x, "sigmoid"), layers.squash(x, "tanh"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
def test_the_output_bias_starts_at_the_mean_image(family, output):
    generator, _ = _networks((16, 16, 3), architecture=family, g_output=output)
    mean = np.random.default_rng(0).uniform(-0.9, 0.9, (16, 16, 3))
    generator.set_output_bias(mean)
    for layer in getattr(generator, "output_layers", [generator.output_layer]):
        layer.kernel.assign(tf.zeros_like(layer.kernel.value))
    expected = mean if family == "mlp" else np.broadcast_to(mean.mean((0, 1)), mean.shape)
    np.testing.assert_allclose(generator(_normal(1, 2, 6))[0], expected, atol=1e-5)


def test_the_mean_of_black_images_is_a_finite_bias():
    generator, _ = _networks(architecture="mlp")
    generator.set_output_bias(np.full(tiny.SHAPE, -1.0))
    assert np.isfinite(generator.output_layer.bias.numpy()).all()


@pytest.mark.parametrize("family", _families_with("g_dropout"))
def test_dropout_acts_in_training_alone_and_follows_its_draw(family):
    generator, discriminator = _networks(
        architecture=family, g_dropout=0.5, d_dropout=0.3, d_input_dropout=0.2, g_norm="none", d_norm="none"
    )
    draw = Draw(1, 0, 4, 0, 4)
    for network, inputs in ((generator, _normal(1, 4, 6)), (discriminator, _normal(2, 4, *tiny.SHAPE))):
        plain, dropped, again, other = (
            network(inputs, training=at is not None, draw=at) for at in (None, draw, draw, draw.child("other"))
        )
        np.testing.assert_array_equal(dropped, again)
        assert (dropped != plain).numpy().any() and (dropped != other).numpy().any()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("precision, tolerance", [("bfloat16", 0.05), ("float16", 0.01)])
def test_half_precision_networks_keep_float32_at_both_ends(family, precision, tolerance):
    pairs = zip(_networks(architecture=family), _networks(architecture=family, precision=precision), strict=True)
    for (full, half), inputs in zip(pairs, (_normal(1, 4, 6), _normal(2, 4, *tiny.SHAPE)), strict=True):
        assert {variable.dtype for variable in half.variables} == {"float32"}
        expected, result = full(inputs), half(inputs)
        assert result.dtype == tf.float32
        difference = np.abs(result - expected).max() / np.abs(expected).max()
        assert 0 < difference < tolerance


@pytest.mark.parametrize("changes", [{"d_norm": "batch"}, {"d_norm": "spectral", "d_dropout": 0.5}])
@pytest.mark.parametrize("family", _families_with("d_norm"))
def test_judging_uses_the_batchs_own_statistics_and_moves_nothing(family, changes):
    """The logits are those of a training pass without dropout; no variable is another after it."""
    _, network = _networks(architecture=family, **changes)
    x = _normal(3, 20, *tiny.SHAPE) * 0.3 + 0.5
    for _ in range(3):
        network(_normal(1, 20, *tiny.SHAPE), training=True)
    before = [variable.numpy() for variable in network.variables]
    judged = network.judge(x).numpy()
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    if changes["d_norm"] == "batch":
        np.testing.assert_allclose(judged, network(x, training=True), rtol=1e-5, atol=1e-6)
        assert np.abs(judged - network(x, training=False)).max() > 1e-3
        assert not all(
            np.array_equal(variable.numpy(), value) for variable, value in zip(network.variables, before, strict=True)
        )


def test_a_norm_before_every_layer_leaves_ds_first_and_last_bare():
    """There it would hide from D the pixels' own means, and pin the mean logit of each batch to the head's bias."""
    generator, discriminator = _networks(
        architecture="mlp", g_norm="batch", d_norm="batch", norm_placement="before", g_depth=3, d_depth=3
    )
    assert [stage.norm is not None for stage in discriminator.stages] == [False, True, True]
    assert [stage.norm is not None for stage in generator.stages] == [
        True
    ] * 3 and generator.output_stage.norm is not None
    bright, dark = (
        discriminator(tf.fill([8, *tiny.SHAPE], value) + 0.01 * _normal(0, 8, *tiny.SHAPE), training=True)
        for value in (0.9, -0.9)
    )
    assert abs(float(tf.reduce_mean(bright - dark))) > 1e-3
