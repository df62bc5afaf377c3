"""Which examples each step sees, and the pixels of data too big for memory; numpy only."""

import functools

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.data import source as sources
from tfgan_train.data.prefetch import Prefetcher

# Decoded pixels that may wait for the training loop, beside the block it works on.
_AHEAD_BYTES = 256 << 20


class Batches:
    """The order in which training walks through a Source, and its pixels.

    The data are walked in epochs, each a fresh permutation of all examples; batches cross the
    border between epochs, so that none is dropped. The order is a function of the seed and
    the step alone: a resumed run sees what an uninterrupted one would have seen.

    Attributes:
      resident: whether all pixels are in memory.
      images: uint8 [N, H, W, C] if resident, else None. It may be read-only.
      labels: int32 [N] if resident, else None; zeros where the data have no labels.
    """

    def __init__(
        self, source: sources.Source, batch_size: int, d_steps: int, seed: int, memory_limit_bytes: int | None = None
    ):
        """Reads the data if they fit into `memory_limit_bytes`.

        Args:
          source: the data.
          batch_size: images of one discriminator update, over all replicas.
          d_steps: discriminator updates in a step, each on fresh images.
          seed: any int; another seed is another order.
          memory_limit_bytes: above it, pixels are streamed by `batches`; None: source.MEMORY_LIMIT.

        Raises:
          UserError: when a batch is larger than the data.
        """
        if batch_size > source.count:
            raise UserError(
                f"--batch_size={batch_size} is larger than the data: {source.name} has "
                f"{source.count} training images; legal: 1 to {source.count}"
            )
        self._source, self._batch_size, self._d_steps = source, batch_size, d_steps
        self._seed = seed % 2**64
        # Per instance and not on the method: a cache there would keep every instance alive.
        self._permutation = functools.lru_cache(maxsize=3)(self._permute)
        self._prefetcher = Prefetcher(self._read_step)
        limit = sources.MEMORY_LIMIT if memory_limit_bytes is None else memory_limit_bytes
        self.resident = source.count * int(np.prod(source.image_shape)) <= limit
        self.images = self.labels = None
        if self.resident:
            self.images, self.labels = source.read(np.arange(source.count))

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Ends the background thread, if `batches` began one."""
        self._prefetcher.close()

    def epoch(self, step: int) -> float:
        """How often the data have been walked through before `step`."""
        return step * self._d_steps * self._batch_size / self._source.count

    def indices(self, step: int, count: int) -> np.ndarray:
        """int32 [count, d_steps, batch_size]: the examples of the steps step .. step+count-1.

        `step` is the number of completed generator updates before the first of them.
        """
        first = step * self._d_steps * self._batch_size
        wanted = count * self._d_steps * self._batch_size
        parts = []
        while wanted:
            epoch, offset = divmod(first, self._source.count)
            part = self._permutation(epoch)[offset : offset + wanted]
            parts.append(part)
            first, wanted = first + len(part), wanted - len(part)
        return np.concatenate(parts).reshape(count, self._d_steps, self._batch_size)

    def next(self, step: int, count: int) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """What training takes for `count` steps: `indices` if resident, else `batches`."""
        return self.indices(step, count) if self.resident else self.batches(step, count)

    def first(self, count: int) -> np.ndarray:
        """uint8 [count, H, W, C]: the first images that training sees (fewer if there are fewer)."""
        return self._source.read(self._permutation(0)[:count])[0]

    def batches(self, step: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The pixels and labels at `indices(step, count)`, read ahead on a background thread.

        Calls in the order of training are fast; any other step is right too, but waits. What
        is read ahead is as much as one call takes, up to 256 MB.

        Returns:
          uint8 [count, d_steps, batch_size, H, W, C] and int32 [count, d_steps, batch_size].

        Raises:
          Whatever the source's reader raised.
        """
        shape = (self._d_steps, self._batch_size, *self._source.image_shape)
        self._prefetcher.look_ahead(max(1, min(count, _AHEAD_BYTES // int(np.prod(shape)))))
        images = np.empty((count, *shape), np.uint8)
        labels = np.empty((count, *shape[:2]), np.int32)
        for place in range(count):
            images[place], labels[place] = self._prefetcher.take(step + place)
        return images, labels

    def _permute(self, epoch: int) -> np.ndarray:
        rng = np.random.Generator(np.random.Philox(key=np.array([self._seed, epoch], np.uint64)))
        return rng.permutation(self._source.count).astype(np.int32)

    def _read_step(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        indices = self.indices(step, 1)[0]
        images, labels = self._source.read(indices.ravel())
        return images.reshape(*indices.shape, *images.shape[1:]), labels.reshape(indices.shape)
