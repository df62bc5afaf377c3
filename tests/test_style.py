"""The style architecture against independent float64 NumPy: equations of Karras et al. 2019 and 2020."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train import models
from tfgan_train.models import layers, resampling, style
from tfgan_train.runs import checkpoints
from tfgan_train.runs.sampler import Sampler, mixing

INIT = layers.Initializers("normal:1", 1, "test")
LABEL = tf.constant([2, 0, 2, 1])


def _normal(seed, *shape):
    return tf.random.stateless_normal(shape, [seed, 0])


def _float64(variable):
    return np.asarray(variable.numpy(), np.float64)


def _generator(**changes):
    config = tiny.config(**dict(architecture="style", g_width=4, d_width=4) | changes)
    return models.build_generator(config, tiny.facts())


@pytest.fixture(scope="module")
def labelled():
    """A generator that knows three labels; its biases and averages are random."""
    generator = _generator(conditional=True)
    for i, variable in enumerate(generator.variables):
        if variable.name in ("bias", "average"):
            variable.assign(_normal(i, *variable.shape))
    return generator


def _leaky(x):
    return np.where(x < 0, 0.2 * x, x) * np.sqrt(2)


def _dense(layer, x, rate=1.0):
    kernel = _float64(layer.kernel)
    return rate * (x @ kernel / np.sqrt(len(kernel)) + _float64(layer.bias))


def _conv(x, kernel):
    """A 'SAME' convolution of stride 1 of one example [h, w, inputs]."""
    reach = kernel.shape[0] // 2
    padded = np.pad(x, [(reach, reach), (reach, reach), (0, 0)])
    return sum(
        padded[i : i + x.shape[0], j : j + x.shape[1]] @ kernel[i, j]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    )


def _by_own_kernels(layer, x, w, size=None):
    """Each example convolved by the kernel that equations 1 and 3 give it; with `size` doubled before."""
    kernel, results = _float64(layer.kernel), []
    for image, own in zip(np.broadcast_to(x, (len(w), *x.shape[1:])), w, strict=True):
        scaled = kernel * _dense(layer.affine, own)[:, None]
        demodulated = scaled / np.sqrt(np.square(scaled).sum((0, 1, 2)) + 1e-8)
        if size is not None:
            image = image.repeat(2, 0).repeat(2, 1)
        y = _conv(image, demodulated)
        results.append((y if size is None else y[: size[0], : size[1]]) + _float64(layer.bias))
    return np.stack(results)


# --- formulas


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [None, (9, 6)])
def test_scaling_and_demodulating_equals_kernels_of_each_examples_own(size, training):
    conv = (
        layers.Conv(7, 3, 1, INIT, use_bias=False)
        if size is None
        else resampling.ConvOfDoubled(7, size, INIT, use_bias=False)
    )
    layer = style.StyledConv(conv, 6, 7, INIT)
    x, w = 3 * _normal(1, 2, 5, 3, 6), _normal(2, 2, 4)
    layer(x, w)
    layer.bias.assign(_normal(3, 7))
    expected = _by_own_kernels(layer, _float64(x), _float64(w), size)
    np.testing.assert_allclose(layer(x, w, training=training), expected, rtol=1e-4, atol=1e-4)


def test_an_output_of_unit_inputs_has_unit_variance():
    layer = style.StyledConv(layers.Conv(64, 3, 1, INIT, use_bias=False), 32, 64, INIT)
    y = layer(_normal(1, 4, 16, 16, 32), 5 * _normal(2, 4, 8))
    assert y.numpy()[:, 1:-1, 1:-1].std((0, 1, 2)).mean() == pytest.approx(1, rel=0.05)


def test_w_is_the_mapping_networks_as_the_articles_say(labelled):
    z = 3 * _normal(1, 4, 6)
    table = _float64(labelled.embedding.table)[LABEL]

    def normalised(x):
        return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + 1e-8)

    w = np.concatenate([normalised(_float64(z)), normalised(table)], 1)
    for layer in labelled.mapping.stages:
        w = _leaky(_dense(layer, w, 0.01))
    np.testing.assert_allclose(labelled.styles(z, LABEL), w, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(labelled.styles(2 * z, LABEL), w, rtol=1e-4, atol=1e-5)  # z's length says nothing


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_a_rate_changes_what_a_weight_moves_and_not_where_it_starts(rate):
    layer = style.Equalised(300, INIT, rate, bias=1.0)
    x = _normal(1, 50, 40)
    y = layer(x)
    assert y.numpy().mean() == pytest.approx(1, abs=0.05) and y.numpy().std() == pytest.approx(1, abs=0.05)
    layer.kernel.assign_add(tf.ones_like(layer.kernel.value))
    moved = rate * x.numpy().sum(1) / np.sqrt(40)
    np.testing.assert_allclose(layer(x) - y, np.repeat(moved[:, None], 300, 1), rtol=1e-3, atol=1e-4)


def test_an_image_is_the_sum_of_every_sizes_pixels(labelled):
    """Skip outputs, doubled by TensorFlow's own bilinear resampling, of layers that use one w each."""
    generator, label = labelled, LABEL
    places = [_normal(i, 4, 6) for i in range(generator.latents)]
    assert generator.latents == 6  # sizes 4, 8 and 16

    def pixels(layer, x, w):
        scaled = x * (_dense(layer.affine, _float64(w)) / np.sqrt(3 * x.shape[-1]))[:, None, None]
        return scaled @ _float64(layer.kernel)[0, 0] + _float64(layer.bias)

    x = _leaky(_by_own_kernels(generator.convs[0], _float64(generator.constant.basis)[None], _float64(places[0])))
    image = pixels(generator.output_layers[0], x, places[1])
    for i, size in enumerate([8, 16]):
        x = _leaky(_by_own_kernels(generator.ups[i], x, _float64(places[2 * i + 1]), (size, size)))
        x = _leaky(_by_own_kernels(generator.convs[i + 1], x, _float64(places[2 * i + 2])))
        image = tf.image.resize(image, [size, size]).numpy() + pixels(
            generator.output_layers[i + 1], x, places[2 * i + 3]
        )
    np.testing.assert_allclose(generator.images(places), np.tanh(image), rtol=1e-3, atol=1e-4)
    z = _normal(9, 4, 6)
    np.testing.assert_array_equal(generator(z, label), generator.images([generator.styles(z, label)] * 6))


