"""Figures from a classifier's class probabilities; numpy only."""

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.metrics.checks import enough
from tfgan_train.metrics.result import HIGHER, LOWER, Result


def classifier_score(probabilities: np.ndarray, splits: int = 10, seed: int = 0) -> Result:
    """exp(E_x KL(p(y|x) || p(y))): the Inception Score's formula with any classifier.

    Salimans et al. 2016 (arXiv 1606.03498); mean and standard deviation over `splits` parts,
    as the paper has. The samples are shuffled first, since they may come sorted by class.

    Args:
      probabilities: [n, K], rows sum to 1.

    Raises:
      UserError: fewer than 2 samples a split.
    """
    _check(probabilities)
    enough(len(probabilities), 2 * splits, "samples for the classifier score")
    p = probabilities.astype(np.float64)[np.random.default_rng(seed).permutation(len(probabilities))]
    scores = []
    for part in np.array_split(p, splits):
        marginal = part.mean(axis=0)
        logs = np.log(np.maximum(part, 1e-300)) - np.log(np.maximum(marginal, 1e-300))
        scores.append(np.exp((part * logs).sum(axis=1).mean()))
    return Result(
        "classifier_score",
        float(np.mean(scores)),
        float(np.std(scores)),
        f"{splits} splits",
        len(p),
        HIGHER,
        details={"confidence": float(p.max(axis=1).mean())},
    )


def class_kl(fake_probabilities: np.ndarray, real_probabilities: np.ndarray, seed: int = 0) -> Result:
    """KL(generated classes || data's classes) of the most probable class, in nats.

    Both sides are named by the same classifier, so its mistakes cancel. Of n samples from the
    data itself about (K - 1) / (2 n) is expected. A class that the classifier never sees in the
    data counts there as half an image, which keeps the figure finite.

    Returns:
      The KL; in its details the two histograms (shares) and the classes hit.
    """
    _check(fake_probabilities)
    _check(real_probabilities)
    classes = fake_probabilities.shape[1]
    if real_probabilities.shape[1] != classes:
        raise UserError(
            f"{classes} classes in the generated images' probabilities, {real_probabilities.shape[1]} in the data's"
        )
    fake = np.bincount(fake_probabilities.argmax(axis=1), minlength=classes)
    real = np.bincount(real_probabilities.argmax(axis=1), minlength=classes)
    reference = np.maximum(real, 0.5) / np.maximum(real, 0.5).sum()
    share = fake / fake.sum()
    draws = np.random.default_rng(seed).multinomial(fake.sum(), share, size=200) / fake.sum()
    return Result(
        "class_kl",
        float(kl(share, reference)),
        float(kl(draws, reference).std(ddof=1)),
        "bootstrap, 200 draws",
        int(fake.sum()),
        LOWER,
        "nats",
        details={
            "histogram": share.tolist(),
            "data_histogram": (real / real.sum()).tolist(),
            "classes_hit": int((fake > 0).sum()),
        },
    )


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """KL(p || q) in nats along the last axis, with 0 log 0 = 0."""
    ratio = np.where(p > 0, p, 1) / np.where(p > 0, q, 1)
    return (p * np.log(ratio)).sum(axis=-1)


def _check(probabilities):
    if probabilities.ndim != 2 or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise UserError("class probabilities must be [n, K] with rows that sum to 1")
