"""`folder:DIR`: a folder of PNG, JPEG, WebP or BMP files, with class subfolders or none."""
import dataclasses
import os
import pathlib
from collections import Counter
from typing import Iterator, Sequence

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.common.images import aligned_empty
from tfgan_train.data import decode, source
from tfgan_train.data.transform import parse_image_size

# Image files that are no mistake to find, but that this package does not read.
_OTHER_IMAGES = (".gif", ".tif", ".tiff", ".heic", ".heif", ".avif", ".svg", ".psd", ".raw")


@dataclasses.dataclass(frozen=True)
class _Files:
    """The image files of one split, sorted by path; labels index label_names, or are all 0."""
    paths: tuple[pathlib.Path, ...]
    labels: np.ndarray
    label_names: tuple[str, ...]
    notes: tuple[str, ...]


def load(config, split: str) -> source.Source:
    """The images below the folder named in --dataset.

    If every image lies in a subfolder and there are two subfolders or more, their names are
    the labels. If there are the subfolders `train` and `test`, these are the splits; else all
    images are for training. Every file is decoded once to find the damaged ones; the pixels
    stay in memory if they fit there, and are decoded again at each read if they do not.

    Raises:
      NoSuchSplit: "test" without the subfolders `train` and `test`.
      UserError: no such folder, no images, one image, too many damaged files
        (--max_bad_fraction), or images of different sizes without --image_size.
    """
    root = pathlib.Path(config.dataset.partition(":")[2]).expanduser()
    if not root.is_dir():
        raise UserError(f"--dataset={config.dataset}: {root} is not a folder")
    files = _find(root, split)
    if not files.paths:
        raise UserError(f"--dataset={config.dataset}: no images under {root}; "
                        f"legal: files that end in {', '.join(decode.EXTENSIONS)}")
    images, kept, skipped = _decode_all(root, files, config)
    if len(kept) < 2:
        raise UserError(f"--dataset={config.dataset}: {root} holds only one readable image; at least 2 are needed")
    files = dataclasses.replace(files, paths=tuple(files.paths[i] for i in kept), labels=files.labels[kept])
    facts = dict(skipped=skipped, notes=files.notes)
    if images.held is not None:
        return source.from_arrays(config.dataset, images.held, files.labels, files.label_names, **facts)
    return source.Source(config.dataset, len(kept), images.shape, len(files.label_names),
                         files.label_names, _streamed(files, images.shape), **facts)


def _find(root: pathlib.Path, split: str) -> _Files:
    """The files of a split, with labels from the subfolders."""
    has_splits = all((root / name).is_dir() for name in ("train", "test"))
    if split != "train" and not has_splits:
        raise source.NoSuchSplit(f"{root} has no {split} split; a folder with the subfolders train and test has one")
    base = root / split if has_splits else root
    found = sorted(_walk(base), key=lambda path: path.relative_to(base).as_posix())
    paths = [path for path in found if path.suffix.lower() in decode.EXTENSIONS]
    others = Counter(path.suffix.lower() for path in found if path.suffix.lower() in _OTHER_IMAGES)
    notes = [f"{root}: {count} {suffix} files were left out; read are {', '.join(decode.EXTENSIONS)}"
             for suffix, count in sorted(others.items())]

    classes = _classes(base, paths)
    if has_splits and split != "train":
        # A class that the test images lack is still a class.
        trained = _find(root, "train").label_names
        unknown = sorted(set(classes) - set(trained))
        if trained and unknown:
            raise UserError(f"{base} has the class {unknown[0]}, which {root / 'train'} has not")
        classes = trained
    if not classes:
        return _Files(tuple(paths), np.zeros(len(paths), np.int32), (), tuple(notes))
    number = {name: label for label, name in enumerate(classes)}
    labels = np.array([number[path.relative_to(base).parts[0]] for path in paths], np.int32)
    return _Files(tuple(paths), labels, classes, tuple(notes))


