"""Terms that steady a GAN, of Salimans et al. 2016 (arXiv:1606.03498), as pure functions."""

import tensorflow as tf

from tfgan_train.objective.averaging import ema_update
from tfgan_train.ops.replicas import local_value, mean_over_replicas


def feature_matching(real_features, fake_features) -> tf.Tensor:
    """||E f(x) - E f(G(z))||^2: section 3.1; float32 scalar, the same on every replica.

    Args:
      real_features, fake_features: what a layer of D makes of the images, [n, ...] on each
        replica. The means are over the global batch.
    """
    difference = tf.reduce_mean(tf.cast(real_features, tf.float32), 0) - tf.reduce_mean(
        tf.cast(fake_features, tf.float32), 0
    )
    return tf.reduce_sum(tf.square(mean_over_replicas(difference)))


def historical_averaging(variables, history, weight: float) -> list:
    """The gradients of weight ||theta - mean of the past theta||^2: section 3.3.

    Args:
      variables: theta, float32 variables.
      history: their running means, as `update_history` keeps them; constants to the gradient.
      weight: the term's factor in the loss.

    Returns:
      For each variable 2 weight (theta - mean), to be added to the summed gradients. (As a term
      of each replica's loss, it would count once for every replica.)
    """
    return [
        2.0 * weight * (local_value(variable) - local_value(mean))
        for variable, mean in zip(variables, history, strict=True)
    ]


def update_history(history, variables, count) -> None:
    """Takes the variables, as the `count`-th update left them, into the means of all the past.

    Args:
      history: the means, which started as the initial values and so count them as one more.
      variables: theta.
      count: updates done so far, a scalar integer variable.
    """
    done = tf.cast(local_value(count), tf.float32)
    ema_update(history, variables, done / (done + 1.0))
