"""Looks at a run from outside while it trains: sample statistics, D's accuracy, the doctor, the report."""

import functools
import re

import numpy as np
import tensorflow as tf

from tfgan_train.common.images import to_float
from tfgan_train.config.checks import is_read
from tfgan_train.config.fields import FIELDS
from tfgan_train.doctor.doctor import Doctor
from tfgan_train.features import classifier
from tfgan_train.pictures.nearest import class_distances, pairwise_distance
from tfgan_train.report.page import write_report
from tfgan_train.runs.rows import AccuracyRow, DoctorRow, SampleRow, TrainRow, read_rows
from tfgan_train.score import discriminator_accuracy

JUDGED = 200  # real images whose logits and distances each sample step looks at
CLASSIFIED = 256  # samples in a class histogram: even ones then count as 9.8 of 10 classes
LEAST_SECONDS, MOST_SHARE = 10.0, 0.03  # that judging D over the data may take, of the training's time
# Other latents than those of the sample grids, which the seed itself gives.
SEED_OFFSET = 2_000_003


class Watch:
    """Adds rows of kind "samples" and "doctor" to the run's metrics.

    Args:
      run: the RunDir.
      gan: the Gan in training.
      config, data: of the run.
      source: the training data.
      held_out: images that are not trained on, or None.
      sampler: draws from G's average.
      recorder: where rows go.
      tell: prints a line that stays.
    """

    def __init__(self, run, gan, config, data, source, held_out, sampler, recorder, tell):
        self._run, self._gan, self._config, self._data = run, gan, config, data
        self._source, self._sampler = source, sampler
        self._seed = (config.seed + SEED_OFFSET) % 2**31
        self._recorder, self._tell = recorder, tell
        self._threshold = gan.objective.loss.threshold
        self._paired = gan.objective.loss.accuracy == "paired"
        self._doctor = Doctor(self._paired)
        for row in read_rows(run.metrics_path):  # A resumed run's doctor knows what it knew.
            self._doctor.observe(row)
        self._real = _read_some(source, config.seed)
        self._held_out = None if held_out is None else _read_some(held_out, config.seed)
        self._real_distance = pairwise_distance(self._real[0])
        self._real_distances = class_distances(*self._real, data.num_classes) if config.conditional else []

    def train_row(self, row: TrainRow) -> None:
        """Shows the doctor a training row."""
        self._observe(row)

    def sample_row(self, step: int, images: np.ndarray, labels: np.ndarray | None) -> None:
        """Writes the statistics of this step's samples.

        Args:
          step: completed steps.
          images: the fixed latents' samples, uint8 [n, H, W, C].
          labels: theirs, for conditional runs.
        """
        real, fake = self._logits(*self._real), self._logits(images, labels)
        found = {
            "pairwise_distance": pairwise_distance(images),
            "pairwise_distance_real": self._real_distance,
            "train_real_logits": float(real.mean()),
            "sample_logits": float(fake.mean()),
        }
        if self._held_out is not None:
            found["heldout_real_logits"] = float(self._logits(*self._held_out).mean())
        if not self._paired:
            found["d_accuracy_inference"] = float(
                (np.mean(real > self._threshold) + np.mean(fake <= self._threshold)) / 2
            )
        if labels is not None and self._real_distances:
            found["class_variety"] = [
                None if one is None or not real else round(one / real, 4)
                for one, real in zip(
                    class_distances(images, labels, self._data.num_classes), self._real_distances, strict=True
                )
            ]
        histogram = self._class_histogram()
        if histogram is not None:
            found["class_histogram"] = histogram
        row = SampleRow.of(step, found)
        self._recorder.write(row)
        self._observe(row)

    def last_row(self, step: int, training_seconds: float) -> None:
        """Writes D's accuracy over the data, at the end of a run; once, if the run was killed just after it.

        Args:
          step: completed steps.
          training_seconds: the length of the training, of which judging D may take a small share.
        """
        if any(row.kind == AccuracyRow.kind and row.step == step for row in read_rows(self._run.metrics_path)):
            return
        flops = 2 * self._gan.discriminator.flops() + self._gan.generator.flops()
        count = discriminator_accuracy.how_many(self._source.count, flops)
        found = discriminator_accuracy.over_the_data(
            self._gan.objective.loss,
            self._logits,
            self._sampler,
            self._source,
            count,
            self._seed,
            seconds=max(LEAST_SECONDS, MOST_SHARE * training_seconds),
        )
        self._recorder.write(AccuracyRow.of(step, found))

    def report(self, status: str, clock: dict | None = None) -> None:
        """Writes report.html; `status` is running, finished or stopped, `clock` as write_report has it."""
        write_report(self._run.path, status, clock)

    def _observe(self, row):
        for finding in self._doctor.observe(row):
            remedy = applicable(finding.remedy, self._config)
            self._recorder.write(DoctorRow(step=row.step, sign=finding.sign, message=finding.message, remedy=remedy))
            self._tell(f"doctor, step {row.step:,}: {finding.message} Try {remedy}")

    def _logits(self, images, labels) -> np.ndarray:
        label = tf.constant(labels, tf.int32) if self._config.conditional else None
        return self._judge(tf.constant(to_float(images)), label).numpy()

    @tf.function(reduce_retracing=True, autograph=False)
    def _judge(self, images, label):
        return self._gan.discriminator.judge(images, label)

    @functools.cached_property
    def _classifier(self):
        # Looked for at the first samples, since a run with evaluations trains one before them.
        return classifier.kept(self._source)

    def _class_histogram(self) -> list[int] | None:
        if self._classifier is None:
            return None
        _, probabilities = self._classifier.run(self._sampler.images(CLASSIFIED, self._seed))
        return np.bincount(probabilities.argmax(1), minlength=self._data.num_classes).tolist()


def applicable(remedy: str, config) -> str:
    """The alternatives of a remedy ("--a=1, --b or more data") whose flags the run's networks read."""
    alternatives = re.split(r",? or |, ", remedy)
    settings = [[flag for flag in re.findall(r"--(\w+)", one) if flag in FIELDS] for one in alternatives]
    kept = [one for one, flags in zip(alternatives, settings, strict=True) if all(is_read(config, f) for f in flags)]
    if kept == alternatives or not kept:
        return remedy
    return " or ".join(filter(None, (", ".join(kept[:-1]), kept[-1])))


def _read_some(source, seed: int):
    """JUDGED images and labels, spread over the data, the same for the same seed."""
    count = min(JUDGED, source.count)
    return source.read(np.sort(np.random.default_rng(seed).choice(source.count, count, replace=False)))
