"""The pool of past fakes: what D sees of it, against a list of all fakes that there were."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny, two_replicas
from tfgan_train.common.errors import UserError
from tfgan_train.objective.fake_pool import FakePool
from tfgan_train.ops.random import Draw

SIZE, BATCH, STEPS = 10, 7, 12


def _newest(step: int, first: int, count: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Fakes of which each tells its number in the run, as do its label and its code."""
    number = step * BATCH + first + tf.range(count)
    pixels = tf.ones([1, 2, 2, 1]) * tf.cast(number, tf.float32)[:, None, None, None]
    return pixels, number, -tf.cast(number, tf.float32)[:, None]


def test_half_of_what_d_sees_are_past_fakes_that_were_kept():
    pool = FakePool(SIZE, (2, 2, 1), 1)

    @tf.function(autograph=False)
    def exchange(step):
        return pool.exchange(*_newest(step, 0, BATCH), Draw(1, step, BATCH, 0, BATCH))

    kept: list[int] = []
    for step in range(STEPS):
        before = list(kept)
        pixels, label, code = (part.numpy() for part in exchange(tf.constant(step)))
        number = pixels[:, 0, 0, 0]
        assert (
            (pixels == number[:, None, None, None]).all() and (number == label).all() and (number == -code[:, 0]).all()
        )
        newest = step * BATCH + np.arange(BATCH)
        np.testing.assert_array_equal(number[::2], newest[::2])
        if step * (BATCH // 2) < SIZE:
            np.testing.assert_array_equal(number, newest)
        else:
            assert len(set(number[1::2])) == BATCH // 2 and set(number[1::2]) <= set(before)
        kept = pool.state()["label"].numpy()[: int(pool.filled.numpy())].tolist()
        entered = set(newest[::2][: BATCH // 2])
        assert set(kept) - set(before) == entered and len(kept) == min(SIZE, (step + 1) * (BATCH // 2))
    assert min(kept) < (STEPS - 3) * BATCH  # Chance decides who leaves, and not age.


def _on_two_replicas(strategy):
    size, batch = 8, 6
    with strategy.scope():
        shared = FakePool(size, (2, 2, 1), 0)
    alone = FakePool(size, (2, 2, 1), 0)

    @tf.function(autograph=False)
    def together(step):
        def replica():
            offset = 3 * tf.distribute.get_replica_context().replica_id_in_sync_group
            return shared.exchange(*_newest(step, offset, 3), Draw(1, step, batch, offset, 3))[1]

        return tf.concat(strategy.experimental_local_results(strategy.run(replica)), 0)

    for step in range(8):
        whole = alone.exchange(*_newest(step, 0, batch), Draw(1, step, batch, 0, batch))[1]
        np.testing.assert_array_equal(together(tf.constant(step)), whole)
    for copy in strategy.experimental_local_results(shared.state()["pixels"]):
        np.testing.assert_array_equal(copy, alone.state()["pixels"])


@pytest.mark.slow
def test_two_replicas_keep_and_see_what_one_does():
    two_replicas.run("test_fake_pool", "_on_two_replicas")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fake_pool": 5}, "--fake_pool=5 is too small for --batch_size=12"),
        ({"fake_pool": 50, "update": "simultaneous"}, "--fake_pool needs --update=alternating"),
        ({"fake_pool": 50, "conditional": True, "penalty": "wgan_gp", "d_norm": "none"}, "have other labels"),
    ],
)
def test_a_pool_that_cannot_be_is_one_line(changes, said):
    with pytest.raises(UserError, match=said) as told:
        tiny.config(**changes)
    assert "\n" not in str(told.value)
