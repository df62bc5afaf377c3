"""Networks of a few weights and a training step on noise, for the tests of the core."""

import numpy as np
import tensorflow as tf

from tfgan_train.config.fields import Config
from tfgan_train.objective import ada
from tfgan_train.objective.objective import Objective
from tfgan_train.runs.data_facts import DataFacts
from tfgan_train.training.gan import Gan
from tfgan_train.training.start import resolve
from tfgan_train.training.step import TrainStep
from tfgan_train.training.step_metrics import METRICS
from tfgan_train.training.validation import validate

EXAMPLES = 48
SHAPE = (16, 16, 1)  # two stages of dcgan, so that D has a normalised layer
SETTINGS = dict(
    recipe="smoke",
    steps=100,
    batch_size=12,
    g_width=4,
    d_width=4,
    latent_dim=6,
    d_norm="batch",
    g_init="normal:0.2",
    d_init="normal:0.2",
)


# Settings that a step reads, and neither networks nor optimisers do when they are built.
STEP_ONLY = {
    *("loss", "penalty", "augment", "schedule", "update", "shared_z", "d_steps", "latent_distribution", "weight_clip"),
    *("label_smoothing", "fake_label_smoothing", "label_flip", "instance_noise", "feature_matching"),
}


def facts(shape=SHAPE, num_classes: int = 3, attributes: tuple[str, ...] = ()) -> DataFacts:
    """Of `pixels`, whose labels 0 to 2 are also the bits of two attributes."""
    if attributes:
        return DataFacts("noise", EXAMPLES, shape, attributes=attributes, attribute_rows=(0, 1, 2))
    return DataFacts("noise", EXAMPLES, shape, num_classes, tuple("abcdefghij"[:num_classes]))


def config(shape=SHAPE, **changes) -> Config:
    """A resolved and valid Config of tiny networks."""
    made = Config(**(SETTINGS | changes))
    validate(made)
    return resolve(made, facts(shape))


def pixels(shape=SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [EXAMPLES, *shape] of smooth noise and int32 labels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (EXAMPLES, *shape), dtype=np.uint8)
    return images, rng.integers(0, 3, EXAMPLES).astype(np.int32)


def indices(config: Config, steps: int, first: int = 0) -> np.ndarray:
    """int32 [steps, d_steps, batch]: examples in their own order, over and over."""
    size = config.d_steps * config.batch_size
    flat = np.arange(first * size, (first + steps) * size) % EXAMPLES
    return flat.astype(np.int32).reshape(steps, config.d_steps, config.batch_size)


class Training:
    """A Gan and its TrainStep on noise, resident in memory.

    Args:
      strategy: where its replicas are; None: one replica without any strategy.
      shape: of the images.
      gan: built already, with settings that differ in STEP_ONLY alone; None: a new one.
      changes: settings other than SETTINGS; attributes="a,b" makes the labels' bits attributes.
    """

    def __init__(self, strategy=None, shape=SHAPE, gan=None, **changes):
        self.config = config(shape, **changes)
        strategy = strategy or tf.distribute.get_strategy()
        with strategy.scope():
            names = tuple(self.config.attributes.split(",")) if self.config.attributes else ()
            self.gan = gan or Gan(self.config, facts(shape, attributes=names))
        if gan is not None:
            gan.objective = Objective.of(self.config)
            gan.ada = ada.of(self.config)
        self.images, self.labels = pixels(shape)
        self._step = TrainStep(
            self.config, self.gan, strategy, self.images, self.labels, EXAMPLES / self.config.batch_size
        )
        self._done = 0

    def run(self, steps: int = 1, with_penalty: bool | None = None) -> list[dict]:
        """Takes some steps in one call; a dict of metrics for each. `with_penalty` None: as the config has it."""
        if with_penalty is None:
            with_penalty = self.config.penalty != "none"
        rows = self._step.run(indices(self.config, steps, self._done), with_penalty).numpy()
        self._done += steps
        return [dict(zip(METRICS, row.tolist(), strict=False)) for row in rows]

    def state(self) -> dict[str, np.ndarray]:
        """The values of `variables`."""
        return {name: variable.numpy() for name, variable in variables(self.gan).items()}


def variables(gan: Gan) -> dict[str, tf.Variable]:
    """Every variable that a checkpoint of `gan` has to hold: part, number and name -> variable."""
    parts = {
        "g": gan.generator.variables,
        "d": gan.discriminator.variables,
        **{name: head.variables for name, head in gan.heads.items()},
        "ema": gan.ema_generator.variables,
        "g_optimizer": gan.g_optimizer.variables,
        "d_optimizer": gan.d_optimizer.variables,
        "g_history": gan.g_history,
        "d_history": gan.d_history,
        "counters": [gan.step, gan.loss_scale, gan.scale_age],
        "ada": list(gan.ada.state().values()) if gan.ada else [],
    }
    return {
        f"{part}/{i}/{variable.name}": variable if isinstance(variable, tf.Variable) else variable.value
        for part, members in parts.items()
        for i, variable in enumerate(members)
    }
