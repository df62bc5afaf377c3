"""Finding the latents of pictures: gradient descent through the generator, from several starts at once.

Each picture begins at those of many drawn samples that are nearest to it, which gives labels and categorical codes too,
and Adam (Kingma and Ba 2015) moves z, or w, from there; the best end is kept (Zhu et al. 2016, arXiv:1609.03552; Lipton
and Tripathi 2017, arXiv:1702.04782). Latents stay where a run's own lie, so that the result can be walked from.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgan_train.common.images import to_float
from tfgan_train.pretrained import efficientnet
from tfgan_train.runs.sampler import Sampler
from tfgan_train.runs.walks import Latents, drawn
from tfgan_train.steering import spaces

ROWS = 64  # latents in one batch
STEPS_A_CALL = 20
RATE, BETA1, BETA2, EPSILON = 0.1, 0.9, 0.99, 1e-8
STRIDES = (4, 8, 16)  # of the frozen maps
FEATURE_WEIGHT = 0.2  # of the maps' distance beside the pixels' mean square in [-1, 1]
SMALLEST = 64  # pixels of the longer side, which the frozen network looks at least at


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found for n pictures.

    Attributes:
      latents: n of them.
      images: uint8 [n, H, W, C], what the generator draws there.
      loss: float64 [n], what was minimised.
    """

    latents: Latents
    images: np.ndarray
    loss: np.ndarray


def sees_features(image_shape) -> bool:
    """Whether pictures are compared by frozen ImageNet features too: colour pictures, where the wheel is installed."""
    return image_shape[2] in (3, 4) and efficientnet.available("lite0")


