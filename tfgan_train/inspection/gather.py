"""Reads a whole data set and gathers what there is to say of it."""

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from tfgan_train import data
from tfgan_train.common.errors import UserError
from tfgan_train.common.terminal import Countdown
from tfgan_train.config.fields import Config
from tfgan_train.data import decode, folder, held_out, layout, reading
from tfgan_train.data.source import blocks
from tfgan_train.data.transform import parse_image_size
from tfgan_train.inspection import duplicates, ignored, measure

_BLOCK = 64  # files that a worker process measures at a time
_WORTH_PROCESSES = 1000  # files; fewer are measured before processes have begun


@dataclasses.dataclass(frozen=True)
class Split:
    """One split, as training takes it.

    Attributes:
      rows: measure.ROW [n] of the pictures that can be decoded.
      labels: int32 [n] of their classes, or None.
      name: index in the split -> how the picture is called.
      read: (indices in the split, size or None) -> the pictures as a list of uint8 [H, W, C].
      count: of all pictures, the damaged ones too.
    """

    rows: np.ndarray
    labels: np.ndarray | None
    name: Callable[[int], str]
    read: Callable
    count: int


@dataclasses.dataclass(frozen=True)
class Facts:
    """All that was found.

    Attributes:
      dataset: --dataset.
      splits: "train" and, where training would hold it out, "test".
      label_names: the classes.
      damaged: (file, reason) of what training would skip.
      ignored: (file, reason) of what it doesn't look at.
      hidden: (file, what it is) of pictures among them whose ending says something else.
      misnamed: (file, what it is) of pictures that are read although their ending says something else.
      notes: what training would say.
      duplicates: among all pictures; its numbers count through the splits in their order.
      config: the flags that were given.
    """

    dataset: str
    splits: dict[str, Split]
    label_names: tuple[str, ...]
    damaged: tuple[tuple[str, str], ...]
    ignored: tuple[tuple[str, str], ...]
    hidden: tuple[tuple[str, str], ...]
    misnamed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    duplicates: duplicates.Duplicates
    config: Config

    @property
    def rows(self) -> np.ndarray:
        """ROW of all splits, one after the other."""
        return np.concatenate([split.rows for split in self.splits.values()])

    def locate(self, number: int) -> tuple[str, int]:
        """(split, row in it) of a number in `duplicates`."""
        for name, split in self.splits.items():
            if number < len(split.rows):
                return name, number
            number -= len(split.rows)
        raise IndexError(number)

    def name(self, number: int) -> str:
        """How messages call the picture of a number in `duplicates`."""
        split, row = self.locate(number)
        return self.splits[split].name(int(self.splits[split].rows[row]["index"]))


def gather(config) -> Facts:
    """Reads all of --dataset.

    Raises:
      UserError: where there are no pictures.
    """
    if not config.dataset.startswith("folder:"):
        return _of_source(config)
    root = folder.root_of(config)
    layout_of = functools.partial(held_out.layout_of, functools.partial(layout.of, root), root, config)
    layouts = {split: found for split in ("train", "test") if (found := layout_of(split))}
    if not layouts["train"].paths:
        raise UserError(f"--dataset={config.dataset}: no images under {root}")
    value_range = folder.range_of(config.value_range, layouts["train"])
    options = (parse_image_size(config.image_size), config.channels, value_range)
    splits, damaged = {}, list(layouts["train"].skipped)
    measured = _measured([path for one in layouts.values() for path in one.paths], options)
    begin = 0
    for name, found in layouts.items():
        end = begin + len(found.paths)
        rows = measured[0][(measured[0]["index"] >= begin) & (measured[0]["index"] < end)]
        rows["index"] -= begin
        damaged += [(found.name(found.paths[i - begin]), why) for i, why in measured[1] if begin <= i < end]
        labels = np.array(found.labels, np.int32)[rows["index"]] if found.labels else None
        splits[name] = Split(rows, labels, _namer(found), _reader(found, options), len(found.paths))
        begin = end
    if not len(splits["train"].rows):
        raise UserError(f"--dataset={config.dataset}: no picture can be read (first: {damaged[0][0]}: {damaged[0][1]})")
    left, hidden = ignored.find(root, layouts)
    everything = np.concatenate([split.rows for split in splits.values()])
    return Facts(
        config.dataset,
        splits,
        layouts["train"].label_names,
        tuple(damaged),
        tuple(left),
        tuple(hidden),
        tuple(one for split in splits.values() for one in _misnamed(split)),
        layouts["train"].notes,
        duplicates.find(everything),
        config,
    )


