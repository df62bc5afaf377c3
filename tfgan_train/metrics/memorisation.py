"""Does the generator copy its training images? Two tests with p-values; numpy only.

`data_copying` asks whether samples lie nearer to the training images than held-out real images
do: the C_T statistic of Meehan, Chaudhuri and Dasgupta 2020 (arXiv 2004.05675), a
Mann-Whitney test inside cells of the training set, so that neither another mix of classes nor
bad samples in one region can hide copies in another. Smooth or typical samples also lie
near everything, and make it fire; hence the control `training_preference`: of the nearest
images in equally many training and held-out images, how many are training images? Whatever
the samples look like, half are, unless the generator knows the training images.
A generator is said to copy only if both say so.
"""
import math

import numpy as np

from tfgan_train.metrics.checks import enough
from tfgan_train.metrics.distances import nearest
from tfgan_train.metrics.result import AS_DATA, Result

ALPHA = 1e-3  # both p-values below it: "copies"
MOST_QUERIES = 2000  # held-out and generated rows that C_T searches the whole training set for


def measure(train: np.ndarray, heldout: np.ndarray, fake: np.ndarray, seed: int = 0) -> list[Result]:
    """Both tests on rows [t, F], [h, F], [m, F] (pixels, or features).

    Returns:
      "memorisation" (C_T; 0 by chance, strongly negative for copies) and
      "train_preference" (share; 0.5 by chance, 1 for copies), each with its one-sided p-value and
      the first with the "verdict" of both.

    Raises:
      UserError: fewer than 40 rows in a set.
    """
    for count, what in ((len(train), "training images"), (len(heldout), "held-out images"),
                        (len(fake), "generated images")):
        enough(count, 40, f"{what} for the memorisation tests")
    copying, copying_p, copying_spread, cells = data_copying(train, heldout, fake, seed)
    share, share_p, share_spread = training_preference(train, heldout, fake, seed)
    copies = copying_p < ALPHA and share_p < ALPHA
    n = len(fake)
    return [
        Result("memorisation", copying, copying_spread, "standard deviation by chance", n, AS_DATA,
               details={"p_value": copying_p, "cells": cells, "copies": bool(copies),
                        "verdict": _verdict(copies, copying_p)}),
        Result("train_preference", share, share_spread, "standard deviation by chance", n, AS_DATA,
               details={"p_value": share_p}),
    ]


def data_copying(train, heldout, fake, seed: int = 0) -> tuple[float, float, float, int]:
    """(C_T, one-sided p-value, its deviation by chance, number of cells used).

    C_T is the mean of the cells' Mann-Whitney z-scores, weighed by the held-out mass of the
    cell. By chance the z-scores are independent and standard normal, so C_T has
    deviation sqrt(sum w^2), which gives the p-value. Cells with fewer than 20 samples are left out, as in
    the paper. The first 2,000 held-out and generated rows are taken, so these should come in random order.
    """
    heldout, fake = heldout[:MOST_QUERIES], fake[:MOST_QUERIES]
    centres = _centres(train, max(1, min(10, len(heldout) // 200)), seed)
    heldout_cell, fake_cell = nearest(heldout, centres)[1], nearest(fake, centres)[1]
    heldout_distance, fake_distance = nearest(heldout, train)[0], nearest(fake, train)[0]
    scores, weights = [], []
    for cell in range(len(centres)):
        ours, theirs = fake_distance[fake_cell == cell], heldout_distance[heldout_cell == cell]
        if min(len(ours), len(theirs)) >= 20:
            scores.append(mann_whitney_z(ours, theirs))
            weights.append(len(theirs))
    if not scores:  # samples and held-out images share no cell
        scores, weights = [mann_whitney_z(fake_distance, heldout_distance)], [1]
    weights = np.asarray(weights, np.float64) / np.sum(weights)
    value, deviation = float(weights @ scores), float(np.sqrt((weights**2).sum()))
    return value, normal_cdf(value / deviation), deviation, len(scores)


def training_preference(train, heldout, fake, seed: int = 0) -> tuple[float, float, float]:
    """(share of samples nearer to training than held-out images, p-value, deviation by chance).

    Equally many of both sets are compared. If the generator knows neither, each real
    image was as likely to be in one set as in the other. So all samples with the same nearest real
    image share one fair coin, and the variance by chance is sum(c^2) / 4 / m^2 over the counts c of
    samples per real image. That holds for a collapsed generator too, where samples are many but coins few.
    Distances that are equal count as half.
    """
    size = min(len(train), len(heldout))
    rng = np.random.default_rng(seed)
    train = train[np.sort(rng.permutation(len(train))[:size])]
    heldout = heldout[np.sort(rng.permutation(len(heldout))[:size])]
    to_train, train_index = nearest(fake, train)
    to_heldout, heldout_index = nearest(fake, heldout)
    share = np.where(to_train == to_heldout, 0.5, to_train < to_heldout).mean()
    owner = np.where(to_train < to_heldout, train_index, size + heldout_index)
    coins = np.bincount(owner)
    deviation = math.sqrt(float((coins.astype(np.float64) ** 2).sum())) / 2 / len(fake)
    return float(share), normal_cdf((0.5 - share) / deviation), deviation


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


def _verdict(copies, copying_p):
    if copies:
        return "copies training images"
    if copying_p < ALPHA:
        return "nearer to the training images than real ones are, but as near to images it never saw: smooth, not copied"
    return "no sign of copying"


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
        centres = np.stack([points[cell == c].mean(axis=0) if (cell == c).any() else centres[c]
                            for c in range(len(centres))])
    return centres
