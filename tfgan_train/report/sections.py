"""The page's sections of facts: headline, doctor, curves, evaluation, data, settings."""

import math
import time
from collections.abc import Mapping
from typing import Any

from tfgan_train.common.attributes import stored_names
from tfgan_train.common.images import are_points
from tfgan_train.common.numbers import duration, flop_rate, number, percent
from tfgan_train.config.advice import Images, advise
from tfgan_train.doctor.rules import SIGNS, variety
from tfgan_train.report import curves, settings
from tfgan_train.report.templates import macros
from tfgan_train.runs.facts import Figure, RunFacts

_BEST_TILES = 3
_SKIPPED_SHOWN = 200
_ARROWS = {
    "lower": "↓ lower is better",
    "higher": "↑ higher is better",
    "as the data": "good when equal to the data's own",
}


def title(run: RunFacts) -> str:
    """What the run is called: its data and its recipe."""
    names = [run.data.get("name") or run.config.get("dataset"), run.config.get("recipe")]
    return " · ".join(name for name in names if name) or run.path.resolve().name


def status_of(run: RunFacts) -> str:
    """ "finished" where the last step was reached, else "stopped"; for when nobody says."""
    steps = run.config.get("steps")
    return "finished" if steps and run.step >= steps else "stopped"


def headline(run: RunFacts, status: str) -> str:
    """Title, status, one sentence on what and how long, and tiles with the figures of now."""
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.updated))
    return macros("sections").headline(title(run), status, _sentence(run), written, _tiles(run, status))


def doctor(run: RunFacts) -> str:
    """What the doctor said, latest first; silence is told too."""
    if not run.doctor:
        return macros("sections").silence() if run.train else ""
    return macros("sections").doctor(
        (_sign_title(row["sign"]), f"{row['step']:,}", row["message"], row["remedy"]) for row in reversed(run.doctor)
    )


def charts(run: RunFacts) -> str:
    """The training curves."""
    found = [chart for chart in curves.training_charts(run.train, run.samples) if chart]
    return macros("common").charts(found) if found else ""


def evaluation(run: RunFacts) -> str:
    """The latest figures as a table, and a curve for each that was measured more than once."""
    if not run.evaluations:
        return ""
    step, figures = list(run.evaluations.items())[-1]
    rows = [
        (name.replace("_", " "), _figure(figure), _ARROWS.get(figure.better, "")) for name, figure in figures.items()
    ]
    found = [chart for chart in curves.evaluation_charts(run.evaluations) if chart]
    table = macros("sections").evaluation(f"{step:,}", rows)
    return table + macros("common").charts(found) if found else table


def data(run: RunFacts) -> str:
    """What the run was trained on, notes, and the files that were skipped."""
    facts = run.data
    if not facts:
        return ""
    skipped = facts.get("skipped", [])
    shown = skipped[:_SKIPPED_SHOWN]
    summary = f"{len(skipped):,} file{'s' if len(skipped) > 1 else ''} skipped"
    if len(shown) < len(skipped):
        summary += f" (the first {len(shown):,} are here, all of them in config.json)"
    return macros("sections").data(_data_sentence(facts), facts.get("notes", []), summary, shown)


def advice(run: RunFacts) -> str:
    """How long the run takes on its machine, and every rule's verdict on it."""
    if not run.config or not run.data:
        return ""
    verdicts = advise(Images.of(run.config.get("dataset", ""), run.data), run.config)
    rows = [(one.subject, one.flag, one.why) for one in verdicts]
    return macros("sections").advice(_pace(run), rows) if rows else ""


def _pace(run: RunFacts) -> str:
    """The time of a step and of the whole run, as this run had it."""
    row, steps = (run.train[-1] if run.train else {}), run.config.get("steps")
    if not row.get("seconds") or not steps:
        return ""
    seconds = row["seconds"] / run.step
    return (
        f"{steps:,} steps take {duration(seconds * steps)} on the machine that trained this run: "
        f"{number(1000 * seconds)} ms a step, all in all"
    )


def configuration(run: RunFacts) -> str:
    """The command that repeats the run, the settings by where they come from, the versions."""
    if not run.config:
        return ""
    sorted_settings = settings.sort(run.config)
    groups = [
        ("Chosen for this run", sorted_settings.chosen, True),
        (f"Set by the recipe {run.config.get('recipe', '')}", sorted_settings.by_recipe, True),
        ("All others, at their defaults", sorted_settings.plain, False),
        ("Versions", run.versions, False),
    ]
    return macros("sections").configuration(settings.command(run.config), groups, _family(run))


