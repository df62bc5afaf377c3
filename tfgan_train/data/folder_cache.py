"""The decoded pictures of a folder, kept in shards below --cache_dir; made anew when the folder has changed."""

import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from tfgan_train.common.errors import UserError, reason
from tfgan_train.data import layout, shard_cache, shards, source


@dataclasses.dataclass(frozen=True)
class Plan:
    """How pictures are decoded.

    Attributes:
      size: (height, width) of every picture.
      make: a range of the files -> (uint8 [n, H, W, C] of the good ones, their indices, the others' indices and what
        is wrong with them).
    """

    size: tuple[int, int]
    make: Callable[[range], tuple[np.ndarray, list[int], dict[int, str]]]


@dataclasses.dataclass(frozen=True)
class Stored:
    """Pictures in shards.

    Attributes:
      shape: (height, width, channels) of every picture.
      read: as Source.read.
      held: None: they aren't in memory.
    """

    shape: tuple[int, int, int]
    read: source.Reader
    held: None = None

    def reader(self, files, kept, labels) -> source.Reader:
        """Reads the shards, which have the labels too."""
        return self.read


def load(files: layout.Layout, config, split: str, plan: Callable[[], Plan], value_range: str):
    """The pictures of a folder from --cache_dir, decoded first if they aren't there.

    Args:
      files: the pictures.
      config: of the run; image_size and channels are part of what is kept.
      split: which split `files` are.
      plan: how to decode them; called only if they must be.
      value_range: that of 16-bit pictures, or what decides it: a part of what is kept too.

    Returns:
      (Stored, indices of the good files, (file, reason) of the others).

    Raises:
      UserError: the cache can't be written, or whatever decoding raises.
    """
    settings = (os.path.abspath(files.root), split, config.image_size, config.channels, value_range)
    name = "".join(one if one.isalnum() or one in "-_" else "_" for one in files.root.resolve().name)
    folder = pathlib.Path(
        config.cache_dir, f"{name}-{split}-{hashlib.sha256(repr(settings).encode()).hexdigest()[:12]}"
    )
    plan = functools.cache(plan)

    def per_shard() -> int:
        return shards.records_in(int(np.prod(plan().size)) * (config.channels or 3))

    def make(number: int) -> shard_cache.MadePiece:
        first, end = number * per_shard(), (number + 1) * per_shard()
        return _piece(files, plan(), range(first, min(end, len(files.paths))))

    def whole() -> shard_cache.Plan:
        return shard_cache.Plan(plan().size, -(-len(files.paths) // per_shard()), make, {})

    made_from = fingerprint(files)
    try:
        manifest = shard_cache.kept(folder, made_from, whole)
    except OSError as error:
        raise UserError(f"--cache_dir={config.cache_dir} can't be written: {reason(error)}") from None
    bad = {int(index): why for shard in manifest.shards for index, why in shard.facts["skipped"]}
    good = [index for index in range(len(files.paths)) if index not in bad]
    read = shards.Shards(folder, manifest, lambda number: make(number)[0]).read
    return Stored(manifest.image_shape, read), good, tuple((files.name(files.paths[i]), why) for i, why in bad.items())


def fingerprint(files: layout.Layout) -> str:
    """Tells a folder's files, as they are now, from any others: their names, sizes, times of change and labels."""
    digest = hashlib.sha256(repr(files.label_names).encode())
    root = len(os.fspath(files.root))
    labels: Sequence[int] = files.labels or (0,) * len(files.paths)
    for path, label in zip(files.paths, labels, strict=True):
        facts = f"{os.fspath(path)[root:]}\0{_change(path)}\0{label}\0"
        digest.update(facts.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _change(path: pathlib.Path) -> str:
    """A file's size and the time of its last change; what can't be found is as good as changed."""
    try:
        facts = os.stat(path)
    except OSError:
        return ""
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _piece(files: layout.Layout, plan: Plan, part: range) -> shard_cache.MadePiece:
    images, kept, skipped = plan.make(part)
    labels = np.array([files.labels[index] for index in kept] if files.labels else [0] * len(kept), np.int32)
    return (images, labels), {"skipped": list(skipped.items())}
