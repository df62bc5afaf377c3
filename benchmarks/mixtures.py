"""How many modes of 2-D mixtures the recipes keep, over several seeds: the protocol of arXiv:1712.04086, section 4.1.

    python benchmarks/mixtures.py --trials=10 --jobs=2 --out=mixtures.json

Each trial trains the dataset's recipe with a seed of its own in a fresh process, then draws and counts 2,500
points with `tfgan_train.evaluate`. Printed are modes covered and the share of high-quality samples, and their
mean with its standard error over the trials, which is what the papers give. A trial has one core to itself,
since networks this small gain little from a second one; --jobs says how many go on at once. What is done stands in
--out and is not done again; a run that was stopped goes on from its checkpoint in --runs_dir.
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import queue
import statistics
import subprocess
import sys
import time

DATASETS = ("ring2d", "grid2d")
FIGURES = ("modes", "high_quality")


def trials(datasets: list[str], count: int, steps: int, done: list[dict]) -> list[dict]:
    """The trials that aren't among the rows `done`, one of each dataset in turn."""
    known = {(row["dataset"], row["seed"], row["steps"]) for row in done}
    wanted = [
        {"dataset": dataset, "seed": seed, "steps": steps} for seed in range(1, count + 1) for dataset in datasets
    ]
    return [trial for trial in wanted if tuple(trial.values()) not in known]


def means(rows: list[dict]) -> list[dict]:
    """For each dataset and number of steps, how many trials, and each figure's mean and standard error.

    The standard error is that of the mean, s / sqrt(n) with n - 1 in s; None for one trial.
    """
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["steps"]), []).append(row)
    found = []
    for (dataset, steps), members in groups.items():
        mean = {"dataset": dataset, "steps": steps, "trials": len(members), "of": members[0]["of"]}
        for name in FIGURES:
            values = [row[name] for row in members]
            error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
            mean[name] = {"mean": statistics.fmean(values), "standard_error": error}
        found.append(mean)
    return found


def table(found: list[dict]) -> str:
    """`means` as markdown."""

    def cell(figure, scale, digits, unit=""):
        error = figure["standard_error"]
        return f"{figure['mean'] * scale:.{digits}f}{unit}" + (
            "" if error is None else f" ± {error * scale:.{digits}f}{unit}"
        )

    lines = ["| dataset | steps | trials | modes covered | high-quality samples |", "|---|---|---|---|---|"]
    for mean in found:
        lines.append(
            f"| {mean['dataset']} | {mean['steps'] or 'of the recipe'} | {mean['trials']} "
            f"| {cell(mean['modes'], 1, 2)} of {mean['of']} | {cell(mean['high_quality'], 100, 2, ' %')} |"
        )
    return "\n".join(lines)


def figures(run: pathlib.Path) -> dict:
    """What `evaluate` kept of the run's last step.

    Raises:
      RuntimeError: the run was stopped before it.
    """
    steps = json.loads((run / "config.json").read_text())["config"]["steps"]
    path = run / "eval" / f"{steps:08d}.json"
    if not path.is_file():
        raise RuntimeError(f"{run} was stopped before its step {steps}")
    stored = json.loads(path.read_text())
    metrics = stored["metrics"]
    return {
        "last_step": steps,
        "samples": stored["num"],
        "of": metrics["modes"]["details"]["of"],
        **{name: metrics[name]["value"] for name in FIGURES},
    }


def measure(trial: dict, runs: pathlib.Path) -> dict:
    """Trains (or goes on with) one trial and evaluates it: the trial's row."""
    # The length is in the name: a short trial's end is no good start for a long one, whose rates fall more slowly.
    length = f"-{trial['steps']}" if trial["steps"] else ""
    run, begin = runs / f"{trial['dataset']}-seed{trial['seed']}{length}", time.monotonic()
    _python(
        "tfgan_train.main",
        f"--dataset={trial['dataset']}",
        f"--seed={trial['seed']}",
        f"--run_dir={run}",
        *([f"--steps={trial['steps']}"] if trial["steps"] else []),
    )
    trained = time.monotonic()
    _python("tfgan_train.evaluate", f"--run_dir={run}")
    return trial | figures(run) | {"seconds": round(trained - begin, 1), "load": round(os.getloadavg()[0], 2)}


def _python(module: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")


def _pin(cores: queue.SimpleQueue) -> None:
    """Gives the calling thread a core of its own; the processes that it starts inherit that."""
    os.sched_setaffinity(0, {cores.get_nowait()})


def _measure_all(wanted: list[dict], rows: list[dict], jobs: int, runs: pathlib.Path, out: pathlib.Path) -> None:
    """Adds a row for each trial, kept in `out` as soon as it is there. The first failure ends it."""
    cores: queue.SimpleQueue = queue.SimpleQueue()
    for core in sorted(os.sched_getaffinity(0))[:jobs]:
        cores.put(core)
    with concurrent.futures.ThreadPoolExecutor(jobs, initializer=_pin, initargs=(cores,)) as pool:
        waiting = [pool.submit(measure, trial, runs) for trial in wanted]
        try:
            for one in concurrent.futures.as_completed(waiting):
                row = one.result()
                rows.append(row)
                _write(out, rows)
                print(
                    f"{row['dataset']} seed {row['seed']}: {row['modes']:.0f} of {row['of']} modes, "
                    f"{row['high_quality']:.1%} of high quality, {row['seconds']:.0f} s",
                    flush=True,
                )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _write(out: pathlib.Path, rows: list[dict]) -> None:
    """Whole or not at all: hours of trials stand in it."""
    beside = out.with_name(f".{out.name}.tmp")
    beside.write_text(json.dumps({"rows": rows, "means": means(rows)}, indent=1) + "\n")
    os.replace(beside, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ring2d,grid2d", help=f"comma-separated: {', '.join(DATASETS)}")
    parser.add_argument("--trials", type=int, default=10, help="of each dataset, with the seeds from 1")
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time, a core for each")
    parser.add_argument("--steps", type=int, default=0, help="0: the recipe's own length")
    parser.add_argument("--runs_dir", default="runs/mixtures", help="where the runs are kept")
    parser.add_argument("--out", default="mixtures.json")
    options = parser.parse_args()
    datasets, out = options.dataset.split(","), pathlib.Path(options.out)
    if not set(datasets) <= set(DATASETS):
        parser.error(f"--dataset={options.dataset}: there are {', '.join(DATASETS)}")
    if not 1 <= options.jobs <= len(os.sched_getaffinity(0)):
        parser.error(f"--jobs={options.jobs}: from 1 to {len(os.sched_getaffinity(0))}, the cores there are")
    rows = json.loads(out.read_text())["rows"] if out.is_file() else []
    wanted = trials(datasets, options.trials, options.steps, rows)
    print(f"{len(wanted)} trials to do, {len(rows)} rows in {out} already", flush=True)
    _measure_all(wanted, rows, options.jobs, pathlib.Path(options.runs_dir), out)
    print(table(means(rows)))


if __name__ == "__main__":
    main()
