"""What the package knows of a dataset beside its images."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from tfgan_train.data.source import Source


@dataclasses.dataclass(frozen=True)
class Dataset:
    """An entry of DATASETS.

    Attributes:
      load: (config, split "train" or "test") -> Source; raises NoSuchSplit where it has no such split, and
        UserError for data that are missing or damaged.
      help: what it is, for --help; empty where the command line can't name it.
      argument: what follows its name and a colon in --dataset: "FOLDER" or "FILE" for a path, "NAME"; "" for nothing.
      recipe: the recipe of runs that name none.
      recipes: recipes that suit some arguments better.
      endings: of files that may stand in --dataset alone, without its name.
      settings: settings of Config that it alone reads, as others do: data_dir, max_bad_fraction, value_range.
    """

    load: Callable[[Any, str], Source]
    help: str
    argument: str = ""
    recipe: str = "digits"
    recipes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    endings: tuple[str, ...] = ()
    settings: frozenset[str] = frozenset()

    @property
    def is_path(self) -> bool:
        """Whether the argument is a path."""
        return self.argument in ("FOLDER", "FILE")

    def form(self, name: str) -> str:
        """How --dataset names it: "mnist", "folder:FOLDER"."""
        return f"{name}:{self.argument}" if self.argument else name
