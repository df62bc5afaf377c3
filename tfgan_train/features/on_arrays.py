"""Features of images in arrays, for Python callers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.common.terminal import Terminal
from tfgan_train.data import from_python
from tfgan_train.features.choose import choose
from tfgan_train.features.extractor import Extractor, Request, extract


def features(images: np.ndarray, name: str = "", data: Any = None, inception_weights: str = "") -> np.ndarray:
    """What a feature network makes of images.

    Args:
      images: uint8 [n, H, W, C], C 1 or 3.
      name: of FEATURES: pixels, efficientnet, inception, or classifier, which is trained once on the labels of
        `data` and kept in the cache; "": the best there is for `data`.
      data: as `train(data=...)` takes it, the data to judge by; None: the images themselves, which have no labels.
      inception_weights: a file with the 2015 Inception network.

    Returns:
      float32 [n, F]. Compare features of one name, and for `classifier` of one `data`, only.

    Raises:
      UserError: other images, an unknown name, or one whose weights or labels are not to be had.
    """
    return extract(_network(images, name, data, inception_weights), images)[0]


def class_probabilities(
    images: np.ndarray, name: str = "", data: Any = None, inception_weights: str = ""
) -> np.ndarray:
    """How likely each image is of each class of the network: float32 [n, K], rows that sum to 1.

    Args: as `features` has them.

    Raises:
      UserError: as `features`, or a network that knows no classes.
    """
    network = _network(images, name, data, inception_weights)
    probabilities = extract(network, images)[1]
    if probabilities is None:
        raise UserError(f"{network.name} knows no classes; legal: classifier, efficientnet or inception")
    return probabilities


def _network(images: np.ndarray, name: str, data: Any, inception_weights: str) -> Extractor:
    if not isinstance(images, np.ndarray) or images.ndim != 4 or images.dtype != np.uint8:
        raise UserError("images must be uint8 [n, H, W, C]")
    source = from_python.as_source(images if data is None else data, what="images" if data is None else "data")
    say: Callable[[str], None] = Terminal().line
    return choose(name, Request(source, inception_weights=inception_weights, say=say))
