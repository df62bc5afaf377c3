"""AC-GAN: D isn't told the label, a second head has to name it; what the doctor says of classes that collapse."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train.config.fields import Config
from tfgan_train.doctor.doctor import Doctor
from tfgan_train.models import build_networks
from tfgan_train.models.layers import WATCHED
from tfgan_train.objective.information import class_terms
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.pictures.nearest import class_distances
from tfgan_train.training.step_inputs import TRAINING_STREAM
from tfgan_train.training.step_metrics import columns

ACGAN = dict(conditional=True, d_conditioning="acgan")


def test_terms_are_cross_entropy_and_the_share_named_rightly():
    random = np.random.default_rng(0)
    logits, label = random.normal(size=(7, 4)), random.integers(0, 4, 7).astype(np.int32)
    loss, right = class_terms(tf.constant(logits, tf.float32), tf.constant(label))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(loss, -np.log(chances[np.arange(7), label]), rtol=1e-5)
    np.testing.assert_array_equal(right, logits.argmax(1) == label)


@pytest.mark.parametrize("architecture", ["dcgan", "mlp"])
def test_d_is_not_told_the_label(architecture):
    config = tiny.config(**ACGAN, architecture=architecture)
    discriminator = build_networks(config, tiny.facts())[1]
    assert not [variable.path for variable in discriminator.variables if "label" in variable.path]
    images = tf.random.stateless_uniform([6, *tiny.SHAPE], [1, 2], -1, 1)
    logits = [discriminator.judge(images, tf.fill([6], label)).numpy() for label in range(3)]
    np.testing.assert_array_equal(logits[0], logits[2])


def test_a_step_moves_the_second_head_by_both_kinds_of_images(eagerly):
    """SGD of rate 1: its bias moves by minus the gradient of the weighted cross-entropies, in closed form."""
    training = tiny.Training(
        **ACGAN, architecture="mlp", d_norm="none", g_norm="none", d_optimizer="sgd", d_lr=1.0, class_weight=0.5
    )
    gan, label = training.gan, training.labels[:12]
    z = LatentSpace.of(training.config).draw(training.config.seed, range(12), TRAINING_STREAM)
    fake = gan.generator(z, tf.constant(label), training=WATCHED)
    real = tf.constant(training.images[:12], tf.float32) / 127.5 - 1
    kernel, bias = gan.heads["class_head"].variables
    slope, accuracy = 0.0, {}
    for kind, images in (("real", real), ("fake", fake)):
        features = gan.discriminator.logits_and_features(images, None, training=WATCHED)[1].numpy()
        logits = features.astype(np.float64) @ kernel.numpy() + bias.numpy()
        chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        slope = slope + 0.5 * (chances - np.eye(3)[label]).mean(0)
        accuracy[kind] = (logits.argmax(1) == label).mean()
    before = bias.numpy()
    names = columns(training.config)
    row = dict(zip(names, training._step.run(tiny.indices(training.config, 1), False).numpy()[0], strict=True))
    np.testing.assert_allclose(bias.numpy() - before, -slope, atol=1e-5)
    assert row["class_accuracy_real"] == pytest.approx(accuracy["real"], abs=1e-6)
    assert names[-2:] == ("class_accuracy_real", "class_accuracy_fake") and 0 <= row["class_accuracy_fake"] <= 1


def test_only_conditional_acgan_has_the_head_and_its_numbers():
    assert "class_accuracy_real" not in columns(tiny.config(conditional=True))
    assert "class_accuracy_real" not in columns(Config(recipe="smoke", d_conditioning="acgan", conditional=False))


def test_distances_within_classes():
    images = np.zeros([5, 2, 2, 1], np.uint8)
    images[1], images[3] = 3, 10
    assert class_distances(images, np.array([0, 0, 1, 1, 2]), 4) == [6.0, 20.0, None, None]


def _rows(shares, accuracy=None):
    """A train row and a sample row every 500 steps, with class_variety as given."""
    for index, share in enumerate(shares):
        train = {"kind": "train", "step": 500 * index, "d_loss": 1.0, "g_loss": 1.0, "d_accuracy": 0.6}
        train |= {"g_grad_norm": 1.0, "d_grad_norm": 1.0, "g_lr": 1e-3, "d_lr": 1e-3}
        yield train | ({} if accuracy is None else {"class_accuracy_fake": accuracy})
        yield {"kind": "samples", "step": 500 * index, "class_variety": share}


def _findings(rows):
    doctor = Doctor()
    return [finding for row in rows for finding in doctor.observe(row) if finding.sign == "class_collapse"]


def test_a_class_whose_samples_look_alike_is_named_once_with_acgan_s_remedy():
    shares = [[0.9, 0.9, None]] * 3 + [[0.9, 0.05, None]] * 6
    (found,) = _findings(_rows(shares, accuracy=1.0))
    assert "samples of 1 of 2 labels (1) look alike" in found.message and "5 % of the distance" in found.message
    assert "--d_conditioning=projection" in found.remedy and "--g_class_weight" in found.remedy
    (other,) = _findings(_rows(shares))
    assert "acgan" not in other.remedy and "--g_class_weight" not in other.remedy


def test_a_class_that_is_varied_or_alike_for_a_moment_or_at_the_start_is_not_named():
    healthy, alike = [0.9, 0.7], [0.9, 0.05]
    assert _findings(_rows([healthy] * 9, accuracy=1.0)) == []
    assert _findings(_rows([alike] * 2 + [healthy] * 7)) == []
    assert _findings(_rows([healthy] * 4 + [alike] * 2 + [healthy] * 4)) == []
    assert len(_findings(_rows([alike] * 5 + [healthy] + [alike] * 4))) == 2
