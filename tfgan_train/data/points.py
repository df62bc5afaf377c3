"""`ring2d` and `grid2d`: points of the plane drawn from 8 and from 25 narrow Gaussians; numpy only.

A point travels as an image of one pixel and two channels, float32 [n, 1, 1, 2] in [-1, 1].
"""

import numpy as np

from tfgan_train.common.images import POINT_SHAPE
from tfgan_train.data import source

COUNTS = {"train": 100_000, "test": 10_000}
_SEEDS = {"train": 0, "test": 1}
RING_SIGMA, GRID_SIGMA = 0.01, 0.05
# Dataset -> the coordinate that becomes 1: the outermost modes lie well inside of what tanh reaches.
EXTENT = {"ring2d": 1.5, "grid2d": 5.0}


def to_plane(images: np.ndarray, dataset: str) -> np.ndarray:
    """float32 [n, 1, 1, 2] in [-1, 1] -> points [n, 2] in the mixture's own coordinates."""
    return images.reshape(-1, 2) * EXTENT[dataset]


def from_plane(points: np.ndarray, dataset: str) -> np.ndarray:
    """Points [n, 2] in the mixture's own coordinates -> float32 [n, 1, 1, 2]; what lies beyond is clipped."""
    return np.clip(points / EXTENT[dataset], -1.0, 1.0).astype(np.float32).reshape(-1, *POINT_SHAPE)


def ring_means() -> np.ndarray:
    """8 means on the unit circle, float64 [8, 2]."""
    angle = 2 * np.pi * np.arange(8) / 8
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def grid_means() -> np.ndarray:
    """25 means at {-4, -2, 0, 2, 4}^2, float64 [25, 2]."""
    axis = np.arange(-4.0, 5.0, 2.0)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


MIXTURES = {"ring2d": (ring_means, RING_SIGMA), "grid2d": (grid_means, GRID_SIGMA)}


def load(config, split: str) -> source.Source:
    """100,000 points of the mixture (10,000 others to test with), float32 [n, 1, 1, 2] in [-1, 1].

    The mixtures of VEEGAN (Srivastava et al. 2017, arXiv 1705.07761) as PacGAN (Lin et al. 2018,
    arXiv 1712.04086, section 4.1) has them. All runs see the same points, whatever their seed.
    """
    return source.from_arrays(
        config.dataset, from_plane(draw(config.dataset, COUNTS[split], _SEEDS[split]), config.dataset)
    )


def draw(dataset: str, count: int, seed: int) -> np.ndarray:
    """float64 [count, 2], points of the mixture in its own coordinates."""
    make_means, sigma = MIXTURES[dataset]
    random, means = np.random.default_rng(seed), make_means()
    return means[random.integers(len(means), size=count)] + sigma * random.standard_normal((count, 2))
