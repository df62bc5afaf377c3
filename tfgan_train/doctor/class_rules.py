"""The sign of a conditional GAN that draws one picture for each label: variety between classes, none within."""

import math

# Distance between two samples of a label, as a share of that between two of its real images.
ALIKE = 0.3
VARIED_AGAIN = 0.5
ROWS = 3  # in which it has to be so
FIRST_STEP = 1000  # classes are alike within while a run is only starting
NAMED = 5  # labels that the message counts up


def class_collapse(history):
    """Labels whose samples look alike, for a while; where all samples do, it is mode collapse and told as such."""
    rows = list(history.samples)[-ROWS:]
    if len(rows) < ROWS or rows[0]["step"] < FIRST_STEP:
        return None
    alike = set.intersection(*({label for label, _ in _alike(row, ALIKE)} for row in rows))
    if not alike:
        return None
    lowest, found = min((share, label) for label, share in _alike(rows[-1], ALIKE) if label in alike)
    known = sum(share is not None for share in rows[-1]["class_variety"])
    listed = ", ".join(str(label) for label in sorted(alike)[:NAMED]) + (" …" if len(alike) > NAMED else "")
    return (
        f"the samples of {len(alike)} of {known} labels ({listed}) look alike: those of label {found} have "
        f"{100 * lowest:.0f} % of the distance between its real images (collapse within a class)"
    )


def varied_within_again(history) -> bool:
    """Whether no label's samples look alike any more."""
    return not _alike(history.samples[-1], VARIED_AGAIN)


def less_class(history) -> str:
    """The flags to try; AC-GAN's G gains by drawing what the second head names best (Odena et al. 2017, section 4)."""
    if math.isnan(history.train[-1]["class_accuracy_fake"] if history.train else math.nan):
        return "--minibatch_discrimination=32, --penalty=r1 or a lower --g_lr"
    return "--d_conditioning=projection, a lower --g_class_weight or --penalty=r1"


def _alike(row, limit: float) -> list[tuple[int, float]]:
    """(label, share) of the labels below `limit`."""
    shares = row.get("class_variety") or []
    return [(label, share) for label, share in enumerate(shares) if share is not None and share < limit]
