"""Seeded latents and labels as a counter-based hash in plain TensorFlow ops.

Knows nothing of flags, models or runs: the exporter puts these same ops inside every
artefact, so that one seed gives one picture in TensorFlow, TFLite, ONNX, C and the
browser. `tf.random.stateless_*` converts to none of those.

The hash is lowbias32 (Chris Wellons, "Prospecting for Hash Functions", 2018; the
constants are the later 0x21f0aaad, 0xd35a2d97 of TheIronBorn), a bijection of 32 bits.
Row i gets two keys, k0 = h(i ^ m0) and k1 = h(k0 ^ m1), where m0 and m1 are bijections of
the seed; so no two (seed, index) pairs of a stream share both keys. Element j of the row
is h(h(j * golden ^ k0) ^ k1): the second key keeps rows from being permuted pieces of
each other, which a single key would allow.
"""

import tensorflow as tf

DISTRIBUTIONS = ("normal", "uniform")

# Each purpose and stream draws from keys of its own.
_LATENTS, _LABELS = 0, 1
_GOLDEN = 0x9E3779B9
_MULTIPLIERS = (0x21F0AAAD, 0xD35A2D97)
# 2 pi to 3e-7 as a sum of two float16 numbers: a float16 TFLite file rounds every constant.
_TWO_PI = (6.28125, 2029 * 2.0**-20)
_INT32 = range(-(2**31), 2**31)


def latents(seed, indices, dim: int, distribution: str = "normal", stream: int = 0) -> tf.Tensor:
    """Latent rows that depend on nothing but (seed, stream, index, dim, distribution).

    Args:
      seed: Python int in the int32 range or int32 scalar tensor, negative ones included.
      indices: int32 [n], which rows of the endless sequence to draw.
      dim: length of a row.
      distribution: "normal" (Box-Muller, at most 5.77 from 0) or "uniform" in (-1, 1).
      stream: a small Python int that separates uses of one seed. Sampling is 0,
        training 1.

    Returns:
      float32 [n, dim]. Uniform rows are the same to the last bit on every runtime. Normal
      rows differ by about 1e-6 between runtimes, whose logarithms and cosines differ.

    Raises:
      ValueError: for a seed beyond int32, or an unknown distribution.
    """
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"distribution {distribution!r} is not one of {DISTRIBUTIONS}")
    if distribution == "uniform":
        return _uniforms(seed, indices, dim, stream, _LATENTS) * 2.0 - 1.0
    half = (dim + 1) // 2
    u = _uniforms(seed, indices, 2 * half, stream, _LATENTS)
    radius = tf.sqrt(-2.0 * tf.math.log(u[:, :half]))
    turn = u[:, half:]
    angle = turn * _TWO_PI[0] + turn * _TWO_PI[1]
    pairs = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], axis=1)
    return pairs[:, :dim]


def labels(seed, indices, num_classes: int, stream: int = 0) -> tf.Tensor:
    """Labels int32 [n], uniform over 0..num_classes-1, by the same hash as `latents`.

    Args:
      seed, indices, stream: as in `latents`; the labels are independent of the latents.
      num_classes: at least 1.

    Raises:
      ValueError: for a seed beyond int32.
    """
    bits = _bits(seed, indices, 1, stream, _LABELS)[:, 0]
    # Whole numbers throughout: a float16 TFLite file would round a float num_classes.
    return tf.math.floormod(tf.cast(bits, tf.int32), num_classes)


def _uniforms(seed, indices, count: int, stream: int, purpose: int) -> tf.Tensor:
    """float32 [n, count] on the odd multiples of 2^-24: inside (0, 1), exact, symmetric."""
    return (tf.cast(_bits(seed, indices, count, stream, purpose), tf.float32) + 0.5) * 2.0**-23


def _bits(seed, indices, count: int, stream: int, purpose: int) -> tf.Tensor:
    """uint32 [n, count], uniform over 0..2^23-1."""
    if isinstance(seed, int) and seed not in _INT32:
        raise ValueError(f"seed {seed} is not in -2147483648..2147483647")
    seed = tf.cast(tf.convert_to_tensor(seed, tf.int32), tf.uint32)
    indices = tf.cast(tf.convert_to_tensor(indices, tf.int32), tf.uint32)
    salt = 4 * stream + 2 * purpose
    m0 = _hash(_xor(seed, _salt(salt)))
    m1 = _hash(_xor(seed, _salt(salt + 1)))
    k0 = _hash(_xor(indices, m0))
    k1 = _hash(_xor(k0, m1))
    counter = _u32([j * _GOLDEN % 2**32 for j in range(count)])
    return _shift(_hash(_xor(_hash(_xor(counter[None, :], k0[:, None])), k1[:, None])), 9)


def _hash(x: tf.Tensor) -> tf.Tensor:
    """lowbias32 of a uint32 tensor; only exclusive or, shift and multiply, which every
    runtime has for uint32 (an addition would cost TFLite four casts)."""
    x = _xor(x, _shift(x, 16)) * _u32(_MULTIPLIERS[0])
    x = _xor(x, _shift(x, 15)) * _u32(_MULTIPLIERS[1])
    return _xor(x, _shift(x, 15))


def _salt(number: int) -> tf.Tensor:
    """A constant per use, as far from its neighbours' as the golden ratio can make it."""
    return _u32((number + 1) * _GOLDEN % 2**32)


def _u32(value) -> tf.Tensor:
    return tf.constant(value, tf.uint32)


def _xor(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(a, b)


def _shift(x: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.right_shift(x, _u32(bits))
