"""The signs of a GAN that goes wrong: thresholds, words and remedies, one function each.

Each looks at a `doctor.History` and answers with a message or None. Where a number stands as a threshold,
the comment beside it says what runs it was set by: MLP and convolutional GANs on MNIST, healthy
ones and ones made to fail.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tfgan_train.doctor.class_rules import class_collapse, less_class, varied_within_again
from tfgan_train.doctor.overfit_rules import d_overfits, less_overfitting, no_longer_overfits

# D overpowers G. The first 5,000 steps of vanilla_mlp, which then draws good digits, have a D that is
# right 99 % of the time, so accuracy alone must last; with G's gradient or hopes gone it need not.
SURE = 0.99  # D's accuracy, as a median
NO_LONGER_SURE = 0.95
SURE_ROWS = 6
SURE_STEPS = 6000  # accuracy alone, for so many steps
HOPELESS_STEPS = 500  # before that a run is only starting
HOPELESS_LOSS = 10.0  # G's: D gives samples a chance of e^-10, 1 in 20,000; healthy runs stay below 8
VANISHED = 0.01  # G's gradient norm against its highest

# Mode collapse, by the distance between samples as a share of that between real images. An
# MLP's samples start out alike, at 0.02 after 400 steps, and reach 0.1 by step 700; collapsed
# generators stay below 0.03.
COLLAPSE_STEPS = 1000  # it must have lasted so long
COLLAPSE_ROWS = 3
ALIKE = 0.1
VARIED_AGAIN = 0.2
FALLEN = 0.5  # against the run's own best …
FALLEN_FROM = 0.6  # … where that was worth something; healthy convolutional runs keep 0.92 to 1.07
RISEN_AGAIN = 0.7
# Classes are narrow at first: layers_mlp, which ends with all ten, passes the equivalent of 5 at step 18,000.
FEW_CLASSES = 0.5  # effective number of classes (e^entropy), as a share of all …
MORE_CLASSES = 0.65  # … where the run had more before …
NARROW_STEPS = 30_000  # … or has had few for so long

# Divergence. Gradient norms of healthy runs grow up to 12-fold over their highest in the first 500 steps.
EXPLODED = 100.0
CALM = 20.0
DIVERGED_ROWS = 5
D_LOSS_LIMIT = 10.0  # chance is 1.39 for cross-entropy and 2 for hinge; healthy runs stay below 3
G_LOSS_LIMIT = 100.0
# A swing is from the lowest quarter to the highest or back, of the last 20 rows. Healthy runs
# have at most 6 of them with a spread (10th to 90th percentile) of 1.4 times the lower quartile.
SWING_ROWS = 20
SWINGS = 7
SWING_SPREAD = 4.0
CALM_SPREAD = 2.0


class Sign(NamedTuple):
    """One way to go wrong.

    Attributes:
      name: as findings give it.
      title: for people.
      kind: of the rows after which it is looked for.
      seen: history -> what is seen, or None.
      gone: history -> whether it has clearly ended.
      remedy: history -> the flags to try.
    """

    name: str
    title: str
    kind: str
    seen: Callable
    gone: Callable
    remedy: Callable


def variety(row: Mapping[str, Any]) -> float | None:
    """Mean distance between samples as a share of that between real images; None where not told."""
    distance, real = row.get("pairwise_distance"), row.get("pairwise_distance_real")
    return distance / real if distance is not None and real else None


def class_share(row: Mapping[str, Any]) -> float | None:
    """Effective number of classes among the samples, as a share of all; None where not told."""
    counts = np.asarray(row.get("class_histogram") or [], float)
    if len(counts) < 2 or not counts.sum():
        return None
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))) / len(counts))


def _not_finite(history):
    row = history.train[-1]
    bad = [key for key in ("d_loss", "g_loss", "d_grad_norm", "g_grad_norm") if not math.isfinite(row[key])]
    return f"{', '.join(bad)} {'are' if len(bad) > 1 else 'is'} not finite" if bad else None


def _d_overpowers_g(history):
    """Accuracy stuck near 1, and G has no hope, no gradient, or no success for long."""
    accuracy = history.recent("d_accuracy", SURE_ROWS)
    if history.paired or len(accuracy) < SURE_ROWS or not np.median(accuracy) >= SURE:
        return None
    share = f"D is right in {100 * np.median(accuracy):.1f} % of cases"
    gradient, peak = np.median(history.recent("g_grad_norm", SURE_ROWS)), history.peak.get("g_grad_norm", 0.0)
    if gradient <= VANISHED * peak:
        return f"{share} and G's gradient norm has fallen from {peak:.2g} to {gradient:.2g}: G no longer learns"
    loss = np.median(history.recent("g_loss", SURE_ROWS))
    if history.train[-1]["step"] >= HOPELESS_STEPS and loss >= HOPELESS_LOSS:
        return f"{share} and G's loss stands at {loss:.3g}: D is too strong for G"
    longer = history.since("d_accuracy", SURE_STEPS)
    if len(longer) and np.median(longer) >= SURE and longer.min() >= NO_LONGER_SURE:
        return f"{share}, and has been for {SURE_STEPS:,} steps: D is too strong for G"
    return None


def _d_no_longer_sure(history):
    return np.median(history.recent("d_accuracy", SURE_ROWS)) < NO_LONGER_SURE


def _mode_collapse(history):
    """Samples alike, or much more alike than they were, or of few classes; for a while."""
    rows = list(history.samples)[-COLLAPSE_ROWS:]
    if len(rows) < COLLAPSE_ROWS or rows[-1]["step"] < COLLAPSE_STEPS:
        return None
    varieties = [variety(row) for row in rows]
    if None not in varieties:
        now = f"the distance between samples is {100 * varieties[-1]:.0f} % of that between real images"
        if max(varieties) < ALIKE and _lasted(history, lambda row: variety(row) is not None and variety(row) < ALIKE):
            return f"{now}: they look alike (mode collapse)"
        best = history.best_variety
        if best >= FALLEN_FROM and max(varieties) < FALLEN * best:
            return f"{now} and was {100 * best:.0f} %: G draws fewer and fewer different images (mode collapse)"
    shares = [class_share(row) for row in rows]
    if (
        None not in shares
        and max(shares) < FEW_CLASSES
        and (history.best_classes >= MORE_CLASSES or rows[-1]["step"] - history.few_classes_since >= NARROW_STEPS)
    ):
        classes = len(rows[-1]["class_histogram"])
        return (
            f"the samples spread over the equivalent of {shares[-1] * classes:.1f} of {classes} classes (mode collapse)"
        )
    return None


def _lasted(history, holds) -> bool:
    """Whether the unbroken run of newest sample rows for which `holds` spans COLLAPSE_STEPS."""
    newest = history.samples[-1]["step"]
    for row in reversed(history.samples):
        if not holds(row):
            return False
        if newest - row["step"] >= COLLAPSE_STEPS:
            return True
    return len(history.samples) == history.samples.maxlen


def _varied_again(history):
    row = history.samples[-1]
    now, share = variety(row), class_share(row)
    best = history.best_variety if history.best_variety >= FALLEN_FROM else 0.0
    return (now is None or now > max(VARIED_AGAIN, RISEN_AGAIN * best)) and (share is None or share > MORE_CLASSES)


def _diverges(network: str, loss_limit: float):
    """Makes the sign for "g" or "d": its gradient norm explodes, or its loss does or swings."""
    letter = network.upper()

    def seen(history):
        gradient = np.median(history.recent(f"{network}_grad_norm", DIVERGED_ROWS))
        start = history.start.get(f"{network}_grad_norm", math.inf)
        if gradient > EXPLODED * start:
            return f"{letter}'s gradient norm has grown from {start:.2g} at the start to {gradient:.2g}"
        losses = history.recent(f"{network}_loss", SWING_ROWS)
        if history.paired or len(losses) < DIVERGED_ROWS:
            return None
        loss = np.median(losses[-DIVERGED_ROWS:])
        if abs(loss) > loss_limit:
            return f"{letter}'s loss has grown to {loss:.3g}"
        if len(losses) == SWING_ROWS and _spread(losses) > SWING_SPREAD and _swings(losses) >= SWINGS:
            return f"{letter}'s loss swings between {losses.min():.3g} and {losses.max():.3g}"
        return None

    def gone(history):
        losses = history.recent(f"{network}_loss", SWING_ROWS)
        gradient = np.median(history.recent(f"{network}_grad_norm", DIVERGED_ROWS))
        small = (
            history.paired or abs(np.median(losses[-DIVERGED_ROWS:])) < loss_limit / 2 and _spread(losses) < CALM_SPREAD
        )
        return bool(small and gradient < CALM * history.start.get(f"{network}_grad_norm", math.inf))

    def remedy(history):
        rate = history.train[-1][f"{network}_lr"]
        lower = f"--{network}_lr={rate / 4:.2g}" if rate > 0 else f"a lower --{network}_lr"
        return f"{lower} or --penalty=r1"

    return Sign(f"{network}_diverges", f"{letter} diverges", "train", seen, gone, remedy)


def _spread(losses: np.ndarray) -> float:
    low, lower, high = np.percentile(losses, [10, 25, 90])
    return (high - low) / max(abs(lower), 0.05)


def _swings(losses: np.ndarray) -> int:
    """How often the losses pass from their lowest quarter to their highest or back."""
    low, high = np.percentile(losses, [25, 75])
    sides = [1 if loss >= high else -1 for loss in losses if loss >= high or loss <= low]
    return sum(before != after for before, after in itertools.pairwise(sides))


def _weaker_d(history):
    rate = history.train[-1]["d_lr"]
    lower = f"--d_lr={rate / 4:.2g}" if rate > 0 else "a lower --d_lr"
    return f"{lower}, --penalty=r1, --label_smoothing=0.1 or --instance_noise=0.1"


SIGNS = {
    sign.name: sign
    for sign in (
        Sign(
            "not_finite",
            "Numbers are not finite",
            "train",
            _not_finite,
            lambda history: _not_finite(history) is None,
            lambda history: "lower --g_lr and --d_lr, or --penalty=r1",
        ),
        Sign("d_overpowers_g", "D overpowers G", "train", _d_overpowers_g, _d_no_longer_sure, _weaker_d),
        _diverges("g", G_LOSS_LIMIT),
        _diverges("d", D_LOSS_LIMIT),
        Sign(
            "mode_collapse",
            "Mode collapse",
            "samples",
            _mode_collapse,
            _varied_again,
            lambda history: "--minibatch_discrimination=32, --g_norm=batch, --penalty=r1 or a lower --g_lr",
        ),
        Sign("class_collapse", "Classes collapse", "samples", class_collapse, varied_within_again, less_class),
        Sign(
            "d_overfits",
            "D overfits",
            "samples",
            d_overfits,
            no_longer_overfits,
            less_overfitting,
        ),
    )
}
