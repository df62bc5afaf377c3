"""A run directory made of noise, as training would leave it, for tests of the report."""

import json
import pathlib

import numpy as np

from tfgan_train.common.files import write_json
from tfgan_train.config.fields import Config
from tfgan_train.pictures import animation, grid, nearest, spot_the_fake


def make_run(
    path: pathlib.Path, rows: int = 8, each: int = 50, side: int = 28, channels: int = 1, grids: int = 5
) -> pathlib.Path:
    """Writes every file that the report knows of.

    Args:
      rows: training rows, each of `each` steps.
      side, channels: of the images.
      grids: sampled steps.
    """
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (64, side, side, channels), np.uint8)
    samples = path / "samples"
    grid.save_png(samples / "real.png", grid.grid(images))
    paths, steps = [], [rows * each * index // max(1, grids - 1) for index in range(grids)]
    for step in steps:
        images = np.roll(images, 1, axis=0)
        paths.append(grid.save_png(samples / f"step-{step:08d}.png", grid.grid(images)))
        grid.save_png(samples / f"strip-{step:08d}.png", grid.grid(images[:15], 15))
    animation.write_animation(paths, path / "progress.webp", [f"step {step}" for step in steps])
    grid.save_png(samples / "interpolation.png", grid.grid(images[:24], 8))
    indices, distances = nearest.nearest(images[:6], images[20:])
    grid.save_png(samples / "nearest.png", nearest.pair_picture(images[:6], images[20:], indices))
    write_json(samples / "nearest.json", nearest.facts(indices, distances, 44, distances))
    picture, key = spot_the_fake.make_game(images[:40], images[40:], seed=5)
    grid.save_png(samples / "spot.png", picture)
    write_json(samples / "spot.json", key)
    config = Config(dataset="mnist10k", steps=rows * each, g_lr=0.003)
    write_json(
        path / "config.json",
        {
            "format": 1,
            "config": config.as_dict(),
            "versions": {"tensorflow": "2.21.0"},
            "data": {
                "name": "mnist10k",
                "count": 10000,
                "image_shape": [side, side, channels],
                "num_classes": 10,
                "label_names": [],
                "skipped": [["A/<b>broken</b>.png", "truncated"]],
                "notes": ["The shipped digits are used."],
            },
        },
    )
    lines = [json.dumps(row) for row in _rows(random, rows, each)]
    (path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return path


def _rows(random, rows, each):
    for index in range(1, rows + 1):
        step = index * each
        d_each, g_each = (np.round(random.gamma(2.0, 0.5, each), 5).tolist() for _ in range(2))
        yield {
            "kind": "train",
            "step": step,
            "epoch": step / 156,
            "d_loss": float(np.mean(d_each)),
            "g_loss": float(np.mean(g_each)),
            "d_loss_each": d_each,
            "g_loss_each": g_each,
            "d_accuracy": 0.7,
            "d_accuracy_real": 0.75,
            "d_accuracy_fake": 0.65,
            "real_logits": 0.5,
            "fake_logits": -0.4,
            "g_grad_norm": random.gamma(2.0),
            "d_grad_norm": random.gamma(2.0),
            "penalty": 0.01,
            "g_lr": 0.003,
            "d_lr": 0.001,
            "seconds": 0.01 * step,
            "images_per_second": 6400.0,
        }
        if index % 2 == 0:
            yield {"kind": "samples", "step": step, "pairwise_distance": 900.0, "pairwise_distance_real": 1000.0}
    yield {
        "kind": "doctor",
        "step": 100,
        "sign": "mode_collapse",
        "message": "the samples look alike",
        "remedy": "--penalty=r1",
    }
    for step in (rows * each // 2, rows * each):
        yield {
            "kind": "eval",
            "step": step,
            "results": [
                {"name": "fd", "value": 3.0e4 / step, "spread": 1.25, "better": "lower"},
                {"name": "recall", "value": 0.5, "spread": 0.0, "better": "higher"},
            ],
        }
