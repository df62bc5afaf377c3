"""How people lay out folders of pictures: splits, classes, a folder around it all, strays; knows paths only."""

import dataclasses
import functools
import os
import pathlib
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from typing import IO, BinaryIO

from tfgan_train.common.errors import printable, reason

# Each split by the names that people give its folder, in any case.
SPLITS = {"train": ("train", "training"), "test": ("test", "testing"), "val": ("val", "valid", "validation", "dev")}
EXTENSIONS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jfif",
    ".jpe",
    ".webp",
    ".bmp",
    ".dib",
    ".pgm",
    ".ppm",
    ".pnm",
    ".jp2",
    ".j2k",
    ".tga",
    ".tif",
    ".tiff",
)
# What the files of those formats begin with; pictures are also found without an ending.
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"II*\0", b"MM\0*", b"BM", b"P5", b"P6", b"\0\0\0\x0cjP")
STRAYS = 0.2  # beside class folders, a smaller share of pictures than this is left out; more, and there are no classes


@dataclasses.dataclass(frozen=True)
class Layout:
    """The pictures of one split, sorted by path.

    Attributes:
      root: what the paths are relative to in messages.
      paths: regular files.
      labels: a class number for each; empty where there are no classes.
      label_names: the classes.
      notes: what was taken for what, and what was left out.
      skipped: (file, reason) of what looks like a picture and is no regular file.
      opened: a path -> what decodes it: the path itself, or the file's content. Raises decode.BadImage.
    """

    root: pathlib.Path
    paths: tuple[pathlib.Path, ...]
    labels: tuple[int, ...]
    label_names: tuple[str, ...]
    notes: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    opened: Callable[[pathlib.Path], pathlib.Path | BinaryIO]

    def name(self, path: pathlib.Path) -> str:
        """A file's name in messages: below the root, and printable."""
        return printable(path.relative_to(self.root).as_posix())


@dataclasses.dataclass
class Found:
    """What a walk through a folder meets.

    Attributes:
      paths: pictures.
      others: file ending -> number of other files.
      skipped: (path, reason) of what looks like a picture and can't be one.
      opened: as in Layout.
    """

    paths: list[pathlib.Path] = dataclasses.field(default_factory=list)
    others: Counter = dataclasses.field(default_factory=Counter)
    skipped: list[tuple[pathlib.Path, str]] = dataclasses.field(default_factory=list)
    opened: Callable[[pathlib.Path], pathlib.Path | BinaryIO] = pathlib.Path


def of(root: pathlib.Path, split: str) -> Layout | None:
    """As `arranged`, of a folder on disk."""
    return arranged(root, _walk(root), split)


def arranged(root: pathlib.Path, found: Found, split: str) -> Layout | None:
    """The layout of a split ("train" or "test") of what was found below `root`; None where there is no such split.

    Folders named as in SPLITS are splits and never labels. Without one for training, all other
    pictures are for training. Held out is the test split, else the validation split.
    """
    base, notes = _unwrapped(root, found)
    splits = _splits(base, found)
    train = _within(base, found.paths, splits.get("train"), splits)
    if not train:  # Nothing but held-out folders: all is for training.
        train, splits = list(found.paths), {}
    classes, part, train_notes = _classes(base, train, splits.get("train"))
    held_out, held_notes = _held_out(base, found.paths, splits, classes)
    if split != "train":
        if held_out is None:
            return None
        return _layout(root, found, held_out, part=_base(base, held_out[0]), classes=classes, notes=())
    notes += _split_notes(splits, held_out) + held_notes + train_notes + _left_out(root, found)
    kept = [path for path in train if not classes or len(_parts(path, part)) > 1]
    return _layout(root, found, (splits.get("train"), kept), part, classes, tuple(notes))


def _layout(root, found, chosen, part, classes, notes) -> Layout:
    _, paths = chosen
    number = {name: label for label, name in enumerate(classes)}
    paths = sorted(paths, key=lambda path: "/".join(_parts(path, root)))
    labels = tuple(number[_parts(path, part)[0]] for path in paths) if classes else ()
    skipped = tuple((printable(path.relative_to(root).as_posix()), why) for path, why in found.skipped)
    return Layout(root, tuple(paths), labels, tuple(map(printable, classes)), tuple(notes), skipped, found.opened)


def _walk(root: pathlib.Path) -> Found:
    """Every picture below `root`, linked folders included, hidden ones not."""
    found, visited = Found(), set()

    def unlistable(error: OSError):
        found.skipped.append((pathlib.Path(error.filename), f"this folder can't be listed: {reason(error).lower()}"))

    for folder, below, names in os.walk(root, followlinks=True, onerror=unlistable):
        real = os.path.realpath(folder)
        below[:] = sorted(name for name in below if not name.startswith((".", "__MACOSX")))
        if real in visited:  # A link that leads back up would never end.
            below.clear()
            continue
        visited.add(real)
        for name in sorted(names):
            if not name.startswith("."):
                _take(pathlib.Path(folder, name), found)
    return found


def _take(path: pathlib.Path, found: Found) -> None:
    suffix = path.suffix.lower()
    is_picture = suffix in EXTENSIONS
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            if is_picture:
                found.skipped.append((path, "not a regular file"))
            return
        if not suffix:
            with open(path, "rb") as file:
                is_picture = begins_as_picture(file)
    except OSError as error:
        if is_picture:
            found.skipped.append((path, reason(error).lower()))
        return
    if is_picture:
        found.paths.append(path)
    else:
        found.others[suffix] += 1


