"""Kernel distance (KD): unbiased squared MMD with a cubic kernel; numpy only.

k(x, y) = (x.y / F + 1)^3, Binkowski et al. 2018, "Demystifying MMD GANs" (arXiv 1801.01401),
eq. 3 for the estimator; with Inception features it is called KID. Unlike the Frechet
distance its expectation does not depend on the number of samples.
"""

import numpy as np

from tfgan_train.metrics.checks import enough, pair
from tfgan_train.metrics.result import LOWER, Result

ELEMENTS = 1 << 24  # kernel values held at a time: 128 MB


def mmd2(real: np.ndarray, fake: np.ndarray) -> float:
    """Unbiased squared MMD of features [n, F] and [m, F]; can be slightly negative."""
    pair(real, fake, minimum=2)
    n, m = len(real), len(fake)
    within_real = _kernel_sum(real, real) - _kernel_diagonal(real)
    within_fake = _kernel_sum(fake, fake) - _kernel_diagonal(fake)
    return float(within_real / (n * (n - 1)) + within_fake / (m * (m - 1)) - 2 * _kernel_sum(real, fake) / (n * m))


def kernel_distance(real: np.ndarray, fake: np.ndarray, subset_size: int = 1000, seed: int = 0) -> Result:
    """Mean of `mmd2` over disjoint random subsets, with its standard error.

    The published code draws 100 overlapping subsets of 1,000; disjoint ones give an estimate
    with the same expectation, and their scatter divided by the root of their number is
    an honest standard error because they are independent. With few samples the subsets shrink
    so that there are still four.

    Raises:
      UserError: fewer than 8 samples, or sets of different width.
    """
    pair(real, fake, minimum=8)
    n = min(len(real), len(fake))
    enough(subset_size, 2, "samples in a subset")
    subsets = max(4, n // subset_size)
    size = n // subsets
    rng = np.random.default_rng(seed)
    real_order, fake_order = rng.permutation(len(real)), rng.permutation(len(fake))
    values = [
        mmd2(real[real_order[i * size : (i + 1) * size]], fake[fake_order[i * size : (i + 1) * size]])
        for i in range(subsets)
    ]
    error = float(np.std(values, ddof=1) / np.sqrt(subsets))
    return Result(
        "kd",
        float(np.mean(values)),
        error,
        f"standard error, {subsets} subsets",
        n,
        LOWER,
        details={"subsets": subsets, "subset_size": size},
    )


def _kernel_sum(x, y):
    y = y.astype(np.float64)
    rows = max(1, ELEMENTS // len(y))
    return sum(
        (((x[i : i + rows].astype(np.float64) @ y.T) / x.shape[1] + 1) ** 3).sum() for i in range(0, len(x), rows)
    )


def _kernel_diagonal(x):
    x = x.astype(np.float64)
    return ((np.einsum("ij,ij->i", x, x) / x.shape[1] + 1) ** 3).sum()
