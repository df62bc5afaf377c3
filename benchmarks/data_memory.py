"""The memory of a run against the size of its data, up to and beyond what is kept in memory.

    python benchmarks/data_memory.py --counts=10000,20000,40000,80000,160000 --out=data_memory.json
    python benchmarks/data_memory.py --kinds=npz,idx --counts=10000 --invert --out=inverted_memory.json
    python benchmarks/data_memory.py --kinds=dataset --side=64 --counts=100000,200000 --out=dataset_memory.json

For each kind and count that many square colour images are made: a folder of JPEGs (hard links to a few hundred
different ones: each is decoded as a file of its own), an .npz file, IDX files, a data set of TFDS, or what a Python
program passes: arrays (its own copy is taken off), or a tf.data.Dataset that makes each image when it is asked for.
A small MLP is trained on them for --steps steps in a process of its own. Printed are the bytes of the decoded images,
the most memory that the process ever had, what that is above a run on 400 images of the kind, in megabytes and as a
multiple of the decoded images, and the milliseconds of a step.
"""

import argparse
import itertools
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import machine  # noqa: E402  (it lies beside this file, as does the next)
from stretches import median_step  # noqa: E402

DIFFERENT = 250
FEW = 400  # images of the run that all others are compared with
NEVER = 10**9
# The smallest networks that take images of this size, so that what is measured is the data.
SETTINGS = {
    "recipe": "photos_plain",
    "conditional": False,
    "architecture": "mlp",
    "g_width": 16,
    "d_width": 16,
    "batch_size": 32,
    "log_every": 2,
    "sample_every": NEVER,
    "checkpoint_every": NEVER,
}
# The images' own memory is not the package's: floats are made from bytes a part at a time.
PROGRAM = """
import json, sys
import numpy as np
from tfgan_train import Config, train
count, side, floats, settings = json.loads(sys.argv[1])
images = np.empty((count, side, side, 3), np.float32 if floats else np.uint8)
random = np.random.default_rng(0)
for start in range(0, count, 256):
    part = images[start : start + 256]
    part[...] = random.integers(0, 256, part.shape, np.uint8)
    if floats:
        part /= 255
train(Config(**settings), data=images, value_range=(0, 1) if floats else None)
"""
DATASET_PROGRAM = """
import json, sys
import tensorflow as tf
from tfgan_train import Config, train
count, side, settings = json.loads(sys.argv[1])
def image(number):
    noise = tf.random.stateless_uniform([side, side, 3], tf.stack([number, 0]), 0, 256, tf.int32)
    return tf.cast(noise, tf.uint8)
train(Config(**settings), data=tf.data.Dataset.range(count).map(image))
"""


def originals(side: int) -> list[Image.Image]:
    """Different pictures: coarse noise, enlarged."""
    random = np.random.default_rng(0)
    coarse = [Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)) for _ in range(DIFFERENT)]
    return [image.resize((side, side), Image.Resampling.BICUBIC) for image in coarse]


def folder(count: int, side: int, place: pathlib.Path) -> str:
    """--dataset of a folder of JPEGs."""
    (place / "originals").mkdir()
    (place / "images").mkdir()
    for number, image in enumerate(originals(side)):
        image.save(place / "originals" / f"{number}.jpg")
    for number in range(count):
        os.link(place / "originals" / f"{number % DIFFERENT}.jpg", place / "images" / f"{number:06d}.jpg")
    return f"folder:{place / 'images'}"


def npz(count: int, side: int, place: pathlib.Path) -> str:
    """--dataset of one compressed file."""
    pixels = np.stack([np.asarray(image) for image in originals(side)])
    np.savez_compressed(place / "images.npz", images=pixels[np.arange(count) % DIFFERENT])
    return f"npz:{place / 'images.npz'}"


def idx(count: int, side: int, place: pathlib.Path) -> str:
    """--dataset of a folder with an IDX file."""
    with open(place / "train-images-idx4-ubyte", "wb") as file:
        file.write(struct.pack(">I4I", 0x0804, count, side, side, 3))
        for image in itertools.islice(itertools.cycle(originals(side)), count):
            file.write(np.asarray(image).tobytes())
    return f"idx:{place}"


