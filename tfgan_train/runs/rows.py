"""metrics.jsonl: what each kind of row is, and how rows are read. recorder.py writes them.

A line is one row, a JSON object with its `kind`, the `step` after which it was written (updates of G) and the fields of
its class below; a field that isn't known, or is no finite number, is left out. The first line says the version of the
schema: {"kind": "schema", "step": 0, "version": 1}. Files from before that line are of version 1 too.
"""

import dataclasses
import json
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Self

from tfgan_train.common.numbers import is_count, is_number

VERSION = 1
HEADER = {"kind": "schema", "step": 0, "version": VERSION}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Row(Mapping):
    """One row; as a mapping it has the names and values of its line.

    Attributes:
      kind: of all rows of a class.
      step: completed updates of G.
      more: what the class has no field for: an evaluation's figures, and fields of later versions.
    """

    kind: ClassVar[str] = ""
    step: int
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, step: int, values: Mapping[str, Any]) -> Self:
        """The row of a step that has these values by name."""
        known = {field.name for field in dataclasses.fields(cls)} - {"step", "more"}
        more = {name: value for name, value in values.items() if name not in known | {"kind", "step"}}
        return cls(step=step, more=more, **{name: value for name, value in values.items() if name in known})

    def __getitem__(self, name: str) -> Any:
        if name == "kind":
            return self.kind
        value = self.more[name] if name in self.more else None if name == "more" else self.__dict__.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        yield from ("kind", "step")
        for field in dataclasses.fields(self):
            if field.name not in ("step", "more") and self.__dict__[field.name] is not None:
                yield field.name
        yield from self.more

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TrainRow(Row):
    """Every --log_every steps: means over the steps since the last such row, each of them over the global batch.

    Attributes:
      d_loss, g_loss: as minimised, without the penalty; d_loss over the step's updates of D.
      penalty: before its weight.
      d_accuracy, d_accuracy_real, d_accuracy_fake: shares of images judged rightly, 0 to 1.
      real_logits, fake_logits: D's.
      d_grad_norm, g_grad_norm: Euclidean norms of all gradients; updates that float16 skipped aren't counted.
      d_lr, g_lr: learning rates.
      code_information: InfoGAN's bound on what a fake tells of its categorical codes, in nats.
      code_error: mean squared error of the continuous codes as Q reads them off a fake; 1/3 is a guess.
      class_accuracy_real, class_accuracy_fake: shares of images whose class AC-GAN's head names, 0 to 1.
      augment_probability: ADA's p, 0 to 1.
      real_sign: ADA's r_t, the mean sign of D at real images, -1 to 1.
      d_loss_each, g_loss_each: each mini-batch's loss, 6 digits.
      epoch: passes over the data so far.
      seconds: that the run has trained, over all its processes.
      images_per_second: of the newest calls into the graph.
    """

    kind: ClassVar[str] = "train"
    d_loss: float | None = None
    g_loss: float | None = None
    penalty: float | None = None
    d_accuracy: float | None = None
    d_accuracy_real: float | None = None
    d_accuracy_fake: float | None = None
    real_logits: float | None = None
    fake_logits: float | None = None
    d_grad_norm: float | None = None
    g_grad_norm: float | None = None
    d_lr: float | None = None
    g_lr: float | None = None
    code_information: float | None = None
    code_error: float | None = None
    class_accuracy_real: float | None = None
    class_accuracy_fake: float | None = None
    augment_probability: float | None = None
    real_sign: float | None = None
    d_loss_each: list[float] | None = None
    g_loss_each: list[float] | None = None
    epoch: float | None = None
    seconds: float | None = None
    images_per_second: float | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SampleRow(Row):
    """At each sample grid: the fixed latents' samples of G's average, and D as in training.

    Attributes:
      pairwise_distance, pairwise_distance_real: mean distance of two samples, and of two real images, as
        pictures.nearest.pairwise_distance has it, in grey levels of 0 to 255.
      train_real_logits, heldout_real_logits, sample_logits: D's mean logits of real images that are trained on, of
        those that aren't, and of samples.
      d_accuracy_inference: share of train_real_logits and sample_logits on their own side, 0 to 1.
      class_variety: for each label the mean distance of two of its samples, as a share of that of two of its real
        images; null where there are too few to tell.
      class_histogram: samples by the class that the data's own classifier gives them.
    """

    kind: ClassVar[str] = "samples"
    pairwise_distance: float | None = None
    pairwise_distance_real: float | None = None
    train_real_logits: float | None = None
    heldout_real_logits: float | None = None
    sample_logits: float | None = None
    d_accuracy_inference: float | None = None
    class_variety: list[float | None] | None = None
    class_histogram: list[int] | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class DoctorRow(Row):
    """A sign that training goes wrong, when it appears.

    Attributes:
      sign: its name in doctor.rules.
      message, remedy: what is seen, and what may help, in words.
    """

    kind: ClassVar[str] = "doctor"
    sign: str
    message: str = ""
    remedy: str = ""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class EvalRow(Row):
    """Every --eval_every steps: the figures in `more` by name, such as fd.

    Attributes:
      features: what took them, with the distance's name.
      num: generated images.
    """

    kind: ClassVar[str] = "eval"
    features: str | None = None
    num: int | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class AccuracyRow(Row):
    """At the run's end: how often D is right over the data.

    Attributes:
      d_accuracy, d_accuracy_real, d_accuracy_fake: shares of all judged images, 0 to 1.
      d_accuracy_lowest, d_accuracy_highest: of a batch.
      images: real ones that were judged, beside as many fakes.
    """

    kind: ClassVar[str] = "d_accuracy"
    d_accuracy: float | None = None
    d_accuracy_real: float | None = None
    d_accuracy_fake: float | None = None
    d_accuracy_lowest: float | None = None
    d_accuracy_highest: float | None = None
    images: int | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ClockRow(Row):
    """At the run's end, once all is written: where the time of the last process went, in seconds.

    Attributes:
      seconds: in all.
      start_up: before the first step, and preparing the graphs.
      training: after it, of which
      graph, data, logging, samples, checkpoints, report, evaluation, peak: were spent on each of these.
      flops_per_second, peak_flops_per_second: of the graph and of the machine; 0 where they aren't known.
    """

    kind: ClassVar[str] = "clock"
    seconds: float | None = None
    start_up: float | None = None
    training: float | None = None
    graph: float | None = None
    data: float | None = None
    logging: float | None = None
    samples: float | None = None
    checkpoints: float | None = None
    report: float | None = None
    evaluation: float | None = None
    peak: float | None = None
    flops_per_second: float | None = None
    peak_flops_per_second: float | None = None


