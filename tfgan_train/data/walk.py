"""Which files below a folder are pictures; knows neither splits nor labels."""

import dataclasses
import os
import pathlib
import stat
from collections import Counter
from collections.abc import Callable
from typing import IO, BinaryIO

from tfgan_train.common.errors import printable, reason

EXTENSIONS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jfif",
    ".jpe",
    ".apng",
    ".webp",
    ".bmp",
    ".dib",
    ".pbm",
    ".pgm",
    ".ppm",
    ".pnm",
    ".jp2",
    ".jpx",
    ".j2k",
    ".j2c",
    ".tga",
    ".tif",
    ".tiff",
)
# What the files of those formats begin with; pictures are also found without an ending.
_SIGNATURES = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"RIFF",
    b"II*\0",
    b"MM\0*",
    b"BM",
    b"P4",
    b"P5",
    b"P6",
    b"\0\0\0\x0cjP",
    b"\xff\x4f\xff\x51",
)


@dataclasses.dataclass
class Found:
    """What a walk through a folder meets.

    Attributes:
      paths: pictures.
      others: file ending -> number of other files.
      skipped: (path, reason) of what looks like a picture and can't be one.
      empty: folders that hold nothing at all.
      opened: a path -> what decodes it: the path itself, or the file's content. Raises decode.BadImage.
    """

    paths: list[pathlib.Path] = dataclasses.field(default_factory=list)
    others: Counter = dataclasses.field(default_factory=Counter)
    skipped: list[tuple[pathlib.Path, str]] = dataclasses.field(default_factory=list)
    empty: list[pathlib.Path] = dataclasses.field(default_factory=list)
    opened: Callable[[pathlib.Path], pathlib.Path | BinaryIO] = pathlib.Path


def walk(root: pathlib.Path) -> Found:
    """Every picture below `root`, linked folders included, hidden ones not."""
    found, visited = Found(), set()

    def unlistable(error: OSError):
        found.skipped.append((pathlib.Path(error.filename), f"this folder can't be listed: {reason(error).lower()}"))

    folders = [os.fspath(root)]
    while folders:
        folder = folders.pop()
        real = os.path.realpath(folder)
        if real in visited:  # A link that leads back up would never end.
            continue
        visited.add(real)
        try:
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            unlistable(error)
            continue
        if not entries:
            found.empty.append(pathlib.Path(folder))
        below = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                below.append(entry.path)
            else:
                _take(entry, found)
        folders += reversed([path for path in below if not os.path.basename(path).startswith("__MACOSX")])
    return found


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _take(entry: os.DirEntry, found: Found) -> None:
    """What a listing knows of a regular file spares asking for it: a million files take seconds."""
    suffix = os.path.splitext(entry.name)[1].lower()
    is_picture = suffix in EXTENSIONS
    try:
        if not entry.is_file() and not stat.S_ISREG(os.stat(entry.path).st_mode):
            if is_picture:
                found.skipped.append((pathlib.Path(entry.path), "not a regular file"))
            return
        if not suffix:
            with open(entry.path, "rb") as file:
                is_picture = begins_as_picture(file)
    except OSError as error:
        if is_picture:
            found.skipped.append((pathlib.Path(entry.path), reason(error).lower()))
        return
    if is_picture:
        found.paths.append(pathlib.Path(entry.path))
    else:
        found.others[suffix] += 1


def begins_as_picture(file: IO[bytes]) -> bool:
    """Whether an open file begins as the formats of EXTENSIONS do."""
    return file.read(12).startswith(_SIGNATURES)


_SHOWN = 5  # endings in a note
# Files that lie beside pictures and hold none: to leave them out is no news.
_PLAIN = {
    *(".txt", ".md", ".rst", ".html", ".htm", ".pdf", ".log", ".lst"),
    *(".json", ".jsonl", ".xml", ".yaml", ".yml", ".csv", ".tsv", ".ini", ".cfg", ".toml", ".db", ".sqlite"),
    *(".py", ".ipynb", ".sh", ".md5", ".sha256", ".url"),
}


def left_out(root: pathlib.Path, found: Found) -> list[str]:
    """A note on the files that may be pictures and weren't read, by their endings."""
    kinds = [(suffix, count) for suffix, count in sorted(found.others.items()) if suffix not in _PLAIN]
    if not kinds:
        return []
    named = [f"{count} {suffix or 'unknown'} file{'s' if count > 1 else ''}" for suffix, count in kinds]
    if len(named) > _SHOWN:
        named = [*named[:_SHOWN], f"{sum(count for _, count in kinds[_SHOWN:])} others"]
    were = "were" if sum(count for _, count in kinds) > 1 else "was"
    return [f"{root}: {printable(', '.join(named))} {were} left out; read are {', '.join(EXTENSIONS)}"]
