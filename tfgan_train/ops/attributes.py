"""Attribute vectors in the graph: bits to numbers, and those of a seed."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfgan_train.ops.latents import labels


def vectors(label: tf.Tensor, count: int) -> tf.Tensor:
    """int32 [n], one bit for each attribute -> float32 [n, count]; floats [n, count] stay as they are."""
    label = tf.convert_to_tensor(label)
    if label.dtype.is_floating:
        return label
    return tf.cast(tf.bitwise.bitwise_and(tf.bitwise.right_shift(label[:, None], tf.range(count)), 1), tf.float32)


def drawn(seed, indices, rows: Sequence[int], fixed: Mapping[int, int]) -> tf.Tensor:
    """Attributes int32 [n] of these places in a seed's sequence: rows of real data, each as likely as any other.

    Args:
      seed, indices: as ops.latents.labels has them.
      rows: the data's own, packed.
      fixed: number of an attribute -> 0 or 1, instead of the row's.
    """
    found = tf.gather(tf.constant(rows, tf.int32), labels(seed, indices, len(rows)))
    mask = sum(1 << bit for bit in fixed)
    value = sum(1 << bit for bit, on in fixed.items() if on)
    return tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(found, ~mask), value)
