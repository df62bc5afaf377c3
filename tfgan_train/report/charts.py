"""Line charts as HTML with inline SVG; knows series of numbers, nothing of runs.

The SVG holds only lines and stretches to whatever width there is; the numbers along the axes are
HTML beside it, so that they keep their size on a phone. Colours are CSS classes of page.css.
A series of any length is drawn from at most BUCKETS buckets: the faint line passes
through each bucket's lowest and highest value, so no spike is lost; the strong one is smoothed.
"""

import dataclasses
import json
import math

import numpy as np

from tfgan_train.common.numbers import number
from tfgan_train.report.templates import macros

BUCKETS = 240
_WIDTH, _HEIGHT = 1000, 400  # the SVG's own units
_TICKS = 5
_MANY = 200
_SMOOTHING = 0.02  # share of the series that the smoothed line averages, to each side


@dataclasses.dataclass(frozen=True)
class Series:
    """One line: its name in the legend, its colour's CSS class, and its points.

    Attributes:
      steps: [n] ascending.
      values: [n]; NaN and infinity leave a gap.
    """

    name: str
    colour: str
    steps: np.ndarray
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class Guide:
    """A horizontal line at `value` that says what `label` says."""

    value: float
    label: str


def line_chart(
    title: str,
    series: list[Series],
    note: str = "",
    guide: Guide | None = None,
    limits: tuple[float, float] | None = None,
    percent: bool = False,
    logarithmic: bool = False,
    x_name: str = "step",
) -> str:
    """One chart as an HTML <figure>.

    Args:
      title: the heading.
      series: the lines; those without a finite value are left out.
      note: a sentence under the heading.
      guide: a line to compare with.
      limits: the y axis; None: from the values, cut at rare spikes.
      percent: values are shares, shown as percentages.
      logarithmic: use a logarithmic y axis where all values are positive and span two decades.
      x_name: what `steps` of the series are, where they aren't steps.

    Returns:
      HTML, or "" where no series has a finite value.
    """
    lines = [line for line in map(_Line.of, series) if line is not None]
    if not lines:
        return ""
    y_axis = _y_axis(lines, limits, logarithmic, guide)
    first = min(line.first_step for line in lines)
    last = max(line.last_step for line in lines)
    x_axis = Axis(first, last if last > first else first + max(1.0, abs(first) / 1e6))
    paths = [("grid", _level(y_axis.place(tick))) for tick in y_axis.ticks()]
    if guide:
        paths.append(("guide", _level(y_axis.place(guide.value))))
    paths += [(f"raw {line.colour}", _points(x_axis, y_axis, line.raw_x, line.raw_y)) for line in lines]
    paths += [(f"smooth {line.colour}", _points(x_axis, y_axis, line.x, line.y)) for line in lines]
    show = _percent if percent else number
    return macros("chart").chart(
        title,
        legend=[(line.colour, line.name, show(line.last)) for line in lines],
        note=_note(note, lines),
        summary=f"{title}: " + "; ".join(f"{line.name} now {show(line.last)}" for line in lines),
        hover=_hover(lines, x_axis, y_axis, show),
        box=f"0 0 {_WIDTH} {_HEIGHT}",
        paths=paths,
        y_ticks=[(_share(1 - y_axis.place(tick)), show(tick)) for tick in y_axis.ticks()],
        x_ticks=[(_share(x_axis.place(tick)), number(tick)) for tick in x_axis.ticks()],
        x_name=x_name,
        guide=(_share(1 - y_axis.place(guide.value)), guide.label) if guide else None,
    )


