"""The order of examples, and streaming that equals what is in memory."""

import threading
import time

import numpy as np
import pytest

from tests.data_fixtures import random_images
from tfgan_train.common.errors import UserError
from tfgan_train.data import source
from tfgan_train.data.pipeline import Batches
from tfgan_train.data.prefetch import Prefetcher


def noise(count=10) -> source.Source:
    return source.from_arrays("noise", random_images(count), np.arange(count) % 3, ["a", "b", "c"])


def test_each_epoch_is_a_full_fresh_permutation_and_nothing_is_dropped():
    # 3 x 2 examples a step do not divide 10: batches cross the border between epochs.
    walked = Batches(noise(), 3, 2, seed=5).indices(0, 25)
    assert walked.shape == (25, 2, 3) and walked.dtype == np.int32
    epochs = walked.ravel().reshape(15, 10)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(10))
    assert len({tuple(epoch) for epoch in epochs}) == 15


def test_the_order_is_that_of_the_named_generator():
    walked = Batches(noise(), 5, 1, seed=7).indices(0, 4).ravel()
    expected = [np.random.Generator(np.random.Philox(key=[7, epoch])).permutation(10) for epoch in range(2)]
    np.testing.assert_array_equal(walked, np.concatenate(expected))


def test_any_step_can_be_asked_for_directly():
    whole = Batches(noise(), 3, 2, seed=5).indices(0, 40)
    for step, count in ((0, 1), (39, 1), (17, 5), (3, 37)):
        np.testing.assert_array_equal(Batches(noise(), 3, 2, seed=5).indices(step, count), whole[step : step + count])


def test_each_discriminator_update_sees_fresh_images():
    one = Batches(noise(12), 3, 2, seed=0).indices(0, 2)
    assert len(set(one.ravel())) == 12


def test_the_seed_changes_the_order():
    orders = {Batches(noise(), 10, 1, seed).indices(0, 1).tobytes() for seed in (0, 1, 2, -1)}
    assert len(orders) == 4


def test_epochs():
    batches = Batches(noise(), 2, 3, seed=0)
    assert batches.epoch(0) == 0 and batches.epoch(5) == 3.0 and batches.epoch(1) == pytest.approx(0.6)


def test_a_batch_larger_than_the_data():
    with pytest.raises(UserError, match="--batch_size=11 .*noise has 10 .*legal: 1 to 10"):
        Batches(noise(), 11, 1, seed=0)
    assert Batches(noise(), 10, 1, seed=0).indices(0, 1).shape == (1, 1, 10)


def test_small_data_are_resident_without_a_copy_and_large_data_are_not():
    held = noise()
    resident = Batches(held, 2, 1, seed=0)
    assert resident.resident and np.shares_memory(resident.images, held.read(np.arange(3))[0])
    np.testing.assert_array_equal(resident.images, random_images(10))
    np.testing.assert_array_equal(resident.labels, np.arange(10) % 3)
    assert Batches(held, 2, 1, seed=0, memory_limit_bytes=640).resident
    streamed = Batches(held, 2, 1, seed=0, memory_limit_bytes=639)
    assert not streamed.resident and streamed.images is None and streamed.labels is None


@pytest.mark.parametrize("calls", [[(0, 1)] * 1, [(0, 3), (3, 3), (6, 1), (7, 5)], [(8, 2), (0, 2), (2, 4), (4, 1)]])
def test_streaming_equals_memory_bit_for_bit(calls):
    resident = Batches(noise(), 3, 2, seed=9)
    with Batches(noise(), 3, 2, seed=9, memory_limit_bytes=1) as streamed:
        for step, count in calls:
            chosen = resident.next(step, count)
            images, labels = streamed.next(step, count)
            np.testing.assert_array_equal(images, resident.images[chosen])
            np.testing.assert_array_equal(labels, resident.labels[chosen])
            assert images.shape == (count, 2, 3, 8, 8, 1) and images.dtype == np.uint8 and labels.dtype == np.int32
        np.testing.assert_array_equal(streamed.first(4), resident.images[resident.indices(0, 1).ravel()[:4]])


def test_an_error_while_streaming_reaches_the_caller_with_its_step():
    good = noise()

    def read(indices):
        if 4 in indices:
            raise UserError("cat.png is gone")
        return good.read(indices)

    broken = source.Source("broken", 10, (8, 8, 1), 0, (), read)
    with Batches(broken, 2, 1, seed=0, memory_limit_bytes=1) as batches:
        order = batches.indices(0, 5)[:, 0]
        bad_step = int(np.argwhere(order == 4)[0, 0])
        for step in range(bad_step):
            batches.batches(step, 1)
        for _ in range(2):
            with pytest.raises(UserError, match="cat.png is gone"):
                batches.batches(bad_step, 1)
    assert not _prefetching()


def _prefetching() -> list:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_close_ends_the_thread_and_can_be_repeated():
    batches = Batches(noise(), 2, 1, seed=0, memory_limit_bytes=1)
    batches.close()
    batches.batches(0, 2)
    assert len(_prefetching()) == 1
    batches.close()
    batches.close()
    assert not _prefetching()


def test_reads_ahead_but_never_further_than_told():
    made, may_go = [], threading.Event()

    def make(number):
        made.append(number)
        may_go.set()
        return number * number

    prefetcher = Prefetcher(make, ahead=3)
    assert prefetcher.take(5) == 25
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert made == [5, 6, 7, 8]
    assert [prefetcher.take(number) for number in (6, 7, 2, 3)] == [36, 49, 4, 9]
    prefetcher.close()
