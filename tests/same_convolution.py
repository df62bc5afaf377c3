"""Compares a convolution with a plain one: values, gradients, gradients of gradients."""

import numpy as np
import tensorflow as tf


def filled(*shape):
    return tf.constant(np.random.default_rng(sum(shape)).standard_normal(shape))


def _all_of(function, x, kernel):
    """y, the gradients of sum(w y^2) and, as in a gradient penalty, the kernel's and w's of ||its gradient by x||^2."""
    with tf.GradientTape(persistent=True) as outer:
        outer.watch([x, kernel])
        with tf.GradientTape(persistent=True) as inner:
            inner.watch([x, kernel])
            y = function(x, kernel)
            loss = tf.reduce_sum(y * y * filled(*y.shape))
        to_x, to_kernel = inner.gradient(loss, [x, kernel])
        penalty = tf.reduce_sum(to_x**2) + tf.reduce_sum(to_kernel**2)
    return [y, to_x, to_kernel, *outer.gradient(penalty, [x, kernel])]


def assert_same(ours, plain, x, kernel):
    for mine, theirs in zip(_all_of(ours, x, kernel), _all_of(plain, x, kernel), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10 * np.abs(theirs).max())
