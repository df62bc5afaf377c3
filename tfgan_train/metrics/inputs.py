"""The arrays that metrics may ask for, and how a metric says which; numpy only."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tfgan_train.metrics.result import Result

# An np.ndarray, or None where it isn't known: that a metric is asked only for what is known, `needs` says.
Array: TypeAlias = Any
# What the user lacks when a field is missing, in words.
LACKING = {
    "real_probabilities": "a classifier of the data's own labels (--features=classifier)",
    "fake_probabilities": "features with classes (--features=classifier, efficientnet or a 2015 Inception file)",
    **dict.fromkeys(
        ("train_images", "heldout_images", "validation_images", "test_images"), "data with held-out images"
    ),
    **dict.fromkeys(
        ("train_logits", "heldout_logits", "fake_logits"),
        "a run's discriminator, its loss by a name, and held-out images",
    ),
    "fake_channel_classes": "stacked digits (--dataset=stacked_mnist)",
    **dict.fromkeys(("fake_points", "means", "sigma"), "a 2-D mixture (--dataset=ring2d or grid2d)"),
}


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Everything known about one evaluation; what is not known is None.

    Attributes:
      real_images, fake_images: uint8 [n, H, W, C], the reference and the generated images.
      real_features, fake_features: float [n, F] of one feature network.
      real_probabilities, fake_probabilities: float [n, K] of a classifier of the data.
      train_images, heldout_images: uint8, what the generator saw and real images it did not.
      validation_images, test_images: uint8, unseen images that choose sigma, and all test images (Parzen).
      fake_channel_classes: int [n, channels], the class named in each channel (stacked digits).
      fake_points, means, sigma: [n, 2], [k, 2] and a float (2-D mixtures).
      train_logits, heldout_logits, fake_logits: the discriminator's, float [n].
      threshold: the logit half-way between real and fake; None where the loss has no such logit.
      seed: for subsets and bootstrap draws.
    """

    real_images: Array = None
    fake_images: Array = None
    real_features: Array = None
    fake_features: Array = None
    real_probabilities: Array = None
    fake_probabilities: Array = None
    train_images: Array = None
    heldout_images: Array = None
    validation_images: Array = None
    test_images: Array = None
    fake_channel_classes: Array = None
    fake_points: Array = None
    means: Array = None
    sigma: Any = None
    train_logits: Array = None
    heldout_logits: Array = None
    fake_logits: Array = None
    threshold: float | None = None
    seed: int = 0

    def missing(self, needs: tuple[str, ...]) -> list[str]:
        """What would have to be there for these fields to be known, in words; [] when they are."""
        return list(dict.fromkeys(LACKING.get(name, name) for name in needs if getattr(self, name) is None))


@dataclasses.dataclass(frozen=True)
class Metric:
    """One entry of METRICS: what it computes, from what, and whether unasked.

    Attributes:
      compute: Inputs -> list of Result.
      needs: the Inputs fields that must be known.
      about: one line for `--help` and the report.
      default: part of the default set (wherever its needs are met).
      of_data: the figures of real data by name where they are known beforehand; None where other
        real images in place of the generated ones have to tell.
    """

    compute: Callable[[Inputs], list[Result]]
    needs: tuple[str, ...]
    about: str
    default: bool = True
    of_data: Mapping[str, float] | None = None
