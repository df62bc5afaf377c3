"""Train GANs with TensorFlow 2 and hand the generator to other apps.

from tfgan_train import Config, train
run = train(Config(dataset="mnist10k", steps=200))
images = run.generate(16, seed=7)  # uint8 [16, 28, 28, 1]
"""

import os
import pathlib

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
        finite tf.data.Dataset; or an object with count, image_shape and read(indices), as
        data.from_python.SourceProtocol has them.
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
    # TensorFlow takes seconds to import; Config needs none.
    from tfgan_train.api import given, notebook
    from tfgan_train.api.handlers import logging_left_alone
    from tfgan_train.api.run import Run
    from tfgan_train.common.terminal import Progress
    from tfgan_train.data import GIVEN
    from tfgan_train.objective import objective
    from tfgan_train.training import loop, resuming

    texts, own = objective.passed(loss, penalty, augmentation, optimizer)
    if texts:
        config = config.replace(**texts)
    place = resuming.run_directory(config.replace(dataset=GIVEN), fresh).path if data is not None else pathlib.Path()
    sources = given.sources(data, held_out, value_range, place)
    shown = notebook.is_notebook()
    with logging_left_alone():
        return loop.train(
            config,
            fresh=fresh,
            data=sources[0],
            held_out=sources[1],
            own=own,
            callbacks=[*callbacks, *([notebook.NewestGrid()] if shown else [])],
            make_run=lambda path: Run(path, None, *sources),
            make_progress=notebook.NotebookProgress if shown else Progress,
        )


def __getattr__(name: str):
    """Loss and Penalty, whose modules import TensorFlow."""
    if name == "Loss":
        from tfgan_train.objective.losses import Loss

        return Loss
    if name == "Penalty":
        from tfgan_train.objective.penalties import Penalty

        return Penalty
    raise AttributeError(f"module 'tfgan_train' has no attribute '{name}'")


def load(run_dir, data=None, held_out=None, value_range=None):
    """The run kept in a directory; see `tfgan_train.api.run.Run`.

    Args:
      run_dir: the directory; may have been moved.
      data, held_out, value_range: as in `train`, to evaluate a run whose data were passed from Python.

    Raises:
      UserError: other data than those that the run was trained on.
    """
    from tfgan_train.api import given
    from tfgan_train.api.run import Run
    from tfgan_train.runs.directory import RunDir

    sources = given.sources(data, held_out, value_range, pathlib.Path(run_dir))
    if sources[0] is not None:
        given.check_same(sources[0], RunDir(run_dir).read()[1], run_dir)
    return Run(run_dir, None, *sources)
