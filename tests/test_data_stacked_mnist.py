"""stacked_mnist: channels are digits of mnist, labels are what they spell, and its evaluation counts modes."""

import numpy as np
import pytest

from tfgan_train import data
from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import Config
from tfgan_train.data import mnist, mnist10k, source
from tfgan_train.features import Request, channels, classifier
from tfgan_train.features.extractor import Extractor
from tfgan_train.metrics.modes import SAMPLES
from tfgan_train.score.evaluation import Evaluation


@pytest.fixture(autouse=True)
def shipped_digits(monkeypatch, tmp_path):
    """The shipped digits stand in for MNIST, with a part of them as a test split."""
    digits = mnist10k.load(None, "train")
    images, labels = digits.read(np.arange(10_000))
    parts = {"train": slice(0, 9000), "test": slice(9000, None)}
    monkeypatch.setattr(
        mnist,
        "load",
        lambda config, split: source.from_arrays(
            "mnist", images[parts[split]], labels[parts[split]], digits.label_names
        ),
    )
    monkeypatch.setenv("TFGAN_CACHE", str(tmp_path))


@pytest.fixture
def config():
    return Config(dataset="stacked_mnist", steps=1)


def test_each_channel_is_a_digit_with_its_place_in_the_label(config):
    stacked, digits = data.load(config), mnist.load(config, "train")
    assert (stacked.count, stacked.image_shape, stacked.num_classes) == (128_000, (28, 28, 3), 1000)
    assert stacked.label_names[7] == "007"
    known = {}
    for image, label in zip(*digits.read(np.arange(digits.count)), strict=True):
        known.setdefault(image.tobytes(), label)
    images, labels = stacked.read(np.array([0, 5, 127_999, 5]))
    for image, label in zip(images, labels, strict=True):
        spelt = [known[image[..., channel : channel + 1].tobytes()] for channel in range(3)]
        assert label == int("".join(map(str, spelt)))
    assert (images[1] == images[3]).all() and (images[0] != images[1]).any()


def test_triples_are_uniform_and_the_same_for_every_seed(config):
    some = np.arange(40_000)
    labels = data.load(config).read(some)[1]
    assert (labels == data.load(config.replace(seed=9)).read(some)[1]).all()
    # The digits of the data are not quite equally many; each mode is still near its expectation of 40.
    counts = np.bincount(labels, minlength=1000)
    assert counts.min() > 10 and counts.max() < 90


@pytest.mark.slow
def test_channels_are_classified_by_themselves(config, monkeypatch):
    """With a stand-in classifier that knows a digit by its mean pixel, the arrays lie as they should."""

    def build(request):
        assert request.train.name == "mnist" and request.heldout.name == "mnist"

        def run(images):
            assert images.shape[1:] == (28, 28, 1)
            which = (images.mean(axis=(1, 2, 3)) / 25.5).astype(int).clip(0, 9)
            return which[:, None].astype(np.float32), np.eye(10, dtype=np.float32)[which]

        return Extractor("classifier", "stand-in", "FD", "note", run)

    monkeypatch.setattr(classifier, "build", build)
    evaluation = Evaluation(config, 600, say=lambda line: None)
    assert evaluation.extractor.name == "channels"
    levels = np.array([[1, 2, 3], [9, 9, 9], [0, 0, 0]] * 200, np.uint8)
    images = np.broadcast_to((levels * 25.5 + 12)[:, None, None, :].astype(np.uint8), (600, 28, 28, 3))
    modes, kl = (one.result for one in evaluation.score(images, ["stacked_modes"]).figures)
    assert modes.value == 3 and modes.details["of"] == 1000
    assert kl.value == pytest.approx(np.log(1000 / 3))  # three modes of 1,000, equally often
    names = [one.result.name for one in evaluation.score(images).figures]
    assert "modes" in names and "fd" in names  # the default set has them too


def test_papers_draw_26000():
    assert SAMPLES["stacked_mnist"] == 26_000


def test_features_for_stacked_digits_refuse_other_data(config):
    for other in (config.replace(dataset="mnist10k"), config.replace(image_size="32")):
        with pytest.raises(UserError, match="is for stacked digits of their own size"):
            channels.build(Request(data.load(other)))
