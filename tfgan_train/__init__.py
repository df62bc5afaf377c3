"""Train GANs with TensorFlow 2 and hand the generator to other apps.

    from tfgan_train import Config, train
    run = train(Config(dataset="mnist10k", steps=200))
    images = run.generate(16, seed=7)  # uint8 [16, 28, 28, 1]
"""
import os

from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import Config

# The user's keras.json or environment may name another backend; this package computes with TensorFlow.
os.environ["KERAS_BACKEND"] = "tensorflow"

__all__ = ["Config", "UserError", "train", "load"]


def train(config: Config, fresh: bool = False):
    """Trains (or resumes) a run and returns it; see `tfgan_train.training.loop.train`."""
    from tfgan_train.training import loop  # TensorFlow takes seconds to import; Config needs none.
    return loop.train(config, fresh=fresh)


def load(run_dir):
    """The run kept in a directory, to generate from; see `tfgan_train.runs.run.Run`."""
    from tfgan_train.runs.run import Run
    return Run(run_dir)
