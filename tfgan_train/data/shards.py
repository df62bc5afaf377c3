"""Decoded images in files of records of one size, read by number; every record has a checksum.

A record is an image's pixels (uint8, row by row), its label (int32) and the CRC-32 of both (uint32), little-endian. A
folder of shards has a manifest.json, which is written last: without it the folder is not whole.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import threading
import zlib
from collections.abc import Callable

import numpy as np

from tfgan_train.common.errors import UserError, reason
from tfgan_train.common.files import sha256, write_atomically, write_json
from tfgan_train.common.terminal import Terminal

MANIFEST = "manifest.json"
FORMAT = 1
SHARD_BYTES = 32 << 20  # of pixels, about: what a build holds in memory, and what it loses when it is killed
_TAIL = 8  # bytes of a record after its pixels

Piece = tuple[np.ndarray, np.ndarray]  # uint8 [n, H, W, C] and int32 [n]


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of a folder of shards.

    Attributes:
      records: how many images it has.
      channels: theirs.
      sha256: of the file, hexadecimal.
      facts: JSON facts that its maker keeps with it.
    """

    records: int
    channels: int
    sha256: str
    facts: dict


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a folder of shards holds.

    Attributes:
      fingerprint: of what the shards were made from.
      size: (height, width) of every image.
      shards: the files, in order.
      facts: JSON facts that their maker keeps with them.
    """

    fingerprint: str
    size: tuple[int, int]
    shards: tuple[Shard, ...]
    facts: dict

    @property
    def count(self) -> int:
        """Images in all shards."""
        return sum(shard.records for shard in self.shards)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Of the images as `Shards.read` gives them: grey shards beside coloured ones are read as coloured."""
        return (*self.size, max(shard.channels for shard in self.shards))


