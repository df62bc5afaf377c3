"""Frechet distance between two sets of features, its bias and its spread; numpy only.

FD = |m_r - m_f|^2 + tr(S_r) + tr(S_f) - 2 tr((S_r S_f)^(1/2))
(Dowson and Landau 1982; as a GAN score with Inception features, "FID": Heusel et al. 2017,
arXiv 1706.08500). The figure is biased upwards by about b/N, so two figures can only be
compared at the same N; Chong and Forsyth 2020 (arXiv 1911.07023) extrapolate to 1/N = 0.
"""

import numpy as np

from tfgan_train.metrics.checks import pair
from tfgan_train.metrics.result import LOWER, Result

ROWS = 4096  # rows turned to float64 at a time: 64 MB at 2,048 features


def moments(features: np.ndarray, counts: np.ndarray | None = None):
    """Mean [F] and covariance [F, F] in float64, with divisor N - 1 as `np.cov` has.

    Args:
      features: [n, F], any float type; read in blocks, so memory stays bounded.
      counts: optional [n] non-negative integers, how often each row is taken (bootstrap).
    """
    n, dim = features.shape
    counts = np.ones(n) if counts is None else np.asarray(counts, np.float64)
    total = counts.sum()
    blocks = [slice(i, i + ROWS) for i in range(0, n, ROWS)]
    mean = sum(counts[b] @ features[b].astype(np.float64) for b in blocks) / total
    covariance = np.zeros((dim, dim))
    for b in blocks:
        centred = (features[b].astype(np.float64) - mean) * np.sqrt(counts[b])[:, None]
        covariance += centred.T @ centred
    return mean, covariance / (total - 1)


def distance(real_moments, fake_moments) -> float:
    """FD of two (mean, covariance) pairs.

    tr((S_r S_f)^(1/2)) is the sum of the roots of the eigenvalues of the symmetric A S_f A
    with A = S_r^(1/2): no complex square root, and singular matrices (fewer samples than
    features) need no epsilon, only a clip of rounding noise at 0.
    """
    (mean_r, cov_r), (mean_f, cov_f) = real_moments, fake_moments
    values, vectors = np.linalg.eigh(cov_r)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_f @ root), 0)).sum()
    shift = mean_r - mean_f
    return float(shift @ shift + np.trace(cov_r) + np.trace(cov_f) - 2 * cross)


def plain_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """FD of features [n, F] and [m, F], without its spread."""
    pair(real, fake, minimum=2)
    return distance(moments(real), moments(fake))


def extrapolate(real: np.ndarray, fake: np.ndarray, seed: int = 0, halvings: int = 3):
    """FD at N, N/2, N/4 … and the intercept of its weighted linear fit in 1/N.

    Both sides shrink together, so real against real goes to 0. At N/k the mean over k
    disjoint subsets is taken, which weighs k-fold in the fit. The line holds where N is well above the
    number of features; below that the intercept is still too high (see real data's own).

    Returns:
      (intercept, standard error of the fit, [N …], [FD …]).
    """
    n = min(len(real), len(fake))
    rng = np.random.default_rng(seed)
    real_order, fake_order = rng.permutation(len(real)), rng.permutation(len(fake))
    sizes, means, parts = [], [], []
    for k in [2**h for h in range(halvings + 1)]:
        size = n // k
        if size < 2:
            break
        subsets = [slice(j * size, (j + 1) * size) for j in range(k)]
        means.append(
            np.mean(
                [
                    distance(moments(real[np.sort(real_order[s])]), moments(fake[np.sort(fake_order[s])]))
                    for s in subsets
                ]
            )
        )
        sizes.append(size)
        parts.append(k)
    intercept, error = _intercept(1 / np.asarray(sizes), np.asarray(means), np.asarray(parts, float))
    return intercept, error, sizes, [float(m) for m in means]


def frechet_distance(real: np.ndarray, fake: np.ndarray, seed: int = 0, replicates: int = 0) -> Result:
    """FD of features [n, F] and [m, F] (Heusel et al. 2017, arXiv 1706.08500), with its bootstrap spread.

    Args:
      real, fake: features, any float type.
      seed: of the bootstrap.
      replicates: bootstrap draws of both sides; 0 takes 20, or 8 above 512 features, where
        one draw costs seconds.

    Raises:
      UserError: fewer than 8 samples, or sets of different width.
    """
    pair(real, fake, minimum=8)
    replicates = replicates or (20 if real.shape[1] <= 512 else 8)
    rng = np.random.default_rng(seed)
    value = distance(moments(real), moments(fake))
    draws = [
        distance(moments(real, _resample(rng, len(real))), moments(fake, _resample(rng, len(fake))))
        for _ in range(replicates)
    ]
    n = min(len(real), len(fake))
    return Result("fd", value, float(np.std(draws, ddof=1)), f"bootstrap, {replicates} draws", n, LOWER)


def measure(real: np.ndarray, fake: np.ndarray, seed: int = 0) -> list[Result]:
    """FD as `frechet_distance` has it, and FD extrapolated to infinitely many samples.

    Args:
      real, fake: features [n, F], [m, F].
      seed: of the bootstrap and the subsets.

    Raises:
      UserError: fewer than 8 samples, or sets of different width.
    """
    fd = frechet_distance(real, fake, seed)
    limit, error, sizes, values = extrapolate(real, fake, seed, halvings=3 if real.shape[1] <= 512 else 2)
    spread = float(np.hypot(fd.spread, error))
    details = {"sizes": sizes, "fd": values}
    return [fd, Result("fd_infinity", limit, spread, "bootstrap and fit", fd.n, LOWER, details=details)]


def _resample(rng, n):
    return np.bincount(rng.integers(0, n, n), minlength=n)


def _intercept(x, y, weights):
    """Weighted least squares y = a + b x: (a, standard error of a from the residuals)."""
    design = np.stack([np.ones_like(x), x], axis=1) * np.sqrt(weights)[:, None]
    coefficients, *_ = np.linalg.lstsq(design, y * np.sqrt(weights), rcond=None)
    freedom = len(x) - 2
    if freedom < 1:
        return float(coefficients[0]), 0.0
    residual = y * np.sqrt(weights) - design @ coefficients
    covariance = np.linalg.inv(design.T @ design) * (residual @ residual) / freedom
    return float(coefficients[0]), float(np.sqrt(covariance[0, 0]))
