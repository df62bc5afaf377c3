"""What a replica's step looks at: its share of the real images, fakes, and both as D sees them."""

from typing import Any, NamedTuple

import tensorflow as tf

from tfgan_train.config.fields import Config
from tfgan_train.objective.augment import augment
from tfgan_train.objective.schedules import burn_in
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.ops.flip_crop import flip_crop
from tfgan_train.ops.random import Draw
from tfgan_train.ops.replicas import local_value
from tfgan_train.training.gan import Gan
from tfgan_train.training.head_terms import Wanted

TRAINING_STREAM = 1  # latents' stream; sampling uses 0


class Images(NamedTuple):
    """Images of a step on one replica.

    Attributes:
      pixels: float32 [n, H, W, C] in [-1, 1].
      draw: of the noise and the augmentation that D sees them through.
      maps: what D's frozen layers make of them as D sees them; empty where it has none.
    """

    pixels: tf.Tensor
    draw: Draw
    maps: list[tf.Tensor]


class StepInputs:
    """The images of one step on one replica.

    Args:
      config: a resolved Config.
      gan: the Gan.
      resident: the training set's images and labels where batches are indices; empty where batches are images.

    Attributes:
      replicas: their number.
      steered: the probability that ADA steers, one for the whole step.
    """

    def __init__(self, config: Config, gan: Gan, resident: tuple[tf.Tensor, ...]) -> None:
        replica = tf.distribute.get_replica_context()
        self._config, self._gan, self._resident = config, gan, resident
        self._space = LatentSpace.of(config)
        self.replicas = replica.num_replicas_in_sync
        self._local = config.batch_size // self.replicas
        self._offset = replica.replica_id_in_sync_group * self._local
        self.steered = 1.0 if gan.ada is None else local_value(gan.ada.probability)

    def draw(self, step: tf.Tensor) -> Draw:
        """The step's random numbers, of this replica's share of the batch."""
        return Draw(self._config.seed, step, self._config.batch_size, self._offset, self._local)

    def real(self, batch: Any, i: int, draw: Draw) -> tuple[tf.Tensor, tf.Tensor]:
        """This replica's share of the i-th real batch: float32 images and labels."""

        def mine(x: tf.Tensor) -> tf.Tensor:
            return x[i, self._offset : self._offset + self._local] if self.replicas > 1 else x[i]

        if self._resident:
            ids = mine(batch)
            # On the host, where the data are: a GPU need only see its batches.
            with tf.device("CPU:0"):
                images, label = (tf.gather(values, ids) for values in self._resident)
        else:
            images, label = mine(batch[0]), mine(batch[1])
        images = tf.ensure_shape(images, [self._local, *self._gan.discriminator.data.image_shape])
        if images.dtype == tf.uint8:  # Points are what the networks take already.
            images = tf.cast(images, tf.float32) / 127.5 - 1.0
        config = self._config
        return flip_crop(images, config.flip, config.crop_padding, draw.child("real_images")), label

    def fake(self, i: int, label: tf.Tensor, draw: Draw) -> tuple[Images, Wanted]:
        """Fakes with the real batch's labels, from latents that no other batch of the run has, and what they show."""
        config = self._config
        batch = draw.step * (config.d_steps + 1) + i
        first = tf.cast(batch * config.batch_size, tf.int32) + draw.offset
        z = self._space.draw(config.seed, first + tf.range(self._local), TRAINING_STREAM)
        pixels = self._gan.generator(z, label, training=True, draw=draw.child("generator"))
        return self.looked_at(pixels, draw.child("fake")), Wanted(label, z[:, self._space.noise :])

    def with_past(self, fake: Images, wanted: Wanted, draw: Draw) -> tuple[Images, Wanted]:
        """The fakes that D is to see and what they show: with a pool, half of them are past ones."""
        if self._gan.fake_pool is None:
            return fake, wanted
        pixels, label, code = self._gan.fake_pool.exchange(fake.pixels, *wanted, draw.child("pool"))
        return self.looked_at(pixels, draw.child("fake")), Wanted(label, code)

    def looked_at(self, pixels: tf.Tensor, draw: Draw) -> Images:
        """The images, with what D's frozen layers make of them."""
        discriminator = self._gan.discriminator
        maps = discriminator.look(self.seen(pixels, draw)) if discriminator.frozen_flops() else []
        return Images(pixels, draw, maps)

    def seen(self, x: tf.Tensor, draw: Draw) -> tf.Tensor:
        """Images as D is to see them: noisy and augmented."""
        config = self._config
        if config.instance_noise:
            left = 1.0
            if config.instance_noise_steps:
                left = tf.maximum(0.0, 1.0 - tf.cast(draw.step, tf.float32) / config.instance_noise_steps)
            x += config.instance_noise * left * draw.child("noise").normal(tuple(x.shape[1:]))
        if config.augment:
            probability = burn_in(
                draw.step, config.augment_probability_start, config.augment_probability, config.burn_in_steps
            )
            x = augment(x, self._gan.objective.augmentations, draw.child("augment"), probability, self.steered)
        return x
