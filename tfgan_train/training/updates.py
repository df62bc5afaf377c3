"""How a step moves the networks: gradients summed over the replicas, rates by their schedules, the loss scale."""

import functools
from typing import Any

import tensorflow as tf

from tfgan_train.config.fields import Config
from tfgan_train.models.variables import trainable
from tfgan_train.objective.regularizers import historical_averaging, update_history
from tfgan_train.objective.schedules import burn_in, momentum, rate
from tfgan_train.ops.replicas import all_reduce_sum, assign, local_value
from tfgan_train.training.gan import Gan


class Updates:
    """The updates of one step on one replica.

    Args:
      config: a resolved Config.
      gan: whose networks are moved.
      steps_per_epoch: for the momentum's course.
      metrics: takes each side's gradient norm and rate, as this replica's part of the mean.
    """

    def __init__(self, config: Config, gan: Gan, steps_per_epoch: float, metrics: dict[str, tf.Tensor]) -> None:
        self._config, self._gan, self._steps_per_epoch, self._metrics = config, gan, steps_per_epoch, metrics
        self._replicas = tf.distribute.get_replica_context().num_replicas_in_sync

    def summed(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """The replicas' gradients added up, without the loss scale that they were computed with.

        To be called before the next `apply`, which may change that scale. Gradients of an
        embedding become dense: the norm of a sparse one would miss that its rows repeat.
        """
        gradients = [
            tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
            for gradient in all_reduce_sum(gradients)
        ]
        if self._config.precision == "float16":
            gradients = [gradient / local_value(self._gan.loss_scale) for gradient in gradients]
        return gradients

    def apply(
        self,
        side: str,
        variables: list[tf.Variable],
        optimizer: Any,
        base_rate: tf.Tensor,
        gradients: list[tf.Tensor],
        loss: tf.Tensor,
        history: list[tf.Variable],
    ) -> None:
        """Moves one network by the summed gradients, as its schedule says.

        `loss`: what they are the gradients of; the update waits for it.
        """
        config, gan = self._config, self._gan
        if history:
            gradients = [
                gradient + extra
                for gradient, extra in zip(
                    gradients, historical_averaging(variables, history, config.historical_averaging), strict=True
                )
            ]
        norm = tf.linalg.global_norm(gradients)
        step = tf.cast(local_value(gan.step), tf.float32)
        start = config.g_lr_start if side == "g" else config.d_lr_start
        learning_rate = rate(
            config.schedule,
            burn_in(step, start, base_rate, config.burn_in_steps),
            step,
            config.steps,
            config.schedule_decay,
            config.schedule_floor,
            config.warmup_steps,
            config.cooldown_steps,
        )
        # A linear loss has gradients that need none of the passes it comes from. TensorFlow's optimiser of graphs
        # (2.21) then lets the update overtake those passes: it drops their order as implied by shapes, and folds the
        # shapes to constants later. A rate that needs the loss keeps the order.
        learning_rate = tf.where(tf.math.is_nan(loss), tf.cast(loss, tf.float32), learning_rate)
        self._metrics[f"{side}_grad_norm"] = norm / self._replicas
        self._metrics[f"{side}_lr"] = learning_rate / self._replicas
        ramp = None
        if config.momentum_final and optimizer.has_momentum:
            # From the end of the first epoch, as pylearn2's MomentumAdjustor(start=1) has it.
            epoch = tf.maximum(step / self._steps_per_epoch - 1.0, 0.0)
            ramp = momentum(epoch, config.momentum, config.momentum_final, max(config.momentum_epochs - 1.0, 1e-6))
        move = functools.partial(self._move, side, variables, optimizer, gradients, learning_rate, ramp, history)
        if config.precision == "float16":
            finite = tf.math.is_finite(norm)
            tf.cond(finite, move, lambda: None)
            self._adapt_scale(finite)
        else:
            move()

    def _move(
        self,
        side: str,
        variables: list[tf.Variable],
        optimizer: Any,
        gradients: list[tf.Tensor],
        learning_rate: tf.Tensor,
        ramp: tf.Tensor | None,
        history: list[tf.Variable],
    ) -> None:
        config = self._config
        beta2 = burn_in(local_value(self._gan.step), config.beta2_start, config.beta2, config.burn_in_steps)
        optimizer.apply(gradients, learning_rate, ramp, beta2)
        if side == "d" and config.weight_clip:
            for variable in trainable(self._gan.discriminator):
                assign(variable, tf.clip_by_value(variable, -config.weight_clip, config.weight_clip))
        if history:
            update_history(history, variables, optimizer.count)

    def _adapt_scale(self, finite: tf.Tensor) -> None:
        """Micikevicius et al. 2018: halve the loss scale on overflow, double it after 2,000 good updates."""
        gan = self._gan
        age = tf.where(finite, local_value(gan.scale_age) + 1, 0)
        scale = local_value(gan.loss_scale)
        scale = tf.where(finite, tf.where(age >= 2000, scale * 2, scale), tf.maximum(scale / 2, 1.0))
        assign(gan.loss_scale, scale)
        assign(gan.scale_age, tf.where(age >= 2000, 0, age))
