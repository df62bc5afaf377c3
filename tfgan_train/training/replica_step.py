"""One step on one replica: D's update and G's, from losses to gradients."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfgan_train.config.fields import Config
from tfgan_train.models.variables import every, trainable
from tfgan_train.objective import ada
from tfgan_train.objective.averaging import ema_decay, ema_update
from tfgan_train.objective.losses import d_accuracy
from tfgan_train.objective.penalties import Critic
from tfgan_train.objective.regularizers import feature_matching
from tfgan_train.objective.schedules import burn_in
from tfgan_train.ops.random import Draw
from tfgan_train.ops.replicas import local_value
from tfgan_train.training.gan import Gan
from tfgan_train.training.head_terms import HeadTerms, Wanted, head_metrics
from tfgan_train.training.step_inputs import Images, StepInputs
from tfgan_train.training.step_metrics import ADA_METRICS, METRICS
from tfgan_train.training.updates import Updates


class ReplicaStep:
    """One step on one replica's share of the batches.

    Each replica has an object of its own: they are traced by turns, and each has its own numbers.

    Args:
      config: a resolved Config.
      gan: what is trained.
      resident: the training set's images and labels where batches are indices; empty where batches are images.
      steps_per_epoch: for the momentum's course.
    """

    def __init__(self, config: Config, gan: Gan, resident: tuple[tf.Tensor, ...], steps_per_epoch: float) -> None:
        self._config, self._gan = config, gan
        self._loss, self._penalty = gan.objective.loss, gan.objective.penalty
        self._head_terms = HeadTerms(config, gan)
        self._metrics: dict[str, tf.Tensor] = {}
        self._d_losses: list[tf.Tensor] = []  # of each of D's updates
        self._inputs = StepInputs(config, gan, resident)
        self._updates = Updates(config, gan, steps_per_epoch, self._metrics)

    def take(self, batch: Any, with_penalty: bool) -> tf.Tensor:
        """Updates D and G on `batch`, one step of TrainStep.run's; this replica's part of the METRICS."""
        config, gan = self._config, self._gan
        step = local_value(gan.step)
        draw = self._inputs.draw(step)
        simultaneous = config.update == "simultaneous"
        for i in range(config.d_steps):
            at = draw.child(f"d{i}")
            pixels, label = self._inputs.real(batch, i, at)
            real = self._inputs.looked_at(pixels, at.child("real"))
            with tf.GradientTape() as g_tape:
                fake, wanted = self._inputs.fake(i, label, at)
            postpone = simultaneous and i == config.d_steps - 1
            seen, shown = self._inputs.with_past(fake, wanted, at)
            update_d, fake_gradient = self._d_update(real, label, seen, shown, at, with_penalty, postpone)
            if not postpone:
                update_d()
        if simultaneous:
            g_gradients = self._updates.summed(g_tape.gradient(fake.pixels, trainable(gan.generator), fake_gradient))
            update_d()
        else:
            at = draw.child("g")
            if not config.shared_z:
                with tf.GradientTape() as g_tape:
                    fake, wanted = self._inputs.fake(config.d_steps, label, at)
            if not fake.maps:  # Those of frozen layers hold for what D has seen; without any, D sees new noise.
                fake, real = fake._replace(draw=at.child("fake")), real._replace(draw=at.child("real"))
            fake_gradients = self._g_gradients(fake, real, wanted)
            made = [fake.pixels, *fake.maps]
            g_gradients = self._updates.summed(g_tape.gradient(made, trainable(gan.generator), fake_gradients))
        loss = self._metrics["g_loss"]
        self._updates.apply(
            "g", trainable(gan.generator), gan.g_optimizer, gan.objective.g_lr, g_gradients, loss, gan.g_history
        )
        if config.ema_half_life:
            half_life = burn_in(step, config.ema_half_life_start, config.ema_half_life, config.burn_in_steps)
            ema_update(every(gan.ema_generator), every(gan.generator), ema_decay(step, config.batch_size, half_life))
        tf.raw_ops.AssignAddVariableOp(resource=gan.step.handle, value=tf.ones([], tf.int64))
        self._metrics["d_loss"] = tf.add_n(self._d_losses) / config.d_steps
        each = self._d_losses if config.d_steps > 1 else []
        heads = [self._mean(self._head_terms.metrics[name]) for name in head_metrics(config)]
        of_ada = [self._metrics[name] for name in ADA_METRICS if gan.ada is not None]
        return tf.stack([*(self._metrics[name] for name in METRICS), *heads, *of_ada, *each])

    def _judge(
        self, pixels: tf.Tensor, label: tf.Tensor, draw: Draw, maps: list[tf.Tensor] | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """D's (logits [n] or [n, heads], features) of images as it is to see them."""
        return self._gan.discriminator.logits_and_features(
            self._inputs.seen(pixels, draw), label, training=True, draw=draw.child("dropout"), maps=maps or None
        )

    # --- D

    def _d_update(
        self,
        real: Images,
        real_label: tf.Tensor,
        fake: Images,
        wanted: Wanted,
        draw: Draw,
        with_penalty: bool,
        postpone: bool,
    ) -> tuple[Callable[[], None], tf.Tensor | None]:
        """(an update of D that the caller is to do, G's gradient at `fake` before it if that is to be `postpone`d).

        `wanted` is of the fakes; a penalty's other images have the real ones' labels.
        """
        gan, variables = self._gan, self._gan.d_trainable
        with tf.GradientTape(persistent=postpone, watch_accessed_variables=False) as tape:
            tape.watch(variables + [fake.pixels] if postpone else variables)
            seen = fake.pixels if postpone else tf.stop_gradient(fake.pixels)

            def as_seen(
                images: tf.Tensor,
                label: tf.Tensor | None = None,
                at: Draw | None = None,
                maps: list[tf.Tensor] | None = None,
            ) -> tuple[tf.Tensor, tf.Tensor]:
                label = real_label if label is None else label
                return self._judge(images, label, draw.child("penalty") if at is None else at, maps)

            judge: Callable[..., tuple[tf.Tensor, ...]] = as_seen
            if with_penalty:  # It starts from these very passes, which saves one through D.
                critic = self._critic(as_seen, draw.child("penalty"))
                judge = critic.judge
            real_logits, real_features = judge(real.pixels, real_label, real.draw, maps=real.maps)
            fake_logits, fake_features = judge(seen, wanted.label, fake.draw, maps=fake.maps)
            total = self._adversarial(real_logits, fake_logits, draw)
            total += self._sum_of_means(self._head_terms.of_d(real_features, real_label, fake_features, wanted))
            if with_penalty:
                total += self._penalise(critic, real.pixels, seen, draw)
            total = self._scaled(total)
            if postpone:
                g_total = self._g_objective(real_logits, fake_logits, real_features, fake_features, wanted)
        gradients = self._updates.summed(tape.gradient(total, variables))
        update = functools.partial(
            self._updates.apply, "d", variables, gan.d_optimizer, gan.objective.d_lr, gradients, total, gan.d_history
        )
        return update, tape.gradient(g_total, fake.pixels) if postpone else None

    def _critic(self, as_seen: Callable[..., tuple[tf.Tensor, tf.Tensor]], draw: Draw) -> Critic:
        """D as a gradient penalty takes it; `draw`: for images that the penalty makes itself."""
        if not self._gan.discriminator.frozen_flops():
            return Critic(as_seen, self._example_scale())
        look = self._gan.discriminator.look
        return Critic(
            as_seen, self._example_scale(), lambda x: look(self._inputs.seen(x, draw)), self._config.penalty_at_maps
        )

    def _adversarial(self, real_logits: tf.Tensor, fake_logits: tf.Tensor, draw: Draw) -> tf.Tensor:
        """D's adversarial loss, as this replica's part of the mean; reports what D thinks."""
        config, metrics = self._config, self._metrics
        real_right, fake_right = d_accuracy(self._loss, real_logits, fake_logits)
        for name, values in (
            ("d_accuracy_real", real_right),
            ("d_accuracy_fake", fake_right),
            ("real_logits", real_logits),
            ("fake_logits", fake_logits),
        ):
            metrics[name] = self._mean(values)
        metrics["d_accuracy"] = (metrics["d_accuracy_real"] + metrics["d_accuracy_fake"]) / 2
        if self._gan.ada is not None:
            signs = ada.real_signs(self._loss, real_logits, fake_logits)
            self._gan.ada.observe(signs, config.batch_size)
            metrics["augment_probability"] = self._inputs.steered / self._inputs.replicas
            metrics["real_sign"] = tf.reduce_sum(signs) / config.batch_size
        if config.label_flip:
            flip = draw.child("flip").bernoulli((), config.label_flip)
            flip = tf.reshape(flip, [-1] + [1] * (real_logits.shape.rank - 1))
            real_logits, fake_logits = (
                tf.where(flip, fake_logits, real_logits),
                tf.where(flip, real_logits, fake_logits),
            )
        targets = {}
        if self._loss.has_targets:
            targets = {"real_target": 1.0 - config.label_smoothing, "fake_target": config.fake_label_smoothing}
        loss = self._mean(self._loss.d(real_logits, fake_logits, **targets))
        self._d_losses.append(loss)
        metrics["penalty"] = tf.zeros([])
        return loss

    def _penalise(self, critic: Critic, real: tf.Tensor, fake: tf.Tensor, draw: Draw) -> tf.Tensor:
        """The weighted gradient penalty; a lazy one is as strong as the steps it stands for."""
        assert self._penalty is not None  # Nobody asks for a penalty where there is none.
        self._metrics["penalty"] = self._mean(self._penalty(critic, real, fake, draw.child("penalty")))
        config = self._config
        weight = burn_in(draw.step, config.penalty_weight_start, config.penalty_weight, config.burn_in_steps)
        return weight * config.penalty_every * self._metrics["penalty"]

    # --- G

    def _g_gradients(self, fake: Images, real: Images, wanted: Wanted) -> list[tf.Tensor]:
        """The gradients of G's loss at the pixels and the maps of `fake`, through D as it is now."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([fake.pixels, *fake.maps])
            fake_logits, fake_features = self._judge(fake.pixels, wanted.label, fake.draw, fake.maps)
            real_logits = real_features = None
            if self._loss.uses_real or self._config.feature_matching:
                real_logits, real_features = self._judge(real.pixels, wanted.label, real.draw, real.maps)
            total = self._g_objective(real_logits, fake_logits, real_features, fake_features, wanted)
        return tape.gradient(total, [fake.pixels, *fake.maps])

    def _g_objective(
        self,
        real_logits: tf.Tensor | None,
        fake_logits: tf.Tensor,
        real_features: tf.Tensor | None,
        fake_features: tf.Tensor,
        wanted: Wanted,
    ) -> tf.Tensor:
        self._metrics["g_loss"] = total = self._mean(self._loss.g(real_logits, fake_logits))
        total += self._sum_of_means(self._head_terms.of_g(fake_features, wanted))
        if self._config.feature_matching:
            matched = feature_matching(real_features, fake_features)
            total += self._config.feature_matching * matched / self._inputs.replicas
        return self._scaled(total)

    # --- both

    def _mean(self, values: tf.Tensor) -> tf.Tensor:
        """This replica's part of the mean over the global batch: the replicas' parts add up."""
        heads = values.shape[1] if values.shape.rank == 2 else 1
        return tf.reduce_sum(values) / (self._config.batch_size * heads)

    def _sum_of_means(self, terms: list[tf.Tensor]) -> tf.Tensor | float:
        """Of terms by example; 0 where there are none."""
        return sum(self._mean(term) for term in terms)

    def _scaled(self, loss: tf.Tensor) -> tf.Tensor:
        return loss * local_value(self._gan.loss_scale) if self._config.precision == "float16" else loss

    def _example_scale(self) -> tf.Tensor | None:
        """What the loss scale makes of one example's share of a mean, for D's gradient by the pixels; None: nothing."""
        if self._config.precision != "float16":
            return None
        return local_value(self._gan.loss_scale) / self._config.batch_size
