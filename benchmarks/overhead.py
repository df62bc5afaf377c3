"""How much of a default run's time is spent outside the training graph.

    python benchmarks/overhead.py --runs=3 --steps=1000

Trains the default recipe of --dataset in fresh processes, one after the other, and prints for each the
share of its wall time (start-up left out) that went into data, logging, samples, checkpoints and the
report, and the median and range of their sum. The same figures stand in each run's closing line.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from tfgan_train.runs.rows import read_rows

AROUND = ("data", "logging", "samples", "checkpoints", "report", "evaluation", "peak")


def measure(dataset: str, steps: int, seed: int, folder: str) -> dict:
    """The row of kind "clock" that the run leaves in its metrics."""
    run = pathlib.Path(folder) / f"run-{seed}"
    command = [sys.executable, "-m", "tfgan_train.main", f"--dataset={dataset}", f"--seed={seed}", f"--run_dir={run}"]
    subprocess.run(command + ([f"--steps={steps}"] if steps else []), check=True, stderr=subprocess.DEVNULL)
    return next(dict(row) for row in read_rows(run / "metrics.jsonl") if row["kind"] == "clock")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist10k")
    parser.add_argument("--steps", type=int, default=0, help="0: the recipe's own length")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", help="also write the rows to this JSON file")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, arguments.runs + 1):
            row = measure(arguments.dataset, arguments.steps, seed, folder)
            row["outside"] = 1 - row["graph"] / row["training"]
            rows.append(row)
            parts = "  ".join(f"{name} {row[name] / row['training']:.2%}" for name in AROUND)
            print(f"run {seed}: {row['training']:.0f} s, {row['outside']:.2%} outside the graph: {parts}", flush=True)
    shares = [row["outside"] for row in rows]
    print(f"median {statistics.median(shares):.2%}, from {min(shares):.2%} to {max(shares):.2%}")
    if arguments.out:
        pathlib.Path(arguments.out).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
