"""Adaptive discriminator augmentation: p is steered by how far D overfits.

Karras et al. 2020 (arXiv:2006.06676), section 3.2. The heuristic is r_t = E[sign(D(real))] of equation 1, over the
augmented real images that D is trained on: 0 where D tells nothing, 1 where it knows every real image. p starts at 0.
After every 256 images (four minibatches of 64) it rises by a fixed amount where r_t is above its target, else it falls.
"""

import tensorflow as tf

from tfgan_train.objective.losses import Loss
from tfgan_train.ops.replicas import all_reduce_sum, assign, local_value, mean_over_replicas

ADJUST_EVERY = 256  # real images that D has seen


def real_signs(loss: Loss, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Of each real image, which side of the middle D puts it on: float32 [n] in [-1, 1], for several heads their mean.

    The middle is the loss's threshold. Where only differences of logits mean something (relativistic losses and
    Wasserstein's), D may add any constant to all of them: the middle is then half-way between the mean logits of the
    global batch's real images and fakes, which is where it lies for the others when D is well calibrated.

    Args:
      loss: what D is trained by.
      real_logits, fake_logits: float32 [n] or [n, heads].
    """
    real_logits, fake_logits = tf.stop_gradient(real_logits), tf.stop_gradient(fake_logits)
    middle = tf.constant(loss.threshold)
    if loss.accuracy == "paired":
        middle = mean_over_replicas((tf.reduce_mean(real_logits, 0) + tf.reduce_mean(fake_logits, 0)) / 2)
    signs = tf.sign(real_logits - middle)
    return tf.reduce_mean(signs, -1) if signs.shape.rank == 2 else signs


class AdaptiveProbability:
    """p and the statistic that moves it: the same on all replicas, and part of a checkpoint.

    Args:
      target: of r_t.
      images: that D sees while p goes from 0 to 1.

    Attributes:
      probability: p, float32 scalar in [0, 1].
      sign_sum, seen: of the real images since p was last adjusted, float32 scalars.
    """

    def __init__(self, target: float, images: float):
        self._target, self._images = target, images
        self.probability, self.sign_sum, self.seen = (
            tf.Variable(0.0, trainable=False, name=name) for name in ("ada_probability", "ada_sign_sum", "ada_seen")
        )

    def state(self) -> dict[str, tf.Variable]:
        """The variables by name."""
        return {"probability": self.probability, "sign_sum": self.sign_sum, "seen": self.seen}

    def observe(self, signs: tf.Tensor, batch_size: int) -> None:
        """Takes a batch, and adjusts p when one is due. To be called on every replica.

        Args:
          signs: `real_signs` of this replica's part of it.
          batch_size: of the global batch.
        """
        (of_batch,) = all_reduce_sum([tf.reduce_sum(signs)])
        sign_sum = local_value(self.sign_sum) + of_batch
        seen = local_value(self.seen) + batch_size
        moved = local_value(self.probability) + tf.sign(sign_sum / seen - self._target) * seen / self._images
        due = seen >= ADJUST_EVERY
        assign(self.probability, tf.where(due, tf.clip_by_value(moved, 0.0, 1.0), local_value(self.probability)))
        assign(self.sign_sum, tf.where(due, 0.0, sign_sum))
        assign(self.seen, tf.where(due, 0.0, seen))


def is_on(config) -> bool:
    """Whether a Config's --augment has ADA's set."""
    return "ada" in config.augment.split(",")


def of(config) -> AdaptiveProbability | None:
    """What steers a run's probability, in the current strategy's scope; None where nothing does."""
    return AdaptiveProbability(config.ada_target, config.ada_images) if is_on(config) else None