def _family(run: RunFacts) -> list[str]:
    """Where the run's first weights come from, a sentence for each ancestor, and what of them didn't fit."""
    said = ["This run" for _ in run.ancestors[:1]] + [name for name, _ in run.ancestors[:-1]]
    sentences = [
        f"{child} began with the weights of {name} at step {step:,}."
        for child, (name, step) in zip(said, run.ancestors, strict=True)
    ]
    notes = run.parent.get("notes")
    return sentences + (list(map(str, notes)) if isinstance(notes, list) else [])


def _sign_title(name: str) -> str:
    """The title of a sign; a run of another version may tell of one that isn't known here."""
    return SIGNS[name].title if name in SIGNS else name.replace("_", " ")


def _sentence(run: RunFacts) -> str:
    steps = run.config.get("steps")
    done = f"{run.step:,} of {steps:,} steps" if steps else f"{run.step:,} steps"
    seconds = run.train[-1].get("seconds") if run.train else None
    took = f" in {duration(seconds)}" if seconds else ""
    what = f" on {run.data['count']:,} images" if run.data.get("count") else ""
    return f"{done}{took}{what}."


def _tiles(run: RunFacts, status: str) -> list[tuple[str, str, str]]:
    """(name, value, note) for what can be told of the run so far."""
    if not run.train:
        return []
    row, tiles = run.train[-1], []
    steps = run.config.get("steps") or 0
    tiles.append(("Step", f"{run.step:,}", f"{100 * run.step / steps:.0f} % of {steps:,}" if steps else ""))
    if row.get("seconds"):
        left = row["seconds"] * (steps - run.step) / run.step
        note = f"about {duration(left)} to go" if status == "running" and left > 0 else "of training"
        tiles.append(("Time", duration(row["seconds"]), note))
    if row.get("images_per_second"):
        tiles.append(("Speed", number(row["images_per_second"]), "images a second"))
    tiles += _peak_tile(run)
    tiles += [
        (name.replace("_", " "), _figure(figure), _ARROWS.get(figure.better, f"at step {step:,}"))
        for step, figures in list(run.evaluations.items())[-1:]
        for name, figure in list(figures.items())[:_BEST_TILES]
    ]
    tiles += _accuracy_tile(run.accuracy if run.accuracy.get("step") == run.step else row)
    varied = variety(run.samples[-1]) if run.samples else None
    if varied is not None:
        tiles.append(("Variety", f"{100 * varied:.0f} %", "of the real images'"))
    return tiles


def _peak_tile(run: RunFacts) -> list[tuple[str, str, str]]:
    """What share of the machine's arithmetic the training graph used, once that was measured at the run's end."""
    rate, peak = run.clock.get("flops_per_second"), run.clock.get("peak_flops_per_second")
    if not rate or not peak or run.clock["step"] != run.step:
        return []
    return [
        (
            "Of this machine's peak",
            f"{percent(rate / peak)} %",
            f"{flop_rate(rate)} in the training graph; matrix products reach {flop_rate(peak)} here",
        )
    ]


def _accuracy_tile(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """D's accuracy, over the whole data where that was measured, else over the last steps."""
    accuracy = row.get("d_accuracy")
    if accuracy is None or not math.isfinite(accuracy):
        return []
    note = "50 % is the ideal"
    if all(name in row for name in ("images", "d_accuracy_lowest", "d_accuracy_highest")):
        note = (
            f"on {row['images']:,} real images and as many fake ({100 * row['d_accuracy_lowest']:.0f} to "
            f"{100 * row['d_accuracy_highest']:.0f} % in batches of 200 and 200); {note}"
        )
    return [("D's accuracy", f"{100 * accuracy:.0f} %", note)]


def _figure(figure: Figure) -> str:
    return number(figure.value) + (f" ± {number(figure.spread)}" if figure.spread else "")


def _data_sentence(facts: dict) -> str:
    if are_points(facts["image_shape"]):
        return f"{facts['name']}: {facts['count']:,} points of the plane."
    height, width, channels = facts["image_shape"]
    colour = {1: "grey", 3: "colour", 4: "colour with transparency"}.get(channels, f"{channels} channels")
    labels = f", {facts['num_classes']} classes" if facts.get("num_classes") else ""
    named = stored_names(facts.get("attributes"))
    labels += f", attributes {', '.join(named)}" if named else ""
    return f"{facts['name']}: {facts['count']:,} images of {height} × {width} pixels, {colour}{labels}."
