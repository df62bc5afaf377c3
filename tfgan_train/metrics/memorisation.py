"""Does the generator copy its training images? Two tests with p-values; numpy only.

`data_copying` asks whether samples lie nearer to the training images than held-out real images
do: the C_T statistic of Meehan, Chaudhuri and Dasgupta 2020 (arXiv 2004.05675), a
Mann-Whitney test inside cells of the training set, so that neither another mix of classes nor
bad samples in one region can hide copies in another. Smooth or typical samples also lie
near everything, and make it fire; hence the control `copied_share`: of the nearest real images of the
samples, how many are training images and not held-out ones? Whatever the samples look like,
that follows from how many there are of both, unless the generator knows the training images.
A generator is said to copy if both say so, or if samples all but coincide with training images, which needs
no test: such are nearer to one than half of what any held-out image is.
"""

import math

import numpy as np

from tfgan_train.metrics.checks import enough
from tfgan_train.metrics.distances import nearest
from tfgan_train.metrics.result import AS_DATA, Result

ALPHA = 1e-3  # p-values below it count
MOST_FAKE, MOST_HELDOUT = 5000, 2000  # rows that the whole training set is searched for
FEWEST_IN_CELL = 20
NEAR_COPIES = 0.01  # share of samples that all but coincide with training images which counts as copying
VERDICTS = {  # (C_T fires, copied_share fires), where it does not copy
    (False, True): (
        "knows its training images (samples are nearer to them than to images it never saw), "
        "without drawing near copies"
    ),
    (True, False): (
        "nearer to the training images than real ones are, but as near to images it never saw: smooth, not copied"
    ),
    (False, False): "no sign of copying",
}


