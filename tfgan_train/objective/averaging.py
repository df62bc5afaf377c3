"""The moving average of a generator's variables; knows nothing of models or of the step."""

import tensorflow as tf

from tfgan_train.ops.replicas import assign, local_value


def ema_decay(step, batch_size: int, half_life_images) -> tf.Tensor:
    """How much of the average one step keeps, float32 scalar.

    Args:
      step: generator updates so far, a number or a scalar tensor.
      batch_size: images per step, over all replicas.
      half_life_images: the images after which a value counts half (Karras et al. 2018,
        arXiv:1710.10196, keep 0.999 a step of 16 images: 11,000), a number or a scalar tensor; 0 for no averaging.

    Returns:
      min(0.5^(batch_size / half_life_images), 1 - 10 / (step + 100)). The second term warms up:
      it reaches back over the last tenth of a young run, in which the first weights, which are
      random, would else weigh for a long time.
    """
    if tf.is_tensor(half_life_images):
        settled = 0.5 ** (batch_size / half_life_images)  # 0.5^infinity is 0
    else:
        settled = tf.constant(0.5 ** (batch_size / half_life_images) if half_life_images else 0.0, tf.float32)
    return tf.minimum(settled, 1.0 - 10.0 / (tf.cast(step, tf.float32) + 100.0))


def ema_update(averages, values, decay) -> None:
    """average = decay average + (1 - decay) value, for each pair of variables; whole numbers (seeds) are copied.

    To be called on every replica, each of which moves its own copy; `values` must be equal on
    all of them. `decay` is a float32 scalar.
    """
    share = 1.0 - tf.cast(decay, tf.float32)
    for average, value in zip(averages, values, strict=True):
        if not average.dtype.is_floating:
            assign(average, local_value(value))
            continue
        tf.raw_ops.ResourceApplyGradientDescent(
            var=average.handle, alpha=share, delta=local_value(average) - local_value(value)
        )
