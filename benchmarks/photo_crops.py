"""Cuts photographs into small pictures: a 64x64 folder of colour images where none can be downloaded.

    python benchmarks/photo_crops.py --photos=FOLDER --out=crops --num=10000

Squares of a quarter of a photograph's height or more, at random places, are reduced to --size. Plain ones
(a clear sky, a logo's ground) are passed over. Any folder will do; the figures in the README are of the
JPEG files in Debian's packages mate-backgrounds, lomiri-wallpapers-16.04, lomiri-wallpapers-20.04 and
plasma-workspace-wallpapers (`apt-get download`, `dpkg -x`).
"""

import argparse
import pathlib

import numpy as np
from PIL import Image

PLAIN = 12.0  # standard deviation of grey levels below which a crop shows nothing


def crops(path: pathlib.Path, number: int, size: int, random: np.random.Generator):
    """`number` crops of one photograph, fewer where most of it is plain."""
    photo = Image.open(path).convert("RGB")
    photo.thumbnail((2048, 1280))
    for _ in range(3 * number):
        side = int(random.uniform(0.25, 1.0) * min(photo.size))
        left, top = (int(random.integers(0, length - side + 1)) for length in photo.size)
        crop = photo.resize((size, size), Image.Resampling.LANCZOS, (left, top, left + side, top + side))
        if np.asarray(crop.convert("L")).std() >= PLAIN:
            yield crop
            number -= 1
        if not number:
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    paths = sorted(
        path for path in options.photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg") and path.is_file()
    )
    if not paths:
        raise SystemExit(f"--photos={options.photos} has no JPEG files")
    options.out.mkdir(parents=True)
    random, count = np.random.default_rng(1), 0
    for path in paths:
        for crop in crops(path, -(-options.num // len(paths)), options.size, random):
            crop.save(options.out / f"{count:05d}.png")
            count += 1
    print(f"{count} crops of {len(paths)} photographs")


if __name__ == "__main__":
    main()
