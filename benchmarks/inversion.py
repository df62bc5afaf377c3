"""How near `project` comes to held-out digits and a generator's own pictures: docs/steering.md, docs/styles.md.

python benchmarks/inversion.py --run_dir=RUN --data_dir=MNIST; RUN was trained with --dataset=mnist10k, whose digits are
of MNIST's training set, and MNIST is a folder with MNIST's four IDX files.
"""

import argparse

import numpy as np

from tfgan_train import Config, data
from tfgan_train.pictures.nearest import nearest
from tfgan_train.runs.directory import load_run
from tfgan_train.runs.sampler import Sampler
from tfgan_train.steering.inversion import Inverter, pixel_distances

COUNT, OWN_SEED = 50, 123


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run_dir", required=True)
    parser.add_argument("--data_dir", required=True)
    asked = parser.parse_args()
    loaded = load_run(asked.run_dir)
    sampler = Sampler(loaded.generator, loaded.config, loaded.data)
    inverter = Inverter(sampler, loaded.data.image_shape, restarts=8, steps=200)

    def distances(images):
        return pixel_distances(images, inverter.run(images, 0, None, lambda done: None).images)

    train = data.load(Config(dataset="mnist10k"))
    test = data.load(Config(dataset=f"idx:{asked.data_dir}"), "test").read(np.arange(COUNT))[0]
    found, copies = distances(test), nearest(test, train.read(np.arange(train.count))[0])[1]
    _say("test digit to its reconstruction", found)
    _say("test digit to the nearest training image", copies)
    print(f"nearer than any training image: {np.sum(found < copies)} of {COUNT}")
    own = sampler.images(COUNT, OWN_SEED)
    back = distances(own)
    others = np.array([nearest(own[i : i + 1], np.delete(own, i, 0))[1][0] for i in range(COUNT)])
    _say("own picture to its reconstruction", back)
    _say("own picture to the nearest other one", others)
    print(f"nearer than any other one: {np.sum(back < others)} of {COUNT}")


def _say(what: str, values: np.ndarray) -> None:
    print(f"{what}: median {np.median(values):.0f}, {values.min():.0f} to {values.max():.0f}")


if __name__ == "__main__":
    main()