def tfds(count: int, side: int, place: pathlib.Path) -> str:
    """--dataset of a prepared data set of TFDS."""
    import tensorflow_datasets as library

    pixels = [np.asarray(image) for image in originals(side)]

    class MemoryOfData(library.core.GeneratorBasedBuilder):
        """Coloured noise."""

        VERSION = library.core.Version("1.0.0")

        def _info(self):
            return library.core.DatasetInfo(
                builder=self,
                features=library.features.FeaturesDict({"image": library.features.Image(shape=(side, side, 3))}),
            )

        def _split_generators(self, dl_manager):
            del dl_manager
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for number in range(count):
                yield number, {"image": pixels[number % DIFFERENT]}

    MemoryOfData(data_dir=place).download_and_prepare()
    return "tfds:memory_of_data"


MAKERS: dict[str, Callable[[int, int, pathlib.Path], str]] = {"folder": folder, "npz": npz, "idx": idx, "tfds": tfds}
PASSED = {"arrays": 1, "floats": 4}  # what a Python program holds: bytes of a number
KINDS = (*MAKERS, *PASSED, "dataset")


def command(kind: str, count: int, side: int, place: pathlib.Path, changes: dict) -> list[str]:
    """The process that trains, its data made; `changes`: its settings beside SETTINGS."""
    settings = SETTINGS | {"run_dir": str(place / "run")} | changes
    if kind in PASSED:
        return [sys.executable, "-c", PROGRAM, json.dumps([count, side, PASSED[kind] == 4, settings])]
    if kind == "dataset":
        return [sys.executable, "-c", DATASET_PROGRAM, json.dumps([count, side, settings])]
    settings |= {"dataset": MAKERS[kind](count, side, place)}
    if kind == "tfds":
        settings["data_dir"] = str(place)
    return [sys.executable, "-m", "tfgan_train.main", *(f"--{name}={value}" for name, value in settings.items())]


def measure(kind: str, count: int, side: int, changes: dict) -> dict:
    """Trains on `count` images, with `changes` beside SETTINGS, and says what that took."""
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        # The maker's memory must not be taken for the run's, which begins as a copy of this process.
        maker = os.fork()
        if not maker:
            (place / "command.json").write_text(json.dumps(command(kind, count, side, place, changes)))
            os._exit(0)
        os.waitpid(maker, 0)
        process = subprocess.Popen(
            json.loads((place / "command.json").read_text()), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"training on {count} images of {kind} failed with exit code {process.returncode}")
        trained = int(changes.get("image_size", side))
        pixels = count * trained * trained * 3 / 2**20
        return {
            "kind": kind,
            "images": count,
            "side": trained,
            "megabytes_of_pixels": pixels,
            "peak_megabytes": usage.ru_maxrss / 1024 - pixels * PASSED.get(kind, 0),
            "ms_per_step": median_step(place / "run", NEVER) * 1e3,
        }


def table(results: list[dict]) -> str:
    """Markdown: a row for each kind and count."""
    lines = [
        "| data | images | decoded, MB | most memory, MB | above a run on few, MB | times the pixels | ms a step |",
        "|---" * 7 + "|",
    ]
    lines += [
        f"| {one['kind']} | {one['images']:,} | {one['megabytes_of_pixels']:,.0f} | {one['peak_megabytes']:,.0f} "
        f"| {one['megabytes_above']:,.0f} | {one['times_above']:.2f} | {one['ms_per_step']:.1f} |"
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
    parser.add_argument("--kinds", default=["folder"], type=lambda text: text.split(","), help=", ".join(KINDS))
    parser.add_argument("--side", default=128, type=int, help="of the images, in pixels")
    parser.add_argument("--steps", default=40, type=int)
    parser.add_argument("--invert", action="store_true", help="train with --invert")
    parser.add_argument("--image_size", type=int, help="train with --image_size, of which the pixels are counted")
    parser.add_argument("--out", default="data_memory.json")
    options = parser.parse_args()
    changes = {"steps": options.steps} | ({"invert": True} if options.invert else {})
    changes |= {"image_size": options.image_size} if options.image_size else {}
    results = []
    for kind in options.kinds:
        none = measure(kind, FEW, options.side, changes)
        for count in options.counts:
            one = measure(kind, count, options.side, changes)
            above = one["peak_megabytes"] - none["peak_megabytes"]
            one["megabytes_above"] = above
            one["times_above"] = above / (one["megabytes_of_pixels"] - none["megabytes_of_pixels"])
            results.append(one)
            print(results[-1], flush=True)
            pathlib.Path(options.out).write_text(
                json.dumps({"machine": machine(), "without_data": none, "results": results}, indent=1) + "\n"
            )
    print(table(results))


if __name__ == "__main__":
    main()
