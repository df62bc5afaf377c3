"""Holds a share of a folder's or an archive's pictures out of training, chosen by their names alone."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable

from tfgan_train.common.errors import UserError
from tfgan_train.data import layout, source

CUT = ("folder:", "zip:")  # the datasets that can be cut


def check(config) -> None:
    """Raises UserError where --held_out is given and the data are no folder or archive."""
    if config.held_out and not config.dataset.startswith(CUT):
        raise UserError(
            f"--held_out={config.held_out:g} goes with --dataset={' or '.join(CUT)} only; "
            "of TFDS data take a slice, such as --dataset=tfds:NAME[train[:90%]]"
        )


def layout_of(
    layouts: Callable[[str], layout.Layout | None], root: pathlib.Path, config, split: str
) -> layout.Layout | None:
    """The layout of a split of `root`, with --held_out of the pictures as the test split.

    Raises:
      UserError: --held_out of a folder that has a test split of its own.
    """
    if not config.held_out:
        return layouts(split)
    if layouts("test") is not None:
        raise UserError(
            f"--held_out={config.held_out:g}: {root} has a held-out split of its own, which is used; leave the flag out"
        )
    files = layouts("train")
    return None if files is None else cut(files, config.held_out, split)


def cut(files: layout.Layout, share: float, split: str) -> layout.Layout:
    """The "train" or "test" part of a folder without splits.

    In each class the pictures are put in the order of a hash of their names, and the first ones are held out. So
    the choice is the same on every machine and for every --seed, and pictures that are added move few others.

    Raises:
      NoSuchSplit: "test" where the share is less than two pictures.
    """
    by_class: dict[int, list[int]] = {}
    for index in range(len(files.paths)):
        by_class.setdefault(files.labels[index] if files.labels else 0, []).append(index)
    held = set()
    for members in by_class.values():
        ranked = sorted(members, key=lambda index: _rank(files.paths[index].relative_to(files.root)))
        held.update(ranked[: round(share * len(members))])
    if split != "train" and len(held) < 2:
        raise source.NoSuchSplit(f"--held_out={share:g} of {len(files.paths)} pictures is less than two")
    chosen = [index for index in range(len(files.paths)) if (index in held) == (split != "train")]
    note = f"held out: {len(held):,} of {len(files.paths):,} pictures; training never sees them"
    return dataclasses.replace(
        files,
        paths=tuple(files.paths[index] for index in chosen),
        labels=tuple(files.labels[index] for index in chosen) if files.labels else (),
        notes=(*files.notes, note) if split == "train" else (),
    )


def _rank(path: pathlib.Path) -> bytes:
    return hashlib.blake2b(path.as_posix().encode("utf-8", "surrogateescape"), digest_size=8).digest()
