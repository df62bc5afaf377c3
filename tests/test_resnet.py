"""The blocks of the residual networks, against numpy, Keras and their definitions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train import models
from tfgan_train.models import layers, norms, resampling

INIT = layers.Initializers("normal:0.3", 1, "test")


def _normal(seed, *shape):
    return tf.random.stateless_normal(shape, [seed, 0])


def _network(**changes):
    config = tiny.config(g_width=3, d_width=3, architecture="resnet", **changes)
    return models.build_networks(config, tiny.facts())


# --- resampling


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [(8, 6), (7, 6), (7, 5)])
def test_a_convolution_of_the_doubled_image_equals_doubling_and_convolving(size, training):
    layer = resampling.ConvOfDoubled(5, size, INIT)
    x = _normal(1, 2, 4, 3, 2)
    y = layer(x, training=training)
    large = x.numpy().repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(resampling.doubled(x, size), large[:, : size[0], : size[1]])
    expected = tf.nn.conv2d(large, layer.kernel.value, 1, "SAME")[:, : size[0], : size[1]]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [(8, 6), (7, 6), (7, 5)])
def test_a_halved_convolution_equals_convolving_and_taking_means(size, training):
    layer = resampling.HalvedConv(5, INIT)
    x = _normal(1, 2, *size, 3)
    y = layer(x, training=training)
    # As if an odd image had one more row or column of zeros.
    even = np.pad(x, [(0, 0), (0, size[0] % 2), (0, size[1] % 2), (0, 0)])
    full = tf.nn.conv2d(even, layer.kernel.value, 1, "SAME").numpy()
    expected = full.reshape(2, full.shape[1] // 2, 2, full.shape[2] // 2, 2, 5).mean((2, 4))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    if size == (8, 6):
        np.testing.assert_allclose(
            resampling.halved(x), x.numpy().reshape(2, 4, 2, 3, 2, 3).mean((2, 4)), rtol=1e-5, atol=1e-6
        )


# --- normalisation by label


def test_conditional_batch_norm_equals_numpy():
    x, label = _normal(1, 6, 4, 3, 2) * 3 + 1, tf.constant([0, 2, 2, 1, 0, 2])
    layer = norms.ConditionalBatchNorm(3)
    layer(x, label)
    layer.gamma.assign(_normal(2, 3, 2))
    layer.beta.assign(_normal(3, 3, 2))
    scale, shift = (table.numpy()[label.numpy()][:, None, None] for table in (layer.gamma, layer.beta))
    values = x.numpy().astype(np.float64)
    mean, variance = values.mean((0, 1, 2)), values.var((0, 1, 2))
    expected = (values - mean) / np.sqrt(variance + 1e-5) * scale + shift
    np.testing.assert_allclose(layer(x, label, training=True), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(layer.mean, 0.1 * mean, rtol=1e-5)
    expected = (values - 0.1 * mean) / np.sqrt(0.9 + 0.1 * variance + 1e-5) * scale + shift
    np.testing.assert_allclose(layer(x, label), expected, rtol=1e-4, atol=1e-4)


def test_the_embedding_is_divided_by_its_largest_singular_value():
    embedding = layers.Embedding(4, 6, INIT, spectral=True)
    label = tf.constant([3, 0, 3])
    start = embedding(label)
    for _ in range(300):
        embedding(label, training=True)
    table = embedding.table.numpy()
    expected = (table / np.linalg.svd(table)[1][0])[label]
    np.testing.assert_allclose(embedding(label), expected, rtol=1e-4, atol=1e-6)
    assert np.abs(start - expected).max() > 1e-4
    # D's projection has it where D is spectrally normalised.
    assert _network(conditional=True, d_norm="spectral")[1].embedding.u.shape == (1, 6)


# --- blocks


def _conv(layer, x):
    y = keras.ops.conv(x, layer.kernel.value, padding="same")
    return y if layer.bias is None else y + layer.bias.value


def test_a_doubling_block_is_what_it_says():
    generator, _ = _network(g_activation="relu")
    block = generator.stages[0]
    x = _normal(1, 2, 4, 4, 12)

    def large(x):
        return tf.repeat(tf.repeat(x, 2, 1), 2, 2)

    def scaled(x):
        return x / np.sqrt(1 + 1e-5)  # the norms' first moving statistics are 0 and 1

    h = _conv(block.conv1, large(tf.nn.relu(scaled(x))))
    h = _conv(block.conv2, tf.nn.relu(scaled(h)))
    expected = h + _conv(block.skip, large(x))
    np.testing.assert_allclose(block(x, None), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_ds_blocks_are_what_they_say(number):
    """The first begins with pixels, the second halves, the last keeps size and channels."""
    _, discriminator = _network(d_norm="none", d_activation="relu")
    block = discriminator.stages[number]
    inputs = {0: (16, 16, 1), 1: (8, 8, 3), 2: (4, 4, 6)}[number]
    x = _normal(1, 2, *inputs)
    small = (lambda x: keras.ops.average_pool(x, 2, 2)) if number < 2 else lambda x: x
    h = x if number == 0 else tf.nn.relu(x)
    h = small(_conv(block.conv2, tf.nn.relu(_conv(block.conv1, h))))
    expected = h + (small(_conv(block.skip, x)) if number < 2 else x)
    np.testing.assert_allclose(block(x), expected, rtol=1e-4, atol=1e-5)


def test_ds_features_are_the_sum_over_space_of_its_last_activations():
    _, discriminator = _network(d_norm="none", d_activation="relu")
    x = h = _normal(1, 2, *tiny.SHAPE)
    for block in discriminator.stages:
        h = block(h)
    features = tf.reduce_sum(tf.nn.relu(h), [1, 2])
    np.testing.assert_allclose(discriminator.features(x), features, rtol=1e-4, atol=1e-5)
    expected = tf.matmul(features, discriminator.head.kernel.value)[:, 0]
    np.testing.assert_allclose(discriminator(x), expected, rtol=1e-4, atol=1e-5)


def test_labels_reach_g_through_every_batch_norm():
    generator, _ = _network(conditional=True)
    layers_ = [layer for layer in generator.blocks() if isinstance(layer, norms.ConditionalBatchNorm)]
    assert len(layers_) == 2 * len(generator.stages) + 1 == 5
    assert not any(isinstance(layer, norms.ConditionalBatchNorm) for layer in _network()[0].blocks())


@pytest.mark.slow
def test_it_takes_steps_with_its_own_recipes_settings():
    training = tiny.Training(
        architecture="resnet", loss="hinge", d_norm="spectral", conditional=True, g_activation="relu"
    )
    before = training.state()
    rows = training.run(2)
    after = training.state()
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    moved = [name for name in before if name.startswith("d/") and (before[name] != after[name]).any()]
    # The power iterations' states: of eight convolutions, the head and the embedding.
    assert sum(name.endswith("/u") for name in moved) == 10
