"""`folder:DIR`: a folder of picture files, with class subfolders or none."""

import functools
import math
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfgan_train.common.errors import UserError, printable
from tfgan_train.common.images import aligned_empty
from tfgan_train.data import attribute_table, decode, folder_cache, held_out, layout, source, walk
from tfgan_train.data.transform import parse_image_size

_ACTS_ON = "some of the pictures are not of 16 bits, and stay as they are"
_ACTS_ON_NONE = "none of the pictures is of 16 bits, so it does nothing"


def load(config, split: str) -> source.Source:
    """The images below the folder named in --dataset.

    layout.py says which subfolders are splits, which are labels. Every file is decoded once to find
    the damaged ones; the pixels stay in memory if they fit there. If they do not, they are kept in
    --cache_dir, or decoded again at each read where there is none.

    Raises:
      NoSuchSplit: "test" without a subfolder for it.
      UserError: no such folder, no images, one image, too many damaged files
        (--max_bad_fraction), or images of different sizes without --image_size.
    """
    root = root_of(config)
    return from_layouts(config, split, root, functools.partial(layout.of, root))


def from_layouts(
    config, split: str, root: pathlib.Path, layouts: Callable[[str], layout.Layout | None]
) -> source.Source:
    """The images of the layout of a split; raises as `load`.

    Args:
      root: what the pictures lie in.
      layouts: a split -> its layout, None for one that isn't there.
    """
    files = held_out.layout_of(layouts, root, config, split)
    if files is None:
        raise source.NoSuchSplit(
            f"{root} has no {split} split; a folder with the subfolders train and test has one; --held_out makes one"
        )
    if not files.paths:
        raise UserError(
            f"--dataset={config.dataset}: no images under {root}; legal: files that end in {', '.join(walk.EXTENSIONS)}"
        )
    files = attribute_table.with_attributes(files, config)
    # One range for the run: the training pictures decide it.
    trained = files if split == "train" else held_out.layout_of(layouts, root, config, "train") or files
    if config.cache_dir:
        images, kept, skipped = _cached(files, config, split, trained)
    else:
        images, kept, skipped = _decode_all(files, config, range_of(config.value_range, trained))
    _check_enough(files, len(kept), skipped, config)
    if len(kept) < 2:
        if split != "train":
            raise source.NoSuchSplit(f"{root} has only one readable {split} image")
        raise UserError(f"--dataset={config.dataset}: {root} holds only one readable image; at least 2 are needed")
    labels = np.array([files.labels[i] for i in kept] if files.labels else [0] * len(kept), np.int32)
    facts: dict[str, Any] = dict(
        skipped=files.skipped + skipped,
        notes=files.notes + _range_notes(config.value_range, files, layouts),
        attributes=files.attributes,
    )
    if images.held is not None:
        return source.from_arrays(config.dataset, images.held, labels, files.label_names, **facts)
    return source.Source(
        config.dataset,
        len(kept),
        images.shape,
        len(files.label_names),
        files.label_names,
        images.reader(files, kept, labels),
        **facts,
    )


def root_of(config) -> pathlib.Path:
    """The folder named in --dataset.

    Raises:
      UserError: when there is none.
    """
    root = pathlib.Path(config.dataset.partition(":")[2]).expanduser()
    if not root.is_dir():
        hint = "; legal files: .npz, .npy, .zip, .csv" if root.is_file() else ""
        raise UserError(f"--dataset={config.dataset}: {root} is not a folder{hint}")
    return root


