"""What the package knows of an architecture beside its networks."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any


def _takes_anything(config: Any, data: Any, side: str) -> None:
    del config, data, side


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A family of networks, an entry of MODELS. G and D may come from two.

    Attributes:
      generator: (config, data) -> a Generator of base.py, or what has its methods; its variables needn't be made yet.
        `data` has image_shape (H, W, C) and num_classes. None: the family has a discriminator only.
      discriminator: (config, data) -> a Discriminator, likewise.
      settings: the network settings of Config that they read; the command line refuses the others.
      defaults: what 0 stands for, for those of g_width, d_width, g_depth and d_depth that it reads.
      check: (config, data, side "g" or "d") -> None; raises UserError for images or settings that its G or D can't
        take.
    """

    generator: Callable[[Any, Any], Any] | None
    discriminator: Callable[[Any, Any], Any]
    settings: frozenset[str]
    defaults: Mapping[str, int] = dataclasses.field(default_factory=dict)
    check: Callable[[Any, Any, str], None] = _takes_anything
