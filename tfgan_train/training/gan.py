"""What a checkpoint holds: both networks, G's average, both optimisers, the step."""

import numpy as np
import tensorflow as tf

from tfgan_train.common.images import to_float
from tfgan_train.models import build_generator, build_networks
from tfgan_train.models.heads import build_heads
from tfgan_train.models.variables import named, trainable
from tfgan_train.objective import ada
from tfgan_train.objective.fake_pool import FakePool
from tfgan_train.objective.objective import Objective
from tfgan_train.ops.codes import LatentSpace


class Gan:
    """The trained state of a run, built whole (every variable exists after __init__).

    Attributes:
      objective: the losses and the other functions that train them.
      generator, discriminator: the networks in training.
      heads: D's further heads by name; see models.heads.
      ema_generator: G's running average; the generator itself where --ema_half_life=0.
      step: completed generator updates, int64 scalar.
      ada: of --augment=ada, else None.
      fake_pool: of --fake_pool, else None.
      loss_scale, scale_age: float16's loss scale, and the steps since it last changed.
    """

    def __init__(self, config, data, objective: Objective | None = None):
        """Builds everything in the current distribution strategy's scope.

        Args:
          config: a resolved Config.
          data: facts of the data: image_shape, num_classes.
          objective: None: what the Config names.
        """
        self.objective = objective or Objective.of(config)
        self.generator, self.discriminator = build_networks(config, data)
        self.heads = build_heads(config, data, self.discriminator)
        if config.freeze_d:
            self.discriminator.freeze(config.freeze_d)
        self.ema_generator = build_generator(config, data) if config.ema_half_life else self.generator
        self.g_optimizer = self.objective.g_optimizer(trainable(self.generator), config, "g_optimizer")
        self.d_optimizer = self.objective.d_optimizer(self.d_trainable, config, "d_optimizer")
        self.step = tf.Variable(0, trainable=False, dtype=tf.int64, name="step")
        self.loss_scale = tf.Variable(
            2.0**15 if config.precision == "float16" else 1.0, trainable=False, name="loss_scale"
        )
        self.scale_age = tf.Variable(0, trainable=False, dtype=tf.int32, name="scale_age")
        self.ada = ada.of(config)
        code_size = LatentSpace.of(config).size - LatentSpace.of(config).noise
        self.fake_pool = FakePool(config.fake_pool, data.image_shape, code_size) if config.fake_pool else None
        # Means of all past weights, for --historical_averaging.
        self.g_history, self.d_history = (
            [tf.Variable(weight, trainable=False, name="history") for weight in weights]
            if config.historical_averaging
            else []
            for weights in (trainable(self.generator), self.d_trainable)
        )

    @property
    def d_trainable(self) -> list[tf.Variable]:
        """What D's optimiser moves: D's weights, then those of its further heads."""
        return [variable for network in (self.discriminator, *self.heads.values()) for variable in trainable(network)]

    def state(self) -> dict:
        """Everything that a checkpoint must hold, by name.

        The networks' variables are named one by one: tf.train.Checkpoint doesn't see layers that a
        Keras 3 model keeps in a list, and asserts nothing about what it doesn't see.
        """
        parts = {
            "generator": named(self.generator),
            "discriminator": named(self.discriminator),
            "g_optimizer": self.g_optimizer.state(),
            "d_optimizer": self.d_optimizer.state(),
            "step": self.step,
            "loss_scale": self.loss_scale,
            "scale_age": self.scale_age,
        }
        parts |= {name: named(head) for name, head in self.heads.items()}
        if self.ema_generator is not self.generator:
            parts["ema_generator"] = named(self.ema_generator)
        if self.ada is not None:
            parts["ada"] = self.ada.state()
        if self.fake_pool is not None:
            parts["fake_pool"] = self.fake_pool.state()
        if self.g_history:
            parts |= {"g_history": self.g_history, "d_history": self.d_history}
        return parts

    def variables(self) -> list[tf.Variable]:
        """Every variable of `state`, in its order."""
        return _variables(self.state())

    def calibrate(self, images: np.ndarray):
        """Shows real images, uint8 [n, H, W, C], to a D with frozen layers, which must know of them before step 0."""
        self.discriminator.calibrate(tf.constant(to_float(images), tf.float32))

    def start_at_mean(self, mean_image: np.ndarray):
        """Sets G's output bias, in its average and history too, so that it begins at the mean image."""
        self.generator.set_output_bias(mean_image)
        if self.ema_generator is not self.generator:
            self.ema_generator.set_output_bias(mean_image)
        for mean, weight in zip(self.g_history, trainable(self.generator), strict=bool(self.g_history)):
            mean.assign(weight)


def _variables(part) -> list[tf.Variable]:
    """The variables in a part of a checkpoint's state: a variable, or a list or dict of such."""
    if isinstance(part, tf.Variable):
        return [part]
    inner = part.values() if isinstance(part, dict) else part
    return [variable for one in inner for variable in _variables(one)]
