"""Stateless randomness of one training step; knows nothing of models or devices.

A `Draw` names one step of one run. What it gives depends on (seed, step, path, kind of
number) and on an example's place in the GLOBAL batch alone: never on how many replicas share that
batch, on what was drawn before, or on a generator's state. So a resumed run repeats the
uninterrupted one bit for bit, and 1, 2 or 3 replicas train on the same numbers.
"""

import dataclasses
import hashlib
import math

import tensorflow as tf

# Named, because "auto_select" picks another algorithm on another device.
_ALGORITHM = tf.random.Algorithm.PHILOX.value
_LANES = 2  # 16-bit random numbers in one 32-bit word
_LANE_VALUES = 1 << 16


# Without eq: a field may be a tensor, which compares element by element.
@dataclasses.dataclass(frozen=True, eq=False)
class Draw:
    """The random numbers of one step for one replica's examples.

    The same method called twice on the same Draw gives the same numbers. Whoever needs two
    independent sets asks two children for them; different methods are independent too.

    Attributes:
      seed: the run's seed.
      step: the step, a scalar integer (Python's or a tensor).
      total: examples in the global batch.
      offset: place of this replica's first example in the global batch.
      count: examples on this replica.
      path: names of what the numbers are for, outermost first.
    """

    seed: int
    step: "int | tf.Tensor"
    total: int
    offset: "int | tf.Tensor"
    count: int
    path: tuple[str, ...] = ()

    def child(self, name: str) -> "Draw":
        """An independent Draw for the purpose `name`."""
        return dataclasses.replace(self, path=self.path + (name,))

    def uniform(self, shape=(), minval=0.0, maxval=1.0, dtype=tf.float32) -> tf.Tensor:
        """Uniform floats in [minval, maxval), [count, *shape]; `shape` is one example's."""
        numbers = self._raw(tf.raw_ops.StatelessRandomUniformV2, "uniform", shape, dtype=dtype)
        if (minval, maxval) != (0.0, 1.0):
            numbers = numbers * (maxval - minval) + minval
        return self._mine(numbers)

    def normal(self, shape=(), dtype=tf.float32) -> tf.Tensor:
        """Standard normal floats, [count, *shape]."""
        return self._mine(self._raw(tf.raw_ops.StatelessRandomNormalV2, "normal", shape, dtype=dtype))

    def integers(self, shape, low: int, high: int) -> tf.Tensor:
        """Uniform int32 in [low, high), [count, *shape]."""
        return self._mine(self._raw(tf.raw_ops.StatelessRandomUniformIntV2, "integers", shape, minval=low, maxval=high))

    def bernoulli(self, shape, p: float) -> tf.Tensor:
        """True with probability `p` (to 1/65536), bool [count, *shape].

        Each decision takes 16 random bits: half the cost of comparing a uniform float, which
        is most of what dropout costs on a CPU.
        """
        threshold = round(p * _LANE_VALUES)
        if not 0 <= threshold <= _LANE_VALUES:
            raise ValueError(f"a probability must be in [0, 1], not {p}")
        if threshold in (0, _LANE_VALUES):
            return tf.fill((self.count, *shape), threshold > 0)
        size = math.prod(shape)
        words = self._raw(
            tf.raw_ops.StatelessRandomUniformFullIntV2, "bernoulli", (-(-size // _LANES),), dtype=tf.uint32
        )
        lanes = tf.reshape(tf.bitcast(self._mine(words), tf.uint16), (self.count, -1))
        return tf.reshape(lanes[:, :size] < tf.constant(threshold, tf.uint16), (self.count, *shape))

    def permutation(self, size: int) -> tf.Tensor:
        """int32 [size]: 0 to size - 1 in random order, the same on all replicas."""
        return tf.raw_ops.StatelessShuffle(value=tf.range(size), alg=_ALGORITHM, **self._state("permutation"))

    def _raw(self, operation, kind: str, shape, **options) -> tf.Tensor:
        """What an operation of TensorFlow draws for the whole global batch, [total, *shape]."""
        return operation(shape=(self.total, *shape), alg=_ALGORITHM, **self._state(kind), **options)

    def _state(self, kind: str) -> dict[str, tf.Tensor]:
        """Philox' key and counter, as `tf.random.stateless_uniform` makes them: by 1 node, not by its 40."""
        # Lengths are part of the text, so that no two paths can spell the same one.
        text = repr((self.seed, self.path, kind)).encode()
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)
        seed = tf.stack([tf.constant(number, tf.int64), tf.cast(self.step, tf.int64)])
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
        return {"key": key, "counter": counter}

    def _mine(self, numbers: tf.Tensor) -> tf.Tensor:
        """This replica's rows of the global batch's numbers."""
        if self.count == self.total:
            return numbers
        return tf.slice(
            numbers, [self.offset] + [0] * (numbers.shape.rank - 1), [self.count] + numbers.shape[1:].as_list()
        )


def dropout(x: tf.Tensor, rate: float, draw: "Draw | None") -> tf.Tensor:
    """Inverted dropout: zeroes each element with probability `rate`, scales the rest.

    Args:
      x: [count, ...], every axis but the first of static size.
      rate: share of elements to drop, in [0, 1).
      draw: where the mask comes from; None at inference, which leaves x as it is.

    Returns:
      As x, with the same expectation. (Srivastava et al. 2014, section 10, scaled while training.)
    """
    if draw is None or rate == 0:
        return x
    if not 0 < rate < 1:
        raise ValueError(f"a dropout rate must be in [0, 1), not {rate}")
    keep = draw.bernoulli(tuple(x.shape[1:]), 1.0 - rate)
    return tf.where(keep, x * tf.cast(1.0 / (1.0 - rate), x.dtype), tf.zeros([], x.dtype))
