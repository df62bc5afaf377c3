"""Walks from latent to latent: rows between two, and a closed loop through several."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfgan_train.runs import paths
from tfgan_train.runs.sampler import Sampler


@dataclasses.dataclass(frozen=True)
class Latents:
    """Latents that pictures are drawn from.

    Attributes:
      z: float32 [n, size].
      label: int32 [n], or weights float32 [n, classes]; None: of an unconditional run.
    """

    z: np.ndarray
    label: np.ndarray | None

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, rows: slice) -> "Latents":
        return Latents(self.z[rows], None if self.label is None else self.label[rows])


def seeded(sampler: Sampler, seed: int, count: int, label: int | None = None) -> Latents:
    """The first latents of a seed."""
    labels = sampler.labels(seed, tf.range(count), label)
    return Latents(sampler.latents(seed, tf.range(count)).numpy(), None if labels is None else labels.numpy())


def walk(sampler: Sampler, seed: int, rows: int, label: int | None = None, columns: int = 10) -> tuple[np.ndarray, int]:
    """Walks between latents: uint8 [rows * columns, H, W, C] and the columns of its grid.

    Each row leads from one latent of the seed to another, and keeps the label and the codes of its start.
    """
    drawn = seeded(sampler, seed, 2 * rows, label)
    z = _ways(sampler, drawn.z[:rows], drawn.z[rows:], columns)
    labels = None if drawn.label is None else tf.repeat(drawn.label[:rows], columns)
    return sampler.at(tf.constant(z, tf.float32), labels).numpy(), columns


def walk_between(sampler: Sampler, first: Latents, last: Latents, columns: int = 10) -> np.ndarray:
    """Rows that lead from each latent of `first` to that of `last`: uint8 [rows * columns, H, W, C].

    Codes keep their start's value; labels change with the way, by weights of their embeddings.
    """
    label = None
    if first.label is not None and last.label is not None:
        share = _shares(columns)
        ends = [np.eye(sampler.num_classes, dtype=np.float32)[one][:, None] for one in (first.label, last.label)]
        label = ((1 - share) * ends[0] + share * ends[1]).reshape(len(first) * columns, -1)
    return np.concatenate(list(sampler.of(_ways(sampler, first.z, last.z, columns), label)))


def _ways(sampler: Sampler, first: np.ndarray, last: np.ndarray, columns: int) -> np.ndarray:
    """Rows from each latent of `first` to that of `last`, with the start's codes: [rows * columns, size]."""
    noise = sampler.space.noise
    z = paths.between(first[:, None, :noise], last[:, None, :noise], _shares(columns), sampler.normal)
    return np.concatenate([z, np.repeat(first[:, None, noise:], columns, 1)], -1).reshape(len(first) * columns, -1)


def _shares(columns: int) -> np.ndarray:
    return np.linspace(0, 1, columns, dtype=np.float32)[None, :, None]


def closed_walk(sampler: Sampler, stops: Latents, frames: int) -> Iterator[np.ndarray]:
    """A closed loop through given latents at constant speed, as batches of uint8 [<= BATCH, H, W, C].

    Codes are those of the first; labels change on the way, by weights of their embeddings.
    """
    noise = sampler.space.noise
    z, places = paths.loop(stops.z[:, :noise], frames, sampler.normal)
    z = np.concatenate([z, np.repeat(stops.z[:1, noise:], frames, 0)], 1)
    label = None
    if stops.label is not None:
        weights = np.eye(sampler.num_classes, dtype=np.float32)[stops.label]
        index = np.minimum(places.astype(int), len(weights) - 1)
        share = (places - index)[:, None].astype(np.float32)
        label = (1 - share) * weights[index] + share * np.roll(weights, -1, 0)[index]
    return sampler.of(z, label)