def records_in(image_bytes: int) -> int:
    """How many images of so many bytes make a shard."""
    return max(1, SHARD_BYTES // image_bytes)


def shard_path(folder: pathlib.Path, number: int) -> pathlib.Path:
    """Where a folder keeps its shard of this number."""
    return folder / f"{number:05d}.records"


def write_shard(folder: pathlib.Path, number: int, piece: Piece, facts: dict) -> Shard:
    """Writes one shard, whole or not at all, and beside it what a build that goes on later must know of it."""
    images, labels = piece
    records = np.empty(len(images), _record(images[0].size if len(images) else 0))
    records["pixels"] = images.reshape(len(images), -1)
    records["label"] = labels
    checked = records.view(np.uint8).reshape(len(records), -1)[:, :-4]
    records["crc"] = [zlib.crc32(row) for row in checked]
    content = records.tobytes()
    shard = Shard(len(images), images.shape[-1], hashlib.sha256(content).hexdigest(), facts)
    write_atomically(shard_path(folder, number), content)
    write_json(_facts_path(folder, number), dataclasses.asdict(shard))
    return shard


def written_shard(folder: pathlib.Path, number: int) -> Shard | None:
    """The shard of this number that an interrupted build has written; None if it isn't there whole."""
    try:
        shard = Shard(**json.loads(_facts_path(folder, number).read_text()))
        return shard if sha256(shard_path(folder, number)) == shard.sha256 else None
    except (OSError, ValueError, TypeError):
        return None


def finish(folder: pathlib.Path, manifest: Manifest) -> None:
    """Writes the manifest: the folder is whole now."""
    for number in range(len(manifest.shards)):
        _facts_path(folder, number).unlink(missing_ok=True)
    facts = dataclasses.asdict(manifest) | {"format": FORMAT}
    write_json(folder / MANIFEST, facts | {"own_sha256": _hash(facts)})


def read_manifest(folder: pathlib.Path) -> Manifest | None:
    """The manifest of a whole folder of shards; None where there is none, or a damaged one."""
    try:
        stored = json.loads((folder / MANIFEST).read_text())
        if stored.pop("own_sha256") != _hash(stored) or stored.pop("format") != FORMAT:
            return None
        shards = tuple(Shard(**shard) for shard in stored.pop("shards"))
        return Manifest(**stored | {"shards": shards, "size": tuple(stored["size"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def move_into_place(beside: pathlib.Path, folder: pathlib.Path) -> None:
    """Renames a whole folder of shards to its name; one that another process made of the same is left and used."""
    made = read_manifest(beside)
    for _ in range(10):  # Others may do the same at the same time.
        try:
            os.rename(beside, folder)
            return
        except OSError:
            there = read_manifest(folder)
            if there is not None and made is not None and there.fingerprint == made.fingerprint:
                shutil.rmtree(beside)
                return
            old = beside.with_name(f"{beside.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            try:
                os.rename(folder, old)
            except FileNotFoundError:
                continue
            shutil.rmtree(old, ignore_errors=True)
    raise UserError(f"{folder} can't be replaced; remove it")


class Shards:
    """Reads images by number from a whole folder of shards; memory holds only what a call asks for.

    A record whose checksum is wrong, or a file that is gone, is said; its shard is made again and read again.

    Args:
      folder: of the shards.
      manifest: theirs.
      remake: number of a shard -> its Piece again; None where it can't be had again.
    """

    def __init__(self, folder: pathlib.Path, manifest: Manifest, remake: Callable[[int], Piece] | None = None):
        self._folder, self._manifest, self._remake = folder, manifest, remake
        self._ends = np.cumsum([shard.records for shard in manifest.shards])
        self._mending = threading.Lock()

    def read(self, indices: np.ndarray) -> Piece:
        """(uint8 [n, H, W, C], int32 [n]) of these numbers, in their order.

        Raises:
          UserError: a shard is damaged, and it can't be made again as it was.
          IndexError: there is no image of such a number.
        """
        indices = np.asarray(indices, np.int64)
        if len(indices) and not 0 <= indices.min() <= indices.max() < self._manifest.count:
            raise IndexError(f"legal: 0 to {self._manifest.count - 1}")
        images = np.empty((len(indices), *self._manifest.image_shape), np.uint8)
        labels = np.empty(len(indices), np.int32)
        shards = np.searchsorted(self._ends, indices, side="right")
        for number in np.unique(shards).tolist():
            places = np.flatnonzero(shards == number)
            shard = self._manifest.shards[number]
            first = self._ends[number] - shard.records
            records = self._records(number, indices[places] - first)
            images[places] = records["pixels"].reshape(len(places), *self._manifest.size, shard.channels)
            labels[places] = records["label"]
        return images, labels

    def _records(self, number: int, within: np.ndarray) -> np.ndarray:
        """Records of one shard by their numbers in it."""
        found = self._intact(number, within)
        if found is None:
            with self._mending:
                found = self._intact(number, within)  # Another thread may have mended it.
                if found is None:
                    self._mend(number)
                    found = self._intact(number, within)
        if found is None:
            raise UserError(f"{shard_path(self._folder, number)} was made again and can't be read; is the disk sound?")
        return found

    def _intact(self, number: int, within: np.ndarray) -> np.ndarray | None:
        shard = self._manifest.shards[number]
        kind = _record(int(np.prod(self._manifest.size)) * shard.channels)
        records = np.empty(len(within), kind)
        rows = records.view(np.uint8).reshape(len(records), -1)
        try:
            with open(shard_path(self._folder, number), "rb", buffering=0) as file:
                for row, place in zip(rows, within.tolist(), strict=True):
                    file.seek(place * kind.itemsize)
                    if file.readinto(row) != kind.itemsize:
                        return None
        except OSError:
            return None
        sound = all(zlib.crc32(row[:-4]) == crc for row, crc in zip(rows, records["crc"].tolist(), strict=True))
        return records if sound else None

    def _mend(self, number: int) -> None:
        path, shard = shard_path(self._folder, number), self._manifest.shards[number]
        if self._remake is None:
            raise UserError(f"{path} is damaged, and its images aren't in files; remove {self._folder}")
        Terminal().line(f"warning: {path} is damaged; it is made again")
        try:
            made = write_shard(self._folder, number, self._remake(number), shard.facts)
            _facts_path(self._folder, number).unlink()
        except OSError as error:
            raise UserError(f"{path} is damaged and can't be written again: {reason(error)}") from None
        if made.sha256 != shard.sha256:
            raise UserError(f"{path} was damaged, and the files that it was made from have changed; start again")


def _record(pixels: int) -> np.dtype:
    return np.dtype([("pixels", np.uint8, (pixels,)), ("label", "<i4"), ("crc", "<u4")])


def _facts_path(folder: pathlib.Path, number: int) -> pathlib.Path:
    return shard_path(folder, number).with_suffix(".json")


def _hash(facts: dict) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
