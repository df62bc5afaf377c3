"""Builds folders of shards: once, whole or not at all, by one process or by two at once.

A build fills a hidden folder beside the final one and renames it when it is whole. A build that was killed goes on
with the shard after its last whole one. Where the file system has no locks, each process builds for itself.
"""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tfgan_train.common import locks
from tfgan_train.common.errors import UserError, reason
from tfgan_train.common.files import remove_leftovers, write_atomically
from tfgan_train.common.numbers import duration
from tfgan_train.common.terminal import Terminal
from tfgan_train.data import shards
from tfgan_train.data.source import Source

_FINGERPRINT = "fingerprint"  # in a folder that is being filled: of what it is filled with

MadePiece = tuple[shards.Piece, dict]  # a shard's images and labels, and JSON facts to keep with it


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a folder of shards is filled.

    Attributes:
      size: (height, width) of every image.
      count: number of shards.
      make: number of a shard -> its images, labels and facts; called in order, and for the same number always the same.
      facts: JSON facts to keep with all of them.
    """

    size: tuple[int, int]
    count: int
    make: Callable[[int], MadePiece]
    facts: dict


def kept(folder: pathlib.Path, fingerprint: str, plan: Callable[[], Plan]) -> shards.Manifest:
    """The manifest of the shards kept in `folder`, which are made first unless they are there, of this fingerprint.

    Args:
      folder: of the shards; its parent is made too.
      fingerprint: of what the shards are made from; others are replaced.
      plan: how to make them; called only if they are to be made.

    Raises:
      OSError: the folder can't be written.
      Whatever `plan` and `make` raise; the shards made before stay for the next attempt.
    """
    if (found := _of(folder, fingerprint)) is not None:
        return found
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _building(folder, fingerprint) as beside:
        if (found := _of(folder, fingerprint)) is not None:  # Built by another process meanwhile.
            return found
        manifest = _build(beside, fingerprint, plan(), folder)
        shards.finish(beside, manifest)
        shards.move_into_place(beside, folder)
        (folder / _FINGERPRINT).unlink(missing_ok=True)
    return manifest


def _build(beside: pathlib.Path, fingerprint: str, plan: Plan, shown: pathlib.Path) -> shards.Manifest:
    """Writes all shards that aren't there yet, and says so."""
    terminal, begin, made = Terminal(), time.monotonic(), []
    terminal.line(f"note: images are decoded once and kept in {shown}")
    for number in range(plan.count):
        if terminal.live:
            terminal.rewrite(f"decoding: {number / plan.count:.0%}")
        shard = shards.written_shard(beside, number)
        made.append(shard or shards.write_shard(beside, number, *plan.make(number)))
    manifest = shards.Manifest(fingerprint, plan.size, tuple(made), plan.facts)
    seconds = time.monotonic() - begin
    terminal.line(f"note: decoded {manifest.count:,} images in {duration(seconds)}")
    return manifest


