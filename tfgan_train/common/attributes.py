"""Attribute vectors: several labels of an image at once, each 0 or 1, packed as the bits of one whole number.

So they go wherever a label goes: through batches, caches, fingerprints and latents' files.
"""

from collections.abc import Sequence

import numpy as np

from tfgan_train.common.errors import UserError, unknown
from tfgan_train.common.pairs import named_values

MOST = 31  # attributes of a run: the bits of an int32 without its sign


def stored_names(value) -> tuple[str, ...]:
    """The names in a file's JSON; () where it is no list of names."""
    good = isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)
    return tuple(value) if good else ()


def packed(rows: np.ndarray) -> np.ndarray:
    """0/1 numbers [n, attributes] -> int32 [n], the first attribute in the lowest bit."""
    return (np.asarray(rows, np.int64) << np.arange(np.shape(rows)[1])).sum(1).astype(np.int32)


def unpacked(labels: np.ndarray, count: int) -> np.ndarray:
    """int32 [n] -> float32 [n, count] of 0 and 1."""
    return (np.asarray(labels)[:, None] >> np.arange(count) & 1).astype(np.float32)


def parse(flag: str, text: str, names: Sequence[str]) -> dict[str, int]:
    """Name -> 0 or 1 of "Smiling=1,Hat=0"; {} for "".

    Args:
      flag: how messages call it, as "--attributes".
      names: the legal ones.

    Raises:
      UserError: another form, an unknown name, one that stands twice, or another value.
    """
    found: dict[str, int] = {}
    for name, value in named_values(flag, text, names, "attribute", "NAME=0 or NAME=1"):
        if value not in ("0", "1"):
            raise UserError(f"{flag}={text}: {name}={value} is no value; legal: 0 or 1")
        found[name] = int(value)
    return found


def chosen(flag: str, text: str, names: Sequence[str]) -> tuple[str, ...]:
    """The attributes that "Smiling,Hat" names among those of the data; all of them for "".

    Raises:
      UserError: an unknown name, one that stands twice, or more than MOST.
    """
    wanted = tuple(name.strip() for name in text.split(",")) if text else tuple(names)
    for name in wanted:
        if name not in names:
            raise UserError(f"{flag}={text}: {unknown('attribute', name, names)}")
        if wanted.count(name) > 1:
            raise UserError(f"{flag}={text}: {name} stands in it twice")
    if len(wanted) > MOST:
        raise UserError(f"the data have {len(wanted)} attributes; name up to {MOST} of them by {flag}=NAME,NAME")
    return wanted
