"""Modes covered where the truth is known: 2-D mixtures and stacked MNIST; numpy only.

Protocols of VEEGAN (Srivastava et al. 2017, arXiv 1705.07761) as PacGAN (Lin et al. 2018,
arXiv 1712.04086, section 4) fixed them.
"""

import math

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.metrics.checks import enough
from tfgan_train.metrics.result import HIGHER, LOWER, Result
from tfgan_train.metrics.scores import kl

SAMPLES = {"stacked_mnist": 26_000, "ring2d": 2_500, "grid2d": 2_500}  # that the papers draw, by dataset
CEILING = 1 - math.exp(-4.5)  # the share of a 2-D Gaussian within 3 sigma


def mixture_modes(points: np.ndarray, means: np.ndarray, sigma: float) -> list[Result]:
    """Modes hit and share of high-quality samples of 2-D points [n, 2]; the papers draw 2,500.

    A point is of high quality within 3 sigma of its nearest mean, and a mode counts with
    one such point. Points of the mixture itself score 1 - exp(-4.5) = 98.9 %.
    """
    enough(len(points), 1, "generated points")
    if points.ndim != 2 or points.shape[1] != means.shape[1]:
        raise UserError(f"points must be [n, {means.shape[1]}], not {list(points.shape)}")
    distance = np.linalg.norm(points[:, None].astype(np.float64) - means, axis=-1)
    mode = distance.argmin(axis=1)
    good = distance.min(axis=1) <= 3 * sigma
    counts = np.bincount(mode[good], minlength=len(means))
    share = float(good.mean())
    return [
        _modes(counts, len(points), len(means)),
        Result(
            "high_quality", share, math.sqrt(share * (1 - share) / len(points)), "standard error", len(points), HIGHER
        ),
    ]


def stacked_modes(fake_classes: np.ndarray, classes: int = 10) -> list[Result]:
    """Modes and KL(generated || uniform) in nats of stacked digits; the papers draw 26,000.

    Args:
      fake_classes: int [n, 3], the class that a digit classifier names in each channel. A mode
        (1,000 triples) counts if hit once. 26,000 uniform draws give a KL of 0.0194.
    """
    enough(len(fake_classes), 1, "generated images")
    if fake_classes.ndim != 2 or fake_classes.min() < 0 or fake_classes.max() >= classes:
        raise UserError(f"classes must be [n, channels] in 0..{classes - 1}")
    channels = fake_classes.shape[1]
    mode = np.ravel_multi_index(fake_classes.T, (classes,) * channels)
    total = classes**channels
    counts = np.bincount(mode, minlength=total)
    n = len(fake_classes)
    uniform = np.full(total, 1 / total)
    draws = np.random.default_rng(0).multinomial(n, counts / n, size=50) / n
    return [
        _modes(counts, n, total),
        Result(
            "modes_kl",
            float(kl(counts / n, uniform)),
            float(kl(draws, uniform).std(ddof=1)),
            "bootstrap, 50 draws",
            n,
            LOWER,
            "nats",
        ),
    ]


def _modes(counts, n, total):
    """Modes hit; the spread is Poisson's for modes near the edge of being seen.

    A mode seen once could have been missed and one unseen could have been hit: each seen c times is
    missed in another draw with probability exp(-c), so the count varies by sum e^-c (1 - e^-c).
    """
    missed = np.exp(-counts[counts > 0].astype(np.float64))
    return Result(
        "modes",
        float((counts > 0).sum()),
        float(np.sqrt((missed * (1 - missed)).sum())),
        "Poisson",
        n,
        HIGHER,
        details={"of": int(total)},
    )
