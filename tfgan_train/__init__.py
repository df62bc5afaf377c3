"""Train GANs with TensorFlow 2 and hand the generator to other apps.

from tfgan_train import Config, train
run = train(Config(dataset="mnist10k", steps=200))
images = run.generate(16, seed=7)  # uint8 [16, 28, 28, 1]
"""

import os
from typing import Any

from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import Config
from tfgan_train.training.callbacks import Callback

# The user's keras.json or environment may name another backend; this package computes with TensorFlow.
os.environ["KERAS_BACKEND"] = "tensorflow"

__all__ = ["Callback", "Config", "Loss", "Penalty", "UserError", "train", "load"]


def train(
    config: Config,
    fresh: bool = False,
    data=None,
    held_out=None,
    value_range=None,
    generator=None,
    discriminator=None,
    loss=None,
    penalty=None,
    augmentation=None,
    optimizer=None,
    callbacks=(),
):
    """Trains (or resumes) a run and returns it; see `tfgan_train.training.loop.train`.

    Args:
      config: the settings.
      fresh: begin a new run in the next numbered directory instead of resuming.
      data: your own: images, or (images, labels), as NumPy arrays (uint8, or floats with `value_range`); a
        finite tf.data.Dataset; or an object with count, image_shape and read(indices) (data.source.Source).
        A run that was begun with data is resumed with the same data. None: what `config.dataset` names.
      held_out: images that aren't trained on, in the same forms.
      value_range: (lowest, highest) of float images, such as (0, 1) or (-1, 1).
      generator, discriminator: your own networks, functions that return a new keras.Model at each call:
        z [n, latent_dim] (and label int32 [n] where config.conditional) -> images [n, H, W, C] in [-1, 1], and
        images (and label) -> logits [n] or [n, 1]; see docs/own_networks.md. The run stores their names.
      loss: your own adversarial loss, a Loss(d=..., g=...).
      penalty: a function (critic, real, fake, draw) -> [n] added to D's loss, or a Penalty that says what it costs.
      augmentation: a function (images, draw) -> images of all that D sees, or several.
      optimizer: a Keras optimizer of both networks, a class of them or a function that returns one, or a pair: G's
        and D's. One made with a learning rate keeps it; --schedule sets its course.
      callbacks: objects with some of the methods of `Callback`, called as the run goes on.

    Raises:
      UserError: for anything that you can mend.
    """
    own = {"generator": generator, "discriminator": discriminator}
    if any(function is not None for function in own.values()):
        from tfgan_train.models.keras_adapter import text_of

        given_names = {side: text_of(function, side) for side, function in own.items() if function is not None}
        config = config.replace(**given_names)
    given: list[Any] = [None, None]
    if data is not None:
        from tfgan_train.data import array_data

        given = [
            None if one is None else array_data.as_source(one, value_range, what)
            for one, what in ((data, "data"), (held_out, "held_out"))
        ]
    from tfgan_train.objective import objective  # TensorFlow takes seconds to import; Config needs none.
    from tfgan_train.training import loop

    texts, own = objective.passed(loss, penalty, augmentation, optimizer)
    if texts:
        config = config.replace(**texts)
    return loop.train(config, fresh=fresh, data=given[0], held_out=given[1], own=own, callbacks=callbacks)


def __getattr__(name: str):
    """Loss and Penalty, whose modules import TensorFlow."""
    if name == "Loss":
        from tfgan_train.objective.losses import Loss

        return Loss
    if name == "Penalty":
        from tfgan_train.objective.penalties import Penalty

        return Penalty
    raise AttributeError(f"module 'tfgan_train' has no attribute '{name}'")


def load(run_dir):
    """The run kept in a directory, to generate from; see `tfgan_train.runs.run.Run`."""
    from tfgan_train.runs.run import Run

    return Run(run_dir)
