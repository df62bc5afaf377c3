"""Draws what costs.py measured: a step's time against batch size, image size and replicas, as one SVG.

    python benchmarks/cost_curves.py --costs=benchmarks/results/costs.json --out=docs/costs.svg

Both axes are logarithmic; dots are medians, bars the range of the rounds. The dashed line through a curve's first
point grows with the images (their pixels, in the second panel): a curve that is flatter gets cheaper by the image.
"""

import argparse
import json
import math
import pathlib
import statistics

COLOURS = {"dcgan": "#c2410c", "mlp": "#1d4ed8"}
USUAL = {"batch": 64, "side": 28, "replicas": 1}
PANELS = (
    ("batch", "images in a batch", 1),
    ("side", "side of an image, pixels", 2),
    ("replicas", "CPU replicas that share the cores", 0),
)
WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 220, 60, 30, 30
MS = (0.5, 500.0)  # the y axis
LINES = (1, 10, 100)


def y_of(ms: float) -> float:
    """Where a time stands in the picture."""
    return TOP + HEIGHT * (1 - math.log(ms / MS[0]) / math.log(MS[1] / MS[0]))


def curve(rows: list[dict], family: str, axis: str) -> list[tuple[int, list[float]]]:
    """(place on the axis, milliseconds of each round) where all else is as usual, in order."""
    others = [name for name in USUAL if name != axis]
    found = [row for row in rows if row["family"] == family and all(row[name] == USUAL[name] for name in others)]
    return sorted((row[axis], [seconds * 1e3 for seconds in row["seconds_per_step"]]) for row in found)


def panel(rows: list[dict], axis: str, title: str, power: int, left: float) -> list[str]:
    """The SVG elements of one panel; `power`: of the axis, to which the work is proportional."""
    places = sorted({row[axis] for row in rows})
    first, last = math.log(places[0]), math.log(places[-1])

    def x(place: float) -> float:
        return left + 15 + (math.log(place) - first) / (last - first) * (WIDTH - 30)

    parts = [
        f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" class="frame"/>',
        f'<text x="{left + WIDTH / 2}" y="{TOP + HEIGHT + 38}">{title}</text>',
    ]
    for ms in LINES:
        parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{y_of(ms):.1f}" y2="{y_of(ms):.1f}" class="grid"/>')
    parts += [f'<text x="{x(place):.1f}" y="{TOP + HEIGHT + 18}">{place}</text>' for place in places]
    for family, colour in COLOURS.items():
        points = curve(rows, family, axis)
        medians = [(place, statistics.median(found)) for place, found in points]
        (begin, ms), (end, _) = medians[0], medians[-1]
        parts.append(
            f'<line x1="{x(begin):.1f}" y1="{y_of(ms):.1f}" '
            f'x2="{x(end):.1f}" y2="{y_of(ms * (end / begin) ** power):.1f}" '
            f'stroke="{colour}" stroke-dasharray="4 4" opacity="0.5"/>'
        )
        line = " ".join(f"{x(place):.1f},{y_of(median):.1f}" for place, median in medians)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for place, found in points:
            parts.append(
                f'<line x1="{x(place):.1f}" x2="{x(place):.1f}" '
                f'y1="{y_of(min(found)):.1f}" y2="{y_of(max(found)):.1f}" stroke="{colour}"/>'
            )
            parts.append(
                f'<circle cx="{x(place):.1f}" cy="{y_of(statistics.median(found)):.1f}" r="3" fill="{colour}"/>'
            )
    return parts


def picture(rows: list[dict]) -> str:
    """The whole SVG."""
    width, height = LEFT + len(PANELS) * (WIDTH + GAP), TOP + HEIGHT + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        "<style>text{font:13px sans-serif;text-anchor:middle;fill:#333}"
        ".frame{fill:#fff;stroke:#999}.grid{stroke:#ddd}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    parts += [f'<text x="{LEFT - 28}" y="{y_of(ms) + 4:.1f}">{ms} ms</text>' for ms in LINES]
    for number, (family, colour) in enumerate(COLOURS.items()):
        parts.append(f'<text x="{LEFT + 40 + 80 * number}" y="20" style="fill:{colour}">{family}</text>')
    for number, (axis, title, power) in enumerate(PANELS):
        parts += panel(rows, axis, title, power, LEFT + number * (WIDTH + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--costs", default="benchmarks/results/costs.json", type=pathlib.Path)
    parser.add_argument("--out", default="costs.svg", type=pathlib.Path)
    options = parser.parse_args()
    options.out.write_text(picture(json.loads(options.costs.read_text())["results"]))


if __name__ == "__main__":
    main()
