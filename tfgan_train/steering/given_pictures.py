"""Pictures that a user names, brought to a run's size and channels."""

import glob
import os
import pathlib

import numpy as np

from tfgan_train.common import alpha
from tfgan_train.common.errors import UserError
from tfgan_train.data import decode
from tfgan_train.data.walk import EXTENSIONS
from tfgan_train.score import of_files


def read(text: str, image_shape, most: int) -> tuple[np.ndarray, list[str]]:
    """The first `most` pictures, uint8 [n, H, W, C], and a name for each.

    Picture files are resized and cropped as a folder's are in training. Arrays must have the run's shape.

    Args:
      text: file names and patterns with commas between them, one folder, or one .npz or .npy file.
      image_shape: (H, W, C) of the run's images.

    Raises:
      UserError: nothing there, a file that is no picture, or an array of another shape.
    """
    if pathlib.Path(text).suffix in (".npz", ".npy"):
        images = of_files.array(pathlib.Path(text))[:most]
        if images.shape[1:] != tuple(image_shape):
            raise UserError(
                f"--images={text} holds images {list(images.shape[1:])}, and the run draws {list(image_shape)}"
            )
        images = alpha.premultiplied(images) if alpha.has_alpha(images) else images
        return images, [f"{i}" for i in range(len(images))]
    paths = _paths(text)[:most]
    height, width, channels = image_shape
    found = []
    for path in paths:
        try:
            found.append(decode.decode(path, (height, width), channels))
        except decode.BadImage as error:
            raise UserError(f"--images={text}: {path}: {error}") from None
    return np.stack(found), [path.name for path in paths]


def _paths(text: str) -> list[pathlib.Path]:
    if pathlib.Path(text).is_dir():
        paths = sorted(
            path for path in pathlib.Path(text).iterdir() if path.suffix.lower() in EXTENSIONS and path.is_file()
        )
        if not paths:
            raise UserError(f"--images={text}: no pictures in that folder; legal files end in {', '.join(EXTENSIONS)}")
        return paths
    paths = []
    for part in text.split(","):
        matched = [part] if pathlib.Path(part).is_file() else sorted(filter(os.path.isfile, glob.glob(part)))
        if not matched:
            raise UserError(f"--images={text}: no file {part}")
        paths += [pathlib.Path(name) for name in matched]
    return paths
