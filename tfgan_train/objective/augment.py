"""Differentiable augmentations of what D sees: pure functions that know nothing of models.

Zhao et al. 2020 (arXiv:2006.10738): when real and fake images alike are augmented, for D's
update and for G's, D can't learn its few real images by heart, and G isn't taught the
augmentations. Each function takes (x, draw) to images of x's shape, float32 [n, H, W, C]: made for
[-1, 1], which the colour ones may leave. Every example has its own numbers, and all of them
can be differentiated any number of times, as gradient penalties need. The strengths and the
filling (0, which is grey) are the paper's code's.
"""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from tfgan_train.objective.augment_composed import affine, color, geometry, geometry_and_color
from tfgan_train.ops.random import Draw


def translation(x, draw):
    """Moves by up to an eighth of either side, in whole pixels; what is uncovered is 0."""
    for direction in ("down", "right"):
        x = tf.transpose(_move_rows(x, draw.child(direction)), [0, 2, 1, 3])
    return x


def _move_rows(x, draw):
    """Moves each image up or down. Whole rows are gathered: the cheapest on a CPU, both ways."""
    height = x.shape[1]
    most = height // 8
    padded = tf.pad(x, [[0, 0], [most, most], [0, 0], [0, 0]])
    by = draw.integers((), -most, most + 1)
    return tf.gather(padded, tf.range(height) + most - by[:, tf.newaxis], batch_dims=1)


def cutout(x, draw):
    """Sets a box of half the height and half the width, anywhere, to 0."""
    height, width = x.shape[1:3]
    rows = _box(height, draw.child("down"))[:, :, tf.newaxis, tf.newaxis]
    columns = _box(width, draw.child("right"))[:, tf.newaxis, :, tf.newaxis]
    return x * tf.cast(~(rows & columns), x.dtype)


def _box(size, draw):
    """Which of `size` places lie in a run of half that length, bool [n, size].

    The run's middle is uniform over the image, so it may stick out.
    """
    length = size // 2
    first = draw.integers((), 0, size + 1 - length % 2)[:, tf.newaxis] - length // 2
    place = tf.range(size)[tf.newaxis]
    return (place >= first) & (place < first + length)


def brightness(x, draw):
    """Adds one number in [-0.5, 0.5) to all pixels."""
    return x + draw.uniform((1, 1, 1), -0.5, 0.5)


def saturation(x, draw):
    """Multiplies each pixel's difference from its own grey by a number in [0, 2).

    Grey images have no such difference, alpha and channels that aren't colours neither: they stay as they are.
    """
    channels = x.shape[3]
    if channels not in (3, 4):
        return x
    # As a matrix product, a mean that needn't be broadcast: a third of the time.
    mean = np.eye(channels, dtype=np.float32)
    mean[:3, :3] = 1 / 3
    grey = tf.reshape(tf.reshape(x, (-1, channels)) @ tf.constant(mean, x.dtype), x.shape)
    return grey + draw.uniform((1, 1, 1), 0.0, 2.0) * (x - grey)


def contrast(x, draw):
    """Multiplies each pixel's difference from its image's mean by a number in [0.5, 1.5)."""
    mean = tf.reduce_mean(x, [1, 2, 3], keepdims=True)
    return mean + draw.uniform((1, 1, 1), 0.5, 1.5) * (x - mean)


def flip(x, draw):
    """Mirrors left and right, half of the time. (Not in the paper; not for letters or digits.)"""
    mirrored = tf.cast(draw.bernoulli((1, 1, 1), 0.5), x.dtype)
    return mirrored * tf.reverse(x, [2]) + (1.0 - mirrored) * x


@dataclasses.dataclass(frozen=True)
class Composed:
    """An augmentation of several operations, each of which an image has with the probability.

    Attributes:
      function: (x, draw, probability) -> images.
      steered: whether the probability is ADA's (objective.ada), not --augment_probability.
    """

    function: Callable
    steered: bool = False

    def __call__(self, x: tf.Tensor, draw: Draw, probability=1.0) -> tf.Tensor:
        return self.function(x, draw, probability)


AUGMENTATIONS = {
    "translation": translation,
    "cutout": cutout,
    "brightness": brightness,
    "saturation": saturation,
    "contrast": contrast,
    "flip": flip,
    "affine": affine,
    "geometry": Composed(geometry),
    "color": Composed(color),
    "ada": Composed(geometry_and_color, steered=True),
}


def augment(x, functions: Iterable[tuple[str, Callable]], draw, probability=1.0, steered=1.0) -> tf.Tensor:
    """Applies augmentations, (name, function), to images [n, H, W, C], one after the other.

    Each has the random numbers of its name. Each image has each with `probability`, a number or a scalar tensor, and
    the operations of a steered one with `steered`, likewise.
    """
    for name, function in functions:
        if isinstance(function, Composed):
            x = function(x, draw.child(name), steered if function.steered else probability)
            continue
        changed = function(x, draw.child(name))
        if tf.is_tensor(probability) or probability < 1:
            changed = tf.where(draw.child(f"{name} or not").uniform((1, 1, 1)) < probability, changed, x)
        x = changed
    return x
