"""How well does a linear classifier read classes off features? numpy only.

Ridge regression on one-hot targets, in closed form: deterministic, one solve. Radford et al. 2016
(arXiv 1511.06434, section 5) asked the same of a discriminator's features with a linear SVM.
"""

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.metrics.checks import enough
from tfgan_train.metrics.result import HIGHER, Result

STRENGTHS = 10.0 ** np.arange(-6, 1)  # ridge strengths tried, per training row


def linear_probe(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray, name: str = "linear_probe"
) -> Result:
    """Test accuracy of a linear classifier on rows [n, F], [m, F] with int labels.

    Features are standardised by the training rows; the ridge strength is chosen on the last fifth of
    the training rows, then all of them are used.

    Raises:
      UserError: fewer than 10 rows, or labels of one class only.
    """
    enough(len(train), 10, "labelled training images")
    enough(len(test), 1, "labelled test images")
    classes = int(max(train_labels.max(), test_labels.max())) + 1
    if len(np.unique(train_labels)) < 2:
        raise UserError("a linear probe needs labels of at least two classes")
    mean, scale = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 1e-6 * max(scale.max(), 1e-30), scale, np.inf)  # constant features: left out
    x, xt = ((rows - mean) / scale for rows in (train, test))
    cut = len(x) - len(x) // 5
    fits = _ridge(x[:cut], train_labels[:cut], classes, STRENGTHS)
    strength = STRENGTHS[int(np.argmax([_accuracy(w, x[cut:], train_labels[cut:]) for w in fits]))]
    (weights,) = _ridge(x, train_labels, classes, [strength])
    accuracy = _accuracy(weights, xt, test_labels)
    return Result(
        name,
        accuracy,
        float(np.sqrt(accuracy * (1 - accuracy) / len(xt))),
        "standard error",
        len(xt),
        HIGHER,
        details={"strength": float(strength), "features": x.shape[1], "training_images": len(x)},
    )


def _ridge(x, labels, classes, strengths):
    """[(weights [F, K], bias [K])] for each strength, from one eigendecomposition."""
    targets = np.eye(classes)[labels]
    bias, centre = targets.mean(axis=0), x.mean(axis=0)
    centred = x - centre
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    projected = vectors.T @ (centred.T @ (targets - bias) / len(x))
    fits = []
    for strength in strengths:
        weights = vectors @ (projected / (np.maximum(values, 0) + strength)[:, None])
        fits.append((weights, bias - centre @ weights))
    return fits


def _accuracy(fit, x, labels):
    return float(((x @ fit[0] + fit[1]).argmax(axis=1) == labels).mean())
