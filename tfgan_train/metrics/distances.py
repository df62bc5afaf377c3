"""Euclidean distances between rows in bounded memory, float64; numpy only.

|x - y|^2 is taken as |x|^2 + |y|^2 - 2 x.y, one matrix product a block. Its rounding error is
at most `tolerance`, which callers use so that equal distances compare as equal.
"""
from typing import Iterator

import numpy as np

ELEMENTS = 1 << 20  # distances held at a time: 8 MB, which also stays in the cache


class Rows:
    """Rows [n, F] less a common `origin`, with their squared norms; float32 kept as it is."""

    def __init__(self, values: np.ndarray, origin: np.ndarray):
        self.values, self.origin = values, origin
        step = max(1, ELEMENTS // values.shape[1])
        self.norms = np.concatenate([
            np.einsum("ij,ij->i", block, block)
            for block in (self.take(slice(i, i + step)) for i in range(0, len(values), step))])

    def __len__(self):
        return len(self.values)

    def take(self, rows) -> np.ndarray:
        return self.values[rows].astype(np.float64) - self.origin


def rows(*sets: np.ndarray) -> list[Rows]:
    """Wraps sets of rows around the mean of the first, where the expansion loses least."""
    origin = sets[0].mean(axis=0, dtype=np.float64)
    return [Rows(values, origin) for values in sets]


def tolerance(*sets: Rows) -> float:
    """A bound on the rounding error of a squared distance between any of these rows."""
    dim = sets[0].values.shape[1]
    return 4 * (dim + 8) * np.finfo(np.float64).eps * max(float(s.norms.max()) for s in sets)


def squared_blocks(x: Rows, y: Rows) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Yields (rows of x, rows of y, squared distances [a, b] >= 0), block after block.

    All blocks of y for the same rows of x follow each other.
    """
    side = 512
    for i in range(0, len(x), side):
        a = slice(i, min(i + side, len(x)))
        xs = x.take(a)
        step = max(1, ELEMENTS // len(xs))
        for j in range(0, len(y), step):
            b = slice(j, min(j + step, len(y)))
            squared = xs @ y.take(b).T
            squared *= -2
            squared += x.norms[a, None]
            squared += y.norms[None, b]
            yield a, b, np.maximum(squared, 0, out=squared)


def nearest(queries: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each query's nearest point: (distances float64 [n], indices int64 [n]).

    The distance is recomputed from the difference, so that a copy is at exactly 0.
    """
    p, q = rows(points, queries)
    best = np.full(len(q), np.inf)
    index = np.zeros(len(q), np.int64)
    for a, b, squared in squared_blocks(q, p):
        column = squared.argmin(axis=1)
        value = squared[np.arange(len(column)), column]
        better = value < best[a]
        index[a] = np.where(better, column + b.start, index[a])
        best[a] = np.where(better, value, best[a])
    exact = np.empty(len(q))
    step = max(1, ELEMENTS // points.shape[1])
    for i in range(0, len(q), step):
        difference = queries[i:i + step].astype(np.float64) - points[index[i:i + step]]
        exact[i:i + step] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return exact, index
