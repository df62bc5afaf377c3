"""What G is drawn from: noise, and behind it the structured code of InfoGAN (Chen et al. 2016, arXiv:1606.03657).

A row of z is [noise | one-hot columns of each categorical code | the continuous codes]. Knows no flags, models or
runs, and uses plain ops alone, so that exports hold the same stream.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.common.pairs import named_values
from tfgan_train.ops.latents import labels, latents

LARGEST = 2  # of a continuous code that is asked for: the paper's figures go to twice what was trained on
# The hash's streams of the codes: the i-th categorical code has stream + _CODES + 2 i.
_CODES = 64


@dataclasses.dataclass(frozen=True)
class Code:
    """One code's columns of z.

    Attributes:
      name: c0, c1 … for categorical ones, u0, u1 … for continuous ones.
      first, size: its columns; a continuous code has one.
    """

    name: str
    first: int
    size: int

    @property
    def categorical(self) -> bool:
        """Whether the columns are one-hot, else one number in [-1, 1]."""
        return self.name.startswith("c")


@dataclasses.dataclass(frozen=True)
class LatentSpace:
    """The columns of z, and how they are drawn.

    Attributes:
      noise: columns without a meaning.
      distribution: of the noise, normal or uniform.
      categories: sizes of the categorical codes, each drawn uniformly.
      continuous: number of continuous codes, each uniform in (-1, 1).
    """

    noise: int
    distribution: str = "normal"
    categories: tuple[int, ...] = ()
    continuous: int = 0

    @classmethod
    def of(cls, config) -> "LatentSpace":
        """The space of a valid Config."""
        categories = tuple(int(size) for size in config.code_categories.split(",") if size)
        return cls(config.latent_dim, config.latent_distribution, categories, config.code_continuous)

    @property
    def code_size(self) -> int:
        """Columns of the code; 0 where there is none."""
        return sum(self.categories) + self.continuous

    @property
    def size(self) -> int:
        """Columns of z."""
        return self.noise + self.code_size

    @property
    def codes(self) -> tuple[Code, ...]:
        """The codes in the order of their columns."""
        sizes = [(f"c{i}", size) for i, size in enumerate(self.categories)]
        sizes += [(f"u{i}", 1) for i in range(self.continuous)]
        found, first = [], self.noise
        for name, size in sizes:
            found.append(Code(name, first, size))
            first += size
        return tuple(found)

    def draw(self, seed, indices, stream: int = 0, truncation=None) -> tf.Tensor:
        """Rows that depend on nothing but (space, seed, stream, index).

        Args:
          seed, indices, stream: as ops.latents.latents has them.
          truncation: float32 scalar that multiplies the noise, never the code; None: 1.

        Returns:
          float32 [n, size].
        """
        noise = latents(seed, indices, self.noise, self.distribution, stream)
        if truncation is not None:
            noise *= truncation
        if not self.code_size:
            return noise
        columns = [noise]
        for i, size in enumerate(self.categories):
            chosen = labels(seed, indices, size, stream + _CODES + 2 * i)
            columns.append(tf.cast(tf.equal(chosen[:, None], tf.range(size)[None, :]), tf.float32))
        if self.continuous:
            columns.append(latents(seed, indices, self.continuous, "uniform", stream + _CODES))
        return tf.concat(columns, 1)

    def fixed(self, z: tf.Tensor, values: Mapping[str, float]) -> tf.Tensor:
        """`z` [n, size] with some codes at a value: a category's number, or a continuous code's number."""
        for code in self.codes:
            if code.name in values:
                value = values[code.name]
                new = [float(i == value) for i in range(code.size)] if code.categorical else [value]
                rows = tf.tile(tf.constant([new], tf.float32), [tf.shape(z)[0], 1])
                z = tf.concat([z[:, : code.first], rows, z[:, code.first + code.size :]], 1)
        return z

    def parse(self, text: str) -> dict[str, float]:
        """The values that --code=c0=3,u0=-0.5 asks for, by name.

        Raises:
          UserError: for a code that the space hasn't, twice the same, or a value that it can't have.
        """
        by_name = {code.name: code for code in self.codes}
        if text and not by_name:
            raise UserError(f"--code={text}: this run has no codes; --code_categories and --code_continuous make them")
        found: dict[str, float] = {}
        for name, value in named_values("--code", text, by_name, "code", "NAME=VALUE"):
            found[name] = _value(text, by_name[name], value)
        return found


def _value(text: str, code: Code, value: str) -> float:
    if code.categorical:
        if not (value.isdecimal() and int(value) < code.size):
            raise UserError(f"--code={text}: {code.name}={value} is no category; legal: 0 to {code.size - 1}")
        return int(value)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not -LARGEST <= number <= LARGEST:
        raise UserError(f"--code={text}: {code.name}={value} is out of range; legal: -{LARGEST} to {LARGEST}")
    return number
