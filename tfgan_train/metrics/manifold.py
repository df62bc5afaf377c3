"""Improved precision and recall, density and coverage; numpy only.

Precision and recall: Kynkaanniemi et al. 2019 (arXiv 1904.06991). Density and coverage:
Naeem et al. 2020 (arXiv 2002.09797), whose `prdc` package this agrees with to the last count,
the strict "<" and k = 5 included. A real set scores below 1 against another real set
(about 0.93 for 10,000 digits), so read the figures beside the data's own.
"""

import numpy as np

from tfgan_train.metrics.checks import pair
from tfgan_train.metrics.distances import Rows, rows, squared_blocks, tolerance
from tfgan_train.metrics.result import AS_DATA, HIGHER, Result


def measure(real: np.ndarray, fake: np.ndarray, k: int = 5) -> list[Result]:
    """Precision, recall, density, coverage of features [n, F] and [m, F].

    Spreads are binomial standard errors (for density: of a mean), with the balls held fixed.

    Raises:
      UserError: not more than k + 1 samples, or sets of different width.
    """
    pair(real, fake, minimum=k + 2)
    r, f = rows(real, fake)
    real_radius, fake_radius = _radii(r, k), _radii(f, k)
    # Equal distances must compare as equal, which rounding would leave to chance.
    noise = tolerance(r, f)
    in_real_balls = np.zeros(len(f), np.int64)
    in_a_fake_ball = np.zeros(len(r), bool)
    nearest_fake = np.full(len(r), np.inf)
    for a, b, squared in squared_blocks(r, f):
        in_real_balls[b] += np.count_nonzero(squared < (real_radius[a] - noise)[:, None], axis=0)
        in_a_fake_ball[a] |= (squared < fake_radius[b] - noise).any(axis=1)
        nearest_fake[a] = np.minimum(nearest_fake[a], squared.min(axis=1))
    covered = nearest_fake < real_radius - noise
    n = min(len(real), len(fake))
    return [
        _share("precision", in_real_balls > 0, n, k),
        _share("recall", in_a_fake_ball, n, k),
        Result(
            "density",
            float(in_real_balls.mean() / k),
            float(in_real_balls.std() / k / np.sqrt(len(fake))),
            "standard error",
            n,
            AS_DATA,
            details={"k": k},
        ),
        _share("coverage", covered, n, k),
    ]


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 5) -> tuple[Result, Result]:
    """(precision, recall) of features [n, F] and [m, F], within balls that reach each one's k-th neighbour."""
    precision, recall, _, _ = measure(real, fake, k)
    return precision, recall


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> tuple[Result, Result]:
    """(density, coverage) of features [n, F] and [m, F], within balls that reach each one's k-th neighbour."""
    _, _, density, coverage = measure(real, fake, k)
    return density, coverage


def _share(name, hits, n, k):
    share = float(hits.mean())
    return Result(
        name, share, float(np.sqrt(share * (1 - share) / len(hits))), "standard error", n, HIGHER, details={"k": k}
    )


def _radii(x: Rows, k: int) -> np.ndarray:
    """Squared distance to the k-th nearest other row, [n]."""
    smallest: np.ndarray | None = None
    radii = np.empty(len(x))
    for a, b, squared in squared_blocks(x, x):
        if b.start == 0:
            smallest = np.full((len(squared), 0), np.inf)
        # A row is its own nearest neighbour at exactly 0, whatever rounding says.
        own = np.arange(max(a.start, b.start), min(a.stop, b.stop))
        squared[own - a.start, own - b.start] = 0
        own_block = np.partition(squared, k, axis=1)[:, : k + 1] if squared.shape[1] > k + 1 else squared
        smallest = np.concatenate([smallest, own_block], axis=1)
        smallest = np.partition(smallest, k, axis=1)[:, : k + 1] if smallest.shape[1] > k + 1 else smallest
        radii[a] = smallest.max(axis=1)
    return radii