class Axis:
    """A range of values and where each lies in it; linear or logarithmic."""

    def __init__(self, low: float, high: float, logarithmic: bool = False):
        self.logarithmic = logarithmic
        self.low, self.high = low, high

    def place(self, value):
        """The share of the axis below `value`: 0 at its low end, 1 at its high end."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), np.log10(value)
        return (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """About _TICKS round numbers within the axis: 1, 2 or 5 times a power of ten apart."""
        if self.logarithmic:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            every = max(1, math.ceil((last - first + 1) / _TICKS))
            return [10.0**power for power in range(first, last + 1, every)]
        rough = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        gap = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * 0.999)
        first = math.ceil(self.low / gap - 1e-9)
        last = math.floor(self.high / gap + 1e-9)
        return [index * gap for index in range(first, last + 1)]


@dataclasses.dataclass(frozen=True)
class _Line:
    """A series made ready for drawing: bucket means smoothed, and the raw extremes."""

    name: str
    colour: str
    x: np.ndarray
    y: np.ndarray
    raw_x: np.ndarray
    raw_y: np.ndarray
    first_step: float
    last_step: float
    last: float
    missing: int

    @classmethod
    def of(cls, series: Series) -> "_Line | None":
        values = np.asarray(series.values, np.float64)
        finite = np.isfinite(values)
        if not finite.any():
            return None
        values = np.where(finite, values, np.nan)
        steps = np.asarray(series.steps, np.float64)
        x, means = bucket_means(steps, values)
        y = smooth(means, round(len(means) * _SMOOTHING))
        return cls(
            series.name,
            series.colour,
            x,
            y,
            *extremes(steps, values),
            steps[0],
            steps[-1],
            y[np.isfinite(y)][-1],
            int((~finite).sum()),
        )


def bucket_means(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of `values` [n] over at most BUCKETS runs of equal length; NaN is left out of them.

    Returns:
      The mean step and the mean value of each bucket, its value NaN where it has none.
    """
    starts = _bucket_starts(len(values))
    counts = np.diff(np.append(starts, len(values)))
    finite = np.isfinite(values)
    found = np.add.reduceat(finite, starts, dtype=np.int64)
    sums = np.add.reduceat(np.where(finite, values, 0.0), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.add.reduceat(steps, starts) / counts, sums / found


def extremes(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points (step, value) that keep each bucket's lowest and highest value, in order.

    A series of at most 2 * BUCKETS points is returned as it is; NaN (a gap) is kept in it.
    """
    if len(values) <= 2 * BUCKETS:
        return steps, values
    keep = []
    for part in np.split(np.arange(len(values)), _bucket_starts(len(values))[1:]):
        inside = values[part]
        if np.isnan(inside).all():
            keep.append(part[0])
            continue
        keep += sorted({part[np.nanargmin(inside)], part[np.nanargmax(inside)]})
    return steps[keep], values[keep]


def smooth(values: np.ndarray, reach: int) -> np.ndarray:
    """Weighted mean over `reach` neighbours to each side (a triangle); NaN has no weight."""
    if not reach:
        return values
    weights = 1.0 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1.0)
    finite = np.isfinite(values)
    total = np.convolve(np.where(finite, values, 0.0), weights, "full")[reach:-reach]
    weight = np.convolve(finite.astype(float), weights, "full")[reach:-reach]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(finite, total / weight, np.nan)


def _bucket_starts(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count, min(count, BUCKETS), endpoint=False).astype(int))


def _y_axis(lines: list[_Line], limits, logarithmic: bool, guide: Guide | None) -> Axis:
    if limits:
        return Axis(*limits)
    raw = np.concatenate([line.raw_y for line in lines])
    raw = raw[np.isfinite(raw)]
    # One spike would flatten all the rest: of many values a few may leave the picture.
    low, high = np.percentile(raw, [1, 99] if len(raw) > _MANY else [0, 100])
    if guide:
        low, high = min(low, guide.value), max(high, guide.value)
    if logarithmic and low > 0 and high >= 100 * low:
        return Axis(low / 1.3, high * 1.3, logarithmic=True)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(low - margin, high + margin)


def _points(x_axis: Axis, y_axis: Axis, x: np.ndarray, y: np.ndarray) -> str:
    """SVG path data through the points, broken at NaN; far-off values stay near the picture."""
    with np.errstate(invalid="ignore", divide="ignore"):
        right = x_axis.place(x) * _WIDTH
        down = np.clip((1 - y_axis.place(np.asarray(y))) * _HEIGHT, -_HEIGHT, 2 * _HEIGHT)
    parts, pen = [], "M"
    for across, below in zip(right.tolist(), down.tolist(), strict=True):
        if math.isnan(below):
            pen = "M"
            continue
        # A lone point between gaps shows as a dot: a line of no length with round ends.
        parts.append(f"{pen}{across:.1f} {below:.1f}" + ("h0" if pen == "M" else ""))
        pen = "L"
    return "".join(parts)


def _level(place: float) -> str:
    return f"M0 {(1 - place) * _HEIGHT:.1f}H{_WIDTH}"


def _share(place: float) -> str:
    """A place on an axis in per cent, for CSS."""
    return f"{100 * place:.2f}"


def _note(note: str, lines: list[_Line]) -> str:
    missing = sum(line.missing for line in lines)
    gaps = f"{missing:,} value{'s are' if missing > 1 else ' is'} missing or not finite." if missing else ""
    return " ".join(part for part in (note, gaps) if part)


def _hover(lines: list[_Line], x_axis: Axis, y_axis: Axis, show) -> str:
    """What page.js needs for the pointer: places 0..1 and texts, by line."""
    return json.dumps(
        [
            {
                "name": line.name,
                "colour": line.colour,
                "x": [round(float(x_axis.place(x)), 4) for x in line.x],
                "step": [round(x) for x in line.x.tolist()],
                "text": [show(y) if math.isfinite(y) else "–" for y in line.y.tolist()],
            }
            for line in lines
        ],
        separators=(",", ":"),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
