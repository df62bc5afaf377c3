"""`csv:FILE`: one picture a row, as Kaggle's digits and their successors come: label,pixel0,pixel1,…"""

import contextlib
import csv
import itertools
import math
import pathlib
from collections.abc import Iterator
from typing import TextIO

import numpy as np

from tfgan_train.common.errors import UserError, reason
from tfgan_train.common.files import refuse_what_is_no_file
from tfgan_train.common.images import aligned_empty
from tfgan_train.data import source
from tfgan_train.data.array_data import from_images

_VALUES = 1 << 21  # are parsed at a time
_MOST_LINE = 1 << 24  # characters: more is no table of pictures


def load(config, split: str) -> source.Source:
    """Square grey pictures, one a row: n*n values from 0 to 255, by rows of pixels, after an integer label or none.

    A first line that isn't all integers is a header. The label's column is the header's "label", else the first
    where there is one value more than a square.

    Raises:
      NoSuchSplit: "test": a file is one split.
      UserError: no such file, or other rows.
    """
    path = pathlib.Path(config.dataset.partition(":")[2]).expanduser()
    flag = f"--dataset={config.dataset}"
    if split != "train":
        raise source.NoSuchSplit(f"{path} has no {split} split")
    refuse_what_is_no_file(path, flag)
    try:
        count, header = _looked_through(path)
        side, label = _columns(flag, header)
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            if not _all_integers(header):
                next(file)
                count -= 1
            images, labels = _parsed(flag, file, count, len(header), label)
    except OSError as error:
        raise UserError(f"{flag} can't be read: {reason(error)}") from None
    return from_images(flag, images.reshape(-1, side, side, 1), None if label is None else labels, name=config.dataset)


def _looked_through(path: pathlib.Path) -> tuple[int, list[str]]:
    """(number of lines that aren't empty, the cells of the first)."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(_MOST_LINE)
        with contextlib.suppress(csv.Error):
            cells = next(csv.reader([first]), [])
            return sum(not line.isspace() for line in file) + bool(first.strip()), [cell.strip() for cell in cells]
    return 0, []


def _all_integers(cells: list[str]) -> bool:
    return all(cell.lstrip("-").isdecimal() for cell in cells)


def _columns(flag: str, header: list[str]) -> tuple[int, int | None]:
    """(the pictures' side, the label's column or None)."""
    named = [cell.lower() for cell in header]
    label: int | None
    if "label" in named:
        label = named.index("label")
    else:
        label = None if math.isqrt(len(header)) ** 2 == len(header) else 0
    pixels = len(header) - (label is not None)
    side = math.isqrt(pixels)
    if side < 2 or side * side != pixels:
        raise UserError(
            f"{flag}: a row has {len(header)} values; legal: n*n pixels of a grey picture, after a label or none "
            "(label,pixel0,pixel1,…)"
        )
    return side, label


def _parsed(flag: str, file: TextIO, count: int, columns: int, label: int | None) -> tuple[np.ndarray, np.ndarray]:
    """(uint8 [count, pixels], labels int64 [count])."""
    images = aligned_empty((count, columns - (label is not None)))
    labels = np.zeros(count, np.int64)
    done = 0
    for rows in _blocks(flag, file, columns):
        where = slice(done, done + len(rows))
        if label is not None:
            labels[where] = rows[:, label]
            rows = np.delete(rows, label, axis=1)
        if rows.min() < 0 or rows.max() > 255:
            raise UserError(f"{flag}: pixels go from {rows.min()} to {rows.max()}; legal: 0 to 255")
        images[where] = rows
        done = where.stop
    if not done:
        raise UserError(f"{flag} has no rows of numbers")
    return images[:done], labels[:done]


def _blocks(flag: str, file: TextIO, columns: int) -> Iterator[np.ndarray]:
    """The file's rows as integers [some, columns]."""
    done = 0
    while lines := list(itertools.islice(file, max(1, _VALUES // columns))):
        full = [line for line in lines if not line.isspace()]
        if full:
            try:
                rows = np.loadtxt(full, np.int64, delimiter=",", comments=None, quotechar='"', ndmin=2)
            except (ValueError, OverflowError) as error:
                raise UserError(f"{flag}: rows {done + 1} to {done + len(full)}: {_words(error)}") from None
            if rows.shape[1] != columns:
                raise UserError(f"{flag}: row {done + 1} has {rows.shape[1]} values, and the first line {columns}")
            yield rows
        done += len(full)


def _words(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].partition(";")[0][:160]
