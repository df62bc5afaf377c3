"""The blocks that the networks share, against Keras, numpy and their papers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.models import layers, norms


def _normal(seed, *shape):
    return tf.random.stateless_normal(shape, [seed, 0])


@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (8, 3)])
def test_batch_norm_equals_keras(shape):
    x, upstream = _normal(1, *shape) * 3 + 2, _normal(2, *shape)
    ours, theirs = norms.BatchNorm(), keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    for layer in (ours, theirs):
        layer.build(shape)
        layer.gamma.assign(_normal(3, shape[-1]))
        layer.beta.assign(_normal(4, shape[-1]))
    results = []
    for layer in (ours, theirs):
        for _ in range(2):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
            gradients = tape.gradient(y, [x, layer.gamma.value, layer.beta.value], upstream)
        results.append([y, *gradients, layer(x, training=False)])
    for mine, expected in zip(*results, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.mean.value, theirs.moving_mean.value, rtol=1e-5)
    np.testing.assert_allclose(ours.variance.value, theirs.moving_variance.value, rtol=1e-5)


@pytest.mark.parametrize("kind, axes", [("layer", (1, 2, 3)), ("instance", (1, 2))])
def test_layer_and_instance_norm_equal_their_definitions(kind, axes):
    x = _normal(1, 3, 4, 5, 2) * 2 + 1
    layer = norms.norm(kind, image=True)
    mean, std = x.numpy().mean(axes, keepdims=True), x.numpy().std(axes, keepdims=True)
    np.testing.assert_allclose(layer(x), (x - mean) / std, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(layer(x[:1]), layer(x)[:1])


@pytest.mark.parametrize("channels, groups", [(8, 8), (64, 32), (48, 24), (7, 7)])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3,)])
def test_group_norm_equals_keras(channels, groups, shape):
    x = _normal(1, *shape, channels) * 2 + 1
    theirs = keras.layers.GroupNormalization(groups, epsilon=1e-5)
    np.testing.assert_allclose(norms.norm("group", image=len(shape) > 1)(x), theirs(x), rtol=1e-3, atol=1e-4)


def test_spectral_normalisation_divides_by_the_largest_singular_value():
    layer = layers.Conv(6, 3, 1, layers.Initializers("normal:0.3", 1, "test"), use_bias=False, spectral=True)
    x = _normal(1, 2, 5, 5, 4)
    layer(x, training=False)
    start = layer.u.numpy()
    for _ in range(300):
        layer(x, training=True)
    settled = layer.u.numpy()
    matrix = layer.kernel.numpy().reshape(-1, 6)
    expected = tf.nn.conv2d(x, layer.kernel.value / np.linalg.svd(matrix)[1][0], 1, "SAME")
    np.testing.assert_allclose(layer(x, training=False), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(layer.u.numpy(), settled)  # which inference leaves alone
    assert np.abs(settled - start).max() > 0.01


def test_the_gradient_of_spectral_normalisation_is_the_papers():
    """Miyato et al. 2018, equation 12: u and v are constants, W isn't."""
    kernel, u = tf.Variable(_normal(1, 5, 3)), tf.Variable(_normal(2, 1, 3))
    for _ in range(200):
        layers.spectrally_normalised(kernel, u, True)
    upstream = _normal(3, 5, 3)
    with tf.GradientTape() as tape:
        normalised = layers.spectrally_normalised(kernel, u, True)
    left, values, right = np.linalg.svd(kernel.numpy())
    outer = np.outer(left[:, 0], right[0])
    expected = (upstream - np.sum(upstream * normalised) * outer) / values[0]
    np.testing.assert_allclose(tape.gradient(normalised, kernel, upstream), expected, rtol=1e-3, atol=1e-5)


def test_activations():
    x = tf.constant([[-2.0, 1.0, 3.0, -1.0, 0.5, 0.0]])
    function, pieces = layers.activation("maxout:3")
    np.testing.assert_allclose(function(x), [[3.0, 0.5]])
    assert pieces == 3
    np.testing.assert_allclose(layers.activation("leaky_relu:0.1")[0](x), np.where(x < 0, 0.1 * x, x))
    for name in ("relu", "elu", "gelu", "swish", "tanh"):
        function, pieces = layers.activation(name)
        reference = {"swish": keras.activations.silu, "gelu": lambda v: keras.activations.gelu(v, approximate=False)}
        np.testing.assert_allclose(
            function(x), reference.get(name, getattr(keras.activations, name, None))(x), rtol=1e-6
        )
        assert pieces == 1
    for bad in ("rleu", "leaky_relu:x", "maxout", "maxout:1", "maxout:2.5"):
        with pytest.raises(UserError, match=bad.partition(":")[0]):
            layers.activation(bad)


@pytest.mark.parametrize("name, slope", [("relu", 0.0), ("leaky_relu:0.3", 0.3)])
def test_piecewise_linear_activations_in_training(name, slope):
    """The same values and gradients as outside it; the gradient's own gradient goes to what came in, and none to x."""
    x, dy = np.array([-2.0, 1.0, 3.0, -1.0]), np.array([1.0, 2.0, 3.0, 4.0])
    slopes = np.where(x > 0, 1.0, slope)
    x, dy = tf.constant(x), tf.constant(dy)
    with tf.GradientTape() as outer:
        outer.watch([x, dy])
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = layers.activation(name)[0](x, training=True)
        to_x = inner.gradient(y, x, dy)
    np.testing.assert_allclose(y, slopes * x)
    np.testing.assert_allclose(to_x, slopes * dy)
    again, to_dy = outer.gradient(to_x, [x, dy])
    assert again is None
    np.testing.assert_allclose(to_dy, slopes)


@pytest.mark.parametrize(
    "kind, check",
    [
        ("normal:0.3", lambda w: (w.std(), 0.3)),
        ("normal", lambda w: (w.std(), 0.02)),
        ("uniform:0.4", lambda w: (np.abs(w).max(), 0.4)),
        ("uniform", lambda w: (w.std(), 0.05 / 3**0.5)),
        ("glorot", lambda w: (np.abs(w).max(), (6 / 500) ** 0.5)),
        ("he", lambda w: (w.std(), (2 / 300) ** 0.5)),
    ],
)
def test_initial_weights_have_their_distribution(kind, check):
    layer = layers.Dense(200, layers.Initializers(kind, 7, "test"))
    layer.build((None, 300))
    weights = layer.kernel.numpy()
    found, expected = check(weights)
    np.testing.assert_allclose(found, expected, rtol=0.02)
    assert abs(weights.mean()) < 4 * weights.std() / weights.size**0.5
    # A normal's kurtosis is 3, a uniform's 1.8.
    kurtosis = np.mean(weights**4) / np.mean(weights**2) ** 2
    assert abs(kurtosis - (3 if kind.startswith(("normal", "he")) else 1.8)) < 0.1


def test_orthogonal_weights_are():
    layer = layers.Dense(20, layers.Initializers("orthogonal", 7, "test"))
    layer.build((None, 30))
    np.testing.assert_allclose(layer.kernel.numpy().T @ layer.kernel.numpy(), np.eye(20), atol=1e-5)
