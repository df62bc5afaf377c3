"""Groups of pictures that are the same, by their rows (measure.ROW)."""

import dataclasses

import numpy as np

from tfgan_train.inspection import perceptual


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """Groups of row numbers, largest first; in each the first row comes first.

    Attributes:
      exact: the same bytes, or other bytes that decode to the same pixels.
      near: pictures that look alike. Of exact copies only the first stands here.
    """

    exact: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...]

    @property
    def copies(self) -> int:
        """How many pictures could go without losing any pixels."""
        return sum(len(group) - 1 for group in self.exact)


def find(rows: np.ndarray) -> Duplicates:
    """The duplicates among ROW [n]."""
    _, first, same = np.unique(rows["pixels"], return_index=True, return_inverse=True)
    representatives = np.sort(first)
    pairs = perceptual.near_pairs(rows["perceptual"][representatives], rows["thumb"][representatives])
    near = _groups(_united(len(representatives), pairs), representatives)
    return Duplicates(_groups(first[same]), near)


def _groups(leaders: np.ndarray, rows: np.ndarray | None = None) -> tuple[tuple[int, ...], ...]:
    """Rows with the same leader, where there are two or more."""
    rows = np.arange(len(leaders)) if rows is None else rows
    order = np.argsort(leaders, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(leaders[order]) != 0]) if len(order) else order
    parts = [tuple(rows[part].tolist()) for part in np.split(order, starts[1:]) if len(part) > 1]
    return tuple(sorted(parts, key=lambda part: (-len(part), part)))


def _united(count: int, pairs: np.ndarray) -> np.ndarray:
    """int64 [count]: the first element of each one's group, where pairs join groups (union-find)."""
    leader = np.arange(count)

    def top(one: int) -> int:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for one, other in pairs:
        low, high = sorted((top(one), top(other)))
        leader[high] = low
    return np.array([top(one) for one in range(count)], np.int64)
