"""The files of a folder that training does not read, each with the reason."""

import os
import pathlib
from collections.abc import Iterator

from tfgan_train.common.errors import printable
from tfgan_train.data import layout, walk


def find(root: pathlib.Path, layouts: dict[str, layout.Layout]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What lies below `root` and is in no split.

    Args:
      root: the data's folder.
      layouts: the splits that training uses.

    Returns:
      ([(file, why it is ignored)], [(file, what it seems to be)] of those whose ending hides a picture), sorted.
    """
    taken = {path for one in layouts.values() for path in one.paths}
    skipped = {name for one in layouts.values() for name, _ in one.skipped}
    ignored, hidden = [], []
    for path, is_hidden in _files(root):
        name = printable(path.relative_to(root).as_posix())
        if path in taken or name in skipped:
            continue
        ignored.append((name, "hidden" if is_hidden else _why(path, root, layouts["train"])))
        if not is_hidden and path.suffix.lower() not in walk.EXTENSIONS and (form := _picture_inside(path)):
            hidden.append((name, f"holds a {form} picture, and its ending {path.suffix} isn't read"))
    return sorted(ignored), sorted(hidden)


def _files(root: pathlib.Path) -> Iterator[tuple[pathlib.Path, bool]]:
    """(file, whether it is hidden) of all that lies below `root`; a hidden folder counts as one file."""
    visited = set()
    for folder, below, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            below.clear()
            continue
        visited.add(real)
        closed = [name for name in below if name.startswith((".", "__MACOSX"))]
        below[:] = [name for name in below if name not in closed]
        yield from ((pathlib.Path(folder, name), True) for name in closed)
        yield from ((pathlib.Path(folder, name), name.startswith(".")) for name in names)


def _why(path: pathlib.Path, root: pathlib.Path, train: layout.Layout) -> str:
    if path.suffix.lower() not in walk.EXTENSIONS:
        return f"{path.suffix} is no ending that is read" if path.suffix else "no picture"
    inner = path.relative_to(root).parts[:-1]
    if split := next((name for name in inner if layout.split_of(name)), None):
        known = set(inner) & set(train.label_names)
        return (
            f"{printable(split)}/ isn't used" if known or not train.label_names else "not in a class of the training's"
        )
    return "beside the class folders"


def _picture_inside(path: pathlib.Path) -> str | None:
    """The format that a file's first bytes tell, or None."""
    try:
        with open(path, "rb") as file:
            begin = file.read(12)
    except OSError:
        return None
    kinds = ((b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"))
    if begin[:4] == b"RIFF" and begin[8:] == b"WEBP":
        return "WebP"
    return next((name for signature, name in kinds if begin.startswith(signature)), None)
