"""Sliced Wasserstein distances between image sets: no network needed; numpy only.

`sliced_wasserstein` compares whole images as points in pixel space (Rabin et al. 2011;
Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of measures").
`laplacian_sliced_wasserstein` is the other thing by that name, from Karras et al. 2018,
"Progressive growing of GANs" (arXiv 1710.10196, section 5): normalised 7x7 patches of each
Laplacian pyramid level. Their figures can't be compared with each other.
"""

import numpy as np

from tfgan_train.metrics.checks import enough, image_pair
from tfgan_train.metrics.pixels import as_rows
from tfgan_train.metrics.result import LOWER, Result

PATCH = 7


def sliced_wasserstein(real: np.ndarray, fake: np.ndarray, directions: int = 256, seed: int = 0) -> Result:
    """Root mean square over random directions of the 2-Wasserstein distance, pixels in [0, 1].

    Args:
      real, fake: uint8 [n, H, W, C], [m, H, W, C]; the first min(n, m) of each are compared,
        shrunk to at most 32 pixels a side.

    Returns:
      The distance, in the unit of a pixel; spread by bootstrap of both sides.
    """
    image_pair(real, fake, minimum=8)
    n = min(len(real), len(fake))
    rng = np.random.default_rng(seed)
    a, b = as_rows(real[:n]), as_rows(fake[:n])
    axes = _directions(rng, a.shape[1], directions)
    a, b = (a @ axes).T.copy(), (b @ axes).T.copy()
    value = _sliced(a, b)
    draws = [_sliced(a[:, rng.integers(0, n, n)], b[:, rng.integers(0, n, n)]) for _ in range(8)]
    return Result(
        "swd",
        value,
        float(np.std(draws, ddof=1)),
        "bootstrap, 8 draws",
        n,
        LOWER,
        "pixel",
        details={"directions": directions},
    )


def laplacian_sliced_wasserstein(
    real: np.ndarray, fake: np.ndarray, patches: int = 128, directions: int = 512, seed: int = 0, limit: int = 2048
) -> Result:
    """Karras et al.'s SWD x 1000, mean over the levels of the Laplacian pyramid down to 16 pixels.

    From each of up to `limit` images (the paper: 16,384) and each level, 128 random 7x7
    patches, each channel normalised to mean 0 and deviation 1 over the whole set; mean absolute
    difference of the sorted projections on `directions` random directions.

    Raises:
      UserError: images of different shape, fewer than 8, or below 16 pixels a side.
    """
    image_pair(real, fake, minimum=8)
    enough(min(real.shape[1:3]), 16, "pixels a side for laplacian_swd")
    n = min(len(real), len(fake), limit)
    rng = np.random.default_rng(seed)
    a, b = (_laplacian_pyramid(images[:n].astype(np.float32)) for images in (real, fake))
    levels, errors = {}, []
    for x, y in zip(a, b, strict=True):
        p, q = _patches(x, patches, rng), _patches(y, patches, rng)
        axes = _directions(rng, p.shape[1], directions)
        distances = (
            np.concatenate(
                [
                    np.abs(np.sort(p @ axes[:, i : i + 16], axis=0) - np.sort(q @ axes[:, i : i + 16], axis=0)).mean(
                        axis=0
                    )
                    for i in range(0, directions, 16)
                ]
            )
            * 1000
        )
        levels["x".join(map(str, x.shape[1:3]))] = float(distances.mean())
        errors.append(distances.std(ddof=1) / np.sqrt(directions))
    return Result(
        "laplacian_swd",
        float(np.mean(list(levels.values()))),
        float(np.sqrt(np.square(errors).sum()) / len(errors)),
        "standard error over directions",
        n,
        LOWER,
        details={"levels": levels, "patches": patches, "directions": directions},
    )


def _directions(rng, dim, count):
    axes = rng.standard_normal((dim, count)).astype(np.float32)
    return axes / np.linalg.norm(axes, axis=0)


def _sliced(a, b):
    """Rows are directions, columns samples: root of the mean squared sorted difference."""
    return float(np.sqrt(np.square(np.sort(a, axis=1) - np.sort(b, axis=1)).mean(dtype=np.float64)))


def _laplacian_pyramid(images):
    """[n, H, W, C] -> band-pass levels, finest first; the last one is the low-pass rest."""
    levels = []
    while min(images.shape[1:3]) // 2 >= 16 and images.shape[1] % 2 == images.shape[2] % 2 == 0:
        low = _blur(images)[:, ::2, ::2]
        wide = np.zeros_like(images)
        wide[:, ::2, ::2] = low
        levels.append(images - 4 * _blur(wide))
        images = low
    return levels + [images]


def _blur(images):
    """The binomial filter 1 4 6 4 1, mirrored at the borders."""
    for axis in (1, 2):
        pad = [(2, 2) if a == axis else (0, 0) for a in range(4)]
        padded = np.pad(images, pad, mode="reflect")
        size = images.shape[axis]
        images = sum(
            weight * np.take(padded, range(i, i + size), axis=axis)
            for i, weight in enumerate(np.float32([1, 4, 6, 4, 1]) / 16)
        )
    return images


def _patches(level, count, rng):
    """[n, H, W, C] -> normalised float32 [n * count, 7 * 7 * C]."""
    n, height, width, channels = level.shape
    image = np.repeat(np.arange(n), count)[:, None, None]
    top = rng.integers(0, height - PATCH + 1, n * count)[:, None, None]
    left = rng.integers(0, width - PATCH + 1, n * count)[:, None, None]
    offset = np.arange(PATCH)
    taken = level[image, top + offset[:, None], left + offset]
    taken -= taken.mean(axis=(0, 1, 2))
    taken /= np.maximum(taken.std(axis=(0, 1, 2)), 1e-8)
    return taken.reshape(n * count, -1)
