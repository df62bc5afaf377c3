"""Images made elsewhere, read for scoring: a folder of pictures, or one array in .npz or .npy."""

import pathlib

import numpy as np

from tfgan_train import data as datasets
from tfgan_train.common import alpha
from tfgan_train.common.array_files import read_arrays
from tfgan_train.common.errors import UserError


def read(path: str, config, num: int) -> np.ndarray:
    """Up to `num` images, uint8 [n, H, W, C].

    Args:
      path: a folder of images, or a .npz or .npy file with one uint8 array [n, H, W] or [n, H, W, C];
        four channels have a straight alpha.
      config: any Config; says how many damaged files are accepted.

    Raises:
      UserError: nothing there, or something else than images.
    """
    place = pathlib.Path(path)
    if place.is_dir():
        source = datasets.load(
            config.replace(
                dataset=f"folder:{path}", image_size="", train_examples=0, binarize=False, invert=False, epochs=0.0
            ),
            "train",
        )
        return source.read(np.arange(min(num, source.count)))[0]
    if place.suffix not in (".npz", ".npy") or not place.is_file():
        raise UserError(f"--images={path} must be a folder of images, or a .npz or .npy file")
    images = array(place)[:num]
    return alpha.premultiplied(images) if alpha.has_alpha(images) else images


def array(place: pathlib.Path) -> np.ndarray:
    """The one array of images in a .npz or .npy file, uint8 [n, H, W, C]; raises UserError for another content."""
    arrays = list(read_arrays(place, f"--images={place}").values())
    found = [array for array in arrays if array.ndim in (3, 4)]
    if len(found) != 1 or found[0].dtype != np.uint8:
        shapes = ", ".join(f"{array.dtype} {list(array.shape)}" for array in arrays) or "nothing"
        raise UserError(f"--images={place} must hold one uint8 array [n, H, W] or [n, H, W, C]; it holds {shapes}")
    return found[0] if found[0].ndim == 4 else found[0][..., None]
