"""InfoGAN's mutual information and AC-GAN's classification, as pure functions of what D's further heads say."""

import math

import tensorflow as tf


def code_terms(outputs: tf.Tensor, code: tf.Tensor, categories: tuple[int, ...]) -> tuple[tf.Tensor, tf.Tensor]:
    """-log Q(c|x), by example and kind of code (Chen et al. 2016, equation 5, without the constant H(c)).

    Q is a softmax for each categorical code. For a continuous one it is a Gaussian whose mean is Q's output and whose
    deviation is 1, as the authors' code has it for MNIST (github.com/openai/InfoGAN, Uniform(1, fix_std=True)).

    Args:
      outputs: float32 [n, code_size]: logits of each categorical code, then the continuous codes' means.
      code: float32 [n, code_size], as G was given it: one-hot columns, then numbers.
      categories: sizes of the categorical codes.

    Returns:
      float32 [n] each: of the categorical codes, and of the continuous ones, in nats.
    """
    first = 0
    categorical = tf.zeros_like(outputs[:, 0])
    for size in categories:
        columns = slice(first, first + size)
        categorical += tf.nn.softmax_cross_entropy_with_logits(code[:, columns], outputs[:, columns])
        first += size
    off = tf.square(outputs[:, first:] - code[:, first:])
    return categorical, tf.reduce_sum(0.5 * off + 0.5 * math.log(2 * math.pi), 1)


def information_bound(categorical: tf.Tensor, categories: tuple[int, ...]) -> tf.Tensor:
    """L_I of the categorical codes, [n] in nats (equation 5): H(c), the most there is, minus what Q doesn't know."""
    return sum(math.log(size) for size in categories) - categorical


def continuous_error(outputs: tf.Tensor, code: tf.Tensor, categories: tuple[int, ...]) -> tf.Tensor:
    """Mean squared error of Q's means of the continuous codes, [n]; 1/3 where Q knows nothing."""
    first = sum(categories)
    return tf.reduce_mean(tf.square(outputs[:, first:] - code[:, first:]), 1)


def class_terms(logits: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """-log P(C = label | x) and whether the likeliest class is the label (Odena et al. 2017, equation 3).

    Args:
      logits: float32 [n, classes].
      label: int32 [n].

    Returns:
      float32 [n] each.
    """
    right = tf.cast(tf.equal(tf.argmax(logits, 1, tf.int32), label), tf.float32)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits), right
