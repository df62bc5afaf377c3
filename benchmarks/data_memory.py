"""The memory of a run against the size of its data, up to and beyond what is kept in memory.

    python benchmarks/data_memory.py --counts=10000,20000,40000,80000,160000 --out=data_memory.json

For each count a folder of that many 128x128 colour JPEGs is made (hard links to a few hundred different ones: each is
decoded as a file of its own), and a small MLP is trained on it for --steps steps in a process of its own. Printed are
the bytes of the decoded images, the most memory that the process ever had, and the milliseconds of a step.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import machine  # noqa: E402  (it lies beside this file, as does the next)
from stretches import median_step  # noqa: E402

SIDE = 128
DIFFERENT = 250
NEVER = 10**9
# The smallest networks that take images of this size, so that what is measured is the data.
NETWORKS = ("--architecture=mlp", "--g_width=16", "--d_width=16", "--batch_size=32")


def originals(folder: pathlib.Path) -> list[pathlib.Path]:
    """Different JPEGs: coarse noise, enlarged."""
    folder.mkdir()
    random, paths = np.random.default_rng(0), []
    for number in range(DIFFERENT):
        path = folder / f"{number}.jpg"
        Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).resize(
            (SIDE, SIDE), Image.Resampling.BICUBIC
        ).save(path)
        paths.append(path)
    return paths


def measure(count: int, sources: list[pathlib.Path], steps: int, folder: pathlib.Path) -> dict:
    """Trains on `count` images and says what that took."""
    images, run = folder / f"images-{count}", folder / f"run-{count}"
    images.mkdir()
    for number in range(count):
        os.link(sources[number % len(sources)], images / f"{number:06d}.jpg")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tfgan_train.main",
            f"--dataset=folder:{images}",
            f"--run_dir={run}",
            f"--steps={steps}",
            *NETWORKS,
            "--log_every=2",
            f"--sample_every={NEVER}",
            f"--checkpoint_every={NEVER}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"training on {count} images failed with exit code {process.returncode}")
    return {
        "images": count,
        "megabytes_of_pixels": count * SIDE * SIDE * 3 / 2**20,
        "peak_megabytes": usage.ru_maxrss / 1024,
        "ms_per_step": median_step(run, NEVER) * 1e3,
    }


def table(results: list[dict]) -> str:
    """Markdown: a row for each count."""
    lines = ["| images | decoded, MB | most memory of the run, MB | ms a step |", "|---|---|---|---|"]
    lines += [
        f"| {one['images']:,} | {one['megabytes_of_pixels']:,.0f} | {one['peak_megabytes']:,.0f} "
        f"| {one['ms_per_step']:.1f} |"
        for one in results
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--counts",
        default=[10000, 20000, 40000, 80000, 160000],
        type=lambda text: [int(number) for number in text.split(",")],
    )
    parser.add_argument("--steps", default=40, type=int)
    parser.add_argument("--out", default="data_memory.json")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sources = originals(folder / "originals")
        for count in options.counts:
            results.append(measure(count, sources, options.steps, folder))
            print(results[-1], flush=True)
            pathlib.Path(options.out).write_text(
                json.dumps({"machine": machine(), "results": results}, indent=1) + "\n"
            )
    print(table(results))


if __name__ == "__main__":
    main()
