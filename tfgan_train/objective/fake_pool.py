"""A pool of past fakes, of which half of what D takes for fakes is drawn.

Shrivastava et al. 2017 (arXiv:1612.07828), section 2.3: D forgets what G no longer draws, and G may come back to it.
So half of D's batch are images of G as it was, drawn from a pool, and after each update as many of the pool's images,
drawn by chance, make room for G's newest. TF-GAN's `tensor_pool` exchanges images one by one instead. Until the pool
is full, D sees the newest alone.
"""

from collections.abc import Sequence

import tensorflow as tf

from tfgan_train.ops.random import Draw
from tfgan_train.ops.replicas import assign, gather_over_replicas, local_value


class FakePool:
    """Past fakes and what they show: the same on all replicas, and part of a checkpoint.

    Args:
      size: how many there are; at least half a global batch.
      image_shape: (H, W, C) of each.
      code_size: numbers of their codes.

    Attributes:
      filled: how many there are yet, int32 scalar.
    """

    def __init__(self, size: int, image_shape: Sequence[int], code_size: int):
        self._size = size
        self._parts = [
            tf.Variable(tf.zeros([size, *shape], dtype), trainable=False, name=f"fake_pool_{name}")
            for name, shape, dtype in (
                ("pixels", image_shape, tf.float32),
                ("label", (), tf.int32),
                ("code", (code_size,), tf.float32),
            )
            if 0 not in shape
        ]
        self.filled = tf.Variable(0, trainable=False, name="fake_pool_filled")

    def state(self) -> dict[str, tf.Variable]:
        """The variables by name."""
        names = ("pixels", "label", "code")
        return {"filled": self.filled} | dict(zip(names, self._parts, strict=False))

    def exchange(self, pixels: tf.Tensor, label: tf.Tensor, code: tf.Tensor, draw: Draw) -> list[tf.Tensor]:
        """Takes G's newest fakes into the pool and gives what D is to see. To be called on every replica.

        Each second place of the global batch has a past fake; those at the other places go into the pool.

        Args:
          pixels: float32 [n, H, W, C], this replica's part of the newest fakes.
          label, code: int32 [n] and float32 [n, code_size], what they show.
          draw: of the exchange.

        Returns:
          pixels, label and code of the images to see, in the places of the newest.
        """
        half = draw.total // 2
        filled = local_value(self.filled)
        full = filled >= self._size
        places = draw.offset + tf.range(draw.count)
        taken = tf.gather(draw.child("taken").permutation(self._size), tf.minimum(places // 2, half - 1))
        replaced = draw.child("replaced").permutation(self._size)[:half]
        replaced = tf.where(full, replaced, (filled + tf.range(half)) % self._size)
        is_past = full & (places % 2 == 1)
        seen = [pixels, label, code]
        for i, variable in enumerate(self._parts):
            newest = tf.stop_gradient(seen[i])
            past = tf.raw_ops.ResourceGather(resource=variable.handle, indices=taken, dtype=variable.dtype)
            seen[i] = tf.where(tf.reshape(is_past, [-1] + [1] * (newest.shape.rank - 1)), past, newest)
            kept = gather_over_replicas(newest)[::2][:half]
            tf.raw_ops.ResourceScatterUpdate(resource=variable.handle, indices=replaced, updates=kept)
        assign(self.filled, tf.minimum(filled + half, self._size))
        return seen
