"""What a discriminator's logits say about overfitting; numpy only."""
import numpy as np

from tfgan_train.metrics.checks import enough
from tfgan_train.metrics.memorisation import mann_whitney_z, normal_cdf
from tfgan_train.metrics.result import AS_DATA, LOWER, Result


def measure(train_logits: np.ndarray, heldout_logits: np.ndarray,
            fake_logits: np.ndarray) -> list[Result]:
    """D's accuracy on held-out reals and fakes, and how much better it knows its training images.

    "d_accuracy" is the mean of the share of held-out real logits above 0 and fake logits below
    (50 % is the ideal); "d_gap" is the share of training reals called real less that of held-out reals,
    0 without overfitting, with a one-sided Mann-Whitney p-value that training logits are
    larger. For losses whose logits have no zero (Wasserstein) only the p-value has a meaning.

    Args:
      train_logits, heldout_logits, fake_logits: float [n] each.
    """
    for logits, what in ((train_logits, "training logits"), (heldout_logits, "held-out logits"),
                         (fake_logits, "fake logits")):
        enough(len(logits), 2, what)
    train, heldout, fake = (float((x > 0).mean()) for x in (train_logits, heldout_logits, fake_logits))
    variance = [p * (1 - p) / len(x) for p, x in ((train, train_logits), (heldout, heldout_logits),
                                                  (fake, fake_logits))]
    p_value = normal_cdf(-mann_whitney_z(train_logits, heldout_logits))
    return [
        Result("d_accuracy", (heldout + 1 - fake) / 2, float(np.sqrt(variance[1] + variance[2]) / 2),
               "standard error", len(fake_logits), AS_DATA,
               details={"train_real": train, "heldout_real": heldout, "fake": 1 - fake}),
        Result("d_gap", train - heldout, float(np.sqrt(variance[0] + variance[1])), "standard error",
               len(heldout_logits), LOWER, details={"p_value": p_value}),
    ]