def from_source(source: Source, folder: pathlib.Path, made_from: str) -> Source:
    """`source`, read from the shards kept in `folder`; they are made from it first, unless they are there.

    Args:
      source: always the same for the same `made_from`.
      folder, made_from: as `kept` has folder and fingerprint.

    Raises:
      OSError: the folder can't be written.
      Whatever `source.read` raises.
    """
    per_shard = shards.records_in(int(np.prod(source.image_shape)))

    def piece(number: int) -> shards.Piece:
        return source.read(np.arange(number * per_shard, min((number + 1) * per_shard, source.count)))

    size, count = source.image_shape[:2], -(-source.count // per_shard)
    manifest = kept(folder, made_from, lambda: Plan(size, count, lambda number: (piece(number), {}), {}))
    return dataclasses.replace(source, read=shards.Shards(folder, manifest, piece).read)


def spool(batches: Iterable[tuple[np.ndarray, np.ndarray | None]], folder: pathlib.Path, name: str) -> Source:
    """Writes images that come one batch after another, and only once, into a folder of shards.

    Memory holds one shard at a time. The folder appears whole or not at all; one that is there is replaced.

    Args:
      batches: (uint8 [n, H, W, C], integers [n] or None), any n; all of one size, and all with labels or none.
      folder: of the shards, such as a folder in a run directory.
      name: of the Source.

    Returns:
      The Source that reads them; `opened` gives it again, without the batches.

    Raises:
      UserError: no image, images that differ in size, or a folder that can't be written.
      Whatever the iterator raises.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _own_folder(folder) as beside:
            made: list[shards.Shard] = []
            classes, size = 0, (0, 0)
            for images, labels in pieces(batches, name):
                classes = max(classes, 0 if labels is None else int(labels.max()) + 1)
                size = (images.shape[1], images.shape[2])
                labels = np.zeros(len(images), np.int32) if labels is None else labels
                made.append(shards.write_shard(beside, len(made), (images, labels), {}))
            if not made:
                raise UserError(f"{name}: there are no images")
            shards.finish(beside, shards.Manifest("", size, tuple(made), {"classes": classes}))
            shutil.rmtree(folder, ignore_errors=True)
            shards.move_into_place(beside, folder)
    except OSError as error:
        raise UserError(f"{folder} can't be written: {reason(error)}") from None
    written = opened(folder, name)
    if written is None:
        raise UserError(f"{folder} was damaged while it was written; start again")
    return written


def opened(folder: pathlib.Path, name: str) -> Source | None:
    """The Source of a folder that `spool` has filled; None where there is no whole one."""
    manifest = shards.read_manifest(folder)
    if manifest is None:
        return None
    classes = manifest.facts["classes"]
    read = shards.Shards(folder, manifest).read
    return Source(name, manifest.count, manifest.image_shape, classes, tuple(map(str, range(classes))), read)


def _of(folder, fingerprint: str) -> shards.Manifest | None:
    found = shards.read_manifest(folder)
    return found if found is not None and found.fingerprint == fingerprint else None


@contextlib.contextmanager
def _building(folder: pathlib.Path, fingerprint: str) -> Iterator[pathlib.Path]:
    """A folder to build in: the one that an interrupted build has left where locks keep others out, else a new one."""
    with open(folder.with_name(f".{folder.name}.lock"), "w") as file:
        try:
            locked = locks.lock(file)
        except locks.Held:
            Terminal().line(f"note: another process is filling {folder}; waiting for it")
            locked = locks.lock(file, wait=True)
        if not locked:
            with _own_folder(folder) as beside:
                yield beside
            return
        beside = folder.with_name(f".{folder.name}.building")
        known = beside / _FINGERPRINT
        if not known.is_file() or known.read_text() != fingerprint:
            shutil.rmtree(beside, ignore_errors=True)
            write_atomically(known, fingerprint)
        remove_leftovers(beside)
        yield beside
        shutil.rmtree(beside, ignore_errors=True)


@contextlib.contextmanager
def _own_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder beside `folder` that no other process uses; it is gone at the end, unless it was renamed."""
    beside = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.own-"))
    os.chmod(beside, 0o777 & ~_umask())  # mkdtemp makes private folders.
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def pieces(batches, name: str) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """The batches joined and cut anew, so that each piece but the last is as large as a shard.

    Memory of such pieces goes back to the system when they are let go of; that of many small arrays need not.

    Raises:
      UserError: images that differ in size; `name`: how it calls them.
    """
    waiting, labels, count, shape = [], [], 0, None
    for images, label in batches:
        images = np.asarray(images)
        shape = shape or images.shape[1:]
        if images.shape[1:] != shape:
            raise UserError(f"{name}: the images differ in size ({list(shape)} and {list(images.shape[1:])})")
        waiting.append(images)
        labels.append(label)
        count += len(images)
        most = shards.records_in(int(np.prod(shape)))
        if count >= most:
            whole, numbers = _joined(waiting, labels)
            for start in range(0, count - most + 1, most):
                yield whole[start : start + most], None if numbers is None else numbers[start : start + most]
            rest = count - count % most
            waiting, labels = [whole[rest:]], [None if numbers is None else numbers[rest:]]
            count -= rest
    if count:
        yield _joined(waiting, labels)


def _joined(images: list, labels: list) -> tuple[np.ndarray, np.ndarray | None]:
    numbers = None if labels[0] is None else np.concatenate([np.asarray(part, np.int32) for part in labels])
    return np.concatenate(images), numbers