def _classes(base: pathlib.Path, paths: Sequence[pathlib.Path]) -> tuple[str, ...]:
    """The subfolders' names if they sort all images into two classes or more, else nothing."""
    parts = [path.relative_to(base).parts for path in paths]
    names = sorted({part[0] for part in parts})
    return tuple(names) if len(names) > 1 and all(len(part) > 1 for part in parts) else ()


def _walk(base: pathlib.Path) -> Iterator[pathlib.Path]:
    """Every file below `base`, linked folders included, hidden ones not."""
    visited = set()
    for folder, below, names in os.walk(base, followlinks=True):
        real = os.path.realpath(folder)
        below[:] = [name for name in below if not name.startswith((".", "__MACOSX"))]
        if real in visited:  # A link that leads back up would never end.
            below.clear()
            continue
        visited.add(real)
        yield from (pathlib.Path(folder, name) for name in names if not name.startswith("."))


class _Images:
    """Decoded images as they come: checks that sizes agree, and keeps the pixels if they fit."""

    def __init__(self, name: str, count: int, channels: int):
        self.held: np.ndarray | None = None
        self.shape: tuple[int, int, int] | None = None
        self._name, self._count, self._channels = name, count, channels
        self._first = ""
        self._kept = 0
        self._coloured = False

    def add(self, path: str, pixels: np.ndarray) -> None:
        """Takes the next image, uint8 [H, W, 1 or 3]."""
        if self.shape is None:
            self._first = path
            self.shape = (*pixels.shape[:2], self._channels or 3)
            if self._count * int(np.prod(self.shape)) <= source.MEMORY_LIMIT:
                self.held = aligned_empty((self._count, *self.shape))
        if pixels.shape[:2] != self.shape[:2]:
            height, width = pixels.shape[:2]
            raise UserError(
                f"--dataset={self._name}: the images differ in size ({self._first} is {self.shape[0]}x{self.shape[1]}, "
                f"{path} is {height}x{width}); give --image_size, such as --image_size=64 or --image_size=96x64")
        self._coloured |= pixels.shape[2] == 3
        if self.held is not None:
            self.held[self._kept] = pixels
        self._kept += 1

    def finish(self) -> None:
        """Settles the number of channels and drops the room of files that were skipped."""
        if self.held is not None:
            self.held = self.held[:self._kept]
        if not (self._channels or self._coloured):
            self.shape = (*self.shape[:2], 1)
            if self.held is not None:
                self.held = self.held[..., :1].copy()


def _decode_all(root: pathlib.Path, files: _Files, config):
    """(_Images, indices of the good files, (file, reason) of the others)."""
    size = parse_image_size(config.image_size)

    def attempt(path: pathlib.Path) -> np.ndarray | decode.BadImage:
        try:
            return decode.decode(path, size, config.channels)
        except decode.BadImage as error:
            return error

    images = _Images(config.dataset, len(files.paths), config.channels)
    kept, skipped = [], []
    for index, result in enumerate(decode.in_threads(attempt, files.paths)):
        path = files.paths[index].relative_to(root).as_posix()
        if isinstance(result, decode.BadImage):
            skipped.append((path, str(result)))
        else:
            images.add(path, result)
            kept.append(index)
    if not kept or len(skipped) > config.max_bad_fraction * len(files.paths):
        path, reason = skipped[0]
        raise UserError(
            f"--dataset={config.dataset}: {len(skipped)} of {len(files.paths)} images can't be read (first: {path}: "
            f"{reason}); more than --max_bad_fraction={config.max_bad_fraction} allows")
    images.finish()
    return images, kept, tuple(skipped)


def _streamed(files: _Files, shape: tuple[int, int, int]) -> source.Reader:
    """A reader that decodes from disk each time."""

    def one(path: pathlib.Path) -> np.ndarray:
        try:
            return decode.decode(path, shape[:2], shape[2])
        except decode.BadImage as error:
            raise UserError(f"{path} was readable when the run began and is not now: {error}") from error

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = np.empty((len(indices), *shape), np.uint8)
        for place, pixels in enumerate(decode.in_threads(one, [files.paths[i] for i in indices])):
            images[place] = pixels
        return images, files.labels[indices]

    return read