def _parts(path: pathlib.Path, base: pathlib.Path) -> list[str]:
    """The names that lead from `base` to `path`, as path.relative_to(base).parts, which is slow for a million."""
    return str(path)[_length(base) :].split(os.sep)


@functools.lru_cache(maxsize=64)
def _length(base: pathlib.Path) -> int:
    """How many characters `base` and a separator take before a path in it."""
    return 0 if base == pathlib.Path() else len(str(base).rstrip(os.sep)) + 1


def begins_as_picture(file: IO[bytes]) -> bool:
    """Whether an open file begins as the formats of EXTENSIONS do."""
    return file.read(12).startswith(_SIGNATURES)


def _unwrapped(root: pathlib.Path, found: Found) -> tuple[pathlib.Path, list[str]]:
    """The folder in which the data are: archives often have one folder around them all."""
    base = root
    while True:
        names = {_parts(path, base)[0] for path in found.paths}
        only = base / next(iter(names)) if len(names) == 1 else None
        if (
            only is None
            or found.paths == [only]
            or len({_parts(path, only)[0] for path in found.paths}) < 2
            or all(path.parent == only for path in found.paths)
            or split_of(only.name)
        ):
            break
        base = only
    return base, [] if base == root else [
        f"{root}: the data lie in its folder {printable(base.relative_to(root).as_posix())}"
    ]


def split_of(name: str) -> str | None:
    """The split that a folder of this name is ("train", "test" or "val"), or None."""
    return next((split for split, names in SPLITS.items() if name.lower() in names), None)


def _splits(base: pathlib.Path, found: Found) -> dict[str, str]:
    """Split -> the name of its folder in `base`; an empty folder is no split."""
    names = sorted({_parts(path, base)[0] for path in found.paths if len(_parts(path, base)) > 1})
    splits: dict[str, str] = {}
    for name in names:
        split = split_of(name)
        if split:
            splits.setdefault(split, name)
    return splits


def _within(base, paths, folder: str | None, splits: dict[str, str]) -> list[pathlib.Path]:
    """The pictures in a split's folder; without one, those that are in no split's folder."""
    if folder is not None:
        return [path for path in paths if _parts(path, base)[0] == folder]
    return [path for path in paths if _parts(path, base)[0] not in splits.values()]


def _base(base: pathlib.Path, folder: str | None) -> pathlib.Path:
    return base if folder is None else base / folder


def _classes(base, paths: Sequence[pathlib.Path], folder: str | None) -> tuple[list[str], pathlib.Path, list[str]]:
    """(names of the class folders, the folder that they are in, notes)."""
    part = _base(base, folder)
    parts = [_parts(path, part) for path in paths]
    names = sorted({inner[0] for inner in parts if len(inner) > 1})
    strays = sum(len(inner) == 1 for inner in parts)
    if len(names) < 2:
        return [], part, []
    if not strays:
        return names, part, []
    if strays < STRAYS * len(paths):
        what, verb = ("pictures", "were") if strays > 1 else ("picture", "was")
        return names, part, [f"{part}: {strays} {what} beside the class folders {verb} left out"]
    shown = ", ".join(map(printable, names[:5])) + (", …" if len(names) > 5 else "")
    why = f"{strays} of {len(paths)} pictures lie beside the folders {shown}, so these aren't taken for labels"
    return [], part, [f"{part}: {why}"]


def _held_out(base, paths, splits: dict[str, str], classes: list[str]):
    """((folder, pictures) of the held-out split or None, notes)."""
    notes = []
    for split in ("test", "val"):
        if split not in splits:
            continue
        folder = splits[split]
        inside = _within(base, paths, folder, splits)
        if classes:
            names = [_parts(path, base / folder) for path in inside]
            known = [path for path, inner in zip(inside, names, strict=True) if inner[0] in classes and len(inner) > 1]
            if len(known) < len(inside):
                notes.append(
                    f"{base / folder}: {len(inside) - len(known)} of {len(inside)} pictures "
                    "are in no folder of the training's classes and were left out"
                )
            inside = known
        if len(inside) >= 2:
            return (folder, inside), notes
        what = f"{len(inside) or 'no'} picture{'s' if len(inside) != 1 else ''}"
        notes.append(f"{base / folder} has {what} that can be used; it isn't used")
    return None, notes


def _split_notes(splits: dict[str, str], held_out) -> list[str]:
    if not splits:
        return []
    used = {splits.get("train"): "for training"} | ({held_out[0]: "held out"} if held_out else {})
    parts = [f"{printable(name)}/ is {used.get(name, 'left out')}" for name in splits.values()]
    return ["splits: " + ", ".join(parts) + ("" if "train" in splits else "; all other pictures are for training")]


def _left_out(root: pathlib.Path, found: Found) -> list[str]:
    if not found.others:
        return []
    return [
        f"{root}: {count} {suffix or 'unknown'} {'files were' if count > 1 else 'file was'} left out; "
        f"read are {', '.join(EXTENSIONS)}"
        for suffix, count in sorted(found.others.items())
        if suffix in _PICTURES_LEFT_OUT or not suffix
    ]


# Files that hold pictures and aren't read; other kinds (text, JSON) are no mistake to find.
_PICTURES_LEFT_OUT = (
    ".gif",
    ".heic",
    ".heif",
    ".avif",
    ".svg",
    ".psd",
    ".raw",
    ".dcm",
    ".exr",
    ".hdr",
    ".ico",
    ".zip",
    ".npy",
    ".npz",
)
