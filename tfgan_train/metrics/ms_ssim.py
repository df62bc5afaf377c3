"""Multi-scale structural similarity between samples: their diversity; numpy only.

Wang et al. 2003, "Multiscale structural similarity for image quality assessment"; between
random pairs of samples as a measure of diversity: Odena et al. 2017 (arXiv 1610.09585).
"""

import numpy as np

from tfgan_train.metrics.checks import enough
from tfgan_train.metrics.result import AS_DATA, Result

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # the paper's five scales
WINDOW = 11


def diversity(images: np.ndarray, pairs: int = 1000, seed: int = 0) -> Result:
    """Mean MS-SSIM of random pairs of uint8 images [n, H, W, C]; high means alike.

    Judge it against the real data's own figure. Images below 176 pixels have room for fewer
    than five scales with an 11x11 window; the first weights are then scaled to sum to 1.

    Raises:
      UserError: fewer than 2 images, or below 11 pixels a side.
    """
    enough(len(images), 2, "generated images")
    enough(min(images.shape[1:3]), WINDOW, "pixels a side for ms_ssim")
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(images), pairs)
    second = (first + rng.integers(1, len(images), pairs)) % len(images)
    values = np.concatenate(
        [ms_ssim(images[first[i : i + 64]], images[second[i : i + 64]]) for i in range(0, pairs, 64)]
    )
    return Result(
        "ms_ssim",
        float(values.mean()),
        float(values.std(ddof=1) / np.sqrt(pairs)),
        "standard error",
        len(images),
        AS_DATA,
        details={"pairs": pairs, "scales": scales(images.shape[1:3])},
    )


def scales(size: tuple[int, int]) -> int:
    """How many of the five scales leave at least one 11x11 window."""
    count, side = 0, min(size)
    while count < len(WEIGHTS) and side >= WINDOW:
        count, side = count + 1, -(-side // 2)
    return count


def ms_ssim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """MS-SSIM of uint8 pairs [n, H, W, C], mean over channels, [n] in [0, 1]."""
    count = scales(x.shape[1:3])
    weights = np.asarray(WEIGHTS[:count]) / sum(WEIGHTS[:count])
    x, y = x.astype(np.float64), y.astype(np.float64)
    product: np.ndarray = np.ones(())
    for level, weight in enumerate(weights):
        luminance, contrast = _ssim_maps(x, y)
        last = level == count - 1
        kept = (luminance * contrast if last else contrast).mean(axis=(1, 2))
        product = product * np.maximum(kept, 0) ** weight
        x, y = _halve(x), _halve(y)
    return product.mean(axis=-1)


def _ssim_maps(x, y):
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = _gaussian(x), _gaussian(y)
    vx, vy = _gaussian(x * x) - mx * mx, _gaussian(y * y) - my * my
    cov = _gaussian(x * y) - mx * my
    return (2 * mx * my + c1) / (mx * mx + my * my + c1), (2 * cov + c2) / (vx + vy + c2)


def _gaussian(images):
    """11x11 Gaussian window of deviation 1.5, only where it fits."""
    weights = np.exp(-0.5 * (np.arange(WINDOW) - WINDOW // 2) ** 2 / 1.5**2)
    for axis in (1, 2):
        size = images.shape[axis] - WINDOW + 1
        images = sum(w * np.take(images, range(i, i + size), axis=axis) for i, w in enumerate(weights / weights.sum()))
    return images


def _halve(images):
    """Means over 2x2 blocks; an odd last row or column is doubled first."""
    odd = [(0, 0)] + [(0, s % 2) for s in images.shape[1:3]] + [(0, 0)]
    images = np.pad(images, odd, mode="symmetric")
    n, height, width, channels = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))
