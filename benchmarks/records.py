"""A folder of pictures through --cache_dir: how fast it is filled, what memory a run takes, how long it waits for data.

    python benchmarks/records.py --sets=64:25000,64:100000,32:1000000 --out=records.json

For each side and count a folder of that many colour PNGs is made (hard links to a few thousand different ones: each is
decoded as a file of its own). A small MLP is trained on it twice, with no data kept in memory: first the cache is
filled, then it is there. Seconds of the processor are said beside those of the clock, since other work on the machine
changes the latter.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import machine  # noqa: E402  (it lies beside this file)

from tfgan_train.runs.rows import read_rows  # noqa: E402

DIFFERENT = 2000
A_FOLDER = 10000  # files in one
NEVER = 10**9
NETWORKS = (
    "--recipe=photos_plain",
    "--architecture=mlp",
    "--g_width=256",
    "--d_width=256",
    "--batch_size=64",
    "--noconditional",
)
# As a run whose data are beyond memory.
PROGRAM = "from tfgan_train.data import source; source.MEMORY_LIMIT = 0; from tfgan_train.main import main; main()"


def make_folder(folder: pathlib.Path, side: int, count: int) -> None:
    """`count` PNGs of coarse noise, enlarged."""
    originals, random = folder.with_name(f"{folder.name}-originals"), np.random.default_rng(side)
    originals.mkdir()
    for number in range(DIFFERENT):
        coarse = Image.fromarray(random.integers(0, 256, (side // 8, side // 8, 3), np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(originals / f"{number}.png")
    for number in range(count):
        path = folder / f"{number // A_FOLDER:04d}" / f"{number:07d}.png"
        if number % A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        os.link(originals / f"{number % DIFFERENT}.png", path)


def train(folder: pathlib.Path, cache: pathlib.Path, run: pathlib.Path, steps: int) -> dict:
    """Trains in a process of its own: its seconds, its memory, its clock, what it said."""
    never = [f"--{name}_every={NEVER}" for name in ("sample", "checkpoint")]
    flags = [f"--dataset=folder:{folder}", f"--cache_dir={cache}", f"--run_dir={run}", f"--steps={steps}", *never]
    begin = time.monotonic()
    with open(run.with_suffix(".txt"), "w+") as said:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, *NETWORKS, *flags], stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise SystemExit(f"training failed: {text[-500:]}")
    rows = read_rows(run / "metrics.jsonl")
    clock = next(row for row in rows if row["kind"] == "clock")
    return {
        "seconds": time.monotonic() - begin,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_megabytes": usage.ru_maxrss / 1024,
        "first_step_after": clock["start_up"],
        "share_waiting": clock["data"] / clock["training"],
        "decoded": re.findall(r"decoded ([\d,]+) images in", text),
    }


def measure(side: int, count: int, steps: int, folder: pathlib.Path) -> dict:
    images, cache = folder / f"images-{side}-{count}", folder / f"cache-{side}-{count}"
    make_folder(images, side, count)
    cold, warm = (train(images, cache, folder / f"{name}-{side}-{count}", steps) for name in ("cold", "warm"))
    if not cold["decoded"] or warm["decoded"]:
        raise SystemExit("the first run should have filled the cache, and the second found it")
    filling = cold["processor_seconds"] - warm["processor_seconds"]
    megabytes = sum(path.stat().st_size for path in cache.rglob("*.records")) / 1e6
    facts = {
        "side": side,
        "images": count,
        "cache_megabytes": megabytes,
        "images_per_processor_second": count / filling,
    }
    return facts | {"cold": cold, "warm": warm}


def table(results: list[dict]) -> str:
    """Markdown: a row for each folder."""
    lines = [
        "| images | cache, MB | filled, images a processor second | most memory, MB: filling, filled "
        "| waiting for data "
        "| first step, filled: s, processor s of the run |",
        "|---|---|---|---|---|---|",
    ]
    for one in results:
        cold, warm = one["cold"], one["warm"]
        lines.append(
            f"| {one['images']:,} of {one['side']}x{one['side']} | {one['cache_megabytes']:,.0f} "
            f"| {one['images_per_processor_second']:,.0f} "
            f"| {cold['peak_megabytes']:,.0f}, {warm['peak_megabytes']:,.0f} "
            f"| {warm['share_waiting']:.1%} | {warm['first_step_after']:.0f}, {warm['processor_seconds']:.0f} |"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default="64:25000,64:100000,32:1000000", help="SIDE:COUNT,…")
    parser.add_argument("--steps", default=400, type=int)
    parser.add_argument("--out", default="records.json")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as name:
        for one in options.sets.split(","):
            side, count = map(int, one.split(":"))
            results.append(measure(side, count, options.steps, pathlib.Path(name)))
            print(results[-1], flush=True)
            facts = {"machine": machine(), "results": results}
            pathlib.Path(options.out).write_text(json.dumps(facts, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