class Inverter:
    """Finds latents of pictures.

    Args:
      sampler: draws the starts; its generator must be differentiable by z, or by w where it has one.
      restarts: starts for each picture.
      steps: Adam's, from each start.
    """

    def __init__(self, sampler: Sampler, image_shape, restarts: int, steps: int):
        self._space, self._steps = spaces.of_sampler(sampler), steps
        self._sampler = sampler
        self._restarts = restarts
        self._at_once = max(1, ROWS // restarts)
        self._network = efficientnet.network("lite0") if sees_features(image_shape) else None

    def calls(self, count: int) -> int:
        """How often `run` tells of its progress for `count` pictures."""
        return -(-count // self._at_once) * -(-self._steps // STEPS_A_CALL)

    def run(self, images: np.ndarray, seed: int, label: int | None, progress: Callable[[int], None]) -> Found:
        """Finds the latents of uint8 images [n, H, W, C].

        Args:
          seed: which samples the starts are chosen from.
          label: of all starts; None: each has its own.
          progress: told how many calls are done.
        """
        candidates = self._space.candidates(seed, label)
        points, labels = candidates.points, candidates.label
        starts = _starts(images, candidates, self._restarts)
        parts, done = [], 0
        for first in range(0, len(images), self._at_once):
            # The last batch is filled up with its first picture: one graph for all.
            places = np.arange(first, first + self._at_once)
            places = np.where(places < len(images), places, first)
            rows = starts[places].reshape(-1)
            target = tf.constant(np.repeat(to_float(images[places]), self._restarts, 0))
            state = [tf.constant(points[rows])] + [tf.zeros([len(rows), points.shape[1]])] * 2
            chosen = None if labels is None else tf.constant(labels[rows])
            for step in range(0, self._steps, STEPS_A_CALL):
                state = self._descend(*state, chosen, target, tf.constant(step))
                done += 1
                progress(done)
            loss = self._loss(state[0], chosen, target).numpy().reshape(self._at_once, -1)
            best = np.arange(self._at_once) * self._restarts + loss.argmin(1)
            count = min(self._at_once, len(images) - first)
            parts.append((state[0].numpy()[best], None if labels is None else labels[rows][best], loss.min(1), count))
        return self._found(parts)

    def _found(self, parts) -> Found:
        points = np.concatenate([part[0][: part[3]] for part in parts])
        label = None if parts[0][1] is None else np.concatenate([part[1][: part[3]] for part in parts])
        loss = np.concatenate([part[2][: part[3]] for part in parts]).astype(np.float64)
        latents = self._space.latents(points, label)
        return Found(latents, np.concatenate(list(drawn(self._sampler, latents))), loss)

    @tf.function(autograph=False)
    def _loss(self, points, label, target):
        return self._losses(points, label, target, self._maps(target))

    def _losses(self, points, label, target, wanted):
        """float32 [n]: mean squared pixel difference, and that of the frozen maps."""
        images = self._space.images(points, label)
        loss = tf.reduce_mean(tf.square(images - target), [1, 2, 3])
        for mine, other in zip(self._maps(images), wanted, strict=True):
            loss += FEATURE_WEIGHT / len(STRIDES) * tf.reduce_mean(tf.reduce_sum(tf.square(mine - other), -1), [1, 2])
        return loss

    def _maps(self, images) -> list[tf.Tensor]:
        """The frozen maps of float32 images in [-1, 1], each place's features at length one (Zhang et al. 2018)."""
        if self._network is None:
            return []
        pixels = (images[..., :3] + 1.0) * 127.5
        height, width = images.shape[1:3]
        scale = max(1, -(-SMALLEST // max(height, width)))
        pixels = tf.image.resize(pixels, (height * scale, width * scale))
        return [tf.math.l2_normalize(found, -1, 1e-6) for found in self._network.maps(pixels, STRIDES)]

    @tf.function(autograph=False)
    def _descend(self, points, mean, square, label, target, first):
        """STEPS_A_CALL steps of Adam from step `first`, whose rate falls as a cosine."""
        wanted = self._maps(target)

        def step(i, points, mean, square):
            with tf.GradientTape() as tape:
                tape.watch(points)
                loss = tf.reduce_sum(self._losses(points, label, target, wanted))
            slope = tape.gradient(loss, points) * self._space.movable
            mean = BETA1 * mean + (1 - BETA1) * slope
            square = BETA2 * square + (1 - BETA2) * tf.square(slope)
            t = tf.cast(i, tf.float32)
            rate = RATE * 0.5 * (1 + tf.cos(math.pi * tf.minimum(t / self._steps, 1.0)))
            rate *= tf.sqrt(1 - BETA2 ** (t + 1)) / (1 - BETA1 ** (t + 1))
            moved = points - rate * mean / (tf.sqrt(square) + EPSILON)
            return i + 1, self._space.kept(moved), mean, square

        last = tf.minimum(first + STEPS_A_CALL, self._steps)
        return tf.while_loop(lambda i, *_: i < last, step, (first, points, mean, square))[1:]


def _starts(images: np.ndarray, candidates: spaces.Candidates, count: int) -> np.ndarray:
    """int64 [n, count]: for each image the nearest of the averages, where there are some, and the nearest others."""
    averages, samples = np.split(candidates.images, [candidates.averages])
    if not len(averages):
        return _nearest(images, samples, count)
    return np.concatenate([_nearest(images, averages, 1), len(averages) + _nearest(images, samples, count - 1)], 1)


def _nearest(images: np.ndarray, drawn: np.ndarray, count: int) -> np.ndarray:
    """int64 [n, count]: for each image the drawn ones nearest by pixels, nearest first."""
    rows = [pixels.reshape(len(pixels), -1).astype(np.float64) for pixels in (images, drawn)]
    squares = np.sum(rows[1] ** 2, 1)[None] - 2 * rows[0] @ rows[1].T
    return np.argsort(squares, 1, kind="stable")[:, :count]


def pixel_distances(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float64 [n]: L2 of the pixels of uint8 images and their counterparts, in units of 0..255."""
    return np.sqrt(np.square(images.astype(np.float64) - others.astype(np.float64)).sum((1, 2, 3)))
