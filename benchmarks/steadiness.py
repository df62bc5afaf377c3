"""Whether the time of a step and the memory stay the same through a long run.

    python benchmarks/steadiness.py --recipe=vanilla_mlp --steps=100000 --out=steadiness.json

Trains in a process of its own, as a user would, and looks at its resident memory every few seconds. Without --recipe
two runs are taken: vanilla_mlp with 100,000 steps and digits with 10,000. The time of a step is that between two
rows of metrics.jsonl where no sample grid, evaluation or checkpoint was made. Printed are its median in each tenth of
the run; the slope of a line through these ten, with its standard error (ten medians, since neighbouring stretches are
busy or idle together with the machine), as percent of the median over the whole run; and the memory.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import machine  # noqa: E402  (it lies beside this file, as does the next)
from stretches import stretches  # noqa: E402

from tfgan_train.runs.rows import read_rows  # noqa: E402

RUNS = {"vanilla_mlp": 100_000, "digits": 10_000}
TAIL = 1 << 17  # bytes that hold the last row: each has the losses of all its steps
ROWS = 500  # of the run: 25 of them from one sample grid to the next
MARKS = (0.1, 0.5, 1.0)


def resident_megabytes(status: str) -> float | None:
    """VmRSS in the text of /proc/PID/status; None where the process has ended."""
    line = next((line for line in status.splitlines() if line.startswith("VmRSS:")), None)
    return line and int(line.split()[1]) / 1024


def last_step(text: str) -> int:
    """The step of the last whole row in the end of a metrics.jsonl; 0 where there is none."""
    whole = text.rpartition("\n")[0].rpartition("\n")[2]
    return json.loads(whole)["step"] if whole.startswith("{") else 0


def watch(process, metrics: pathlib.Path, seconds: float) -> list[dict]:
    """Step and memory of a run every so many seconds, until it ends."""
    found, begin = [], time.monotonic()
    while process.poll() is None:
        memory = resident_megabytes(pathlib.Path(f"/proc/{process.pid}/status").read_text())
        if memory is not None:
            found.append(
                {
                    "seconds": round(time.monotonic() - begin, 1),
                    "step": last_step(_tail(metrics)),
                    "megabytes": round(memory, 1),
                }
            )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
    return found


def _tail(path: pathlib.Path) -> str:
    if not path.exists():
        return ""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        return file.read().decode()


def tenths(found: list[tuple[int, float]], steps: int) -> list[float | None]:
    """The median seconds of a step in each tenth of the run; None for a tenth without a quiet stretch."""
    parts: list[list[float]] = [[] for _ in range(10)]
    for step, seconds in found:
        parts[min(9, (step - 1) * 10 // steps)].append(seconds)
    return [statistics.median(part) if part else None for part in parts]


def slope(medians: list[float | None]) -> tuple[float, float]:
    """A least-squares line through the tenths: its rise over the whole run and the rise's standard error.

    Both are shares of the median.
    """
    known = [(i / 10, value) for i, value in enumerate(medians) if value is not None]
    x, y = np.array(known).T
    x = x - x.mean()
    y = y / np.median(y)
    rise = (x @ y) / (x @ x)
    left = y - y.mean() - rise * x
    return float(rise), float(np.sqrt(left @ left / (len(y) - 2) / (x @ x)))


def memory_at(samples: list[dict], steps: int) -> dict[str, float]:
    """Megabytes at the first look at or after each of the MARKS, the last one at the run's very end."""
    found = {}
    for mark in MARKS:
        later = [sample for sample in samples if sample["step"] >= mark * steps] if mark < 1 else []
        found[f"{mark:.0%}"] = (later or samples[-1:])[0]["megabytes"]
    return found


def measure(recipe: str, steps: int, dataset: str, interval: float, folder: str) -> dict:
    """Trains a run and says how steady it was."""
    run = pathlib.Path(folder) / recipe
    load = os.getloadavg()[0]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tfgan_train.main",
            f"--recipe={recipe}",
            f"--steps={steps}",
            f"--dataset={dataset}",
            f"--run_dir={run}",
            f"--log_every={steps // ROWS}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        samples = watch(process, run / "metrics.jsonl", interval)
    finally:
        process.terminate()
        process.wait()
    if process.returncode:
        raise SystemExit(f"training --recipe={recipe} failed with exit code {process.returncode}")
    rows = read_rows(run / "metrics.jsonl")
    every = json.loads((run / "config.json").read_text())["config"]["checkpoint_every"]
    medians = tenths(stretches(rows, every), steps)
    rise, error = slope(medians)
    return {
        "recipe": recipe,
        "steps": steps,
        "load": [load, os.getloadavg()[0]],
        "ms_per_step": [value and round(value * 1e3, 4) for value in medians],
        "rise": rise,
        "rise_error": error,
        "megabytes_at": memory_at(samples, steps),
        "samples": samples,
    }


def words(found: dict) -> str:
    """What is printed of a run."""
    times = "  ".join("-" if value is None else f"{value:.3f}" for value in found["ms_per_step"])
    memory = ", ".join(f"{value:,.0f} MB at {mark}" for mark, value in found["megabytes_at"].items())
    return (
        f"{found['recipe']}, {found['steps']:,} steps\n  ms a step by tenths: {times}\n"
        f"  over the run: {found['rise']:+.1%}, standard error {found['rise_error']:.1%}\n  memory: {memory}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="", help="default: both of " + ", ".join(RUNS))
    parser.add_argument("--steps", type=int, default=0, help="0: 100,000 for vanilla_mlp, else 10,000")
    parser.add_argument("--dataset", default="mnist10k")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between two looks at the memory")
    parser.add_argument("--out", default="steadiness.json")
    options = parser.parse_args()
    if options.steps and options.steps < 2 * ROWS:
        parser.error(f"--steps={options.steps} is too short a run to say anything; take {2 * ROWS:,} or more")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for recipe in [options.recipe] if options.recipe else RUNS:
            results.append(
                measure(recipe, options.steps or RUNS.get(recipe, 10_000), options.dataset, options.interval, folder)
            )
            print(words(results[-1]), flush=True)
            pathlib.Path(options.out).write_text(
                json.dumps({"machine": machine(), "results": results}, indent=1) + "\n"
            )


if __name__ == "__main__":
    main()
