"""Euclidean distances between rows in bounded memory; numpy only.

|x - y|^2 = |x|^2 + |y|^2 - 2 x.y is one matrix product a block: the norms ride along as two more
columns, so that no further pass over the distances is needed.
"""

from collections.abc import Iterator

import numpy as np

ELEMENTS = 1 << 20  # distances held at a time: 8 MB, which also stays in the cache
SIDE = 512  # rows of x in a block


class Rows:
    """Rows [n, F] less a common `origin`, with their squared norms; float32 kept as it is."""

    def __init__(self, values: np.ndarray, origin: np.ndarray):
        self.values, self.origin = values, origin
        step = max(1, ELEMENTS // values.shape[1])
        self.norms = np.concatenate(
            [
                np.einsum("ij,ij->i", block, block)
                for block in (self.take(slice(i, i + step)) for i in range(0, len(values), step))
            ]
        )

    def __len__(self):
        return len(self.values)

    def take(self, rows) -> np.ndarray:
        return self.values[rows].astype(np.float64) - self.origin

    def left(self, rows) -> np.ndarray:
        """[-2 x, |x|^2, 1], float64."""
        x = self.take(rows)
        return np.column_stack([-2 * x, self.norms[rows], np.ones(len(x))])

    def right(self, rows) -> np.ndarray:
        """[y, 1, |y|^2], float64."""
        y = self.take(rows)
        return np.column_stack([y, np.ones(len(y)), self.norms[rows]])


def rows(*sets: np.ndarray) -> list[Rows]:
    """Wraps sets of rows around the mean of the first, where the expansion loses least."""
    origin = sets[0].mean(axis=0, dtype=np.float64)
    return [Rows(values, origin) for values in sets]


def tolerance(*sets: Rows) -> float:
    """A bound on the rounding error of a squared distance between any of these rows.

    Callers use it so that equal distances compare as equal.
    """
    dim = sets[0].values.shape[1]
    return 4 * (dim + 8) * np.finfo(np.float64).eps * max(float(s.norms.max()) for s in sets)


def squared_blocks(x: Rows, y: Rows) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Yields (rows of x, rows of y, squared distances float64 [a, b]), block after block.

    A distance of 0 may come out as little as -`tolerance`. All blocks of y for the same rows
    of x follow each other.
    """
    for i in range(0, len(x), SIDE):
        a = slice(i, min(i + SIDE, len(x)))
        left = x.left(a)
        step = max(1, ELEMENTS // len(left))
        for j in range(0, len(y), step):
            b = slice(j, min(j + step, len(y)))
            yield a, b, left @ y.right(b).T


def nearest(queries: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each query's nearest point: (distances float64 [n], indices int64 [n]).

    The search is in float32, for speed; where two points are equally near to its precision,
    either is taken. The distance is then recomputed from the difference, so that a copy is at exactly 0.
    """
    origin = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    left = np.column_stack([-2 * (queries.astype(np.float32) - origin), np.ones(len(queries), np.float32)])
    best = np.full(len(queries), np.inf, np.float32)
    index = np.zeros(len(queries), np.int64)
    step = max(1, 16 * ELEMENTS // points.shape[1])
    for j in range(0, len(points), step):
        block = points[j : j + step].astype(np.float32) - origin
        right = np.column_stack([block, np.einsum("ij,ij->i", block, block)]).T.copy()
        width = max(1, ELEMENTS // right.shape[1])
        for i in range(0, len(queries), width):
            a = slice(i, i + width)
            squared = left[a] @ right  # less |query|^2, which changes no order
            column = squared.argmin(axis=1)
            value = squared[np.arange(len(column)), column]
            better = value < best[a]
            index[a] = np.where(better, column + j, index[a])
            best[a] = np.where(better, value, best[a])
    return _exact(queries, points, index), index


def _exact(queries, points, index):
    distance = np.empty(len(queries))
    step = max(1, ELEMENTS // points.shape[1])
    for i in range(0, len(queries), step):
        difference = queries[i : i + step].astype(np.float64) - points[index[i : i + step]]
        distance[i : i + step] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return distance
