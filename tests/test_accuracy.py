"""What a run tells of itself beyond its losses: D's accuracy over the whole data, and its samples' classes."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan_train import Config, train
from tfgan_train.data.source import from_arrays
from tfgan_train.features import classifier
from tfgan_train.objective.losses import LOSSES
from tfgan_train.runs.rows import read_rows
from tfgan_train.score import discriminator_accuracy

COUNT = 450  # three batches of 150


class Brightness:
    """A sampler whose i-th fake is an image of brightness i, or of the label's where labels matter."""

    def __init__(self, conditional=False):
        self.conditional = conditional

    def latents(self, seed, indices):
        return tf.cast(indices, tf.float32)[:, None]

    def at(self, z, label=None):
        values = z[:, 0] % 256 if label is None else tf.cast(label, tf.float32)
        return tf.cast(tf.reshape(values, [-1, 1, 1, 1]), tf.uint8)


def _real(brightness=100):
    images = np.full((COUNT, 1, 1, 1), brightness, np.uint8)
    return from_arrays("made", images, np.arange(COUNT) % 7, [str(i) for i in range(7)])


def _logits(images, labels):
    return tf.constant(images[:, 0, 0, 0], tf.float32) - 127.5


def test_each_image_counts_once_whatever_the_batch():
    """Real images of brightness 100 are all taken for fakes; fakes above 127 for real ones."""
    found = discriminator_accuracy.over_the_data(
        LOSSES["non_saturating"], _logits, Brightness(), _real(), COUNT, seed=1
    )
    fakes = np.arange(COUNT) % 256
    assert found["d_accuracy_real"] == 0 and found["images"] == COUNT
    np.testing.assert_allclose(found["d_accuracy_fake"], np.mean(fakes < 127.5), rtol=1e-6)
    np.testing.assert_allclose(found["d_accuracy"], np.mean(fakes < 127.5) / 2, rtol=1e-6)
    of_batches = [np.mean(fakes[i : i + 150] < 127.5) / 2 for i in (0, 150, 300)]
    np.testing.assert_allclose(
        [found["d_accuracy_lowest"], found["d_accuracy_highest"]], [min(of_batches), max(of_batches)], rtol=1e-6
    )


def test_a_paired_loss_compares_each_real_image_with_its_fake():
    found = discriminator_accuracy.over_the_data(LOSSES["relativistic"], _logits, Brightness(), _real(), COUNT, seed=1)
    fakes = np.arange(COUNT) % 256
    expected = np.mean((fakes < 100) + 0.5 * (fakes == 100))
    np.testing.assert_allclose([found["d_accuracy"], found["d_accuracy_real"]], expected, rtol=1e-6)


def test_conditional_fakes_have_the_real_images_labels():
    """The fakes' brightness is their label, and D takes nothing below 3 for a fake."""
    found = discriminator_accuracy.over_the_data(
        LOSSES["non_saturating"],
        lambda images, labels: 2.5 - tf.constant(labels, tf.float32),
        Brightness(True),
        _real(),
        COUNT,
        seed=1,
    )
    labels = np.arange(COUNT) % 7
    np.testing.assert_allclose(found["d_accuracy_real"], np.mean(labels < 3), rtol=1e-6)
    seen = []
    discriminator_accuracy.over_the_data(
        LOSSES["non_saturating"],
        lambda images, labels: seen.append((images[:, 0, 0, 0], labels)) or _logits(images, labels),
        Brightness(True),
        _real(),
        COUNT,
        seed=1,
    )
    for images, labels in seen[1::2]:
        np.testing.assert_array_equal(images, labels)


def test_no_batch_is_a_small_remainder():
    """201 images are judged as 101 and 100, not as 200 and one by itself."""
    sizes = []
    source = from_arrays("made", np.zeros((201, 1, 1, 1), np.uint8))
    discriminator_accuracy.over_the_data(
        LOSSES["non_saturating"],
        lambda images, labels: sizes.append(len(images)) or _logits(images, labels),
        Brightness(),
        source,
        201,
        seed=1,
    )
    assert sizes == [101, 101, 100, 100]


def test_what_takes_too_long_ends_with_the_fewest(monkeypatch):
    source = from_arrays("made", np.zeros((5000, 1, 1, 1), np.uint8))
    found = discriminator_accuracy.over_the_data(
        LOSSES["non_saturating"], _logits, Brightness(), source, 5000, seed=1, seconds=0
    )
    assert found["images"] == discriminator_accuracy.FEWEST


@pytest.mark.parametrize(
    "count, flops, judged", [(60_000, 10**7, 60_000), (60_000, 10**9, 3000), (60_000, 10**11, 2000), (500, 10**11, 500)]
)
def test_heavy_networks_judge_fewer_images(count, flops, judged):
    assert discriminator_accuracy.how_many(count, flops) == judged


def test_a_finished_run_tells_it_and_a_stopped_one_does_not(tmp_path):
    config = Config(recipe="smoke", image_size="16", train_examples=300, steps=4, run_dir=str(tmp_path / "run"))
    train(config)
    (row,) = [row for row in read_rows(tmp_path / "run" / "metrics.jsonl") if row["kind"] == "d_accuracy"]
    assert (
        row["step"] == 4
        and row["images"] == 300
        and 0 <= row["d_accuracy_lowest"] <= row["d_accuracy"] <= row["d_accuracy_highest"] <= 1
    )


@pytest.mark.slow
def test_a_run_killed_before_its_last_row_does_not_tell_it_twice(tmp_path):
    config = Config(recipe="smoke", image_size="16", train_examples=300, steps=4, run_dir=str(tmp_path / "run"))
    train(config)
    metrics = tmp_path / "run" / "metrics.jsonl"
    whole = [row for row in read_rows(metrics) if row["kind"] != "clock"]
    metrics.write_text(
        "".join(line for line in metrics.read_text().splitlines(keepends=True) if '"kind": "clock"' not in line)
    )
    train(config)
    again = read_rows(metrics)
    assert [row for row in again if row["kind"] != "clock"] == whole and again[-1]["kind"] == "clock"


@pytest.mark.slow
def test_samples_of_one_class_are_called_a_collapse_where_a_classifier_knows_the_data(tmp_path, monkeypatch):
    """A stand-in that from its 31st call (step 1,200) on takes every sample for class 7; pixels differ like noise."""

    class Narrowing:
        calls = 0

        def run(self, images):
            self.calls += 1
            classes = np.arange(len(images)) % 10 if self.calls <= 30 else np.full(len(images), 7)
            return None, np.eye(10)[classes]

    monkeypatch.setattr(classifier, "kept", lambda source: Narrowing())
    train(
        Config(
            recipe="smoke",
            image_size="16",
            train_examples=300,
            steps=1400,
            sample_every=50,
            g_width=4,
            d_width=4,
            g_lr=1e-9,
            g_init="normal:3",
            architecture="mlp",
            batch_size=4,
            log_every=100,
            checkpoint_every=2000,
            run_dir=str(tmp_path / "run"),
        )
    )
    rows = read_rows(tmp_path / "run" / "metrics.jsonl")
    histograms = {row["step"]: row["class_histogram"] for row in rows if row["kind"] == "samples"}
    assert histograms[1150] == [26] * 6 + [25] * 4 and histograms[1200] == [0] * 7 + [256] + [0] * 2
    (finding,) = [row for row in rows if row["kind"] == "doctor" and row["sign"] == "mode_collapse"]
    assert finding["step"] == 1300 and "the equivalent of 1.0 of 10 classes" in finding["message"]
