"""What to do with data of this number and size: one table of rules, each with the runs that it comes from.

docs/advice.md has the same table for readers. `inspect_data`, --dry_run and the report all ask this one.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from tfgan_train.common.attributes import stored_names
from tfgan_train.common.images import are_points
from tfgan_train.config import recipes

SMALLEST, LARGEST = 28, 64  # pixels a side that runs to the end were made with
DIGITS = 28  # pixels a side of what the recipe digits was made for
FEW = 10_000  # images: runs on so many stayed healthy without ADA
PHOTOGRAPHS = {*recipes.WITHOUT_WEIGHTS, *recipes.WITHOUT_WEIGHTS.values()}
CHOSEN_BY_IMAGES = PHOTOGRAPHS | {"digits"}  # other recipes belong to their data, and images say nothing of them


@dataclasses.dataclass(frozen=True)
class Images:
    """What the rules look at.

    Attributes:
      dataset: --dataset.
      count: of the training images.
      height, width, channels: of each.
      num_classes: kinds that labels or attributes tell apart; 0 for none.
    """

    dataset: str
    count: int
    height: int
    width: int
    channels: int
    num_classes: int

    @classmethod
    def of(cls, dataset: str, data: Mapping[str, Any]) -> "Images":
        """Of the facts of a run's data, as config.json has them."""
        height, width, channels = data["image_shape"]
        # An attribute makes two kinds of images.
        kinds = 2 * len(stored_names(data.get("attributes"))) or data["num_classes"]
        return cls(dataset, data["count"], height, width, channels, kinds)


@dataclasses.dataclass(frozen=True)
class Advice:
    """One rule's verdict.

    Attributes:
      subject: what it is about, a word.
      flag: what to write to follow it; "" where nothing has to be written.
      why: the reason, a sentence without its full stop.
    """

    subject: str
    flag: str
    why: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.subject, self.flag, self.why) if part)


Rule = Callable[[Images, Mapping[str, Any]], Advice]


def advise(images: Images, settings: Mapping[str, Any]) -> list[Advice]:
    """Every rule's verdict on a run with these settings, in the table's order; points of the plane have none."""
    if are_points((images.height, images.width, images.channels)):
        return []
    return [rule(images, settings) for rule in RULES]


def recipe(images: Images) -> str:
    """The recipe that was measured best on images like these, as this installation has it."""
    default = recipes.default_for(images.dataset)
    if default not in CHOSEN_BY_IMAGES:
        return default
    small = max(images.height, images.width) <= DIGITS and images.channels == 1
    return "digits" if small else recipes.as_installed(recipes.fitting("photos", images.num_classes > 1))


def size(images: Images, settings: Mapping[str, Any]) -> Advice:
    """Sides that runs were made with."""
    sides = [images.height, images.width]
    longest, shortest = max(sides), min(sides)
    if shortest < SMALLEST:
        return Advice("size", "", f"no run here had images of less than {SMALLEST} pixels a side")
    if longest <= LARGEST:
        return Advice("size", "", f"{images.height}x{images.width} is within what was measured, up to {LARGEST} a side")
    why = f"no run here had more than {LARGEST} pixels a side, with which 8,000 steps took an hour of one core"
    if shortest <= LARGEST < longest:  # It is long, and small enough.
        return Advice("size", "", why)
    scaled = [8 * round(LARGEST * side / shortest / 8) for side in sides]
    said = str(LARGEST) if scaled[0] == scaled[1] else f"{scaled[0]}x{scaled[1]}"
    return Advice("size", f"--image_size={said}", why)


def which_recipe(images: Images, settings: Mapping[str, Any]) -> Advice:
    """`digits` for small grey images, `photos` for all others with labels, and `photos_style` for those without."""
    best = recipe(images)
    why = {
        "digits": "digits is for grey images of 28x28; on MNIST it ends at the distance of other real digits "
        "after six minutes of two cores",
        "photos": "photos is for colours and for 32 pixels a side and more; on CIFAR-10 it ends at an excess distance "
        "of 64, photos_plain at 428",
        "photos_style": "photos_style is for photographs without labels; on faces it ends at an excess distance of 18, "
        "photos at 29",
        "photos_plain": "photos_plain is for photographs; photos gives better ones where its weights are installed",
    }.get(best, f"{best} belongs to these data")
    return Advice("recipe", "" if best == settings.get("recipe") else f"--recipe={best}", why)


def labels(images: Images, settings: Mapping[str, Any]) -> Advice:
    """Labels are learnt where there are any."""
    if images.num_classes < 2:
        flag = "--noconditional" if settings.get("conditional") else ""
        return Advice("labels", flag, "there are none to learn")
    flag = "" if settings.get("conditional") else "--conditional"
    why = "learnt along they are the cheapest help: on MNIST the same time gave a distance of 0.36 instead of 1.73"
    return Advice("labels", flag, why)


def ada(images: Images, settings: Mapping[str, Any]) -> Advice:
    """Adaptive discriminator augmentation."""
    known = settings["augment"].split(",") if settings.get("augment") else []
    if images.count >= FEW:
        return Advice("ADA", "", f"not at first: with {FEW:,} digits D did not learn them by heart")
    if "ada" in known:
        return Advice("ADA", "", "it is on: it keeps D from learning few images by heart")
    return Advice(
        "ADA",
        "",
        f"fewer than {FEW:,} images, so D may learn them by heart, as it did 500 digits within 1,400 steps; "
        f"once the doctor says so, add --augment={','.join([*known, 'ada'])}",
    )


RULES: tuple[Rule, ...] = (size, which_recipe, labels, ada)
