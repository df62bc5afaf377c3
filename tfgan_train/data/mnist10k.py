"""The 10,000 real MNIST digits that ship inside this package (28x28x1, ten labels)."""

import hashlib
import json
import pathlib

import numpy as np
from PIL import Image

from tfgan_train.common.errors import UserError
from tfgan_train.data import source

_ASSETS = pathlib.Path(__file__).parent / "assets"
_SIDE = 28


def load(config, split: str) -> source.Source:
    """The shipped digits; all of them are training data.

    They are the first 10,000 of the MNIST training set in an order of their own, in which
    every prefix is balanced. Keeping a part back would make small data smaller and give too
    few images to compare with, so there is no test split.

    Raises:
      NoSuchSplit: for any split but "train".
      UserError: when the shipped files are damaged.
    """
    del config  # The shipped digits have no options.
    if split != "train":
        raise source.NoSuchSplit(f"mnist10k has no {split} split: all its 10,000 digits are for training")
    images, labels = read_assets(_ASSETS)
    return source.from_arrays("mnist10k", images, labels, [str(digit) for digit in range(10)])


def read_assets(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Checked uint8 images [10000, 28, 28, 1] and uint8 labels [10000] from the mosaic in `folder`."""
    mosaic_file, facts_file = folder / "digits.webp", folder / "digits.json"
    try:
        facts = json.loads(facts_file.read_text())
        labels = np.array(list(facts["labels"]), np.uint8)
        with Image.open(mosaic_file) as image:
            mosaic = np.asarray(image.convert("RGB"))[..., 0]  # WebP stores grey as three equal channels.
        images = mosaic.reshape(mosaic.shape[0] // _SIDE, _SIDE, -1, _SIDE).swapaxes(1, 2).reshape(-1, _SIDE, _SIDE, 1)
        found = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
        intact = found == facts["sha256_of_images_and_labels"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"the shipped digits in {folder} can't be read ({error}); install the package again") from error
    if not intact:
        raise UserError(f"the shipped digits in {folder} do not match their checksum; install the package again")
    return images, labels
