"""The findings as one HTML page with pictures."""

import time

import numpy as np

from tfgan_train.common.alpha import shown
from tfgan_train.common.images import to_image
from tfgan_train.data import decode
from tfgan_train.inspection.findings import Section
from tfgan_train.inspection.gather import Facts
from tfgan_train.pictures import grid
from tfgan_train.report.data_uris import picture_uri
from tfgan_train.report.page import page
from tfgan_train.report.templates import macros

SHOWN = 500  # rows of a section
_SHEET, _TILE = 96, 64  # pictures of the contact sheet, and their side
_GROUPS, _OF_GROUP = 24, 4
_BUDGET = 1_500_000


def render(facts: Facts, found: list[Section]) -> str:
    """The page's HTML; it needs no network."""
    bodies = [(one.key, one.title, one.title, _body(one, _pictures(facts, one.key))) for one in found]
    bodies.insert(1, ("sheet", "Contact sheet", "Contact sheet", _sheet(facts)))
    return page(f"Data: {facts.dataset}", _headline(facts), bodies, "finished")


def _headline(facts: Facts) -> str:
    height, width = facts.rows["height"], facts.rows["width"]
    same = len(np.unique(height)) == len(np.unique(width)) == 1
    tiles = [
        ("pictures", f"{len(facts.rows):,}", None),
        ("size", f"{height[0]}x{width[0]}" if same else "mixed", None),
        ("classes", f"{len(facts.label_names):,}", None),
        ("damaged", f"{len(facts.damaged):,}", None),
        ("exact duplicates", f"{facts.duplicates.copies:,}", None),
        ("near duplicates", f"{sum(len(group) - 1 for group in facts.duplicates.near):,}", None),
        ("ignored files", f"{len(facts.ignored):,}", None),
    ]
    written = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return macros("inspection").headline(facts.dataset, written, tiles)


def _body(section: Section, pictures: str) -> str:
    return macros("inspection").section(
        section.lead,
        section.key == "command",
        section.head,
        section.rows[:SHOWN],
        section.shares,
        len(section.rows) - SHOWN,
        pictures,
    )


def _sheet(facts: Facts) -> str:
    """Pictures at equal distances through the training split, which is sorted by class."""
    rows = facts.splits["train"].rows
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(_SHEET, len(rows))).astype(int))
    tiles = _tiles(facts, "train", rows["index"][chosen])
    return _figure(grid.grid(tiles, 12), f"{len(tiles)} of {len(rows):,} training pictures, square crops")


def _pictures(facts: Facts, key: str) -> str:
    """For the near duplicates: the first groups side by side."""
    if key != "near" or not facts.duplicates.near:
        return ""
    strips = []
    for group in facts.duplicates.near[:_GROUPS]:
        tiles = np.full((_OF_GROUP, _TILE, _TILE, 3), grid.BACKGROUND, np.uint8)
        for place, number in enumerate(group[:_OF_GROUP]):
            split, row = facts.locate(number)
            tiles[place] = _tiles(facts, split, [int(facts.splits[split].rows[row]["index"])])[0]
        strips.append(grid.grid(tiles, _OF_GROUP))
    lines = [grid.beside(strips[start : start + 3]) for start in range(0, len(strips), 3)]
    width = max(line.shape[1] for line in lines)
    padded = [
        np.pad(one, ((0, 8), (0, width - one.shape[1]), (0, 0)), constant_values=grid.BACKGROUND) for one in lines
    ]
    return _figure(np.concatenate(padded), f"The first {len(strips)} groups")


def _tiles(facts: Facts, split: str, indices) -> np.ndarray:
    """uint8 [n, _TILE, _TILE, 3]."""
    pictures = [to_image(shown(pixels)).convert("RGB") for pixels in facts.splits[split].read(indices, (_TILE, _TILE))]
    return np.stack([np.asarray(decode.fit(picture, (_TILE, _TILE))) for picture in pictures])


def _figure(picture: np.ndarray, caption: str) -> str:
    return macros("inspection").figure(picture_uri(picture, _BUDGET), caption)
