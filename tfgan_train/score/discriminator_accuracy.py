"""D's accuracy over the whole data, in batches of real and as many fake images, as a tutorial on binarized digits."""

import math
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgan_train.objective.losses import Loss, d_accuracy

BATCH = 200  # real, and as many fake, at most
FEWEST = 2000  # real images, however long they take
MOST_FLOPS = 3e12  # for the rest: half a minute of two cores


def how_many(count: int, flops: int) -> int:
    """Of `count` real images, how many are judged: all, unless `flops` for each pair make that too long."""
    return min(count, max(FEWEST, int(MOST_FLOPS / max(flops, 1))))


def over_the_data(
    loss: Loss, judge: Callable, sampler, source, count: int, seed: int, seconds: float = math.inf
) -> dict:
    """How often D is right, of `count` real images spread evenly over the data and as many fakes.

    Args:
      loss: the run's, which says what "right" means (losses.d_accuracy).
      judge: (images, labels) -> logits float32 [n] of images that are all real or all fake.
      sampler: draws the fakes; conditional ones get the real images' labels.
      source: the training data.
      count: see how_many.
      seed: of the fakes.
      seconds: after so many, the images judged so far do, if they are FEWEST.

    Returns:
      d_accuracy, d_accuracy_real and d_accuracy_fake (means over all images), d_accuracy_lowest and _highest (of a
      batch), and images (real ones).
    """
    indices = np.linspace(0, source.count, count, endpoint=False).astype(np.int64)
    # Each batch is spread over the whole data, and none is a small remainder: D may judge by a batch's statistics.
    batches = math.ceil(count / BATCH)
    end, right, done = time.monotonic() + seconds, [], 0
    for batch in range(batches):
        real, labels = source.read(indices[batch::batches])
        fake = _fakes(sampler, seed, done, len(real), labels)
        pair = d_accuracy(loss, judge(real, labels), judge(fake, labels))
        right.append(np.stack([part.numpy() for part in pair]))
        done += len(real)
        if done >= FEWEST and time.monotonic() > end:
            break
    means = [float(part.mean()) for part in right]
    real_share, fake_share = np.concatenate(right, axis=1).mean(axis=1)
    return {
        "d_accuracy": float(real_share + fake_share) / 2,
        "d_accuracy_real": float(real_share),
        "d_accuracy_fake": float(fake_share),
        "d_accuracy_lowest": min(means),
        "d_accuracy_highest": max(means),
        "images": done,
    }


def _fakes(sampler, seed: int, begin: int, count: int, labels: np.ndarray | None) -> np.ndarray:
    # A whole batch each time, so that the last one traces nothing new.
    z = sampler.latents(seed, tf.range(begin, begin + BATCH))
    label = np.resize(labels, BATCH).astype(np.int32) if sampler.conditional and labels is not None else None
    return sampler.at(z, label).numpy()[:count]