def measure(train: np.ndarray, heldout: np.ndarray, fake: np.ndarray, seed: int = 0) -> list[Result]:
    """Both tests on rows [t, F], [h, F], [m, F] (pixels, or features).

    Of the held-out rows 2,000 and of the generated ones 5,000, drawn at random, are searched for among all
    training rows.

    Returns:
      "memorisation" (C_T; 0 by chance, strongly negative for copies) and "copied_share"
      (0 by chance, 1 where every sample copies), each with its one-sided p-value, the first with the
      verdict of both.

    Raises:
      UserError: fewer than 40 rows in a set.
    """
    for rows, what in ((train, "training"), (heldout, "held-out"), (fake, "generated")):
        enough(len(rows), 40, f"{what} images for the memorisation tests")
    rng = np.random.default_rng(seed)
    fake, queries = fake[rng.permutation(len(fake))[:MOST_FAKE]], heldout[rng.permutation(len(heldout))[:MOST_HELDOUT]]
    fake_to_train, owner = nearest(fake, train)
    heldout_to_train, _ = nearest(queries, train)
    centres = _centres(train, max(1, min(10, len(queries) // 200)), seed)
    copying, copying_p, copying_spread, cells = data_copying(
        fake_to_train, heldout_to_train, nearest(fake, centres)[1], nearest(queries, centres)[1]
    )
    share, share_p, share_spread = copied_share(fake_to_train, owner, *nearest(fake, heldout), len(train), len(heldout))
    fired = copying_p < ALPHA, share_p < ALPHA
    near = float((fake_to_train < heldout_to_train.min() / 2).mean())
    copies = all(fired) or near > NEAR_COPIES
    by_chance = "standard deviation by chance"
    return [
        Result(
            "memorisation",
            copying,
            copying_spread,
            by_chance,
            len(fake),
            AS_DATA,
            details={
                "p_value": copying_p,
                "copied_p_value": share_p,
                "near_copies": near,
                "cells": cells,
                "training_images": len(train),
                "copies": copies,
                "verdict": "copies training images" if copies else VERDICTS[fired],
            },
        ),
        Result("copied_share", share, share_spread, by_chance, len(fake), AS_DATA, details={"p_value": share_p}),
    ]


def data_copying(fake_distance, heldout_distance, fake_cell, heldout_cell) -> tuple[float, float, float, int]:
    """(C_T, one-sided p-value, its deviation by chance, number of cells used).

    C_T is the mean of the cells' Mann-Whitney z-scores, weighed by the held-out mass of the
    cell. By chance the z-scores are independent and standard normal, so C_T has
    deviation sqrt(sum w^2), which gives the p-value. Cells with fewer than 20 samples are left
    out, as in the paper; if none is left, all samples make one cell.

    Args:
      fake_distance, heldout_distance: to the nearest training row, [m], [h].
      fake_cell, heldout_cell: the cell of each, int [m], [h].
    """
    scores, weights = [], []
    for cell in np.unique(heldout_cell):
        ours, theirs = fake_distance[fake_cell == cell], heldout_distance[heldout_cell == cell]
        if min(len(ours), len(theirs)) >= FEWEST_IN_CELL:
            scores.append(mann_whitney_z(ours, theirs))
            weights.append(len(theirs))
    if not scores:
        scores, weights = [mann_whitney_z(fake_distance, heldout_distance)], [1]
    weights = np.asarray(weights, np.float64) / np.sum(weights)
    value, deviation = float(weights @ scores), float(np.sqrt((weights**2).sum()))
    return value, normal_cdf(value / deviation), deviation, len(scores)


def copied_share(to_train, train_index, to_heldout, heldout_index, train_count: int, heldout_count: int):
    """(share of samples that are copies, one-sided p-value, deviation by chance).

    If the generator knows neither set, a real image is a training image with chance
    c = t / (t + h). All samples with the same nearest real image share that one coin, so the share s of
    samples whose nearest real image is a training image has mean c and variance c (1 - c) sum(k^2) / m^2 over
    the counts k of samples per real image. That holds for a collapsed generator too, where samples are many
    but coins few. If a share q of the samples are copies, s = q + (1 - q) c; q is returned. Equal
    distances count as half.

    Args:
      to_train, train_index: distance and index of each sample's nearest training row, [m].
      to_heldout, heldout_index: the same among the held-out rows.
    """
    chance = train_count / (train_count + heldout_count)
    share = np.where(to_train == to_heldout, 0.5, to_train < to_heldout).mean()
    coins = np.bincount(np.where(to_train < to_heldout, train_index, train_count + heldout_index))
    deviation = math.sqrt(chance * (1 - chance) * float((coins.astype(np.float64) ** 2).sum())) / len(to_train)
    return (
        float((share - chance) / (1 - chance)),
        normal_cdf((chance - share) / deviation),
        float(deviation / (1 - chance)),
    )


def mann_whitney_z(x: np.ndarray, y: np.ndarray) -> float:
    """z-score of the Mann-Whitney U of x against y, ties corrected; negative when x is smaller."""
    n, m = len(x), len(y)
    _, inverse, counts = np.unique(np.concatenate([x, y]), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    u = ranks[:n].sum() - n * (n + 1) / 2
    ties = (counts.astype(np.float64) ** 3 - counts).sum() / ((n + m) * (n + m - 1))
    variance = n * m / 12 * (n + m + 1 - ties)
    return float((u - n * m / 2) / math.sqrt(variance)) if variance > 0 else 0.0


def normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _centres(points, count, seed):
    """k-means centres (k-means++ start, 10 Lloyd steps) of up to 10,000 of the points."""
    rng = np.random.default_rng(seed)
    points = points[np.sort(rng.permutation(len(points))[:10000])].astype(np.float64)
    centres = points[rng.integers(len(points))][None]
    for _ in range(count - 1):
        squared = nearest(points, centres)[0] ** 2
        if squared.sum() == 0:  # fewer distinct points than cells
            break
        centres = np.vstack([centres, points[rng.choice(len(points), p=squared / squared.sum())]])
    for _ in range(10):
        cell = nearest(points, centres)[1]
        centres = np.stack(
            [points[cell == c].mean(axis=0) if (cell == c).any() else centres[c] for c in range(len(centres))]
        )
    return centres
