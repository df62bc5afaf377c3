"""What `project` writes: pictures beside their reconstructions, latents and distances."""

import pathlib
from collections.abc import Sequence

import numpy as np

from tfgan_train.common.alpha import shown
from tfgan_train.common.files import write_json
from tfgan_train.pictures import grid
from tfgan_train.runs import latents_file
from tfgan_train.steering.inversion import Found, pixel_distances

PICTURE, LATENTS, DISTANCES = FILES = ("reconstructions.png", "latents.npz", "distances.json")
MOST_SHOWN = 100


def write(out: pathlib.Path, images: np.ndarray, names: Sequence[str], found: Found, about: dict) -> float:
    """Writes FILES into the folder `out`.

    Args:
      images: uint8 [n, H, W, C], what was looked for.
      names: one for each.
      about: facts for the JSON.

    Returns:
      The median distance: L2 of pixels in units of 0..255.
    """
    distances = pixel_distances(images, found.images)
    grid.save_png(out / PICTURE, pairs(images[:MOST_SHOWN], found.images[:MOST_SHOWN], distances))
    latents_file.write(out / LATENTS, found.latents, distance=distances)
    labels = found.latents.label
    rows = [
        {"name": name, "distance": round(float(distance), 2), "loss": round(float(loss), 6)}
        | ({} if labels is None else {"label": int(labels[i])})
        for i, (name, distance, loss) in enumerate(zip(names, distances, found.loss, strict=True))
    ]
    median = float(np.median(distances))
    write_json(out / DISTANCES, about | {"metric": "L2 of pixels, 0..255", "median": median, "pictures": rows})
    return median


def pairs(images: np.ndarray, others: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Each image beside its reconstruction, the distance below: uint8 [h, w, 1 or 3]."""
    scale = grid.viewing_scale(*images.shape[1:3])
    joined = grid.upscale(np.concatenate([shown(images), shown(others)], 2), scale)
    tiles = np.stack([grid.captioned(pair, f"{d:.0f}") for pair, d in zip(joined, distances, strict=False)])
    return grid.grid(tiles, padding=6, scale=1)
