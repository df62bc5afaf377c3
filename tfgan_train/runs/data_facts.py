"""What a run keeps of its data, for the tools that come after the training."""

import dataclasses

import numpy as np

from tfgan_train.common import attributes
from tfgan_train.common.errors import UserError
from tfgan_train.common.numbers import is_count

ROWS = 1024  # of attributes that a run keeps, at most


@dataclasses.dataclass(frozen=True)
class DataFacts:
    """What a run's later tools need to know of its data."""

    name: str
    count: int
    image_shape: tuple[int, int, int]
    num_classes: int = 0
    label_names: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    fingerprint: str = ""  # of the images and labels; empty in runs of older versions
    attributes: tuple[str, ...] = ()  # names, where labels are attribute vectors
    attribute_rows: tuple[int, ...] = ()  # of images spread over the data, packed: what sampling draws from

    @classmethod
    def of(cls, source, fingerprint: str = "") -> "DataFacts":
        """The facts of a data Source."""
        own = {"fingerprint", "attribute_rows"}
        facts = {field.name: getattr(source, field.name) for field in dataclasses.fields(cls) if field.name not in own}
        return cls(**facts, fingerprint=fingerprint, attribute_rows=_rows_of(source) if source.attributes else ())

    @property
    def condition_size(self) -> int:
        """Numbers that say which image is wanted: classes, or attributes."""
        return len(self.attributes) or self.num_classes

    def noted(self, *notes: str) -> "DataFacts":
        """The same with further notes."""
        return dataclasses.replace(self, notes=(*self.notes, *notes))

    @classmethod
    def from_dict(cls, values: dict) -> "DataFacts":
        """The facts as config.json has them.

        Raises:
          ValueError, KeyError, TypeError: when they aren't such.
        """
        shape = values["image_shape"]
        if len(shape) != 3 or not all(is_count(side) and side > 0 for side in shape):
            raise ValueError(f"image_shape is {shape}, not three positive numbers")
        for name in ("count", "num_classes"):
            if not is_count(values[name]):
                raise ValueError(f"{name} is {values[name]}, not a whole number")
        texts = [[values["name"]], values["label_names"], values["notes"], *values["skipped"]]
        if not all(isinstance(text, (list, tuple)) and all(isinstance(word, str) for word in text) for text in texts):
            raise ValueError("a name or a note of the data is no text")
        if any(len(pair) != 2 for pair in values["skipped"]):
            raise ValueError("a file that was skipped has no reason")
        names, rows = values.get("attributes", []), values.get("attribute_rows", [])
        if len(attributes.stored_names(names)) != len(names) or len(names) > attributes.MOST:
            raise ValueError(f"attributes is {names}, not up to {attributes.MOST} names")
        if bool(names) != bool(rows) or not all(is_count(row) and row < 2 ** len(names) for row in rows):
            raise ValueError(f"attribute_rows are no bits of {len(names)} attributes")
        lists = {
            "image_shape": tuple(values["image_shape"]),
            "label_names": tuple(values["label_names"]),
            "skipped": tuple(map(tuple, values["skipped"])),
            "notes": tuple(values["notes"]),
            "attributes": tuple(names),
            "attribute_rows": tuple(rows),
        }
        return cls(**(values | lists))

    def label_index(self, label: str) -> int:
        """A label's number from its number or its name.

        Raises:
          UserError: when the data has no such label.
        """
        if self.attributes:
            raise UserError(f"--label={label}: the run has attributes; --attributes names {', '.join(self.attributes)}")
        if label in self.label_names:
            return self.label_names.index(label)
        if label.isdecimal() and int(label) < self.num_classes:
            return int(label)
        names = f", or {', '.join(self.label_names[:12])}" if self.label_names else ""
        raise UserError(f"--label={label} is not one of {self.name}'s labels: 0 to {self.num_classes - 1}{names}")


def _rows_of(source) -> tuple[int, ...]:
    """The labels of up to ROWS images, spread over the data."""
    indices = np.unique(np.linspace(0, source.count - 1, min(ROWS, source.count)).astype(np.int64))
    return tuple(source.read(indices)[1].tolist())
