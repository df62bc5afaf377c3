"""The command line that suits what was found, and why each flag stands in it."""

import math
import shlex
from typing import Any

import numpy as np

from tfgan_train.config import advice, recipes
from tfgan_train.config.advice import LARGEST, SMALLEST
from tfgan_train.data.transform import parse_image_size
from tfgan_train.inspection.gather import Facts

_WORTH_HOLDING_OUT = 1000  # pictures
_ALIKE = 1.1  # aspect ratios within this factor are one shape
_MOST_CROPPED = 1.25  # a picture of this aspect ratio loses a fifth by a square crop, which is still fine


def flags(facts: Facts) -> list[tuple[str, str]]:
    """(flag, why) in the order in which they are written; the data's own first."""
    config = facts.config
    found = [(f"--dataset={config.dataset}", "")]
    found += [(f"--data_dir={config.data_dir}", "as given")] if config.data_dir else []
    found += _size(facts) + _channels(facts) + _range(facts) + _held_out(facts) + _bad(facts)
    images = _images(facts, dict(flag[2:].split("=", 1) for flag, _ in found))
    recipe = advice.recipe(images)
    verdicts = advice.advise(images, _settings(images, recipe))
    found += [(one.flag, one.why) for one in verdicts if one.flag]
    return found + _batch(facts, recipe)


def _images(facts: Facts, given: dict[str, str]) -> advice.Images:
    """The training images as they are with the flags found so far."""
    rows = facts.splits["train"].rows
    height, width = parse_image_size(given.get("image_size", "")) or (int(rows["height"][0]), int(rows["width"][0]))
    channels = int(given.get("channels", rows["channels"].max()))
    return advice.Images(facts.dataset, len(rows), height, width, channels, len(facts.label_names))


def _settings(images: advice.Images, recipe: str) -> dict[str, Any]:
    """What a run has where nobody says otherwise; labels and augmentation as `recipe` has them."""
    values = recipes.read(recipe)
    learns = images.num_classes > 1 and recipe in recipes.LABELLED
    return {
        "recipe": recipes.fitting(recipes.default_for(images.dataset), learns),
        "conditional": learns or values.get("conditional") == "true",
        "augment": values.get("augment", ""),
    }


def command(facts: Facts) -> str:
    """The whole line, quoted for a shell."""
    return "python -m tfgan_train.main " + " ".join(shlex.quote(flag) for flag, _ in flags(facts))


def _size(facts: Facts) -> list[tuple[str, str]]:
    if facts.config.image_size:
        return [(f"--image_size={facts.config.image_size}", "as given")]
    rows = facts.rows
    heights, widths = rows["height"], rows["width"]
    alike = (heights == heights[0]).all() and (widths == widths[0]).all()
    if alike and max(heights[0], widths[0]) <= LARGEST and min(heights[0], widths[0]) >= SMALLEST:
        return []
    aspect = float(np.median(widths / heights))
    share = float(np.mean(np.abs(np.log(widths / heights / aspect)) <= math.log(_ALIKE)))
    # A tenth of the pictures may be smaller and is enlarged.
    shorter = float(np.percentile(np.minimum(heights, widths), 10))
    side = 64 if shorter >= 64 else 32 if shorter >= 32 else SMALLEST
    why = f"the pictures differ in size; nine of ten have {shorter:.0f} pixels or more on their shorter side"
    if alike:
        why = f"all pictures are {heights[0]}x{widths[0]}; {SMALLEST} to {LARGEST} pixels a side were measured"
    if share >= 0.8 and not 1 / _MOST_CROPPED <= aspect <= _MOST_CROPPED:
        longer = 8 * round(side * max(aspect, 1 / aspect) / 8)
        size = f"{side}x{longer}" if aspect > 1 else f"{longer}x{side}"
        return [(f"--image_size={size}", f"{why}; {share:.0%} have about this shape")]
    return [(f"--image_size={side}", why)]


def _channels(facts: Facts) -> list[tuple[str, str]]:
    if facts.config.channels:
        return [(f"--channels={facts.config.channels}", "as given")]
    clear = int(facts.rows["transparent"].sum())
    if clear > 0.5 * len(facts.rows):
        return [("--channels=4", f"{clear:,} of {len(facts.rows):,} pictures have transparent parts")]
    grey = int((facts.rows["channels"] == 1).sum())
    if 0 < len(facts.rows) - grey < 0.05 * len(facts.rows):
        return [("--channels=1", f"{grey:,} of {len(facts.rows):,} pictures are grey")]
    return []


def _range(facts: Facts) -> list[tuple[str, str]]:
    if facts.config.value_range:
        return [(f"--value_range={facts.config.value_range}", "as given")]
    wide = facts.rows["percentiles"][facts.rows["percentiles"][:, 3] > 0]
    if len(wide) and wide[:, 3].max() <= 65535 // 4:
        return [("--value_range=auto", f"the 16-bit pictures go up to {wide[:, 3].max():,} of 65,535")]
    return []


def _held_out(facts: Facts) -> list[tuple[str, str]]:
    if facts.config.held_out:
        return [(f"--held_out={facts.config.held_out:g}", "as given")]
    if "test" in facts.splits or not facts.dataset.startswith("folder:") or len(facts.rows) < _WORTH_HOLDING_OUT:
        return []
    return [("--held_out=0.1", "no test split: a tenth that training never sees makes the scores honest")]


def _bad(facts: Facts) -> list[tuple[str, str]]:
    count = sum(split.count for split in facts.splits.values())
    share = len(facts.damaged) / max(1, count)
    if share <= facts.config.max_bad_fraction:
        return []
    rounded = math.ceil(share * 100 + 1e-9) / 100 + 0.01
    return [(f"--max_bad_fraction={min(1.0, rounded):.2f}", f"{share:.1%} of the files are damaged; better mend them")]


def _batch(facts: Facts, recipe: str) -> list[tuple[str, str]]:
    wanted = int(recipes.read(recipe).get("batch_size", 64))
    count = len(facts.splits["train"].rows)
    if count >= wanted:
        return []
    return [(f"--batch_size={max(2, 1 << (count.bit_length() - 1))}", f"there are only {count} pictures for training")]
