"""What a discriminator's logits say about overfitting; numpy only."""

import numpy as np

from tfgan_train.metrics.checks import enough
from tfgan_train.metrics.memorisation import mann_whitney_z, normal_cdf
from tfgan_train.metrics.result import AS_DATA, LOWER, Result


def measure(
    train_logits: np.ndarray, heldout_logits: np.ndarray, fake_logits: np.ndarray, threshold: float | None
) -> list[Result]:
    """D's accuracy on held-out reals and fakes, and how much better it knows its training images.

    "d_accuracy" (50 % is the ideal) is the mean of the shares of held-out reals above the threshold and
    of fakes below it. Losses that only compare (Wasserstein, relativistic) have none: there it is the share
    of pairs in which the real logit is above the fake one. "d_gap" is that accuracy on training reals
    less the one on held-out reals, 0 without overfitting, with the one-sided Mann-Whitney p-value of
    training logits being larger. A tie is half right.

    Args:
      train_logits, heldout_logits, fake_logits: float [n] each.
      threshold: the logit half-way between real and fake, or None.
    """
    for logits, what in (
        (train_logits, "training logits"),
        (heldout_logits, "held-out logits"),
        (fake_logits, "fake logits"),
    ):
        enough(len(logits), 2, what)
    train, heldout = (_accuracy(real, fake_logits, threshold) for real in (train_logits, heldout_logits))
    p_value = normal_cdf(-mann_whitney_z(train_logits, heldout_logits))
    spread = _deviation(heldout, min(len(heldout_logits), len(fake_logits)))
    return [
        Result("d_accuracy", heldout, spread, "standard error, at most", len(fake_logits), AS_DATA),
        Result(
            "d_gap",
            train - heldout,
            float(np.hypot(_deviation(train, len(train_logits)), spread)),
            "standard error, at most",
            len(heldout_logits),
            LOWER,
            details={"p_value": p_value},
        ),
    ]


def _accuracy(real, fake, threshold):
    if threshold is None:
        below = np.sort(fake)
        return float(
            (np.searchsorted(below, real, "left") + np.searchsorted(below, real, "right")).mean() / 2 / len(fake)
        )
    return float((_half_right(real - threshold) + _half_right(threshold - fake)) / 2)


def _half_right(margin):
    return np.where(margin == 0, 0.5, margin > 0).mean()


def _deviation(share, n):
    return float(np.sqrt(share * (1 - share) / n))