def _measured(paths: list[pathlib.Path], options: tuple) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """`measure` over all files, by as many processes as there are cores where it is worth it."""
    countdown = Countdown("reading pictures", len(paths))
    rows, bad, done = [], [], 0
    starts = range(0, len(paths), _BLOCK)
    blocks = ((paths[i : i + _BLOCK] for i in starts), starts, (options for _ in starts))
    with contextlib.ExitStack() as ends:
        if len(paths) < _WORTH_PROCESSES:
            work: Iterator = map(measure.measure, *blocks)
        else:
            # Spawned, not forked: whoever calls this from Python may have threads.
            spawn = multiprocessing.get_context("spawn")
            work = ends.enter_context(ProcessPoolExecutor(os.cpu_count(), spawn)).map(measure.measure, *blocks)
        for some, damaged in work:
            rows.append(some)
            bad += damaged
            done += len(some) + len(damaged)
            countdown(done)
    return np.concatenate(rows), bad


def _namer(found: layout.Layout) -> Callable[[int], str]:
    return lambda index: found.name(found.paths[index])


def _reader(found: layout.Layout, options: tuple) -> Callable:
    return lambda indices, size: [decode.decode(found.paths[i], size or options[0], *options[1:]) for i in indices]


_ENDINGS = {"JPEG": (".jpg", ".jpeg", ".jfif", ".jpe"), "PNG": (".png",), "WEBP": (".webp",), "BMP": (".bmp", ".dib")}


def _misnamed(split: Split) -> list[tuple[str, str]]:
    """Pictures whose ending says another format than their bytes."""
    found = []
    for form, endings in _ENDINGS.items():
        for index in split.rows["index"][split.rows["format"] == form.encode()]:
            ending = os.path.splitext(split.name(index))[1].lower()
            if ending and ending not in endings:
                found.append((split.name(index), f"is a {form}"))
    return sorted(found)


def _of_source(config) -> Facts:
    """Facts of arrays, IDX files and TFDS: what `data.load` gives."""
    sources = {"train": data.load(config)}
    if (held_out := data.load_held_out(config)) is not None:
        sources["test"] = held_out
    splits = {}
    for split, source in sources.items():
        countdown, rows, labels = Countdown(f"reading {split}", source.count), [], []
        for block in blocks(source, np.arange(source.count)):
            images, some = source.read(block)
            if images.dtype != np.uint8:
                raise UserError(f"--dataset={config.dataset} is points, not pictures; there is nothing to inspect")
            rows.append(measure.measure_arrays(images, block[0]))
            labels.append(some)
            countdown(block[-1] + 1)
        splits[split] = Split(
            np.concatenate(rows),
            np.concatenate(labels) if source.num_classes else None,
            functools.partial("{} {:,}".format, split),
            functools.partial(_images_of, source),
            source.count,
        )
    everything, train = np.concatenate([one.rows for one in splits.values()]), sources["train"]
    return Facts(
        config.dataset, splits, train.label_names, (), (), (), (), train.notes, duplicates.find(everything), config
    )


def _images_of(source, indices: Sequence[int], size) -> list[np.ndarray]:
    """`Split.read` of a source, whose images are of one size already."""
    return list(reading.images(source, np.asarray(indices)))
