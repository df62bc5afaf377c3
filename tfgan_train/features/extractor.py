"""What a feature network is to the metrics: images in, rows of numbers out."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Request:
    """What a builder may use.

    Attributes:
      train: the data's training Source.
      heldout: Source of images never trained on, or None.
      inception_weights: a file with the 2015 Inception network, or "".
      say: prints one line.
    """

    train: Any
    heldout: Any = None
    inception_weights: str = ""
    say: Say = print


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A feature network, ready to run.

    Attributes:
      name: its key in FEATURES.
      key: changes whenever the features of an image would; names cached features.
      fd_name: how its Frechet distance is to be called, e.g. "FD-EffNetLite0".
      note: one sentence on what its figures can be compared with.
      run: uint8 [b, H, W, C] -> (float32 features [b, F], float32 class probabilities [b, K] or None).
      batch: images in one call of `run`.
      own_classes: whether the probabilities are of the data's own classes.
      channels: where each channel is classified by itself, how many; `run`'s probabilities are then [b, channels * K].
      facts: JSON facts to keep with the figures, for instance the classifier's accuracy.
    """

    name: str
    key: str
    fd_name: str
    note: str
    run: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    batch: int = 256
    own_classes: bool = False
    channels: int = 0
    facts: dict = dataclasses.field(default_factory=dict)


def extract(extractor: Extractor, images: np.ndarray, progress: Callable[[int], None] = lambda done: None):
    """Features and probabilities of uint8 [n, H, W, C], a batch at a time.

    Args:
      progress: told after each batch how many images are done.

    Returns:
      (float32 [n, F], float32 [n, K] or None).
    """
    features, probabilities = [], []
    for start in range(0, len(images), extractor.batch):
        f, p = extractor.run(images[start : start + extractor.batch])
        features.append(f)
        if p is not None:
            probabilities.append(p)
        progress(min(start + extractor.batch, len(images)))
    return np.concatenate(features), np.concatenate(probabilities) if probabilities else None
