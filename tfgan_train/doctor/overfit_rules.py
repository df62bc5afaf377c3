"""The sign of a D that learns its training set by heart, with and without ADA."""

import math
from collections.abc import Mapping
from typing import Any

# Overfitting of D: r_v of Karras et al. 2020 (arXiv:2006.06676, equation 1), 0 where D judges
# held-out images as it does training images and 1 where it takes them for fakes. Healthy runs on 10,000 digits
# stay below 0.2; 500 digits reach 0.4 within 1,400 steps.
OVERFIT = 0.5
NOT_OVERFIT = 0.35
OVERFIT_ROWS = 3
LEAST_GAP = 0.2  # between real and fake logits; below it the ratio is noise

# ADA is at work while its p rises; from 0.8 on its augmentations show in the samples (Karras et al. 2020, section 2.2).
ADA_ROWS = 6
ADA_MOST = 0.8


def overfitting(row: Mapping[str, Any]) -> float | None:
    """r_v, see OVERFIT; None where not told or where D hardly tells real from fake."""
    train, held_out, fake = (row.get(key) for key in ("train_real_logits", "heldout_real_logits", "sample_logits"))
    if train is None or held_out is None or fake is None or not train - fake > LEAST_GAP:
        return None
    return (train - held_out) / (train - fake)


def d_overfits(history):
    """Held-out images are taken for fakes, for a while, and no ADA is on its way to mend it."""
    ratios = [overfitting(row) for row in list(history.samples)[-OVERFIT_ROWS:]]
    if len(ratios) < OVERFIT_ROWS or None in ratios or min(ratios) < OVERFIT or _is_rising(history):
        return None
    return (
        f"D tells held-out real images from the training images: they have moved {100 * ratios[-1]:.0f} % of the way "
        f"to the fakes. It learns the training set by heart{_with_ada(history)}"
    )


def no_longer_overfits(history) -> bool:
    """Whether D judges held-out images much as training images again."""
    ratio = overfitting(history.samples[-1])
    return ratio is not None and ratio < NOT_OVERFIT


def less_overfitting(history) -> str:
    """The flags to try."""
    others = "--d_dropout=0.3, --penalty=r1, or more training images"
    p = _probability(history)
    if math.isnan(p):
        return f"--augment=flip,ada, {others}"
    return others if p >= ADA_MOST else f"a lower --ada_target, {others}"


def _probability(history) -> float:
    """ADA's p; NaN without ADA."""
    return history.train[-1]["augment_probability"] if history.train else math.nan


def _is_rising(history) -> bool:
    p = history.recent("augment_probability", ADA_ROWS)
    return len(p) > 1 and p[0] < p[-1] < ADA_MOST


def _with_ada(history) -> str:
    p = _probability(history)
    return "" if math.isnan(p) else f", though ADA augments it with p = {p:.2f}"
