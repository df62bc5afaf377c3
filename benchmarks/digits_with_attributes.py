"""Writes digits as PNG files with a table of attributes beside them: data for --attributes where none are at hand.

    python benchmarks/digits_with_attributes.py --dataset=mnist10k --out=digits
    python -m tfgan_train.main --dataset=folder:digits --attributes=attributes.csv --recipe=digits

even, five_up and loop (0, 6, 8 and 9) follow from the digit; bold is more ink than the median's.
"""

import argparse
import csv
import pathlib

import numpy as np
from PIL import Image

from tfgan_train import Config, data

NUMBER = 10_000
LOOPS = (0, 6, 8, 9)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist10k")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    options = parser.parse_args()
    source = data.load(Config(dataset=options.dataset, train_examples=NUMBER))
    images, labels = source.read(np.arange(source.count))
    ink = images.mean((1, 2, 3))
    middle = np.median(ink)
    options.out.mkdir(parents=True)
    with open(options.out / "attributes.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "even", "five_up", "loop", "bold"])
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            name = f"{i:05d}.png"
            Image.fromarray(image[..., 0]).save(options.out / name)
            row = (label % 2 == 0, label >= 5, label in LOOPS, ink[i] > middle)
            writer.writerow([name, *(int(one) for one in row)])


if __name__ == "__main__":
    main()
