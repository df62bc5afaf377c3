"""Step time of a user's plain Keras networks against the package's own of the same shape and algorithm.

    python benchmarks/own_networks.py --rounds=7 --out=benchmarks/results/own_networks.json

The networks are those of TensorFlow's DCGAN tutorial, as plain Keras and as `--recipe=tutorial_dcgan`. Both are built
in one process and take turns, a few steps each, so that what else the machine does slows both. The first round isn't
counted. CPU time is of all cores: on a busy machine it says more than wall time.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.machine import machine
from tfgan_train import Config
from tfgan_train.models.keras_adapter import text_of
from tfgan_train.runs.data_facts import DataFacts
from tfgan_train.training.gan import Gan
from tfgan_train.training.start import resolve
from tfgan_train.training.step import TrainStep

EXAMPLES = 2048


def generator() -> keras.Model:
    """https://www.tensorflow.org/tutorials/generative/dcgan, make_generator_model."""
    return keras.Sequential(
        [
            layers.Dense(7 * 7 * 256, use_bias=False, input_shape=(100,)),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 256)),
            layers.Conv2DTranspose(128, (5, 5), strides=(1, 1), padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(64, (5, 5), strides=(2, 2), padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(1, (5, 5), strides=(2, 2), padding="same", use_bias=False, activation="tanh"),
        ]
    )


def discriminator() -> keras.Model:
    """The same page, make_discriminator_model."""
    return keras.Sequential(
        [
            layers.Conv2D(64, (5, 5), strides=(2, 2), padding="same", input_shape=[28, 28, 1]),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Conv2D(128, (5, 5), strides=(2, 2), padding="same"),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


class Training:
    """A training step of the recipe's on noise; `own` names the user's networks, none: the recipe's."""

    def __init__(self, batch: int, own: dict):
        facts = DataFacts("noise", EXAMPLES, (28, 28, 1))
        config = resolve(Config(recipe="tutorial_dcgan", batch_size=batch, steps=1000, epochs=0.0, **own), facts)
        strategy = tf.distribute.get_strategy()
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (EXAMPLES, 28, 28, 1), dtype=np.uint8)
        self._gan, self._batch = Gan(config, facts), batch
        self._step = TrainStep(config, self._gan, strategy, images, np.zeros(EXAMPLES, np.int32), EXAMPLES / batch)

    def run(self, steps: int) -> dict[str, float]:
        """Wall and CPU milliseconds of a step."""
        indices = np.arange(steps * self._batch, dtype=np.int32).reshape(steps, 1, self._batch) % EXAMPLES
        wall, cpu = time.perf_counter(), time.process_time()
        self._step.run(indices, False).numpy()
        return {
            "wall_ms": 1000 * (time.perf_counter() - wall) / steps,
            "cpu_ms": 1000 * (time.process_time() - cpu) / steps,
        }


def summary(rounds: list[dict]) -> dict:
    """Medians of the ratios of own networks to the recipe's, and their lowest and highest."""
    found = {}
    for kind in ("wall_ms", "cpu_ms"):
        ratios = [row["own"][kind] / row["recipe"][kind] for row in rounds]
        found[kind] = {
            "ratio": round(statistics.median(ratios), 3),
            "lowest": round(min(ratios), 3),
            "highest": round(max(ratios), 3),
            **{side: round(statistics.median(row[side][kind] for row in rounds), 1) for side in ("own", "recipe")},
        }
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=5, help="of each side in a round")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--out", help="a JSON file for the figures")
    options = parser.parse_args()
    own = {side: text_of(make, side) for side, make in (("generator", generator), ("discriminator", discriminator))}
    trainings = {"own": Training(options.batch, own), "recipe": Training(options.batch, {})}
    rounds = []
    for number in range(options.rounds + 1):
        order = sorted(trainings) if number % 2 else sorted(trainings, reverse=True)
        row = {side: trainings[side].run(options.steps if number else 1) for side in order}
        if number:
            rounds.append(row)
            print(
                f"round {number}: own {row['own']['wall_ms']:.0f} ms, recipe {row['recipe']['wall_ms']:.0f} ms",
                flush=True,
            )
    print(json.dumps(summary(rounds), indent=2))
    if options.out:
        found = {
            "machine": machine(),
            "batch": options.batch,
            "steps": options.steps,
            "rounds": rounds,
            **summary(rounds),
        }
        pathlib.Path(options.out).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
