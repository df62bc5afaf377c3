"""What a metric returns: a figure, how sure it is, and which way is better."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

LOWER, HIGHER, AS_DATA = "lower", "higher", "as the data"


@dataclasses.dataclass(frozen=True)
class Result:
    """One measured figure.

    Attributes:
      name: the key in eval/STEP.json, for instance "fd".
      value: the figure itself.
      spread: one standard deviation of `value` over what `spread_kind` says.
      spread_kind: "bootstrap", "standard error", "subsets", "splits" …
      n: how many generated samples it rests on.
      better: LOWER, HIGHER, or AS_DATA (good when equal to the real data's own figure).
      unit: "" for pure numbers, else for instance "nats" or "%".
      details: whatever else is worth keeping (sub-figures, sizes, p-values), JSON-ready.
    """

    name: str
    value: float
    spread: float
    spread_kind: str
    n: int
    better: str
    unit: str = ""
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __float__(self) -> float:
        return float(self.value)

    def to_json(self) -> dict:
        """A dict that any JSON parser reads: a figure that is not finite becomes None."""
        return _finite(dataclasses.asdict(self))


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
