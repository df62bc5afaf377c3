"""How people lay out folders of pictures: splits, classes, a folder around it all, strays; knows paths only."""

import contextlib
import contextvars
import dataclasses
import functools
import gc
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from tfgan_train.common.errors import printable
from tfgan_train.data.walk import Found, left_out, walk

# Each split by the names that people give its folder, in any case.
SPLITS = {"train": ("train", "training"), "test": ("test", "testing"), "val": ("val", "valid", "validation", "dev")}
# What may follow such a name: train_images, test-set, val2017.
_TAIL = re.compile(r"[-_ ]?(images?|imgs?|pictures|photos|set|data|split|(19|20)\d\d)$")
STRAYS = 0.2  # beside class folders, a smaller share of pictures than this is left out; more, and there are no classes
_SHOWN = 5  # names in a note


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
      opened: as in walk.Found.
      attributes: names of the attributes whose bits `labels` then are.
    """

    root: pathlib.Path
    paths: tuple[pathlib.Path, ...]
    labels: tuple[int, ...]
    label_names: tuple[str, ...]
    notes: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    opened: Callable[[pathlib.Path], pathlib.Path | BinaryIO]
    attributes: tuple[str, ...] = ()

    def name(self, path: pathlib.Path) -> str:
        """A file's name in messages: below the root, and printable."""
        return printable(path.relative_to(self.root).as_posix())


@dataclasses.dataclass(frozen=True)
class _Part:
    """The pictures of one split, and the folder in which their classes are."""

    paths: list[pathlib.Path]
    base: pathlib.Path

    @functools.cached_property
    def names(self) -> list[list[str]]:
        """For each path the names that lead to it from the base."""
        return _parts(self.paths, self.base)


_seen: contextvars.ContextVar[dict | None] = contextvars.ContextVar("seen", default=None)


@contextlib.contextmanager
def one_look() -> Iterator[None]:
    """Within it a folder is walked once, however often it is asked for: a million files take seconds."""
    token = _seen.set({})
    try:
        yield
    finally:
        _seen.reset(token)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection: millions of small lists, none of them garbage, would set it off again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def of(root: pathlib.Path, split: str) -> Layout | None:
    """As `arranged`, of a folder on disk."""
    seen = _seen.get()
    with _uncollected():
        if seen is None:
            return arranged(root, walk(root), split)
        if root not in seen:
            seen[root] = walk(root)
        if (root, split) not in seen:
            seen[root, split] = arranged(root, seen[root], split)
        return seen[root, split]


def arranged(root: pathlib.Path, found: Found, split: str) -> Layout | None:
    """The layout of a split ("train" or "test") of what was found below `root`; None where there is no such split.

    Folders named as in SPLITS are splits and never labels. Without one for training, all other
    pictures are for training. Held out is the test split, else the validation split.
    """
    whole, notes = _unwrapped(_Part(found.paths, root))
    splits = _splits(whole)
    train, classes, train_notes = _train(whole, splits)
    held_out, held_notes = _held_out(whole, splits, classes) if train.paths is not whole.paths else (None, [])
    if split != "train":
        return None if held_out is None else _layout(root, found, held_out[1], classes, ())
    notes += _split_notes(whole, splits, held_out) + held_notes + train_notes
    notes += _empty(root, found) + left_out(root, found)
    if classes:
        kept = [path for path, names in zip(train.paths, train.names, strict=True) if len(names) > 1]
        train = train if len(kept) == len(train.paths) else _Part(kept, train.base)
    return _layout(root, found, train, classes, tuple(notes))


def _layout(root, found: Found, part: _Part, classes: Sequence[str], notes: tuple[str, ...]) -> Layout:
    number = {name: label for label, name in enumerate(classes)}
    places = ["/".join(names) for names in (part.names if part.base == root else _parts(part.paths, root))]
    order = sorted(range(len(places)), key=places.__getitem__)
    paths = [part.paths[i] for i in order]
    labels = tuple(number[part.names[i][0]] for i in order) if classes else ()
    skipped = tuple((printable(path.relative_to(root).as_posix()), why) for path, why in found.skipped)
    return Layout(root, tuple(paths), labels, tuple(map(printable, classes)), notes, skipped, found.opened)


def _parts(paths: Sequence[pathlib.Path], base: pathlib.Path) -> list[list[str]]:
    """The names that lead from `base` to each path, as path.relative_to(base).parts, which is slow for a million."""
    length = 0 if base == pathlib.Path() else len(str(base).rstrip(os.sep)) + 1
    return [str(path)[length:].split(os.sep) for path in paths]


def _unwrapped(part: _Part) -> tuple[_Part, list[str]]:
    """Where the data really are: archives often have a folder or two around them all, and a stray beside it.

    The folder within must have folders of its own: of pictures alone it tells nothing.
    """
    inner, within = part.paths, part.base
    while True:
        parts = part.names if within == part.base else _parts(inner, within)
        names = {names[0] for names in parts if len(names) > 1}
        if len(names) != 1 or len(inner) - sum(len(names) > 1 for names in parts) >= STRAYS * len(part.paths):
            break
        (name,) = names
        if split_of(name) == "train" or (split_of(name) and len(inner) < len(part.paths)):
            break
        inner, within = [path for path, names in zip(inner, parts, strict=True) if len(names) > 1], within / name
    if within == part.base or all(len(names) == 1 for names in parts):
        return part, []
    notes = [f"{part.base}: the data lie in its folder {printable(within.relative_to(part.base).as_posix())}"]
    if strays := len(part.paths) - len(inner):
        notes.append(f"{part.base}: {_pictures(strays)} beside that folder {_were(strays)} left out")
    return _Part(inner, within), notes


