"""The training step: what runs in the graph and on each replica. The only training tf.function.

It takes the indices of examples and gives back numbers. The loop decides when to call it and
what to do with the result.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfgan_train.config.fields import Config
from tfgan_train.models.variables import every, trainable
from tfgan_train.objective import ada
from tfgan_train.objective.augment import augment
from tfgan_train.objective.averaging import ema_decay, ema_update
from tfgan_train.objective.losses import d_accuracy
from tfgan_train.objective.penalties import Critic
from tfgan_train.objective.regularizers import feature_matching, historical_averaging, update_history
from tfgan_train.objective.schedules import burn_in, momentum, rate
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.ops.flip_crop import flip_crop
from tfgan_train.ops.host import shared_tensor
from tfgan_train.ops.random import Draw
from tfgan_train.ops.replicas import all_reduce_sum, assign, local_value
from tfgan_train.training.gan import Gan
from tfgan_train.training.head_terms import HeadTerms, Wanted, head_metrics

# What each step reports, as means over the global batch, in the order of the returned rows.
METRICS = (
    "d_loss",
    "g_loss",
    "penalty",
    "d_accuracy",
    "d_accuracy_real",
    "d_accuracy_fake",
    "real_logits",
    "fake_logits",
    "d_grad_norm",
    "g_grad_norm",
    "d_lr",
    "g_lr",
)
ADA_METRICS = ("augment_probability", "real_sign")
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


def columns(config: Config) -> tuple[str, ...]:
    """Names of a row's numbers.

    METRICS (d_loss: the mean over the updates of D), those of D's further heads and of ADA, and D's loss at each of
    several updates.
    """
    each = tuple(f"d_loss_{i}" for i in range(config.d_steps)) if config.d_steps > 1 else ()
    return METRICS + head_metrics(config) + (ADA_METRICS if ada.is_on(config) else ()) + each


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
        return _ReplicaStep(self._config, self._gan, resident, self._steps_per_epoch).take(batch, with_penalty)


class _ReplicaStep:
    """The replica layer: one step on one replica's share of the batches.

    Each replica has an object of its own: they are traced by turns, and each has its own numbers.
    """

    def __init__(self, config: Config, gan: Gan, resident: tuple[tf.Tensor, ...], steps_per_epoch: float) -> None:
        replica = tf.distribute.get_replica_context()
        self._config, self._gan, self._resident = config, gan, resident
        self._loss, self._penalty = gan.objective.loss, gan.objective.penalty
        self._space, self._head_terms = LatentSpace.of(config), HeadTerms(config, gan)
        self._steps_per_epoch = steps_per_epoch
        self._replicas = replica.num_replicas_in_sync
        self._local = config.batch_size // self._replicas
        self._offset = replica.replica_id_in_sync_group * self._local
        self._steered = 1.0 if gan.ada is None else local_value(gan.ada.probability)  # one p for the whole step
        self._metrics: dict[str, tf.Tensor] = {}
        self._d_losses: list[tf.Tensor] = []  # of each of D's updates

    def take(self, batch: Any, with_penalty: bool) -> tf.Tensor:
        """Updates D and G on `batch`, one step of TrainStep.run's; this replica's part of the METRICS."""
        config, gan = self._config, self._gan
        step = local_value(gan.step)
        draw = Draw(config.seed, step, config.batch_size, self._offset, self._local)
        simultaneous = config.update == "simultaneous"
        for i in range(config.d_steps):
            at = draw.child(f"d{i}")
            pixels, label = self._real(batch, i, at)
            real = self._looked_at(pixels, at.child("real"))
            with tf.GradientTape() as g_tape:
                fake, wanted = self._fake(i, label, at)
            postpone = simultaneous and i == config.d_steps - 1
            update_d, fake_gradient = self._d_update(real, fake, wanted, at, with_penalty, postpone)
            if not postpone:
                update_d()
        if simultaneous:
            g_gradients = self._summed(g_tape.gradient(fake.pixels, trainable(gan.generator), fake_gradient))
            update_d()
        else:
            at = draw.child("g")
            if not config.shared_z:
                with tf.GradientTape() as g_tape:
                    fake, wanted = self._fake(config.d_steps, label, at)
            if not fake.maps:  # Those of frozen layers hold for what D has seen; without any, D sees new noise.
                fake, real = fake._replace(draw=at.child("fake")), real._replace(draw=at.child("real"))
            fake_gradients = self._g_gradients(fake, real, wanted)
            made = [fake.pixels, *fake.maps]
            g_gradients = self._summed(g_tape.gradient(made, trainable(gan.generator), fake_gradients))
        loss = self._metrics["g_loss"]
        self._apply(
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

    # --- what goes in

    def _real(self, batch: Any, i: int, draw: Draw) -> tuple[tf.Tensor, tf.Tensor]:
        """This replica's share of the i-th real batch: float32 images and labels."""

        def mine(x: tf.Tensor) -> tf.Tensor:
            return x[i, self._offset : self._offset + self._local] if self._replicas > 1 else x[i]

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

    def _fake(self, i: int, label: tf.Tensor, draw: Draw) -> tuple[Images, Wanted]:
        """Fakes with the real batch's labels, from latents that no other batch of the run has, and what they show."""
        config = self._config
        batch = draw.step * (config.d_steps + 1) + i
        first = tf.cast(batch * config.batch_size, tf.int32) + draw.offset
        z = self._space.draw(config.seed, first + tf.range(self._local), TRAINING_STREAM)
        pixels = self._gan.generator(z, label, training=True, draw=draw.child("generator"))
        return self._looked_at(pixels, draw.child("fake")), Wanted(label, z[:, self._space.noise :])

    def _looked_at(self, pixels: tf.Tensor, draw: Draw) -> Images:
        discriminator = self._gan.discriminator
        maps = discriminator.look(self._seen(pixels, draw)) if discriminator.frozen_flops() else []
        return Images(pixels, draw, maps)

    def _seen(self, x: tf.Tensor, draw: Draw) -> tf.Tensor:
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
            x = augment(x, self._gan.objective.augmentations, draw.child("augment"), probability, self._steered)
        return x

    def _judge(
        self, pixels: tf.Tensor, label: tf.Tensor, draw: Draw, maps: list[tf.Tensor] | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """D's (logits [n] or [n, heads], features) of images as it is to see them."""
        return self._gan.discriminator.logits_and_features(
            self._seen(pixels, draw), label, training=True, draw=draw.child("dropout"), maps=maps or None
        )

    # --- D

    def _d_update(
        self, real: Images, fake: Images, wanted: Wanted, draw: Draw, with_penalty: bool, postpone: bool
    ) -> tuple[Callable[[], None], tf.Tensor | None]:
        """(an update of D that the caller is to do, G's gradient at `fake` before it if that is to be `postpone`d)."""
        gan, variables = self._gan, self._gan.d_trainable
        with tf.GradientTape(persistent=postpone, watch_accessed_variables=False) as tape:
            tape.watch(variables + [fake.pixels] if postpone else variables)
            seen = fake.pixels if postpone else tf.stop_gradient(fake.pixels)

            def as_seen(
                images: tf.Tensor, at: Draw | None = None, maps: list[tf.Tensor] | None = None
            ) -> tuple[tf.Tensor, tf.Tensor]:
                return self._judge(images, wanted.label, draw.child("penalty") if at is None else at, maps)

            judge: Callable[..., tuple[tf.Tensor, ...]] = as_seen
            if with_penalty:  # It starts from these very passes, which saves one through D.
                critic = self._critic(as_seen, draw.child("penalty"))
                judge = critic.judge
            real_logits, real_features = judge(real.pixels, real.draw, maps=real.maps)
            fake_logits, fake_features = judge(seen, fake.draw, maps=fake.maps)
            total = self._adversarial(real_logits, fake_logits, draw)
            total += self._sum_of_means(self._head_terms.of_d(real_features, fake_features, wanted))
            if with_penalty:
                total += self._penalise(critic, real.pixels, seen, draw)
            total = self._scaled(total)
            if postpone:
                g_total = self._g_objective(real_logits, fake_logits, real_features, fake_features, wanted)
        gradients = self._summed(tape.gradient(total, variables))
        update = functools.partial(
            self._apply, "d", variables, gan.d_optimizer, gan.objective.d_lr, gradients, total, gan.d_history
        )
        return update, tape.gradient(g_total, fake.pixels) if postpone else None

    def _critic(self, as_seen: Callable[..., tuple[tf.Tensor, tf.Tensor]], draw: Draw) -> Critic:
        """D as a gradient penalty takes it; `draw`: for images that the penalty makes itself."""
        if not self._gan.discriminator.frozen_flops():
            return Critic(as_seen, self._example_scale())
        look = self._gan.discriminator.look
        return Critic(as_seen, self._example_scale(), lambda x: look(self._seen(x, draw)), self._config.penalty_at_maps)

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
            metrics["augment_probability"] = self._steered / self._replicas
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
            total += self._config.feature_matching * matched / self._replicas
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

    def _summed(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """The replicas' gradients added up, without the loss scale that they were computed with.

        To be called before the next `_apply`, which may change that scale. Gradients of an
        embedding become dense: the norm of a sparse one would miss that its rows repeat.
        """
        gradients = [
            tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
            for gradient in all_reduce_sum(gradients)
        ]
        if self._config.precision == "float16":
            gradients = [gradient / local_value(self._gan.loss_scale) for gradient in gradients]
        return gradients

    def _apply(
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
