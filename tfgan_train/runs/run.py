"""A run as Python callers hold it."""
import functools
import pathlib
from typing import Optional, Union

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.runs.directory import LoadedRun, load_run


class Run:
    """A trained run.

    Attributes:
      run_dir: where it is kept.
      stopped: number of the signal that ended the training early, or None.
    """

    def __init__(self, run_dir, stopped: Optional[int] = None):
        self.run_dir, self.stopped = pathlib.Path(run_dir), stopped

    @functools.cached_property
    def loaded(self) -> LoadedRun:
        """Config, data facts and networks at the newest checkpoint."""
        return load_run(self.run_dir)

    def generate(self, num: int, seed: int = 0, label: Optional[Union[int, str]] = None) -> np.ndarray:
        """Images uint8 [num, H, W, C]; the same for the same seed, here and in `tfgan_train.sample`.

        Args:
          num: how many.
          seed: -2**31 to 2**31 - 1.
          label: number or name, for conditional runs; None: labels drawn from the seed.

        Raises:
          UserError: for a label the run doesn't know, or a number that can't be.
        """
        from tfgan_train.runs.sampler import Sampler
        if num < 1:
            raise UserError(f"num={num} must be at least 1")
        loaded = self.loaded
        return Sampler(loaded.generator, loaded.config, loaded.data).images(num, seed, loaded.label_index(label))
