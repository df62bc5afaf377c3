"""This package, as its users start it: `tfgan_train.main` with strategy, logging, live line, and any flags of its own.

The time of a step is taken from the run's own metrics.jsonl, between one row and the next, so it has all
that a run does between them. G's average is off, since no peer has one, and stretches in which the run drew
one of its early sample grids are left out, since no peer draws any.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import clock
import networks
import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from stretches import stretches  # noqa: E402  (it lies beside peers.py)

STRETCHES = 9  # between rows; at the powers of two, where runs draw their first samples, some are lost


def folder_of_noise(folder: pathlib.Path, shape):
    """256 pictures, since the tasks of 64x64 have no data set of their own."""
    folder.mkdir()
    draw = np.random.default_rng(1)
    for i in range(256):
        Image.fromarray(draw.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{i}.png")


def rows_of(command: list[str], run: pathlib.Path, number: int) -> list[dict]:
    """The first `number` rows of kind "train" of a run, with those between.

    The run is killed then, since its end isn't measured.

    Raises:
      SystemExit: the run ended before.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while True:
            ended = process.poll() is not None
            path = run / "metrics.jsonl"
            lines = path.read_text().split("\n")[:-1] if path.exists() else []
            rows = [json.loads(line) for line in lines]
            if sum(row["kind"] == "train" for row in rows) >= number:
                return rows
            if ended:
                raise SystemExit(f"{' '.join(command)} ended too early:\n{process.stderr.read()[-2000:]}")
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()


def main():
    options, flags = clock.parser().parse_known_args()
    task = networks.TASKS[options.task]
    each = task.steps // clock.WINDOWS
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        dataset = "mnist10k"
        if task.image[0] > 28:
            folder_of_noise(folder / "data", task.image)
            dataset = f"folder:{folder / 'data'}"
        never = task.steps * 1000
        command = [
            sys.executable,
            "-m",
            "tfgan_train.main",
            *task.flags,
            *flags,
            f"--dataset={dataset}",
            f"--run_dir={folder / 'run'}",
            f"--batch_size={task.batch}",
            f"--steps={never}",
            f"--log_every={each}",
            f"--sample_every={never}",
            f"--checkpoint_every={never}",
            "--ema_half_life=0",
        ]
        rows = rows_of(command, folder / "run", STRETCHES + 1)
    clock.report([seconds for _, seconds in stretches(rows, never)], task.batch)


if __name__ == "__main__":
    main()