def test_the_average_of_w_follows_each_label_of_the_batch_alone():
    generator = _generator(conditional=True)
    expected = np.zeros((3, 6))
    for step, label in enumerate(([0, 2, 2, 0], [2, 2, 2, 2])):
        z = _normal(step, 4, 6)
        w = _float64(generator.styles(z, tf.constant(label)))
        for one in set(label):
            expected[one] += (1 - 0.995) * (w[np.equal(label, one)].mean(0) - expected[one])
        generator(z, tf.constant(label), training=True)
    np.testing.assert_allclose(generator.mapping.average, expected, rtol=1e-4, atol=1e-6)
    assert not expected[1].any()


@pytest.mark.parametrize("truncation", [0.0, 0.3, 1.0, [0.0, 0.5, 1.0, 0.7]])
def test_truncation_brings_w_nearer_to_its_labels_average(labelled, truncation):
    z = _normal(1, 4, 6)
    w, mean = _float64(labelled.styles(z, LABEL)), _float64(labelled.mapping.average)[LABEL]
    share = np.broadcast_to(truncation, 4)[:, None]
    truncated = labelled.styles(z, LABEL, truncation=truncation)
    np.testing.assert_allclose(truncated, share * w + (1 - share) * mean, rtol=1e-4, atol=1e-5)
    images = labelled.images([truncated] * labelled.latents)
    np.testing.assert_array_equal(labelled.truncated(z.numpy(), LABEL.numpy(), truncation), images)
    if truncation == 1.0:
        np.testing.assert_array_equal(images, labelled(z, LABEL))
    if truncation == 0.0:
        np.testing.assert_array_equal(images[0], images[2])  # of one label


def test_the_style_matrix_is_all_that_w_is_multiplied_by(labelled):
    """SeFa's directions are the eigenvectors of its products, for which the columns' order is nothing."""
    expected = np.zeros((6, 6))
    for layer in [*labelled.ups, *labelled.convs, *labelled.output_layers]:
        weights = _float64(layer.affine(tf.eye(6))) - _float64(layer.affine.bias)
        expected += weights @ weights.T
    matrix = labelled.style_matrix()
    assert matrix.shape == (
        6,
        sum(layer.kernel.shape[2] for layer in [*labelled.ups, *labelled.convs, *labelled.output_layers]),
    )
    np.testing.assert_allclose(matrix @ matrix.T, expected, rtol=1e-4, atol=1e-4)


# --- mixing


def test_a_sampler_truncates_w(labelled):
    typical = Sampler(labelled, labelled.config, tiny.facts(), truncation=0.0).images(5, 3, label=1)
    np.testing.assert_array_equal(typical, np.broadcast_to(typical[:1], typical.shape))
    mean = labelled.mapping.average.value[1:2]
    expected = np.round((labelled.images([mean] * labelled.latents).numpy() + 1) * 127.5)
    assert np.abs(typical[:1] - expected).max() <= 1


def test_a_grid_of_mixed_styles_has_its_sources_at_the_edges(labelled):
    sampler = Sampler(labelled, labelled.config, tiny.facts())
    grid = mixing(sampler, (3, -4), 2).reshape(3, 3, *tiny.SHAPE)
    assert not grid[0, 0].any()
    sources = [sampler.images(2, seed) for seed in (3, -4)]
    np.testing.assert_array_equal(grid[1:, 0], sources[0])
    np.testing.assert_array_equal(grid[0, 1:], sources[1])
    places = range(2)
    coarse, fine = (
        labelled.styles(sampler.latents(seed, places), sampler.labels(seed, places)).numpy() for seed in (3, -4)
    )
    for row in range(2):
        for column in range(2):
            styles = [coarse[row, None]] * 3 + [fine[column, None]] * 3
            expected = np.round((labelled.images(styles).numpy()[0] + 1) * 127.5)
            assert np.abs(grid[row + 1, column + 1] - expected).max() <= 1


# --- training


def test_it_trains_and_moves_every_weight(eagerly):
    training = tiny.Training(architecture="style", d_norm="none", penalty="r1", penalty_weight=0.1, conditional=True)
    before = training.state()
    rows = training.run(2)
    after = training.state()
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert not {name for name, value in before.items() if name[:2] in ("g/", "d/") and (value == after[name]).all()}
    average = next(name for name in after if name.startswith("ema") and name.endswith("average"))
    assert (before[average] != after[average]).any()


def test_a_run_that_is_restored_goes_on_bit_for_bit(eagerly, tmp_path):
    """The average of w too, in the generator and in its average."""
    one, other = (tiny.Training(architecture="style", d_norm="none", conditional=True) for _ in range(2))
    one.run()
    other.run()  # so that its next batch is the second
    for variable in tiny.variables(other.gan).values():
        variable.assign(tf.zeros_like(variable))
    checkpoints.save(tmp_path, one.gan.state(), 1, {}, 3)
    checkpoints.restore(checkpoints.latest(tmp_path), other.gan.state())
    rows = one.run(), other.run()
    assert rows[0] == rows[1]
    expected = one.state()
    for name, value in other.state().items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
