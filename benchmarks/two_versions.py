"""The time of a training step in two checkouts of this repository, in turns, on one core.

    python benchmarks/two_versions.py --new=. --old=../before --recipe=photos --shape=32x32x3

Each checkout has a process of its own, both live at once and only one works. CPU time is what to look at where other
programs share the core.
"""

import argparse
import importlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

EXAMPLES = 6000
# Where both layouts of the package have what a step is made of: now, and before it had folders (commit 6a4eca4).
PLACES = {
    "Config": ("config.fields", "config"),
    "DataFacts": ("runs.data_facts", "runs.directory", "run_dir"),
    "Gan": ("training.gan", "gan"),
    "fast_precision": ("training.devices",),
    "resolve": ("training.start", "start"),
    "TrainStep": ("training.step", "step"),
}


def _taken(name: str):
    for place in PLACES[name]:
        try:
            return getattr(importlib.import_module(f"tfgan_train.{place}"), name)
        except ImportError:
            continue
    raise SystemExit(f"this checkout has no {name}")


def work(recipe: str, shape: tuple[int, int, int]) -> None:
    """Answers each number of steps on standard input with the wall and CPU milliseconds of one."""
    import numpy as np
    import tensorflow as tf

    facts = _taken("DataFacts")("noise", EXAMPLES, shape, 10, tuple("0123456789"))
    config = _taken("Config")(recipe=recipe, steps=10**6)
    if config.precision == "auto":
        config = config.replace(precision=_taken("fast_precision")())
    config = _taken("resolve")(config, facts)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (EXAMPLES, *shape), dtype=np.uint8)
    labels = rng.integers(0, 10, EXAMPLES).astype(np.int32)
    gan, strategy = _taken("Gan")(config, facts), tf.distribute.get_strategy()
    step = _taken("TrainStep")(config, gan, strategy, images, labels, EXAMPLES / config.batch_size)
    every = config.penalty_every if config.penalty != "none" else 0

    def run(first: int, steps: int) -> None:
        size = config.d_steps * config.batch_size
        flat = np.arange(first * size, (first + steps) * size, dtype=np.int64) % EXAMPLES
        batches = flat.astype(np.int32).reshape(steps, config.d_steps, config.batch_size)
        step.run(batches, bool(every)).numpy()

    if every > 1:
        raise SystemExit(f"{recipe}: a lazy penalty (--penalty_every) isn't measured here")
    run(0, 2)
    print("ready", flush=True)
    done = 2
    for line in sys.stdin:
        steps = int(line)
        wall, cpu = time.perf_counter(), time.process_time()
        run(done, steps)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps({"wall": 1000 * wall / steps, "cpu": 1000 * cpu / steps}), flush=True)
        done += steps


def summary(pairs: list[dict]) -> dict:
    """The medians of both sides, their ratio, and the lowest and highest ratio of a pair."""
    found = {}
    for kind in ("wall", "cpu"):
        medians = {side: statistics.median(pair[side][kind] for pair in pairs) for side in ("new", "old")}
        ratios = [pair["new"][kind] / pair["old"][kind] for pair in pairs]
        found[kind] = {
            "new_ms": round(medians["new"], 3),
            "old_ms": round(medians["old"], 3),
            "ratio": round(medians["new"] / medians["old"], 3),
            "lowest": round(min(ratios), 3),
            "highest": round(max(ratios), 3),
        }
    return found


def _started(checkout: str, recipe: str, shape: str, core: int) -> subprocess.Popen:
    env = os.environ | {"PYTHONPATH": str(pathlib.Path(checkout).resolve()), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, os.path.abspath(__file__), "--work", f"--recipe={recipe}", f"--shape={shape}"]
    process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, {core})
    if process.stdout.readline() != "ready\n":
        raise SystemExit(f"{checkout} can't take a step of {recipe}")
    return process


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--new", default=".", help="a checkout")
    parser.add_argument("--old", help="another")
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--shape", default="28x28x1", help="of the images: height, width and channels")
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10, help="of each side in a pair")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        height, width, channels = map(int, options.shape.split("x"))
        work(options.recipe, (height, width, channels))
        return
    sides = {"new": options.new, "old": options.old}
    workers = {
        side: _started(checkout, options.recipe, options.shape, options.core) for side, checkout in sides.items()
    }
    pairs = []
    for number in range(options.pairs):
        pair = {}
        for side in ("new", "old") if number % 2 else ("old", "new"):
            workers[side].stdin.write(f"{options.steps}\n")
            workers[side].stdin.flush()
            pair[side] = json.loads(workers[side].stdout.readline())
        pairs.append(pair)
        print(json.dumps(pair), flush=True)
    print(json.dumps(summary(pairs), indent=2))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()


if __name__ == "__main__":
    main()
