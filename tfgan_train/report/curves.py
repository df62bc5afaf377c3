"""Which curves a run's page shows: from rows of metrics.jsonl to charts."""

import math

import numpy as np

from tfgan_train.report.charts import Guide, Series, line_chart
from tfgan_train.runs.rows import Row


def training_charts(rows: list[Row], sample_rows: list[Row]) -> list[str]:
    """Charts of the training rows (and the statistics of the samples); those without data are "".

    Args:
      rows: kind "train", in order of step.
      sample_rows: kind "samples", likewise.
    """
    return [*_of_the_game(rows, sample_rows), *_of_heads(rows), _of_ada(rows), _of_variety(sample_rows)]


def _of_the_game(rows: list[Row], sample_rows: list[Row]) -> list[str]:
    """How the two networks play: losses, D's judgement, gradients, penalty."""
    return [
        line_chart(
            "Losses",
            [_each_step(rows, "d_loss", "discriminator", "d"), _each_step(rows, "g_loss", "generator", "g")],
            note="Each step, and smoothed. A GAN's losses need not fall: the two networks play against each other.",
        ),
        line_chart(
            "D's accuracy",
            [
                _series(rows, "d_accuracy_real", "on real", "real"),
                _series(rows, "d_accuracy_fake", "on fake", "fake"),
                _series(rows, "d_accuracy", "both", "d"),
            ],
            note="Near 50 % D can't tell real from fake; near 100 % G has little to learn from.",
            guide=Guide(0.5, "50 %: the ideal"),
            limits=(0.0, 1.02),
            percent=True,
        ),
        line_chart(
            "D's logits",
            [
                _series(rows, "real_logits", "real", "real"),
                _series(rows, "fake_logits", "fake", "fake"),
                _series(sample_rows, "heldout_real_logits", "real, held out", "held-out"),
            ],
            note="The wider the gap, the surer D is. Held-out images below the training ones: D memorises.",
        ),
        line_chart(
            "Gradient norms",
            [_series(rows, "d_grad_norm", "discriminator", "d"), _series(rows, "g_grad_norm", "generator", "g")],
            note="A generator whose gradients vanish has stopped learning.",
            logarithmic=True,
        ),
        line_chart("Gradient penalty", [_series(_nonzero(rows, "penalty"), "penalty", "penalty", "d")]),
    ]


def _of_heads(rows: list[Row]) -> list[str]:
    """What D's further heads say: AC-GAN's of classes, InfoGAN's of codes."""
    return [
        line_chart(
            "Class accuracy",
            [
                _series(rows, "class_accuracy_real", "of real images", "real"),
                _series(rows, "class_accuracy_fake", "of samples", "fake"),
            ],
            note="How often D's second head names an image's class.",
            limits=(0.0, 1.02),
            percent=True,
        ),
        line_chart(
            "What images tell of their codes",
            [_series(rows, "code_information", "categorical, in nats", "fake")],
            note="At most the logarithm of the number of codes there are; 0 is a guess.",
        ),
        line_chart(
            "Error of the continuous codes",
            [_series(rows, "code_error", "mean square", "fake")],
            note="As Q reads them off an image; 1/3 is a guess.",
        ),
    ]


def _of_ada(rows: list[Row]) -> str:
    return line_chart(
        "Adaptive augmentation",
        [
            _series(rows, "augment_probability", "p of each operation", "fake"),
            _series(rows, "real_sign", "D's mean sign at real images", "real"),
        ],
        note="p rises while the sign is above --ada_target, which says that D knows its real images too well.",
    )


def _of_variety(sample_rows: list[Row]) -> str:
    return line_chart(
        "Variety of the samples",
        [
            _series(sample_rows, "pairwise_distance", "between samples", "fake"),
            _series(sample_rows, "pairwise_distance_real", "between real images", "real"),
        ],
        note="Mean pixel distance between two images. Far below the real images', the samples look alike.",
    )


def evaluation_charts(evaluations: dict) -> list[str]:
    """One chart for each metric that was measured at two steps or more."""
    names = dict.fromkeys(name for metrics in evaluations.values() for name in metrics)
    charts = []
    for name in names:
        points = [(step, metrics[name].value) for step, metrics in evaluations.items() if name in metrics]
        if len(points) > 1:
            steps, values = zip(*points, strict=True)
            words = name.replace("_", " ")
            charts.append(line_chart(words, [Series(words, "eval", np.array(steps), np.array(values, float))]))
    return charts


def _series(rows: list[Row], key: str, name: str, colour: str) -> Series:
    """`key` over the rows that have it; null counts as not finite."""
    points = [(row["step"], _float(row[key])) for row in rows if key in row]
    steps, values = np.array(points, float).reshape(-1, 2).T
    return Series(name, colour, steps, values)


def _each_step(rows: list[Row], key: str, name: str, colour: str) -> Series:
    """The values of every step under KEY_each where rows have them, else the rows' means."""
    steps: list[int] = []
    values: list[float | None] = []
    for row in rows:
        each = row.get(f"{key}_each") or ([row[key]] if key in row else [])
        # The list ends at the row's own step.
        steps.extend(range(row["step"] - len(each) + 1, row["step"] + 1))
        values.extend(each)
    return Series(name, colour, np.array(steps, float), np.array([_float(value) for value in values]))


def _nonzero(rows: list[Row], key: str) -> list[Row]:
    """The rows, or none of them where `key` is 0 throughout."""
    return rows if any(row.get(key) for row in rows) else []


def _float(value) -> float:
    return math.nan if value is None else float(value)
