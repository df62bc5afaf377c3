"""A table of attributes beside a folder of pictures: a CSV file, or CelebA's list_attr_celeba.txt."""

import csv
import dataclasses
import os
import pathlib

import numpy as np

from tfgan_train.common import attributes
from tfgan_train.common.errors import UserError, printable, reason
from tfgan_train.data import layout

VALUES = {"0": 0, "1": 1, "-1": 0}  # CelebA has -1 for no


@dataclasses.dataclass(frozen=True)
class Table:
    """What a file says.

    Attributes:
      names: the attributes, in the columns' order.
      rows: a picture's name, as the file has it -> its values.
    """

    names: tuple[str, ...]
    rows: dict[str, tuple[int, ...]]


def with_attributes(files: layout.Layout, config) -> layout.Layout:
    """The pictures with the attributes of --attributes for labels; as they are without it.

    A picture's row has its name below the folder, or its name alone.

    Raises:
      UserError: no such file, a damaged one, a picture without a row, or a name of --attribute_names that it lacks.
    """
    if not config.attributes:
        return files
    path = find(config.attributes, files.root)
    flag = f"--attributes={config.attributes}"
    table = read(path, flag)
    names = attributes.chosen("--attribute_names", config.attribute_names, table.names)
    columns = [table.names.index(name) for name in names]
    keys = [next((key for key in _keys(files, one) if key in table.rows), None) for one in files.paths]
    missing = [files.name(one) for one, key in zip(files.paths, keys, strict=True) if key is None]
    if missing:
        others = f" and {len(missing) - 1:,} more pictures" if len(missing) > 1 else ""
        raise UserError(f"{flag} has no row for {missing[0]}{others}; its first column must have each picture's name")
    values = np.array([table.rows[key] for key in keys if key is not None]).reshape(len(keys), -1)[:, columns]
    note = f"attributes: {', '.join(names)}" + (", instead of the folders' labels" if files.labels else "")
    return dataclasses.replace(
        files,
        labels=tuple(attributes.packed(values).tolist()),
        label_names=(),
        attributes=names,
        notes=(*files.notes, note) if files.notes or not files.labels else (note,),
    )


def find(name: str, root: pathlib.Path) -> pathlib.Path:
    """The file that --attributes names: in the folder of pictures, else beside it, else as the path says.

    Raises:
      UserError: there is none.
    """
    places = [root / name, root.resolve().parent / name, pathlib.Path(name).expanduser()]
    for place in places:
        if place.is_file():
            return place
    raise UserError(f"--attributes={name}: no such file in {root}, nor beside it, nor here")


def located(name: str, dataset: str) -> str:
    """--attributes as it is kept: what lies in or beside the folder as it is, another file by its absolute path."""
    kind, _, folder = dataset.partition(":")
    path = pathlib.Path(name).expanduser()
    if not name or kind != "folder" or not path.is_file():
        return name
    root = pathlib.Path(folder)
    beside = any(place.is_file() for place in (root / name, root.resolve().parent / name))
    return name if beside and not path.is_absolute() else os.path.abspath(path)


def read(path: pathlib.Path, flag: str) -> Table:
    """A CSV file whose header names the attributes behind the pictures' column; or CelebA's own form.

    Raises:
      UserError: it can't be read, or a line isn't as it should be.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"{flag} can't be read: {reason(error)}") from None
    except UnicodeDecodeError:
        raise UserError(f"{flag} is no text in UTF-8") from None
    # CelebA's begins with the number of pictures, and names no first column.
    if lines and lines[0].strip().isdecimal():
        cells = [["", *line.split()] if number == 1 else line.split() for number, line in enumerate(lines)][1:]
        first = 2
    else:
        cells, first = [[cell.strip() for cell in row] for row in csv.reader(lines)], 1
    names = tuple(cells[0][1:]) if cells else ()
    if not names or not all(names) or len(set(names)) < len(names):
        raise UserError(f"{flag}: its first line must be a name for the pictures' column and one for each attribute")
    rows: dict[str, tuple[int, ...]] = {}
    for number, row in enumerate(cells[1:], first + 1):
        if row:
            name, values = _row(row, names, f"{flag}, line {number}")
            if rows.setdefault(name, values) != values:
                raise UserError(f"{flag}, line {number}: {printable(name)} has another row above, with other values")
    return Table(names, rows)


def _row(row: list[str], names: tuple[str, ...], where: str) -> tuple[str, tuple[int, ...]]:
    if len(row) != len(names) + 1:
        raise UserError(f"{where} has {len(row)} columns, and the first line {len(names) + 1}")
    for name, value in zip(names, row[1:], strict=True):
        if value not in VALUES:
            raise UserError(f"{where}: {name} is '{printable(value)}'; legal: 0 or 1 (or -1 for 0)")
    return row[0], tuple(VALUES[value] for value in row[1:])


def _keys(files: layout.Layout, path: pathlib.Path) -> tuple[str, str]:
    return path.relative_to(files.root).as_posix(), path.name
