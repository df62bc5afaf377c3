"""The geometry and the colours of adaptive discriminator augmentation (ADA), each composed into one map.

Karras et al. 2020 (arXiv:2006.06676), appendix B, whose operations, order and strengths these are. Each image has each
operation with a probability of its own draw. What is left out is the paper's low-pass filter: images are resampled
bilinearly, once, and alike for real images and fakes.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

from tfgan_train.ops.random import Draw
from tfgan_train.ops.warp import warp

_SHIFT = 0.125  # of a side: the most that whole pixels move by, and the deviation of fractions
_SCALE = 0.2 * math.log(2.0)  # deviation of the logarithm of a scale
_BRIGHTNESS = 0.2  # deviation
_CONTRAST = 0.5 * math.log(2.0)  # deviation of the logarithm
_SATURATION = math.log(2.0)  # likewise
# The most that `affine` does: a turn in radians, a slant in columns a row, a stretch's logarithm, a move by sides.
_TURN, _SLANT, _STRETCH, _MOVE = math.radians(15.0), 0.35, 0.2, 0.08


def geometry(x: tf.Tensor, draw: Draw, probability) -> tf.Tensor:
    """Mirrors, turns, moves and stretches images [n, H, W, C], by one resampling (ops.warp).

    In their order: mirrored left and right (half of the time), turned by 0, 90, 180 or 270 degrees, moved by up to an
    eighth of each side in whole pixels, scaled, turned by any angle, stretched along the axes, turned again, moved by
    fractions of a pixel. Either free turn has the probability 1 - sqrt(1 - p): with p there is one of them.

    Args:
      x: float32 in [-1, 1].
      draw: of the batch.
      probability: p of each operation, a number or a scalar tensor in [0, 1].
    """
    return warp(x, geometry_inverse(draw, probability, x.shape[1], x.shape[2]))


def geometry_inverse(draw: Draw, probability, height: int, width: int) -> tf.Tensor:
    """The map of `geometry`, float32 [n, 3, 3]: places of the result -> places of the image, as warp takes it."""
    p = tf.convert_to_tensor(probability, tf.float32)
    turn = 1.0 - tf.sqrt(1.0 - p)
    chance = tf.stack([p, p, p, p, turn, p, turn, p])
    has = tf.unstack(draw.child("which").uniform((8,)) < chance, axis=1)
    mirror, quarter, columns, rows, first, second = tf.unstack(draw.uniform((6,)), axis=1)
    scale, aspect, right, down = tf.unstack(draw.normal((4,)), axis=1)
    one, zero = tf.ones_like(mirror), tf.zeros_like(mirror)

    def only(i: int, value: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
        return tf.where(has[i], value, otherwise)

    quarters = tf.cast(only(1, tf.floor(4.0 * quarter), zero), tf.int32)
    angles = [only(i, (2.0 * u - 1.0) * math.pi, zero) for i, u in ((4, first), (6, second))]
    along = tf.exp(only(5, _SCALE * aspect, zero))
    steps = [
        _linear(only(0, tf.where(mirror < 0.5, -one, one), one), zero, zero, one),
        _turn(_cosine_of_quarters(quarters), _cosine_of_quarters(quarters - 1)),
        _move(*(only(2, tf.round((2.0 * u - 1.0) * _SHIFT * n), zero) for u, n in ((columns, width), (rows, height)))),
        _stretch(tf.exp(only(3, _SCALE * scale, zero)), None),
        _turn(tf.cos(angles[0]), tf.sin(angles[0])),
        _stretch(along, 1.0 / along),
        _turn(tf.cos(angles[1]), tf.sin(angles[1])),
        _move(only(7, right * _SHIFT * width, zero), only(7, down * _SHIFT * height, zero)),
    ]
    return _product(steps)


def color(x: tf.Tensor, draw: Draw, probability) -> tf.Tensor:
    """Changes the colours of images [n, H, W, C] by one matrix for each image.

    In their order: brightness, contrast, luma flip (half of the time: what is bright becomes dark, the hue stays), hue,
    saturation. Grey images, and such with other channels than colours, have the first three; alpha stays.

    Args:
      x: float32 in [-1, 1], which the result may leave.
      draw: of the batch.
      probability: p of each operation, a number or a scalar tensor in [0, 1].
    """
    channels = x.shape[3]
    colours = 3 if channels == 4 else channels
    matrix = color_matrix(draw, probability, colours)
    flat = tf.reshape(x, [-1, x.shape[1] * x.shape[2], channels])
    changed = flat[..., :colours] @ matrix[:, :colours, :colours] + matrix[:, colours:, :colours]
    if colours < channels:
        changed = tf.concat([changed, flat[..., colours:]], -1)
    return tf.reshape(changed, tf.shape(x))


def color_matrix(draw: Draw, probability, colours: int) -> tf.Tensor:
    """The map of `color`, float32 [n, colours + 1, colours + 1]: (pixel, 1) times it is (changed pixel, 1)."""
    has = tf.unstack(draw.child("which").uniform((5,)) < tf.convert_to_tensor(probability, tf.float32), axis=1)
    flip, angle = tf.unstack(draw.uniform((2,)), axis=1)
    brightness, contrast, saturation = tf.unstack(draw.normal((3,)), axis=1)
    zero = tf.zeros_like(flip)

    def only(i: int, value: tf.Tensor) -> tf.Tensor:
        return tf.where(has[i], value, zero)

    # On the axis of greys, and on the colours that are at right angles to it.
    whole = tf.eye(colours + 1)
    place = tf.one_hot(colours, colours + 1)
    grey = tf.ones([colours, colours]) / colours
    grey = tf.pad(grey, [[0, 1], [0, 1]])
    lift = tf.tensordot(only(0, _BRIGHTNESS * brightness), place[:, tf.newaxis] * (1.0 - place), 0)
    spread = tf.tensordot(tf.exp(only(1, _CONTRAST * contrast)) - 1.0, whole - place[:, tf.newaxis] * place, 0)
    flips = tf.tensordot(only(2, tf.where(flip < 0.5, -2.0 * tf.ones_like(flip), zero)), grey, 0)
    steps = [whole + lift, whole + spread, whole + flips]
    if colours == 3:
        # Rodrigues' rotation round the axis of greys.
        across = tf.constant([[0.0, 1, -1, 0], [-1, 0, 1, 0], [1, -1, 0, 0], [0, 0, 0, 0]]) / math.sqrt(3.0)
        hue = only(3, (2.0 * angle - 1.0) * math.pi)
        off_axis = whole - grey - place[:, tf.newaxis] * place
        steps += [whole + tf.tensordot(tf.sin(hue), across, 0) + tf.tensordot(tf.cos(hue) - 1.0, off_axis, 0)]
        steps += [whole + tf.tensordot(tf.exp(only(4, _SATURATION * saturation)) - 1.0, off_axis, 0)]
    return _product(steps)


def geometry_and_color(x: tf.Tensor, draw: Draw, probability) -> tf.Tensor:
    """`geometry`, then `color`: the set that the paper ends with (bgc)."""
    return color(geometry(x, draw.child("geometry"), probability), draw.child("color"), probability)


def affine(x: tf.Tensor, draw: Draw) -> tf.Tensor:
    """Turns, stretches, slants and moves images [n, H, W, C] by little, so that letters and digits stay what they are.

    Each by a uniform number: a turn by up to 15 degrees, each axis by up to exp(0.2), a slant by up to 0.35 columns a
    row, a move by up to 0.08 of each side. In the manner of Simard et al. 2003 (ICDAR), who trained classifiers so.
    """
    return warp(x, affine_inverse(draw, x.shape[1], x.shape[2]))


def affine_inverse(draw: Draw, height: int, width: int) -> tf.Tensor:
    """The map of `affine`, float32 [n, 3, 3]: places of the result -> places of the image, as warp takes it."""
    turn, slant, across, down, right, below = tf.unstack(2.0 * draw.uniform((6,)) - 1.0, axis=1)
    zero, one = tf.zeros_like(turn), tf.ones_like(turn)
    steps = [
        _turn(tf.cos(_TURN * turn), tf.sin(_TURN * turn)),
        _stretch(tf.exp(_STRETCH * across), tf.exp(_STRETCH * down)),
        _linear(one, _SLANT * slant, zero, one),
        _move(_MOVE * width * right, _MOVE * height * below),
    ]
    return _product(steps)


def _product(steps: Sequence[tf.Tensor]) -> tf.Tensor:
    product = steps[0]
    for step in steps[1:]:
        product = product @ step
    return product


def _linear(a, b, c, d) -> tf.Tensor:
    """[[a, b, 0], [c, d, 0], [0, 0, 1]] of vectors [n]; d: None for a."""
    zero, one = tf.zeros_like(a), tf.ones_like(a)
    return tf.reshape(tf.stack([a, b, zero, c, a if d is None else d, zero, zero, zero, one], 1), [-1, 3, 3])


def _cosine_of_quarters(quarters: tf.Tensor) -> tf.Tensor:
    """The cosine of so many right angles, exactly."""
    return tf.gather([1.0, 0.0, -1.0, 0.0], tf.math.floormod(quarters, 4))


def _turn(cosine: tf.Tensor, sine: tf.Tensor) -> tf.Tensor:
    """The inverse of a clockwise turn."""
    return _linear(cosine, sine, -sine, None)


def _stretch(across: tf.Tensor, down: tf.Tensor | None) -> tf.Tensor:
    """The inverse of a stretch by factors [n]; down: None for that across."""
    zero = tf.zeros_like(across)
    return _linear(1.0 / across, zero, zero, None if down is None else 1.0 / down)


def _move(right: tf.Tensor, down: tf.Tensor) -> tf.Tensor:
    """The inverse of a move by so many pixels [n]."""
    zero, one = tf.zeros_like(right), tf.ones_like(right)
    return tf.reshape(tf.stack([one, zero, -right, zero, one, -down, zero, zero, one], 1), [-1, 3, 3])
