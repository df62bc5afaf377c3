"""Walks from latent to latent: rows between two, and a closed loop through several."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfgan_train.runs import paths
from tfgan_train.runs.sampler import Sampler


@dataclasses.dataclass(frozen=True)
class Latents:
    """Latents that pictures are drawn from: z with labels, or w.

    Attributes:
      values: float32 [n, size].
      label: int32 [n], or weights float32 [n, classes]; None: of an unconditional run, or with w, which holds it.
      in_w: whether the values are w, of a generator of styles.
    """

    values: np.ndarray
    label: np.ndarray | None
    in_w: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> "Latents":
        return Latents(self.values[rows], None if self.label is None else self.label[rows], self.in_w)


def drawn(sampler: Sampler, latents: Latents) -> Iterator[np.ndarray]:
    """Pictures of latents in batches: uint8 [<= BATCH, H, W, C]."""
    return sampler.of_w(latents.values) if latents.in_w else sampler.of(latents.values, latents.label)


def seeded(sampler: Sampler, seed: int, count: int, label: int | None = None) -> Latents:
    """The first latents of a seed."""
    labels = sampler.labels(seed, tf.range(count), label)
    return Latents(sampler.latents(seed, tf.range(count)).numpy(), None if labels is None else labels.numpy())


def walk(sampler: Sampler, seed: int, rows: int, label: int | None = None, columns: int = 10) -> tuple[np.ndarray, int]:
    """Walks between latents: uint8 [rows * columns, H, W, C] and the columns of its grid.

    Each row leads from one latent of the seed to another, and keeps the label and the codes of its start.
    """
    ends = seeded(sampler, seed, 2 * rows, label)
    z = _ways(sampler, ends[:rows], ends[rows:], columns)
    labels = None if ends.label is None else tf.repeat(ends.label[:rows], columns)
    return sampler.at(tf.constant(z, tf.float32), labels).numpy(), columns


def walk_between(sampler: Sampler, first: Latents, last: Latents, columns: int = 10) -> np.ndarray:
    """Rows that lead from each latent of `first` to that of `last`: uint8 [rows * columns, H, W, C].

    w in straight lines. Codes keep their start's value; labels change with the way, by weights of their embeddings.
    """
    label = None
    if first.label is not None and last.label is not None:
        share = _shares(columns)
        ends = [sampler.weights(one)[:, None] for one in (first.label, last.label)]
        label = ((1 - share) * ends[0] + share * ends[1]).reshape(len(first) * columns, -1)
    ways = Latents(_ways(sampler, first, last, columns), label, first.in_w)
    return np.concatenate(list(drawn(sampler, ways)))


def _ways(sampler: Sampler, first: Latents, last: Latents, columns: int) -> np.ndarray:
    """Rows from each latent of `first` to that of `last`, with the start's codes: [rows * columns, size]."""
    starts, ends = first.values[:, None], last.values[:, None]
    noise, normal = sampler.space.noise, sampler.normal and not first.in_w
    z = paths.between(starts[..., :noise], ends[..., :noise], _shares(columns), normal)
    return np.concatenate([z, np.repeat(starts[..., noise:], columns, 1)], -1).reshape(len(first) * columns, -1)


def _shares(columns: int) -> np.ndarray:
    return np.linspace(0, 1, columns, dtype=np.float32)[None, :, None]


def closed_walk(sampler: Sampler, stops: Latents, frames: int) -> Iterator[np.ndarray]:
    """A closed loop through given latents at constant speed, as batches of uint8 [<= BATCH, H, W, C].

    w in straight lines. Codes are those of the first; labels change on the way, by weights of their embeddings.
    """
    noise = sampler.space.noise
    z, places = paths.loop(stops.values[:, :noise], frames, sampler.normal and not stops.in_w)
    z = np.concatenate([z, np.repeat(stops.values[:1, noise:], frames, 0)], 1)
    label = None
    if stops.label is not None:
        weights = sampler.weights(stops.label)
        index = np.minimum(places.astype(int), len(weights) - 1)
        share = (places - index)[:, None].astype(np.float32)
        label = (1 - share) * weights[index] + share * np.roll(weights, -1, 0)[index]
    return drawn(sampler, Latents(z, label, stops.in_w))
