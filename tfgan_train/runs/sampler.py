"""Images from a generator: the one place where a seed becomes pictures."""

from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from tfgan_train.common.attributes import unpacked
from tfgan_train.common.images import are_points
from tfgan_train.models.inference import takes_w, truncates_w
from tfgan_train.ops.attributes import drawn
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.ops.latents import labels

BATCH = 64


class Sampler:
    """Draws uint8 images (or float32 points) from a generator, a batch at a time.

    The i-th image of a seed is the same whatever the batch, the number asked for, or the
    process. Its label, where none is asked for, comes from the same seed.

    Args:
      generator: call(z, label, training=False) -> float32 [n, H, W, C] in [-1, 1].
      config: the latents' settings, conditional.
      data: num_classes and image_shape.
      code: values of codes, by name, that all latents get; the others come from the seed.
      attributes: values of attributes, by name, that all images get; the others are those of real images.
      truncation: 0 to 1; below 1 it trades variety for typicality, as w's where the generator has w (style), else
        as a factor of the latents' noise.
    """

    def __init__(
        self,
        generator,
        config,
        data,
        code: Mapping[str, float] | None = None,
        truncation: float = 1.0,
        attributes: Mapping[str, int] | None = None,
    ):
        self._generator, self._config, self._data = generator, config, data
        self._of_w: float | None = truncation if truncation != 1 and truncates_w(generator) else None
        self._of_z: float | None = truncation if truncation != 1 and self._of_w is None else None
        self.space, self._code = LatentSpace.of(config), code or {}
        self._fixed = {data.attributes.index(name): value for name, value in (attributes or {}).items()}

    @property
    def normal(self) -> bool:
        """Whether latents are normal (else uniform)."""
        return self._config.latent_distribution == "normal"

    @property
    def conditional(self) -> bool:
        """Whether the generator takes labels."""
        return self._config.conditional

    @property
    def num_classes(self) -> int:
        """Labels of the data; 0 where there are none."""
        return self._data.num_classes

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that the generator takes; () where it takes none."""
        return self._data.attributes if self.conditional else ()

    @property
    def last_label(self) -> int:
        """The highest label that there can be; of attributes all bits."""
        return 2 ** len(self.attributes) - 1 if self.attributes else self.num_classes - 1

    @property
    def points(self) -> bool:
        """Whether the generator draws points instead of images: all arrays are float32 [n, 1, 1, 2] then."""
        return are_points(self._data.image_shape)

    @property
    def generator(self):
        """What draws."""
        return self._generator

    @property
    def mixes(self) -> bool:
        """Whether the generator can mix the styles of two images."""
        return hasattr(self._generator, "mixed")

    @property
    def w_size(self) -> int:
        """Columns of w, 0 for a generator that has none."""
        return self.space.noise if takes_w(self._generator) else 0

    def batches(self, num: int, seed: int, label: int | None = None) -> Iterator[np.ndarray]:
        """uint8 [<= BATCH, H, W, C] until `num` images are drawn."""
        for start in range(0, num, BATCH):
            # The last batch is drawn whole and cut: one trace, and the same arithmetic for each image.
            indices = tf.range(start, start + BATCH)
            yield self.at(self.latents(seed, indices), self.labels(seed, indices, label)).numpy()[: num - start]

    def images(self, num: int, seed: int, label: int | None = None) -> np.ndarray:
        """uint8 [num, H, W, C] in one array."""
        return np.concatenate(list(self.batches(num, seed, label)))

    def of(self, z: np.ndarray, label: np.ndarray | None) -> Iterator[np.ndarray]:
        """uint8 [<= BATCH, H, W, C] of given latents float32 [n, space.size] and labels (as `at`), in their order."""
        for rows, count in _in_batches(len(z)):
            chosen = None if label is None else tf.constant(label[rows])
            yield self.at(tf.constant(z[rows], tf.float32), chosen).numpy()[:count]

    def of_w(self, w: np.ndarray) -> Iterator[np.ndarray]:
        """uint8 [<= BATCH, H, W, C] of given w [n, w_size], as `of` does it."""
        for rows, count in _in_batches(len(w)):
            yield self._at_w(tf.constant(w[rows], tf.float32)).numpy()[:count]

    def latents(self, seed: int, indices) -> tf.Tensor:
        """float32 [n, space.size], the latents of these places in the seed's sequence."""
        return self.space.fixed(self.space.draw(seed, indices, truncation=self._of_z), self._code)

    def labels(self, seed: int, indices, label: int | None = None):
        """int32 [n], or None for unconditional runs; of attributes their bits, see common.attributes."""
        if not self.conditional:
            return None
        if self.attributes:
            return drawn(seed, indices, self._data.attribute_rows, self._fixed)
        if label is not None:
            return tf.fill(tf.shape(indices), label)
        return labels(seed, indices, self._data.num_classes)

    def weights(self, label: np.ndarray) -> np.ndarray:
        """Labels int32 [n] as the weights float32 [n, classes] that `at` takes, or as attributes."""
        if self.attributes:
            return unpacked(label, len(self.attributes))
        return np.eye(self.num_classes, dtype=np.float32)[label]

    @tf.function(reduce_retracing=True, autograph=False)
    def at(self, z, label=None) -> tf.Tensor:
        """uint8 [n, H, W, C] at given latents, and labels: int32 [n], or weights float32 [n, classes]."""
        images = (
            self._generator(z, label, training=False)
            if self._of_w is None
            else self._generator.truncated(z, label, self._of_w)
        )
        return images if self.points else _to_uint8(images)

    @tf.function(reduce_retracing=True, autograph=False)
    def _at_w(self, w) -> tf.Tensor:
        return _to_uint8(self._generator.images([w] * self._generator.latents))

    def styles(self, z: np.ndarray, label: np.ndarray | None) -> np.ndarray:
        """w float32 [n, w_size] of a generator of styles, truncated as its images are."""
        return self._generator.styles(tf.constant(z), label, truncation=self._of_w).numpy()

    @tf.function(reduce_retracing=True, autograph=False)
    def mixed(self, coarse, fine, coarse_label=None, fine_label=None) -> tf.Tensor:
        """uint8 [n, H, W, C] with the coarse styles of some latents (and labels), and the fine ones of others."""
        styles = (
            self._generator.styles(z, label, truncation=self._of_w)
            for z, label in ((coarse, coarse_label), (fine, fine_label))
        )
        return _to_uint8(self._generator.mixed(*styles))


