"""Shards of decoded images: what was written is read, damage is named and mended, a build is whole or goes on."""

import os
import threading

import numpy as np
import pytest

from tests.data_fixtures import random_images
from tfgan_train.common import locks
from tfgan_train.common.errors import UserError
from tfgan_train.data import shard_cache, shards

IMAGES = random_images(10, 4, 5, 3)
LABELS = np.arange(10, dtype=np.int32) - 3


def _make(number):
    """Shards of 4, 4 and 2 images; the second is grey."""
    part = slice(4 * number, 4 * number + 4)
    images = IMAGES[part, ..., :1] if number == 1 else IMAGES[part]
    return (images, LABELS[part]), {"number": number}


EXPECTED = np.where((np.arange(10) // 4 == 1)[:, None, None, None], IMAGES[..., :1], IMAGES)


def _kept(folder, make=_make, fingerprint="one"):
    return shard_cache.kept(folder, fingerprint, lambda: shard_cache.Plan((4, 5), 3, make, {"some": 1}))


def _reader(folder, remake=lambda number: _make(number)[0]):
    return shards.Shards(folder, _kept(folder), remake)


def _never(number):
    raise AssertionError("made again")


def test_what_was_written_is_read_in_any_order(tmp_path):
    read = _reader(tmp_path / "cache").read
    for indices in ([0, 9, 4, 4, 7], list(range(10)), [], [3]):
        images, labels = read(np.array(indices, np.int64))
        np.testing.assert_array_equal(images, EXPECTED[indices])
        np.testing.assert_array_equal(labels, LABELS[indices])
    with pytest.raises(IndexError):
        read(np.array([10]))
    with pytest.raises(IndexError):
        read(np.array([-1]))


def test_a_whole_cache_is_used_and_another_fingerprint_replaces_it(tmp_path):
    folder = tmp_path / "cache"
    first = _kept(folder)
    assert _kept(folder, _never) == first and first.facts == {"some": 1} and first.shards[1].facts == {"number": 1}
    other = _kept(folder, lambda number: ((IMAGES[:1] + 1, LABELS[:1]), {}), "two")
    assert other.count == 3
    np.testing.assert_array_equal(shards.Shards(folder, other).read(np.array([2]))[0], IMAGES[:1] + 1)
    assert sorted(os.listdir(tmp_path)) == [".cache.lock", "cache"]


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_an_interrupted_build_goes_on_where_it_was(tmp_path, broken):
    folder, made = tmp_path / "cache", []

    def failing(number):
        if number == broken:
            raise UserError("a file is gone")
        return _make(number)

    def going_on(number):
        made.append(number)
        return _make(number)

    with pytest.raises(UserError, match="a file is gone"):
        _kept(folder, failing)
    assert shards.read_manifest(folder) is None and not folder.exists()
    _kept(folder, going_on)
    assert made == list(range(broken, 3))
    np.testing.assert_array_equal(_reader(folder).read(np.arange(10))[0], EXPECTED)


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_flip, lambda path: os.truncate(path, 7), lambda path: path.unlink()])
def test_a_damaged_shard_is_named_and_made_again(tmp_path, damage, capsys):
    folder = tmp_path / "cache"
    read = _reader(folder).read
    path = shards.shard_path(folder, 2)
    good = path.read_bytes()
    damage(path)
    np.testing.assert_array_equal(read(np.arange(10))[0], EXPECTED)
    assert f"{path} is damaged; it is made again" in capsys.readouterr().err
    assert path.read_bytes() == good and sorted(os.listdir(folder)) == sorted(
        [shards.MANIFEST, *(shards.shard_path(folder, number).name for number in range(3))]
    )


def test_damage_that_cannot_be_mended_is_one_line(tmp_path):
    folder = tmp_path / "cache"
    _kept(folder)
    _flip(shards.shard_path(folder, 0))
    with pytest.raises(UserError, match="00000.records is damaged.*remove"):
        _reader(folder, None).read(np.arange(4))
    with pytest.raises(UserError, match="00000.records was damaged, and the files .* have changed"):
        _reader(folder, lambda number: (IMAGES[5:9], LABELS[:4])).read(np.arange(4))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"own_sha256": "x"}'])
def test_a_damaged_manifest_is_no_cache(tmp_path, text):
    folder = tmp_path / "cache"
    _kept(folder)
    (folder / shards.MANIFEST).write_text(text)
    assert shards.read_manifest(folder) is None
    _kept(folder)
    np.testing.assert_array_equal(_reader(folder).read(np.arange(10))[0], EXPECTED)


@pytest.mark.parametrize("has_locks", [True, False])
def test_two_builds_at_once_are_one_cache(tmp_path, monkeypatch, has_locks):
    folder, both, made = tmp_path / "cache", threading.Barrier(2), []
    if not has_locks:
        monkeypatch.setattr(locks, "fcntl", None)

    def slow(number):
        if not has_locks and number == 0:  # Both are in the middle of it.
            both.wait(10)
        made.append(number)
        return _make(number)

    threads = [threading.Thread(target=_kept, args=(folder, slow)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(made) == ([0, 1, 2] if has_locks else [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(_reader(folder).read(np.arange(10))[0], EXPECTED)
    assert sorted(os.listdir(tmp_path)) == [".cache.lock", "cache"]


@pytest.mark.parametrize("sizes", [(10,), (1,) * 10, (3, 7), (6, 1, 3)])
def test_batches_are_spooled_and_opened_again(tmp_path, monkeypatch, sizes):
    monkeypatch.setattr(shards, "SHARD_BYTES", 4 * IMAGES[0].size)
    ends = np.cumsum(sizes)
    batches = [(IMAGES[end - n : end], np.arange(10)[end - n : end] % 3) for n, end in zip(sizes, ends, strict=True)]
    spooled = shard_cache.spool(iter(batches), tmp_path / "run" / "data", "given")
    for found in (spooled, shard_cache.opened(tmp_path / "run" / "data", "given")):
        images, labels = found.read(np.arange(10))
        np.testing.assert_array_equal(images, IMAGES)
        np.testing.assert_array_equal(labels, np.arange(10) % 3)
        assert (found.count, found.image_shape, found.label_names) == (10, (4, 5, 3), ("0", "1", "2"))
    assert len(list((tmp_path / "run" / "data").glob("*.records"))) == 3
    assert os.listdir(tmp_path / "run") == ["data"]


def test_a_spool_that_fails_leaves_nothing(tmp_path):
    def failing():
        yield IMAGES, None
        raise ValueError("the generator failed")

    with pytest.raises(ValueError, match="the generator failed"):
        shard_cache.spool(failing(), tmp_path / "data", "given")
    with pytest.raises(UserError, match="no images"):
        shard_cache.spool(iter([]), tmp_path / "data", "given")
    with pytest.raises(UserError, match="differ in size"):
        shard_cache.spool(iter([(IMAGES, None), (IMAGES[:, :2], None)]), tmp_path / "data", "given")
    assert os.listdir(tmp_path) == [] and shard_cache.opened(tmp_path / "data", "given") is None
