"""Finding the latents of pictures: gradient descent on z through the generator, from several starts at once.

Each picture begins at those of many drawn samples that are nearest to it, which gives labels and categorical codes too,
and Adam (Kingma and Ba 2015) moves z from there; the best end is kept (Zhu et al. 2016, arXiv:1609.03552; Lipton and
Tripathi 2017, arXiv:1702.04782). z stays where a run's latents lie, so that the result can be walked from.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgan_train.common.images import to_float
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.pretrained import efficientnet

CANDIDATES = 1024  # samples among which the starts are chosen
ROWS = 64  # latents in one batch
STEPS_A_CALL = 20
RATE, BETA1, BETA2, EPSILON = 0.1, 0.9, 0.99, 1e-8
STRIDES = (4, 8, 16)  # of the frozen maps
FEATURE_WEIGHT = 0.2  # of the maps' distance beside the pixels' mean square in [-1, 1]
SMALLEST = 64  # pixels of the longer side, which the frozen network looks at least at
OUTERMOST = 3.72  # standard deviations: 1 in 10,000 drawn latents is longer than what this allows


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found for n pictures.

    Attributes:
      z: float32 [n, size].
      label: int32 [n], None for an unconditional run.
      images: uint8 [n, H, W, C], what the generator draws there.
      loss: float64 [n], what was minimised.
    """

    z: np.ndarray
    label: np.ndarray | None
    images: np.ndarray
    loss: np.ndarray


def longest(columns: int) -> float:
    """The length that all but 1 in 10,000 normal latents stay below (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * columns)
    return math.sqrt(columns * (1 - spread + OUTERMOST * math.sqrt(spread)) ** 3)


def sees_features(image_shape) -> bool:
    """Whether pictures are compared by frozen ImageNet features too: colour pictures, where the wheel is installed."""
    return image_shape[2] in (3, 4) and efficientnet.available("lite0")


class Inverter:
    """Finds latents of pictures.

    Args:
      sampler: draws the starts; a runs.sampler.Sampler.
      generator: call(z, label, training=False) -> float32 [n, H, W, C] in [-1, 1], differentiable by z.
      restarts: starts for each picture.
      steps: Adam's, from each start.
    """

    def __init__(self, sampler, generator, image_shape, restarts: int, steps: int):
        self._sampler, self._generator, self._steps = sampler, generator, steps
        self._restarts = restarts
        self._at_once = max(1, ROWS // restarts)
        self._network = efficientnet.network("lite0") if sees_features(image_shape) else None
        self._movable = _movable(sampler.space)

    def calls(self, count: int) -> int:
        """How often `run` tells of its progress for `count` pictures."""
        return -(-count // self._at_once) * -(-self._steps // STEPS_A_CALL)

    def run(self, images: np.ndarray, seed: int, label: int | None, progress: Callable[[int], None]) -> Found:
        """Finds the latents of uint8 images [n, H, W, C].

        Args:
          seed: which samples the starts are chosen from.
          label: of all pictures; None: each start has its own.
          progress: told how many calls are done.
        """
        indices = tf.range(CANDIDATES)
        z = self._sampler.latents(seed, indices).numpy()
        labels = self._sampler.labels(seed, indices, label)
        labels = None if labels is None else labels.numpy()
        drawn = self._sampler.images(CANDIDATES, seed, label)
        starts = _nearest(images, drawn, self._restarts)
        parts, done = [], 0
        for first in range(0, len(images), self._at_once):
            # The last batch is filled up with its first picture: one graph for all.
            places = np.arange(first, first + self._at_once)
            places = np.where(places < len(images), places, first)
            rows = starts[places].reshape(-1)
            target = tf.constant(np.repeat(to_float(images[places]), self._restarts, 0))
            state = [tf.constant(z[rows])] + [tf.zeros([len(rows), z.shape[1]])] * 2
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
        z = np.concatenate([part[0][: part[3]] for part in parts])
        label = None if parts[0][1] is None else np.concatenate([part[1][: part[3]] for part in parts])
        loss = np.concatenate([part[2][: part[3]] for part in parts]).astype(np.float64)
        return Found(z, label, np.concatenate(list(self._sampler.of(z, label))), loss)

    @tf.function(autograph=False)
    def _loss(self, z, label, target):
        return self._losses(z, label, target, self._maps(target))

    def _losses(self, z, label, target, wanted):
        """float32 [n]: mean squared pixel difference, and that of the frozen maps."""
        drawn = self._generator(z, label, training=False)
        loss = tf.reduce_mean(tf.square(drawn - target), [1, 2, 3])
        for mine, other in zip(self._maps(drawn), wanted, strict=True):
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
    def _descend(self, z, mean, square, label, target, first):
        """STEPS_A_CALL steps of Adam from step `first`, whose rate falls as a cosine."""
        wanted = self._maps(target)

        def step(i, z, mean, square):
            with tf.GradientTape() as tape:
                tape.watch(z)
                loss = tf.reduce_sum(self._losses(z, label, target, wanted))
            slope = tape.gradient(loss, z) * self._movable
            mean = BETA1 * mean + (1 - BETA1) * slope
            square = BETA2 * square + (1 - BETA2) * tf.square(slope)
            t = tf.cast(i, tf.float32)
            rate = RATE * 0.5 * (1 + tf.cos(math.pi * tf.minimum(t / self._steps, 1.0)))
            rate *= tf.sqrt(1 - BETA2 ** (t + 1)) / (1 - BETA1 ** (t + 1))
            return i + 1, self._kept(z - rate * mean / (tf.sqrt(square) + EPSILON)), mean, square

        last = tf.minimum(first + STEPS_A_CALL, self._steps)
        return tf.while_loop(lambda i, *_: i < last, step, (first, z, mean, square))[1:]

    def _kept(self, z):
        """z where latents lie: normal noise no longer than nearly all of them, the rest in [-1, 1]."""
        space: LatentSpace = self._sampler.space
        noise, code = z[:, : space.noise], z[:, space.noise :]
        if self._sampler.normal:
            noise = tf.clip_by_norm(noise, longest(space.noise), 1)
        else:
            noise = tf.clip_by_value(noise, -1.0, 1.0)
        return tf.concat([noise, tf.clip_by_value(code, -1.0, 1.0)], 1)


def _movable(space: LatentSpace) -> tf.Tensor:
    """float32 [size]: 1 where z may move, 0 at categories."""
    movable = np.ones(space.size, np.float32)
    for code in space.codes:
        movable[code.first : code.first + code.size] = not code.categorical
    return tf.constant(movable)


def _nearest(images: np.ndarray, drawn: np.ndarray, count: int) -> np.ndarray:
    """int64 [n, count]: for each image the drawn ones nearest by pixels, nearest first."""
    rows = [pixels.reshape(len(pixels), -1).astype(np.float64) for pixels in (images, drawn)]
    squares = np.sum(rows[1] ** 2, 1)[None] - 2 * rows[0] @ rows[1].T
    return np.argsort(squares, 1, kind="stable")[:, :count]


def pixel_distances(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float64 [n]: L2 of the pixels of uint8 images and their counterparts, in units of 0..255."""
    return np.sqrt(np.square(images.astype(np.float64) - others.astype(np.float64)).sum((1, 2, 3)))
