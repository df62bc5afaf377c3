"""R3GAN's blocks, against numpy, TensorFlow's own resampling and the paper's definitions."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train import models
from tfgan_train.models import layers, r3gan, resampling

INIT = layers.Initializers("he", 1, "test")


def _normal(seed, *shape):
    return tf.random.stateless_normal(shape, [seed, 0])


def _networks(**changes):
    config = tiny.config(**dict(architecture="r3gan", g_width=4, d_width=4, g_activation="leaky_relu:0.2") | changes)
    return models.build_networks(config, tiny.facts())


# --- grouped convolutions


def _grouped(x, kernel, groups):
    """A 'SAME' convolution of stride 1 by loops over groups, rows and columns, in float64."""
    x, kernel = x.astype(np.float64), kernel.astype(np.float64)
    size, _, inputs, outputs = kernel.shape
    padded = np.pad(x, [(0, 0), (size // 2, size // 2), (size // 2, size // 2), (0, 0)])
    y = np.zeros((*x.shape[:3], outputs))
    part = outputs // groups
    for group in range(groups):
        its_inputs, its_outputs = slice(group * inputs, (group + 1) * inputs), slice(group * part, (group + 1) * part)
        for row in range(size):
            for column in range(size):
                moved = padded[:, row : row + x.shape[1], column : column + x.shape[2], its_inputs]
                y[..., its_outputs] += moved @ kernel[row, column, :, its_outputs]
    return y


@pytest.mark.parametrize("training", [False, True])
def test_a_grouped_convolution_equals_loops(training):
    layer = layers.Conv(6, 3, 1, INIT, use_bias=False, groups=3)
    x = _normal(1, 2, 5, 4, 12)
    np.testing.assert_allclose(
        layer(x, training=training), _grouped(x.numpy(), layer.kernel.numpy(), 3), rtol=1e-4, atol=1e-5
    )
    assert layer.kernel.shape == (3, 3, 4, 6) and layer.flops() == 2 * 5 * 4 * 9 * 4 * 6


def test_a_blocks_groups_hold_sixteen_channels():
    for channels, kernel in {32: (3, 3, 16, 64), 12: (3, 3, 8, 24), 4: (3, 3, 8, 8)}.items():
        assert _built(channels).conv2.kernel.shape == kernel


def _leaky(x):
    return np.where(x < 0, 0.2 * x, x)


def _built(channels, total=3):
    block = r3gan.ResidualBlock(channels, INIT, "leaky_relu:0.2", total)
    block(tf.zeros([1, 4, 4, channels]))
    return block


# --- fix-up


def test_a_block_is_what_it_says_and_begins_as_the_identity():
    block = _built(12)
    x = _normal(1, 2, 4, 4, 12)
    np.testing.assert_array_equal(block(x), x)
    for i, variable in enumerate(block.trainable_variables):
        variable.assign(_normal(i, *variable.shape))
    h = _leaky(x.numpy() @ block.conv1.kernel.numpy()[0, 0] + block.conv1.bias.numpy())
    h = _leaky(_grouped(h, block.conv2.kernel.numpy(), 3) + block.conv2.bias.numpy())
    np.testing.assert_allclose(block(x), x + h @ block.conv3.kernel.numpy()[0, 0], rtol=1e-4, atol=1e-3)


def test_weights_start_smaller_in_deeper_networks():
    """Variance 2 / inputs (He et al. 2015), times depth^(-1/2)."""
    for total in (1, 16):
        block = _built(64, total)
        for layer, inputs in ((block.conv1, 64), (block.conv2, 9 * 16)):
            assert layer.kernel.numpy().std() == pytest.approx((2 / inputs) ** 0.5 * total**-0.25, rel=0.05)
        assert not block.conv3.kernel.numpy().any()


def test_the_networks_begin_as_their_transitions_alone():
    generator, discriminator = _networks(blocks=3)
    z = _normal(1, 2, 6)
    h = generator.start.basis.value * (z @ generator.start.dense.kernel.value)[:, None, None]
    for layer, size in zip(generator.transitions, [8, 16], strict=True):
        h = tf.image.resize(h @ layer.kernel.value[0, 0], [size, size])
    expected = tf.tanh(h @ generator.output_layer.kernel.value[0, 0])
    np.testing.assert_allclose(generator(z), expected, rtol=1e-4, atol=1e-5)

    x = h = _normal(2, 2, *tiny.SHAPE)
    for i, layer in enumerate(discriminator.transitions):
        h = (resampling.smoothly_halved(h) if i else h) @ layer.kernel.value[0, 0]
    features = tf.reduce_sum(h * discriminator.end.basis.value, [1, 2])
    np.testing.assert_allclose(discriminator.features(x), features, rtol=1e-4, atol=1e-5)
    assert len(discriminator.stages) == 3 and all(len(blocks) == 3 for blocks in discriminator.stages)


# --- resampling


@pytest.mark.parametrize("size", [(10, 6), (9, 6), (9, 5)])
def test_smooth_doubling_is_bilinear_interpolation(size):
    x = _normal(1, 2, 5, 3, 4)
    expected = tf.image.resize(x, [10, 6], "bilinear")[:, : size[0], : size[1]]
    for training in (False, True):
        np.testing.assert_allclose(resampling.smoothly_doubled(x, size, training), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(8, 6), (7, 6), (7, 5)])
def test_smooth_halving_filters_by_1_3_3_1(size):
    x = _normal(1, 2, *size, 3)
    along = x.numpy().astype(np.float64)
    for axis in (1, 2):
        along = np.moveaxis(along, axis, 0)
        along = np.concatenate([along, along[-1:]] if len(along) % 2 else [along])
        padded = np.concatenate([along[:1], along, along[-1:]])
        along = np.stack([np.tensordot([1, 3, 3, 1], padded[i : i + 4], 1) / 8 for i in range(0, len(along), 2)])
        along = np.moveaxis(along, 0, axis)
    np.testing.assert_allclose(resampling.smoothly_halved(x), along, rtol=1e-5, atol=1e-6)


# --- training


def test_it_trains_with_its_own_objective_and_moves_every_weight(eagerly):
    training = tiny.Training(
        architecture="r3gan", loss="relativistic", penalty="r1_r2", penalty_weight=0.1, conditional=True, blocks=1
    )
    before = training.state()
    # Behind a last convolution of zeros the other two of a block have a gradient from the second step on.
    rows = training.run(2)
    after = training.state()
    assert all(np.isfinite(list(row.values())).all() and row["penalty"] > 0 for row in rows)
    still = {name for name, value in before.items() if name[:2] in ("g/", "d/") and (value == after[name]).all()}
    # A loss of differences of logits doesn't see their common bias.
    assert [training.gan.discriminator.variables[int(name.split("/")[1])].path.split("/", 1)[1] for name in still] == [
        "head/bias"
    ]
