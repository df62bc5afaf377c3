"""Scores images against a dataset: which real images, which features, which metrics, and the data's own figures.

Knows neither flags nor runs: evaluate.py draws the images and shows what is found here.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from tfgan_train import data as datasets
from tfgan_train.common.errors import UserError, unknown
from tfgan_train.common.images import are_points
from tfgan_train.common.terminal import Countdown
from tfgan_train.data import reading as source_data
from tfgan_train.data.source import Source
from tfgan_train.features import Request, extract
from tfgan_train.features import reference as cached_features
from tfgan_train.features.cache import cached
from tfgan_train.features.choose import choose
from tfgan_train.metrics import METRICS, Inputs, Result
from tfgan_train.metrics.checks import image_pair

VERSION = 1  # of the cached figures of real data: raise it when a metric changes
MOST_VALUES = 1 << 26  # pixels of training images that the memorisation tests hold: 256 MB as float32
VALIDATION = 1000  # images that choose the width of Parzen windows


@dataclasses.dataclass(frozen=True)
class Scored:
    """A result, and the figure that real images get in place of the generated ones."""

    result: Result
    real: float | None = None

    def to_json(self) -> dict:
        return self.result.to_json() | {"real": self.real}


@dataclasses.dataclass(frozen=True)
class Scores:
    """What one set of images got: figures, and the metrics that could not be computed with why."""

    figures: list[Scored]
    left_out: list[tuple[str, str]]


class Evaluation:
    """A dataset made ready to judge images by.

    The reference is the held-out split where it has at least `num` images, because neither the
    generator nor a classifier was trained on it; else the training images. The data's own
    figures come from as many images of the other split.

    Args:
      config: names the dataset and shapes it (see data.load).
      num: how many generated and how many real images are compared.
      features: a name of FEATURES, or "" for the best there is.
      inception_weights: see features.inception.
      say: prints one line.
      train, heldout: Sources to judge by instead of what `config` names.

    Raises:
      UserError: the data or the features are not to be had.
    """

    def __init__(
        self,
        config,
        num: int = 10_000,
        features: str = "",
        inception_weights: str = "",
        say: Callable[[str], None] = print,
        train: Source | None = None,
        heldout: Source | None = None,
    ):
        self._say, self._num, self._config = say, num, config
        self.train = datasets.load(config, "train") if train is None else train
        self.heldout = datasets.load_held_out(config) if train is None else heldout
        if are_points(self.train.image_shape):
            raise UserError(f"{self.train.name} is points, not pictures; score a run on it with --run_dir")
        for note in self.train.notes:
            say(f"note: {note}")
        # Few held-out images make a noisier figure; who asked for them wants it all the same.
        held = self.heldout is not None and (self.heldout.count >= num or config.held_out > 0)
        self.split = "held-out" if held else "training"
        self.extractor = choose(features, Request(self.train, self.heldout, inception_weights, say))
        self._benchmark = ["stacked_modes"] if self.extractor.channels else []
        self._source: Any = self.heldout if held else self.train
        self._other: Any = self.train if held else self.heldout
        self._indices = source_data.some(self._source, num)
        self.count = len(self._indices)
        self.other_count = min(self._other.count, num) if self._other is not None else 0
        self._real = self._known("real", self._source, self._indices)
        self._other_inputs: dict | None = None

    def score(
        self,
        images: np.ndarray,
        names: Collection[str] = (),
        added: Collection[str] = (),
        extra: Mapping[str, Any] = {},
    ) -> Scores:
        """The metrics `names` (or the default set), and those `added`, of uint8 images [n, H, W, C].

        Args:
          extra: further Inputs fields, for instance the discriminator's logits.

        Raises:
          UserError: images of another shape or type, an unknown name, or a metric that was named
            and can't be computed; one of the default set is left out instead.
        """
        check_names([*names, *added])
        image_pair(self._real["real_images"], images, minimum=1)
        chosen = list(names) or [name for name in METRICS if METRICS[name].default] + self._benchmark
        wanted = [name for name in METRICS if name in chosen or name in added]
        inputs = Inputs(**self._real, **self._fake(images), **self._unseen(wanted), **extra)
        figures, left_out = [], []
        countdown = Countdown("metrics", len(wanted))
        for done, name in enumerate(wanted):
            missing = inputs.missing(METRICS[name].needs)
            try:
                if missing:
                    raise UserError(f"needs {', '.join(missing)}")
                results, real = METRICS[name].compute(inputs), self._data_figures(name)
            except UserError as error:
                if name in names or name in added:
                    raise UserError(f"--metrics={name}: {error}") from None
                left_out.append((name, str(error)))
            else:
                figures += [Scored(result, real.get(result.name)) for result in results]
            countdown(done + 1)
        return Scores(figures, left_out)

    def _known(self, role: str, source, indices) -> dict:
        """The Inputs fields of real images in the role "real" or "fake"; features come from the cache."""
        countdown = Countdown(f"{self.extractor.name} features of real images", len(indices))
        features, probabilities = cached_features.features(self.extractor, source, indices, self._say, countdown)
        return self._fields(role, source_data.images(source, indices), features, probabilities)

    def _fake(self, images) -> dict:
        features, probabilities = extract(
            self.extractor, images, Countdown(f"{self.extractor.name} features", len(images))
        )
        return self._fields("fake", images, features, probabilities)

    def _fields(self, role, images, features, probabilities):
        fields = {f"{role}_images": images, f"{role}_features": features}
        if self.extractor.channels:
            return fields | (
                {"fake_channel_classes": _classes(probabilities, self.extractor.channels)} if role == "fake" else {}
            )
        # An ImageNet network's probabilities make an Inception Score; as classes of these data they mean nothing.
        if role == "fake" or self.extractor.own_classes:
            fields[f"{role}_probabilities"] = probabilities
        return fields

    def _unseen(self, wanted) -> dict:
        """Training, held-out and test images, for the metrics that compare with them."""
        if self.heldout is None or not {"memorisation", "parzen"} & set(wanted):
            return {}
        most = MOST_VALUES // int(np.prod(self.train.image_shape))
        fields = {
            "train_images": source_data.images(self.train, np.sort(source_data.some(self.train, most))),
            "heldout_images": source_data.images(self.heldout, source_data.some(self.heldout, self._num)),
        }
        if "parzen" in wanted:
            fields["test_images"] = source_data.images(self.heldout, np.arange(self.heldout.count))
            fields["validation_images"] = self._validation_images()
        return fields

    def _validation_images(self) -> np.ndarray:
        """The first images after --train_examples; if all were trained on, of the last 10,000."""
        used = self._config.train_examples
        known = not used or self._config.dataset == datasets.GIVEN
        everything = self.train if known else datasets.load(self._config.replace(train_examples=0), "train")
        first = used if 0 < used < everything.count else max(0, everything.count - 10_000)
        return source_data.images(everything, np.arange(first, min(first + VALIDATION, everything.count)))

    def _data_figures(self, name: str) -> dict[str, float]:
        """The figures of a metric with the other split's images in place of generated ones, from the cache."""
        if METRICS[name].of_data is not None or self._other is None:
            return dict(METRICS[name].of_data or {})
        indices = source_data.some(self._other, self._num)

        def build():
            if self._other_inputs is None:
                self._other_inputs = self._known("fake", self._other, indices)
            inputs = Inputs(**self._real, **self._other_inputs, **self._unseen([name] if name == "parzen" else []))
            try:
                return {result.name: np.float64(result.value) for result in METRICS[name].compute(inputs)}
            except UserError:  # too few held-out images for this metric: no figure to print beside
                return {}

        key = "-".join(
            source_data.checksum(source, chosen)[:16]
            for source, chosen in ((self._source, self._indices), (self._other, indices))
        )
        found = cached(f"figures-{VERSION}-{name}-{self.extractor.key}-{key}", build, self._say)
        return {figure: float(value) for figure, value in found.items()}


def _classes(probabilities: np.ndarray, channels: int) -> np.ndarray:
    """int [n, channels], the likeliest class in each channel, from [n, channels * K]."""
    return probabilities.reshape(len(probabilities), channels, -1).argmax(axis=-1)


def check_names(names: Collection[str]) -> None:
    """Raises UserError with the nearest legal names for a metric that there isn't."""
    for name in names:
        if name not in METRICS:
            raise UserError(unknown("value of --metrics", name, METRICS))
