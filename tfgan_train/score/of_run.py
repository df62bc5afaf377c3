"""What a trained run brings to its evaluation: images, the discriminator's logits and features."""

import numpy as np
import tensorflow as tf

from tfgan_train.common.dotted import GIVEN
from tfgan_train.common.errors import UserError
from tfgan_train.common.images import to_float
from tfgan_train.common.terminal import Countdown
from tfgan_train.data import reading as source_data
from tfgan_train.metrics import Result
from tfgan_train.metrics.linear_probe import linear_probe
from tfgan_train.metrics.pixels import as_rows
from tfgan_train.objective.objective import loss_of
from tfgan_train.runs.sampler import Sampler

SEED = 0  # of the latents: every evaluation of a checkpoint draws the same images
JUDGED = 2000  # images of each kind that the discriminator is asked about
PROBED = 10_000  # labelled images that the linear probe learns from, and at most as many to test on


def draw(loaded, num: int) -> tuple[np.ndarray, np.ndarray]:
    """`num` images of a run's generator, uint8 [num, H, W, C] (points: float32), and their labels int32 [num].

    An unconditional generator's labels are zeros.
    """
    sampler = Sampler(loaded.generator, loaded.config, loaded.data)
    countdown, images = (
        Countdown("images", num),
        np.empty((num, *loaded.data.image_shape), np.float32 if sampler.points else np.uint8),
    )
    done = 0
    for batch in sampler.batches(num, SEED):
        images[done : done + len(batch)] = batch
        done += len(batch)
        countdown(done)
    labels = sampler.labels(SEED, tf.range(num))
    return images, np.zeros(num, np.int32) if labels is None else labels.numpy()


class Discriminator:
    """A run's discriminator on uint8 images, in batches of the size that it was trained with."""

    def __init__(self, loaded):
        self._network, self._config = loaded.discriminator, loaded.config

    def logits(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """float32 [n]."""
        return self._batched(self._logits, images, labels)

    def features(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The penultimate layer, float32 [n, F]."""
        return self._batched(self._features, images, labels)

    def _batched(self, function, images, labels):
        size = self._config.batch_size
        parts = [
            function(tf.constant(to_float(images[i : i + size])), tf.constant(labels[i : i + size]))
            for i in range(0, len(images), size)
        ]
        return np.concatenate([part.numpy() for part in parts])

    @tf.function(reduce_retracing=True, autograph=False)
    def _logits(self, x, label):
        return self._network.judge(x, label if self._config.conditional else None)

    @tf.function(reduce_retracing=True, autograph=False)
    def _features(self, x, label):
        return self._network.features(x, label if self._config.conditional else None)


def discriminator_fields(loaded, evaluation, images, labels) -> dict:
    """The Inputs fields of the discriminator metric; {} without held-out images, and where the loss isn't at hand."""
    if evaluation.heldout is None or loaded.config.loss == GIVEN:
        return {}
    discriminator, loss = Discriminator(loaded), loss_of(loaded.config.loss)
    train, heldout = (
        source_data.labelled(source, source_data.some(source, JUDGED))
        for source in (evaluation.train, evaluation.heldout)
    )
    return {
        "train_logits": discriminator.logits(*train),
        "heldout_logits": discriminator.logits(*heldout),
        "fake_logits": discriminator.logits(images[:JUDGED], labels[:JUDGED]),
        "threshold": None if loss.accuracy == "paired" else loss.threshold,
    }


def probe(loaded, evaluation) -> list[Result]:
    """Test accuracy of a linear classifier on D's features, and on raw pixels.

    Raises:
      UserError: data without labels or without held-out images.
    """
    if evaluation.heldout is None or evaluation.train.num_classes < 2:
        raise UserError(f"--linear_probe needs labels and held-out images, which {evaluation.train.name} lacks")
    if loaded.config.conditional and loaded.config.d_conditioning == "concat":
        raise UserError(
            "--linear_probe: with --d_conditioning=concat D's features are told the label, so they say nothing"
        )
    if loaded.config.conditional and loaded.config.discriminator:
        raise UserError(
            "--linear_probe: a conditional D of your own is told the label, so its features may just repeat it"
        )
    (x, y), (xt, yt) = (
        source_data.labelled(source, source_data.some(source, PROBED))
        for source in (evaluation.train, evaluation.heldout)
    )
    discriminator = Discriminator(loaded)
    return [
        linear_probe(discriminator.features(x, y), y, discriminator.features(xt, yt), yt, "probe_discriminator"),
        linear_probe(as_rows(x), y, as_rows(xt), yt, "probe_pixels"),
    ]