def split_of(name: str) -> str | None:
    """The split that a folder of this name is ("train", "test" or "val"), or None."""
    plain = _TAIL.sub("", name.lower())
    return next((split for split, names in SPLITS.items() if plain in names), None)


def _splits(whole: _Part) -> dict[str, str]:
    """Split -> the name of its folder; an empty folder is no split."""
    splits: dict[str, str] = {}
    for name in sorted({names[0] for names in whole.names if len(names) > 1}):
        split = split_of(name)
        if split:
            splits.setdefault(split, name)
    return splits


def _within(whole: _Part, folder: str) -> _Part:
    inside = [path for path, names in zip(whole.paths, whole.names, strict=True) if names[0] == folder]
    return _Part(inside, whole.base / folder)


def _train(whole: _Part, splits: dict[str, str]) -> tuple[_Part, list[str], list[str]]:
    """(the pictures for training, their classes, notes); all pictures where there are none but held-out ones."""
    if "train" in splits:
        train, notes = _unwrapped(_within(whole, splits["train"]))
    else:
        others = [path for path, of_split in zip(whole.paths, _are_of_splits(whole), strict=True) if not of_split]
        train, notes = whole if len(others) == len(whole.paths) else _Part(others, whole.base), []
        if not train.paths:
            said = ", ".join(f"{printable(name)}/" for name in splits.values())
            return whole, [], [f"{whole.base}: beside {said} nothing is for training, so all is"] if splits else []
    classes, more = _classes(train)
    return train, classes, notes + more


def _are_of_splits(whole: _Part) -> list[bool]:
    """Whether each path lies in a folder that is named as a split."""
    splits = {name for name in {names[0] for names in whole.names} if split_of(name)}
    return [len(names) > 1 and names[0] in splits for names in whole.names]


def _classes(part: _Part) -> tuple[list[str], list[str]]:
    """(names of the class folders, notes)."""
    parts = part.names
    names = sorted({inner[0] for inner in parts if len(inner) > 1})
    strays = sum(len(inner) == 1 for inner in parts)
    if len(names) < 2 and len({tuple(inner[:-1]) for inner in parts}) < 3:
        return [], []  # Pictures in one folder, or in two, one below the other.
    if len(names) < 2 or strays >= STRAYS * len(parts):
        shown = _listed(names)
        why = f"{strays} of {len(parts)} pictures lie beside the folder{'s' * (len(names) > 1)} {shown}"
        return [], [f"{part.base}: {why}, so no folder is taken for a label"]
    notes = []
    if strays:
        notes.append(f"{part.base}: {_pictures(strays)} beside the class folders {_were(strays)} left out")
    if inside := {inner[1] for inner in parts if len(inner) > 2 and split_of(inner[1])}:
        said = f"the folders {_listed(sorted(inside))} within the classes"
        notes.append(f"{part.base}: {said} aren't taken for splits: all their pictures are for training")
    return names, notes


def _held_out(whole: _Part, splits: dict[str, str], classes: list[str]):
    """((folder, its _Part) of the held-out split or None, notes)."""
    notes = []
    for folder in (splits[split] for split in ("test", "val") if split in splits):
        inside, _ = _unwrapped(_within(whole, folder))
        paths, where = inside.paths, whole.base / folder
        if classes:
            known = [
                path for path, inner in zip(paths, inside.names, strict=True) if inner[0] in classes and len(inner) > 1
            ]
            if len(known) < len(paths):
                notes.append(
                    f"{where}: {len(paths) - len(known)} of {_pictures(len(paths))} "
                    "are in no folder of the training's classes and were left out"
                )
            paths = known
        if len(paths) >= 2:
            return (folder, _Part(paths, inside.base)), notes
        notes.append(f"{where} has {_pictures(len(paths))} that can be used; it isn't used")
    return None, notes


def _split_notes(whole: _Part, splits: dict[str, str], held_out) -> list[str]:
    """What each folder was taken for, and what lies beside them."""
    if not splits:
        return []
    used = {splits.get("train"): "for training"} | ({held_out[0]: "held out"} if held_out else {})
    parts = [f"{printable(name)}/ is {used.get(name, 'left out')}" for name in splits.values()]
    beside = [
        names
        for names, of_split in zip(whole.names, _are_of_splits(whole), strict=True)
        if ("train" in splits or of_split) and names[0] not in splits.values()
    ]
    folders = sorted({f"{names[0]}/" for names in beside if len(names) > 1})
    where = f" ({_listed(folders)})" if folders else ""
    left = f"; {_pictures(len(beside))} beside them{where} {_were(len(beside))} left out" if beside else ""
    others = "" if "train" in splits else "; all other pictures are for training"
    return ["splits: " + ", ".join(parts) + left + others]


def _empty(root: pathlib.Path, found: Found) -> list[str]:
    if not found.empty or not found.paths:
        return []
    names = [path.relative_to(root).as_posix() for path in found.empty]
    return [f"{root}: {'folders' if len(names) > 1 else 'the folder'} without any file: {_listed(names)}"]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")


def _pictures(count: int) -> str:
    return f"{count or 'no'} picture{'s' if count != 1 else ''}"


def _were(count: int) -> str:
    return "were" if count > 1 else "was"