KINDS: dict[str, type[Row]] = {
    cls.kind: cls for cls in (TrainRow, SampleRow, DoctorRow, EvalRow, AccuracyRow, ClockRow)
}


def read_rows(path: pathlib.Path) -> list[Row]:
    """The rows of a metrics file.

    Damaged lines and values, a line that is being written, and kinds of rows that this version doesn't know are
    left out.
    """
    if not path.is_file():
        return []
    known = ((KINDS[row["kind"]], row) for _, row in lines_of(path)[0] if row["kind"] in KINDS)
    rows = ((cls, row["step"], _legal(cls, row)) for cls, row in known)
    return [cls.of(step, values) for cls, step, values in rows if cls is not DoctorRow or "sign" in values]


def _is_losses(value: Any) -> bool:
    """Single losses may be null, NaN or infinite too."""
    return isinstance(value, list) and all(
        one is None or is_number(one) or (isinstance(one, float) and not math.isfinite(one)) for one in value
    )


# What a field may hold, by its type.
_LEGAL: dict[Any, Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str),
    str | None: lambda value: isinstance(value, str),
    int | None: is_count,
    float | None: is_number,
    list[float] | None: _is_losses,
    list[float | None] | None: _is_losses,
    list[int] | None: lambda value: isinstance(value, list) and all(map(is_count, value)),
}


def _legal(cls: type[Row], row: Mapping[str, Any]) -> dict[str, Any]:
    """A line's values without those that its fields can't hold, as damage leaves them."""
    types = {field.name: field.type for field in dataclasses.fields(cls) if field.name not in ("step", "more")}
    return {
        name: value
        for name, value in row.items()
        if value is not None
        and (_LEGAL[types[name]](value) if name in types else is_number(value) or not isinstance(value, (int, float)))
    }


def lines_of(path: pathlib.Path) -> tuple[list[tuple[str, dict]], int]:
    """(line, row) of each row of the file, and how many other lines it has (a last one that was cut short aside)."""
    found, damaged = [], 0
    lines = path.read_bytes().split(b"\n")
    for line in lines[:-1]:
        try:
            text = line.decode("utf-8")
            row = json.loads(text)
            if not (isinstance(row["kind"], str) and is_count(row["step"])):
                raise ValueError
            found.append((text + "\n", row))
        except (ValueError, KeyError, TypeError, RecursionError):
            damaged += 1
    return found, damaged
