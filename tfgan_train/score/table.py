"""Scores as a table for people and as JSON for tools."""

from tfgan_train.score.evaluation import Evaluation, Scores

HEADINGS = ("metric", "value", "+-", "real data", "better", "n")
FORMAT = 1
MOST_CLASSES = 21  # a histogram of as many is left to the JSON file


def table(scores: Scores, evaluation: Evaluation) -> str:
    """A plain text table, with what its figures rest on below it."""
    rows = [HEADINGS] + [
        (
            _name(one, evaluation),
            number(one.result.value),
            number(one.result.spread),
            "" if one.real is None else number(one.real),
            one.result.better,
            f"{one.result.n:,}",
        )
        for one in scores.figures
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = [
        "  ".join(
            cell.ljust(width) if i in (0, 4) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines + [""] + notes(scores, evaluation))


def notes(scores: Scores, evaluation: Evaluation) -> list[str]:
    """Sentences on the reference, the features, the verdicts and what is missing."""
    name = evaluation.train.name
    own = (
        f"'real data' is what {evaluation.other_count:,} other real images of it score."
        if evaluation.other_count
        else "it has no held-out images, so the data's own figures and what needs such images are missing."
    )
    found = [
        f"Compared with {evaluation.count:,} {evaluation.split} images of {name}; {own}",
        evaluation.extractor.note,
    ]
    for one in scores.figures:
        details = one.result.details
        if "verdict" in details:
            found.append(
                f"Memorisation: {details['verdict']} "
                f"(p = {details['p_value']:.2g} by distance, {details['copied_p_value']:.2g} by share)."
            )
        if one.result.name == "d_gap" and details["p_value"] < 1e-3:
            found.append(
                "D knows its training images: they look more real to it than held-out ones "
                f"(p = {details['p_value']:.2g})."
            )
        if len(details.get("histogram", MOST_CLASSES * [0])) < MOST_CLASSES:
            found.append(
                "Classes (data's share): "
                + ", ".join(
                    f"{label} {share:.1%} ({data:.1%})"
                    for label, share, data in zip(
                        evaluation.train.label_names, details["histogram"], details["data_histogram"], strict=True
                    )
                )
                + "."
            )
        if "of" in details:
            found.append(f"Modes: {one.result.value:,.0f} of {details['of']:,}.")
    return found + [f"Not computed: {name} ({why})." for name, why in scores.left_out]


def to_json(scores: Scores, evaluation: Evaluation, about: dict) -> dict:
    """What eval/STEP.json holds: `about` (step, seconds …), the ground of the figures, and each figure by name."""
    extractor = evaluation.extractor
    return (
        {"format": FORMAT}
        | about
        | {
            "dataset": evaluation.train.name,
            "reference": {"split": evaluation.split, "images": evaluation.count},
            "features": {
                "name": extractor.name,
                "key": extractor.key,
                "frechet": extractor.fd_name,
                "note": extractor.note,
                "facts": extractor.facts,
            },
            "notes": notes(scores, evaluation),
            "metrics": {one.result.name: one.to_json() for one in scores.figures},
        }
    )


def number(value: float) -> str:
    """Four significant digits, without an exponent where that stays readable."""
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.2e}"
    digits = 4 if value == 0 else max(0, 3 - int(f"{value:e}".split("e")[1]))
    return f"{value:.{min(digits, 6)}f}"


def _name(one, evaluation):
    name = one.result.name
    return f"{name} ({evaluation.extractor.fd_name})" if name == "fd" else name