def _in_batches(count: int) -> Iterator[tuple[np.ndarray, int]]:
    """Rows for each batch, filled up to BATCH with the last one, and how many of them are wanted."""
    for start in range(0, count, BATCH):
        yield np.minimum(np.arange(start, start + BATCH), count - 1), min(BATCH, count - start)


def _to_uint8(images):
    return tf.cast(tf.clip_by_value(tf.round((images + 1.0) * 127.5), 0.0, 255.0), tf.uint8)


def code_walk(sampler: Sampler, seed: int, least: int = 10, most: int = 20) -> tuple[np.ndarray, int]:
    """Walks along each code: uint8 [codes * columns, H, W, C] and the columns of its grid.

    All rows start from one latent (and label) of the seed. A row of a categorical code has its categories in turn,
    from the first again where there are more columns; one of a continuous code goes from -1 to 1.

    Args:
      least, most: columns; as many as the largest categorical code has in between.
    """
    space = sampler.space
    columns = min(max(least, *space.categories, 0), most)
    z = np.repeat(sampler.latents(seed, tf.range(1)).numpy(), len(space.codes) * columns, 0)
    rows = z.reshape(len(space.codes), columns, -1)
    for row, code in zip(rows, space.codes, strict=True):
        if code.categorical:
            row[:, code.first : code.first + code.size] = np.eye(code.size)[np.arange(columns) % code.size]
        else:
            row[:, code.first] = np.linspace(-1, 1, columns)
    label = sampler.labels(seed, tf.range(1))
    return sampler.at(tf.constant(z), None if label is None else tf.repeat(label, len(z))).numpy(), columns


def mixing(sampler: Sampler, seeds: tuple[int, int], num: int, label: int | None = None) -> np.ndarray:
    """A grid of mixed styles: uint8 [(num + 1)^2, H, W, C], row by row.

    Args:
      seeds: of the rows' images, which give the coarse styles, and the columns', which give the fine ones.
      num: rows, and columns.

    Returns:
      Behind a black corner the first row is the columns' own images, and the first column the rows'.
    """
    rows, columns = (sampler.latents(seed, tf.range(num)) for seed in seeds)
    row_labels, column_labels = (sampler.labels(seed, tf.range(num), label) for seed in seeds)

    def spread(values, each):
        return None if values is None else tf.repeat(values, num, 0) if each else tf.concat([values] * num, 0)

    inner = sampler.mixed(
        spread(rows, True), spread(columns, False), spread(row_labels, True), spread(column_labels, False)
    ).numpy()
    inner = inner.reshape(num, num, *inner.shape[1:])
    left, top = sampler.at(rows, row_labels).numpy(), sampler.at(columns, column_labels).numpy()
    below = np.concatenate([left[:, None], inner], 1)
    first = np.concatenate([np.zeros_like(top[:1]), top])
    return np.concatenate([first[None], below]).reshape(-1, *top.shape[1:])
