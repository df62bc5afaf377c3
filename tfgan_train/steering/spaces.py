"""Where latents are looked for: z itself, or the w of a generator of styles."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfgan_train.runs.sampler import Sampler
from tfgan_train.runs.walks import Latents

CANDIDATES = 1024  # samples among which the starts are chosen
OUTERMOST = 3.72  # standard deviations: 1 in 10,000 drawn latents is longer than what this allows
LEAST_VARIANCE = 1e-4  # of a direction of w, as a share of the largest


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Points that a search can start from.

    Attributes:
      points: float32 [n, size], in the space's own numbers.
      label: int32 [n]; None where the run has none, or where a point alone says the picture.
      images: uint8 [n, H, W, C], what the generator draws there.
      averages: so many of the first are averages; each picture starts from one of them.
    """

    points: np.ndarray
    label: np.ndarray | None
    images: np.ndarray
    averages: int = 0


def longest(columns: int) -> float:
    """The length that all but 1 in 10,000 normal latents stay below (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * columns)
    return math.sqrt(columns * (1 - spread + OUTERMOST * math.sqrt(spread)) ** 3)


def of_sampler(sampler: Sampler) -> "OfZ | OfW":
    """The space for a sampler's generator: w where there is one."""
    return OfW(sampler) if sampler.w_size else OfZ(sampler)


class OfZ:
    """z: normal noise no longer than nearly all that is drawn, uniform noise and continuous codes in [-1, 1].

    Attributes:
      movable: float32 [size], 0 at categories, which stay what they are.
    """

    def __init__(self, sampler: Sampler):
        self._sampler = sampler
        movable = np.ones(sampler.space.size, np.float32)
        for code in sampler.space.codes:
            movable[code.first : code.first + code.size] = not code.categorical
        self.movable = tf.constant(movable)

    def candidates(self, seed: int, label: int | None) -> Candidates:
        """Samples of a seed, each with its label or all with `label`."""
        z, labels = _drawn(self._sampler, seed, label)
        return Candidates(z, labels, np.concatenate(list(self._sampler.of(z, labels))))

    def images(self, points, label) -> tf.Tensor:
        """float32 [n, H, W, C] in [-1, 1], differentiable by the points [n, size]."""
        return self._sampler.generator(points, label, training=False)

    def kept(self, points) -> tf.Tensor:
        """The nearest points of the space."""
        space = self._sampler.space
        noise, code = points[:, : space.noise], points[:, space.noise :]
        if self._sampler.normal:
            noise = tf.clip_by_norm(noise, longest(space.noise), 1)
        else:
            noise = tf.clip_by_value(noise, -1.0, 1.0)
        return tf.concat([noise, tf.clip_by_value(code, -1.0, 1.0)], 1)

    def latents(self, points: np.ndarray, label: np.ndarray | None) -> Latents:
        """What a sampler draws the points' images of."""
        return Latents(points, label)


class OfW:
    """w in its own standard deviations: 0 is the mean of drawn w, and no point is farther out than the farthest drawn.

    Searches start from w's average, as in Karras et al. 2020 (appendix D), which is of a label where there are some,
    and from samples. w holds its label. Measuring in standard deviations (Zhu et al. 2020, arXiv:2012.09036) lets one
    rate do for all directions, and keeps w where the generator has learnt to draw.

    Attributes:
      movable: float32 [size], ones.
    """

    def __init__(self, sampler: Sampler):
        self._sampler = sampler
        w = sampler.styles(*_drawn(sampler, 0, None)).astype(np.float64)
        mean = w.mean(0)
        values, vectors = np.linalg.eigh(np.cov(w.T))
        deviations = np.sqrt(np.maximum(values, LEAST_VARIANCE * values.max()))
        self._mean, self._basis = mean.astype(np.float32), (vectors * deviations).T.astype(np.float32)
        self._inverse = (vectors / deviations).astype(np.float32)
        self._reach = float(np.linalg.norm(self._points(w), axis=1).max())
        self.movable = tf.ones([sampler.w_size])

    def _points(self, w: np.ndarray) -> np.ndarray:
        return ((w - self._mean) @ self._inverse).astype(np.float32)

    def candidates(self, seed: int, label: int | None) -> Candidates:
        """The average of each label, or of `label` (of attributes one of all), and samples of a seed."""
        one_of_all = self._sampler.attributes or not self._sampler.conditional
        wanted = tf.range(self._sampler.num_classes) if label is None else tf.constant([label])
        averages = self._sampler.generator.mapping.mean(None if one_of_all else wanted)
        w = np.concatenate([averages.numpy(), self._sampler.styles(*_drawn(self._sampler, seed, label))])
        return Candidates(self._points(w), None, np.concatenate(list(self._sampler.of_w(w))), len(averages))

    def images(self, points, label) -> tf.Tensor:
        """float32 [n, H, W, C] in [-1, 1], differentiable by the points [n, size]."""
        del label
        generator = self._sampler.generator
        return generator.images([self._mean + tf.matmul(points, self._basis)] * generator.latents)

    def kept(self, points) -> tf.Tensor:
        """The nearest points of the space."""
        return tf.clip_by_norm(points, self._reach, 1)

    def latents(self, points: np.ndarray, label: np.ndarray | None) -> Latents:
        """What a sampler draws the points' images of."""
        del label
        return Latents(self._mean + points @ self._basis, None, in_w=True)


def _drawn(sampler: Sampler, seed: int, label: int | None) -> tuple[np.ndarray, np.ndarray | None]:
    indices = tf.range(CANDIDATES)
    labels = sampler.labels(seed, indices, label)
    return sampler.latents(seed, indices).numpy(), None if labels is None else labels.numpy()
