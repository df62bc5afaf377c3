"""What a training step costs against batch size, image size and number of CPU replicas.

    python benchmarks/costs.py --rounds=3 --out=costs.json

For each family (dcgan: the networks of the recipe `digits`; mlp: those of `vanilla_mlp`) one of the three is changed
at a time, from a batch of 64 images of 28x28 on one replica. Every measurement is a run in a process of its own, of the
shipped digits brought to the size; the time is the median between rows of its metrics.jsonl where nothing but steps
was done. Each round takes all of them in turn; the median of the rounds and their range are printed as Markdown, and
all is kept in --out. The replicas of cpu:N share the machine's cores.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import machine  # noqa: E402  (it lies beside this file, as does the next)
from stretches import median_step  # noqa: E402

RECIPES = {"dcgan": "digits", "mlp": "vanilla_mlp"}
STEPS = {"dcgan": 4, "mlp": 200}  # between two rows
ROWS = 20
NEVER = 10**9


@dataclasses.dataclass(frozen=True)
class Point:
    """One place on the curves."""

    family: str
    batch: int = 64
    side: int = 28
    replicas: int = 1


def points(batches: list[int], sides: list[int], replicas: list[int], families: list[str]) -> list[Point]:
    """All that is measured, each once, though the three curves of a family cross."""
    found: dict[Point, None] = {}
    for family in families:
        found |= dict.fromkeys(Point(family, batch=batch) for batch in batches)
        found |= dict.fromkeys(Point(family, side=side) for side in sides)
        found |= dict.fromkeys(Point(family, replicas=number) for number in replicas)
    return list(found)


def measure(point: Point, scale: float) -> float:
    """Seconds of a step."""
    each = max(1, round(STEPS[point.family] * scale))
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tfgan_train.main",
                f"--recipe={RECIPES[point.family]}",
                "--dataset=mnist10k",
                f"--run_dir={run}",
                f"--batch_size={point.batch}",
                f"--image_size={point.side}",
                f"--devices=cpu:{point.replicas}",
                "--train_examples=2000",
                f"--steps={each * ROWS}",
                f"--log_every={each}",
                f"--sample_every={NEVER}",
                f"--checkpoint_every={NEVER}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{point} failed:\n{done.stderr[-2000:]}")
        return median_step(run, NEVER)


def table(results: dict[Point, list[float]]) -> str:
    """Markdown: a row for each point, with the median of its rounds and their range."""
    lines = ["| networks | batch | image | replicas | ms a step, median (range) | img/s |", "|---|---|---|---|---|---|"]
    for point, seconds in results.items():
        median = statistics.median(seconds)
        lines.append(
            f"| {point.family} | {point.batch} | {point.side}x{point.side} | {point.replicas} | {median * 1e3:.2f} "
            f"({min(seconds) * 1e3:.2f}-{max(seconds) * 1e3:.2f}) | {point.batch / median:,.0f} |"
        )
    return "\n".join(lines)


def numbers(text: str) -> list[int]:
    """The numbers of a comma-separated list."""
    return [int(number) for number in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", default=",".join(RECIPES), type=lambda text: text.split(","))
    parser.add_argument("--batches", default=[16, 32, 64, 128, 256], type=numbers)
    parser.add_argument("--sides", default=[16, 28, 48, 64], type=numbers)
    parser.add_argument("--replicas", default=[1, 2, 4], type=numbers)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--scale", default=1.0, type=float, help="of the number of steps: below 1 a quick look")
    parser.add_argument("--out", default="costs.json")
    options = parser.parse_args()
    results: dict[Point, list[float]] = {}
    for _ in range(options.rounds):
        for point in points(options.batches, options.sides, options.replicas, options.families):
            results.setdefault(point, []).append(measure(point, options.scale))
            print(f"{point}: {results[point][-1] * 1e3:.2f} ms", flush=True)
            pathlib.Path(options.out).write_text(
                json.dumps(
                    {
                        "load": os.getloadavg(),
                        "machine": machine(),
                        "results": [
                            dataclasses.asdict(point) | {"seconds_per_step": seconds}
                            for point, seconds in results.items()
                        ],
                    },
                    indent=1,
                )
                + "\n"
            )
    print(table(results))


if __name__ == "__main__":
    main()
