"""How long `inspect_data` takes on a folder of many different pictures.

    python benchmarks/inspection.py --count=50000 --side=64 --out=inspection.json

JPEGs of coarse noise are made, no two alike, in a hundred folders that count as classes; or an existing folder is
read: --folder=PHOTOS. Printed are the seconds by the clock, those of all cores that the process and its workers
computed for (which other programs hardly change), and the most memory of one of them in megabytes.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import machine  # noqa: E402  (it lies beside this file)

CLASSES = 100


def make(folder: pathlib.Path, count: int, side: int) -> None:
    """Writes `count` JPEGs of noise of 8x8 pixels, enlarged."""
    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"{number % CLASSES:02d}"
        place.mkdir(exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(place / f"{number:06d}.jpg")


def measure(folder: pathlib.Path) -> dict:
    """Inspects a folder in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "tfgan_train.inspect_data", f"--dataset=folder:{folder}"]
        begin = time.monotonic()
        process = subprocess.Popen([*command, f"--out={place}/data.html"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"inspect_data failed with exit code {process.returncode}")
        return {
            "seconds": round(time.monotonic() - begin, 1),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
            "peak_megabytes": round(usage.ru_maxrss / 1024),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", default=50_000, type=int)
    parser.add_argument("--side", default=64, type=int, help="of the pictures, in pixels")
    parser.add_argument("--folder", type=pathlib.Path, help="an existing folder to inspect instead")
    parser.add_argument("--out", default="inspection.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or pathlib.Path(place)
        if options.folder is None:
            make(folder, options.count, options.side)
        files = sum(1 for path in folder.rglob("*") if path.is_file())
        found = {"files": files, "side": None if options.folder else options.side} | measure(folder)
    print(found)
    pathlib.Path(options.out).write_text(json.dumps({"machine": machine()} | found, indent=1) + "\n")


if __name__ == "__main__":
    main()
