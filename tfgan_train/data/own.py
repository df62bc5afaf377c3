"""`python:package.module:function`: data that a function of the user's returns."""

import inspect

from tfgan_train.common import dotted
from tfgan_train.common.errors import UserError
from tfgan_train.data import source
from tfgan_train.data.from_python import as_source


def load(config, split: str) -> source.Source:
    """What the function named in --dataset returns for a split.

    The function takes the split, "train" or "test", or nothing, where there is a training split only. It returns
    images uint8 [N, H, W] or [N, H, W, C]; (images, labels); (float images, labels or None, (lowest, highest) value);
    a finite tf.data.Dataset; or a Source. None says that there is no such split. It must return the same at each call.

    Raises:
      NoSuchSplit: for "test" where it returns None or takes no split.
      UserError: no such function, one that fails, or something else returned.
    """
    flag = f"--dataset={config.dataset}"
    function = dotted.resolve(config.dataset, "dataset")
    if not callable(function):
        raise UserError(f"{flag} is a {type(function).__name__}, not a function")
    takes_split = bool(inspect.signature(function).parameters)
    found = None
    if takes_split or split == "train":
        with dotted.users_code(flag):
            found = function(split) if takes_split else function()
    if found is None:
        if split != "train":
            raise source.NoSuchSplit(f"{config.dataset} has no {split} split")
        raise UserError(f"{flag} returned None for the training split")
    value_range = None
    if isinstance(found, tuple) and len(found) == 3:
        images, labels, value_range = found
        found = images if labels is None else (images, labels)
    return as_source(found, value_range, flag)
