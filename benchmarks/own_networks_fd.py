"""The pictures of a user's plain Keras networks against the package's own of the same shape and algorithm.

    python benchmarks/own_networks_fd.py --dataset=idx:DIR --steps=300 --batch=32 --seeds=1,2,3 --out=fd.json

The networks are those of own_networks.py, trained for --steps steps from each seed by the package's loop, in turns.
Each run is scored by the Frechet distance of --num samples in the features of a classifier of the data.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.machine import machine
from benchmarks.own_networks import discriminator, generator
from tfgan_train import Config, train

OWN = {"generator": generator, "discriminator": discriminator}


def distance(side: str, seed: int, options: argparse.Namespace, folder: str) -> float:
    """The Frechet distance of one run; `side`: own or recipe."""
    config = Config(
        recipe="tutorial_dcgan",
        dataset=options.dataset,
        steps=options.steps,
        epochs=0.0,
        batch_size=options.batch,
        seed=seed,
        run_dir=str(pathlib.Path(folder) / f"{side}-{seed}"),
    )
    run = train(config, **(OWN if side == "own" else {}))
    return run.evaluate(num=options.num, features="classifier", metrics=["frechet"])["fd"].value


def summary(rows: list[dict]) -> dict:
    """Mean and standard deviation of each side, and of the differences seed by seed."""
    values = {side: [row[side] for row in rows] for side in ("own", "recipe")}
    values["difference"] = [row["own"] - row["recipe"] for row in rows]
    return {
        name: {"mean": round(statistics.mean(of), 3), "deviation": round(statistics.stdev(of), 3)}
        for name, of in values.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--num", type=int, default=10_000, help="samples that are scored")
    parser.add_argument("--seeds", default=[1, 2, 3], type=lambda text: [int(seed) for seed in text.split(",")])
    parser.add_argument("--out", help="a JSON file for the figures")
    options = parser.parse_args()
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            order = ("own", "recipe") if len(rows) % 2 else ("recipe", "own")
            rows.append({"seed": seed, **{side: distance(side, seed, options, folder) for side in order}})
            print(rows[-1], flush=True)
    found = {
        "machine": machine(),
        "steps": options.steps,
        "batch": options.batch,
        "samples": options.num,
        "rows": rows,
        **summary(rows),
    }
    print(json.dumps(found, indent=2))
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
