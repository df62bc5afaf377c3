"""`stacked_mnist`: three MNIST digits as the channels of one image, 1,000 modes; made from whatever `mnist` gives."""

import numpy as np

from tfgan_train.data import mnist, source

COUNTS = {"train": 128_000, "test": 26_000}
_CHANNELS = 3
_SEEDS = {"train": 0, "test": 1}


def load(config, split: str) -> source.Source:
    """Triples of digits drawn uniformly, 28x28x3; the label is the number that the channels spell, 0 to 999.

    128,000 training images as in PacGAN (Lin et al. 2018, arXiv 1712.04086, section 4.2). Which
    digits are drawn doesn't depend on the run's seed: all runs see the same data.

    Raises:
      NoSuchSplit: the test split, where the shipped digits stand in for MNIST.
      UserError: as `mnist`.
    """
    digits = source.remembered(mnist.load(config, split))
    triples = np.random.default_rng(_SEEDS[split]).integers(digits.count, size=(COUNTS[split], _CHANNELS))
    height, width, _ = digits.image_shape

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images, labels = digits.read(triples[indices].ravel())
        stacked = images.reshape(-1, _CHANNELS, height, width).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(stacked), labels.reshape(-1, _CHANNELS) @ np.array([100, 10, 1], np.int32)

    return source.Source(
        "stacked_mnist",
        COUNTS[split],
        (height, width, _CHANNELS),
        1000,
        tuple(f"{number:03d}" for number in range(1000)),
        read,
        notes=digits.notes,
        channel_source=digits,
    )
