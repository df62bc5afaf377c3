"""The training step as a graph: the only training tf.function.

It takes the indices of examples and gives back numbers. The loop decides when to call it and
what to do with the result. What a step does is in `replica_step`.
"""

import functools
import operator
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan_train.config.fields import Config
from tfgan_train.ops.host import shared_tensor
from tfgan_train.training.gan import Gan
from tfgan_train.training.replica_step import ReplicaStep
from tfgan_train.training.step_metrics import columns


class TrainStep:
    """The graph layer: trains `gan` on batches; holds no state of its own.

    Args:
      config: a resolved Config.
      gan: the Gan, built in the strategy's scope.
      strategy: where the replicas are.
      images, labels: the whole training set, uint8 [N, H, W, C] (points: float32) and int32 [N], when it is
        resident; batches are then indices. None: batches are images and labels.
      steps_per_epoch: for the momentum's course.
    """

    def __init__(
        self,
        config: Config,
        gan: Gan,
        strategy: tf.distribute.Strategy,
        images: np.ndarray | None,
        labels: np.ndarray | None,
        steps_per_epoch: float,
    ) -> None:
        self._config, self._gan, self._strategy = config, gan, strategy
        self._steps_per_epoch = steps_per_epoch
        # Arguments of the graph and not constants in it: TensorFlow never lets go of a constant that a graph captured.
        self._resident = () if images is None or labels is None else (shared_tensor(images), shared_tensor(labels))
        shape = [None, config.d_steps, config.batch_size]
        signature = (
            tf.TensorSpec(shape, tf.int32)
            if self._resident
            else (
                tf.TensorSpec([*shape, *gan.discriminator.data.image_shape], tf.uint8),
                tf.TensorSpec(shape, tf.int32),
            )
        )
        resident = tuple(tf.TensorSpec(part.shape, part.dtype) for part in self._resident)
        # One graph for any number of steps, and one more for steps with a penalty: a condition round
        # the penalty would have to hold the replicas' sums, which no condition may.
        self._functions = {
            with_penalty: tf.function(
                functools.partial(self._steps, with_penalty=with_penalty),
                input_signature=[signature, resident],
                autograph=False,  # Its translation of all that a step calls would take longer than the tracing.
            )
            for with_penalty in (False, True)
        }

    def run(self, batches: Any, with_penalty: bool) -> tf.Tensor:
        """As many steps as `batches` has, without leaving the graph.

        Args:
          batches: int32 indices [steps, d_steps, batch], or (uint8 images [steps, d_steps,
            batch, H, W, C], int32 labels [steps, d_steps, batch]).
          with_penalty: whether these steps apply the (lazy) gradient penalty.

        Returns:
          float32 [steps, len(columns(config))].
        """
        return self._functions[with_penalty](batches, self._resident)

    def close(self) -> None:
        """Lets go of the training set."""
        self._resident = ()
        self._functions.clear()

    def _steps(self, batches: Any, resident: tuple[tf.Tensor, ...], with_penalty: bool) -> tf.Tensor:
        steps = tf.shape(tf.nest.flatten(batches)[0])[0]
        rows = tf.TensorArray(tf.float32, steps, element_shape=[len(columns(self._config))])

        def take(i: tf.Tensor, rows: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            batch = tf.nest.map_structure(operator.itemgetter(i), batches)
            row = self._strategy.run(self._replica_step, (batch, resident, with_penalty))
            return i + 1, rows.write(i, self._strategy.reduce(tf.distribute.ReduceOp.SUM, row, axis=None))

        return tf.while_loop(lambda i, _: i < steps, take, (0, rows))[1].stack()

    def _replica_step(self, batch: Any, resident: tuple[tf.Tensor, ...], with_penalty: bool) -> tf.Tensor:
        return ReplicaStep(self._config, self._gan, resident, self._steps_per_epoch).take(batch, with_penalty)
