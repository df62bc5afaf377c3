"""Courses of learning rates, momentum and what else changes in a run: pure functions of the step."""

import math

import tensorflow as tf


def _constant(step, total, decay):
    del step, total, decay
    return tf.ones([])


def _linear(step, total, decay):
    """1 at the first step, 0 after the last."""
    del decay
    return 1.0 - _progress(step, total)


def _cosine(step, total, decay):
    """Loshchilov & Hutter 2017 (arXiv:1608.03983), equation 5, without restarts."""
    del decay
    return 0.5 * (1.0 + tf.cos(math.pi * _progress(step, total)))


def _exponential(step, total, decay):
    """decay^step. By its logarithm, taken in double precision: as a float32 the usual
    1 / 1.000004 would itself be off by 1 % of its distance from 1."""
    del total
    return tf.exp(step * math.log(decay))


# name -> (float32 step, total steps, decay per step) -> what to multiply the base rate with.
SCHEDULES = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "exponential": _exponential,
}


def rate(
    name: str,
    base: float,
    step,
    total,
    decay: float = 1.0,
    floor: float = 0.0,
    warmup_steps: int = 0,
    cooldown_steps: int = 0,
) -> tf.Tensor:
    """The learning rate of one step, float32 scalar.

    Args:
      name: one of SCHEDULES.
      base: the rate that the schedule starts from.
      step: updates already done, a number or a scalar tensor.
      total: updates in the whole run.
      decay: exponential's factor per step, in (0, 1].
      floor: the schedule never goes below this rate.
      warmup_steps: over so many first steps the rate rises linearly, to its full size at the
        last of them; the floor doesn't hold there.
      cooldown_steps: over so many last steps the rate falls linearly to 0, whatever the schedule; nor does it here
        (a trapezoid, with "constant": Hagele et al. 2024, arXiv:2405.18392).
    """
    step = tf.cast(step, tf.float32)
    scheduled = tf.maximum(base * SCHEDULES[name](step, total, decay), floor)
    if warmup_steps:
        scheduled *= tf.minimum(1.0, (step + 1.0) / warmup_steps)
    if cooldown_steps:
        scheduled *= tf.clip_by_value((total - step) / cooldown_steps, 0.0, 1.0)
    return scheduled


def momentum(step, start: float, end: float, saturate_steps: float) -> tf.Tensor:
    """Rises linearly from `start` at step 0 to `end` at `saturate_steps`, then stays; float32.

    `step` and `saturate_steps` in any one unit: updates, or epochs.
    """
    return start + (end - start) * _progress(tf.cast(step, tf.float32), saturate_steps)


def burn_in(step, start: float, end: float, steps: float):
    """From `start` at step 0 by half a cosine to `end` at `steps`, then `end`; float32 scalar.

    In Huang et al. 2024 (arXiv:2501.05441) learning rates, the penalty's weight, Adam's beta2, the average's half-life
    and the augmentation's probability take such a course.

    Args:
      step: updates already done, a number or a scalar tensor.
      start: -1 for no course; `end` is then returned as it is.
      steps: updates of the course.
    """
    if start < 0:
        return end
    return end + (start - end) * 0.5 * (1.0 + tf.cos(math.pi * _progress(tf.cast(step, tf.float32), steps)))


def _progress(step, total):
    return tf.clip_by_value(step / tf.cast(total, tf.float32), 0.0, 1.0)