def _range_notes(value_range: str, files: layout.Layout, layouts) -> tuple[str, ...]:
    """Tells of 16-bit pictures that use a small part of their range, as medical ones of 12 bits do; or, where a range
    is given, of pictures that it doesn't act on, in `files` and in the test split.
    """
    looked_at = [(files, path) for path in files.paths[:: max(1, len(files.paths) // 32)]]
    if value_range:
        if (tested := layouts("test")) is not None:
            looked_at += [(tested, path) for path in tested.paths[:: max(1, len(tested.paths) // 32)]]
        wide = [_wide_range(*one) is not None for one in looked_at]
        return () if all(wide) else (f"--value_range={value_range}: {_ACTS_ON if any(wide) else _ACTS_ON_NONE}",)
    ranges = [found for one in looked_at if (found := _wide_range(*one))]
    highest = max((high for _, high in ranges), default=decode.WIDEST)
    if not ranges or highest > decode.WIDEST // 4:
        return ()
    return (
        f"the 16-bit pictures go up to {highest:,} of 65,535 and will be dark; "
        "--value_range=auto stretches what they use",
    )


class _Images:
    """Decoded images as they come: checks that sizes agree, and keeps the pixels if they fit.

    Grey ones are kept with one channel until the first coloured one comes, so that memory holds the
    pixels once.

    Args:
      name: how messages call the data.
      count: of images, at most.
      channels: 1, 3, 4, or 0 for what the images need.
      value_range: of 16-bit ones.
      limit: bytes that are kept.
    """

    def __init__(self, name: str, count: int, channels: int, value_range: tuple[int, int] | None, limit: float):
        self.held: np.ndarray | None = None
        self.shape = (0, 0, 0)  # until the first size is known
        self.value_range = value_range
        self._name, self._count, self._limit = name, count, limit
        self._channels = channels or 1
        self._first = ""
        self._kept = 0

    def expect(self, first: str, size: tuple[int, int]) -> None:
        """Says the size that all must have, and the file that has it."""
        self._first = first
        self._hold(size)

    def add(self, path: str, pixels: np.ndarray) -> None:
        """Takes the next image, uint8 [H, W, C]: grey ones become as coloured as the others."""
        height, width, channels = pixels.shape
        if not self._first:
            self._first = path
            self._hold((height, width))
        if (height, width) != self.shape[:2]:
            raise UserError(
                f"--dataset={self._name}: the images differ in size ({self._first} is {self.shape[0]}x{self.shape[1]}, "
                f"{path} is {height}x{width}); give --image_size, such as --image_size=64 or --image_size=96x64"
            )
        if channels != self._channels and 1 not in (channels, self._channels):
            raise UserError(
                f"--dataset={self._name}: {path} has {channels} channels, others have {self._channels}; "
                "give --channels, such as --channels=3"
            )
        if channels > self._channels:
            self._channels = channels
            self._hold((height, width))
        if self.held is not None:
            self.held[self._kept] = pixels
        self._kept += 1

    def finish(self) -> None:
        """Drops the room of files that were skipped."""
        if self.held is not None:
            self.held = self.held[: self._kept]

    def reader(self, files: layout.Layout, kept: Sequence[int], labels: np.ndarray) -> source.Reader:
        """Reads the files of images that aren't kept."""
        return _streamed(files, kept, labels, self.shape, self.value_range)

    def _hold(self, size: tuple[int, int]) -> None:
        before, self.held, self.shape = self.held, None, (*size, self._channels)
        if self._count * int(np.prod(self.shape)) <= self._limit:
            self.held = aligned_empty((self._count, *self.shape))
            if before is not None:
                self.held[: self._kept] = before[: self._kept]


def _decode_all(files: layout.Layout, config, value_range):
    """(_Images, indices of the good files, (file, reason) of the others)."""
    images = _Images(config.dataset, len(files.paths), config.channels, value_range, source.MEMORY_LIMIT)
    kept, skipped = _decode(files, range(len(files.paths)), config, images)
    return images, kept, tuple((files.name(files.paths[index]), why) for index, why in skipped.items())


def _decode(files: layout.Layout, part: range, config, images: _Images) -> tuple[list[int], dict[int, str]]:
    """Adds a part of the files to `images`: (the good ones' indices, the others' with what is wrong with them)."""
    size = parse_image_size(config.image_size)

    def attempt(index: int) -> np.ndarray | decode.BadImage:
        try:
            return decode.decode(files.opened(files.paths[index]), size, config.channels, images.value_range)
        except decode.BadImage as error:
            return error

    kept, skipped = [], {}
    for index, result in zip(part, decode.in_threads(attempt, part), strict=True):
        if isinstance(result, decode.BadImage):
            skipped[index] = str(result)
        else:
            images.add(files.name(files.paths[index]), result)
            kept.append(index)
    images.finish()
    return kept, skipped


def _cached(files: layout.Layout, config, split: str, trained: layout.Layout):
    """As `_decode_all`, of pixels that are kept in --cache_dir, and decoded first if they aren't there."""
    # The range of held-out pictures is that of others, which may have changed.
    auto = config.value_range == "auto" and trained is not files
    decided_by = f"auto {folder_cache.fingerprint(trained)}" if auto else config.value_range

    def plan() -> folder_cache.Plan:
        value_range = range_of(config.value_range, trained)
        first, size = _first_good(files, config, value_range)

        def make(part: range):
            images = _Images(config.dataset, len(part), config.channels, value_range, math.inf)
            images.expect(first, size)
            kept, skipped = _decode(files, part, config, images)
            return images.held, kept, skipped

        return folder_cache.Plan(size, make)

    return folder_cache.load(files, config, split, plan, decided_by)


def _first_good(files: layout.Layout, config, value_range) -> tuple[str, tuple[int, int]]:
    """The name and the (height, width) of the first file that can be decoded; of none: "" and one pixel."""
    for path in files.paths:
        try:
            pixels = decode.decode(
                files.opened(path), parse_image_size(config.image_size), config.channels, value_range
            )
            return files.name(path), pixels.shape[:2]
        except decode.BadImage:
            continue
    return "", (1, 1)


def _check_enough(files: layout.Layout, kept: int, skipped: Sequence[tuple[str, str]], config) -> None:
    bad, count = [*files.skipped, *skipped], len(files.paths) + len(files.skipped)
    if not kept or len(bad) > config.max_bad_fraction * count:
        path, reason = bad[0]
        raise UserError(
            f"--dataset={config.dataset}: {len(bad)} of {count} images can't be read (first: {path}: "
            f"{reason}); more than --max_bad_fraction={config.max_bad_fraction} allows"
        )


def range_of(text: str, files: layout.Layout) -> tuple[int, int] | None:
    """--value_range as (low, high); None: all of 16 bits."""
    if text != "auto":
        return parse_value_range(text)
    ranges = [
        found for found in decode.in_threads(functools.partial(_wide_range, files), files.paths) if found is not None
    ]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None


def _wide_range(files: layout.Layout, path: pathlib.Path) -> tuple[int, int] | None:
    try:
        return decode.wide_range(files.opened(path))
    except decode.BadImage:  # Decoding it will say why.
        return None


def parse_value_range(text: str) -> tuple[int, int] | None:
    """ "LOW,HIGH" -> (low, high); "" and "auto" -> None.

    Raises:
      UserError: for anything else.
    """
    if text in ("", "auto"):
        return None
    parts = text.split(",")
    try:
        low, high = map(int, parts)
    except ValueError:
        low, high = 0, 0
    if not 0 <= low < high <= decode.WIDEST:
        raise UserError(
            f"--value_range={text} is no range; legal: auto, or LOW,HIGH with 0 <= LOW < HIGH <= {decode.WIDEST}"
        )
    return low, high


def _streamed(files: layout.Layout, kept, labels, shape: tuple[int, int, int], value_range) -> source.Reader:
    """A reader that decodes from disk each time."""
    paths = tuple(files.paths[i] for i in kept)

    def one(path: pathlib.Path) -> np.ndarray:
        try:
            return decode.decode(files.opened(path), shape[:2], shape[2], value_range)
        except decode.BadImage as error:
            raise UserError(f"{printable(path)} was readable when the run began and is not now: {error}") from error

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = np.empty((len(indices), *shape), np.uint8)
        for place, pixels in enumerate(decode.in_threads(one, [paths[i] for i in indices])):
            images[place] = pixels
        return images, labels[indices]

    return read
