"""`ring2d` and `grid2d`: points of 8 and of 25 narrow Gaussians, on which lost modes can be counted."""
import numpy as np

from tfgan_train.data import source
from tfgan_train.metrics.modes import MIXTURES
from tfgan_train.points import from_plane

COUNTS = {"train": 100_000, "test": 10_000}
_SEEDS = {"train": 0, "test": 1}


def load(config, split: str) -> source.Source:
    """100,000 points of the mixture (10,000 others to test with), float32 [n, 1, 1, 2] in [-1, 1].

    The mixtures of VEEGAN (Srivastava et al. 2017, arXiv 1705.07761) as PacGAN (Lin et al. 2018,
    arXiv 1712.04086, section 4.1) has them. All runs see the same points, whatever their seed.
    """
    return source.from_arrays(config.dataset, from_plane(draw(config.dataset, COUNTS[split], _SEEDS[split]), config.dataset))


def draw(dataset: str, count: int, seed: int) -> np.ndarray:
    """float64 [count, 2], points of the mixture in its own coordinates."""
    make_means, sigma = MIXTURES[dataset]
    random, means = np.random.default_rng(seed), make_means()
    return means[random.integers(len(means), size=count)] + sigma * random.standard_normal((count, 2))
