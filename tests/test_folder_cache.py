"""--cache_dir: the same bytes as without, decoded once, made anew when the folder changes."""

import os

import numpy as np
import pytest

from tests.data_fixtures import config, png, random_images, tiny_tfds
from tfgan_train import data
from tfgan_train.common.errors import UserError
from tfgan_train.data import decode, shards, source


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Six pictures of two classes, one of them in colour, and a damaged one; shards of two files."""
    root = tmp_path / "pictures"
    grey, coloured = random_images(6), random_images(1, channels=3)
    for index, pixels in enumerate(grey):
        path = root / ("cat" if index < 3 else "dog") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(coloured[0] if index == 4 else pixels))
    (root / "cat" / "1b.png").write_bytes(b"\x89PNG and no more")
    monkeypatch.setattr(shards, "SHARD_BYTES", 2 * 8 * 8 * 3)
    return root


def _load(root, tmp_path, cached=True, **changes):
    cache = {"cache_dir": str(tmp_path / "cache")} if cached else {}
    return data.load(config(f"folder:{root}", max_bad_fraction=0.5, **cache, **changes))


def _read(found):
    return found.read(np.arange(found.count))


def _no_decoding(monkeypatch):
    def refuse(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(decode, "decode", refuse)


@pytest.mark.parametrize("changes", [{}, {"image_size": "6", "channels": 1, "invert": True}, {"train_examples": 3}])
@pytest.mark.parametrize("limit", [source.MEMORY_LIMIT, 100])
def test_a_cache_gives_what_decoding_gives_and_decodes_once(folder, tmp_path, monkeypatch, changes, limit):
    plain = _load(folder, tmp_path, cached=False, **changes)
    monkeypatch.setattr(source, "MEMORY_LIMIT", limit)
    _load(folder, tmp_path, **changes)
    _no_decoding(monkeypatch)
    warm = _load(folder, tmp_path, **changes)
    assert warm.in_memory == (limit > 100)
    for one, other in zip(_read(plain), _read(warm), strict=True):
        np.testing.assert_array_equal(one, other)
    for fact in ("count", "image_shape", "label_names", "skipped", "notes", "num_classes"):
        assert getattr(warm, fact) == getattr(plain, fact)
    assert warm.skipped[0][0] == "cat/1b.png"


@pytest.mark.parametrize("change", ["touched", "added", "removed", "moved to another class"])
def test_a_changed_folder_is_decoded_again(folder, tmp_path, change):
    _load(folder, tmp_path)
    path = folder / "dog" / "5.png"
    if change == "touched":
        path.write_bytes(png(random_images(1, seed=9)[0]))
        os.utime(path, ns=(1, 1))
    elif change == "added":
        (folder / "dog" / "6.png").write_bytes(png(random_images(1, seed=9)[0]))
    elif change == "removed":
        path.unlink()
    else:
        path.rename(folder / "cat" / "5.png")
    for one, other in zip(_read(_load(folder, tmp_path)), _read(_load(folder, tmp_path, cached=False)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(list((tmp_path / "cache").glob("pictures-*"))) == 1


def test_a_damaged_shard_is_decoded_again_from_its_files(folder, tmp_path, capsys):
    expected = _read(_load(folder, tmp_path))
    path = sorted((tmp_path / "cache").glob("*/*.records"))[1]
    os.truncate(path, 40)
    for one, other in zip(_read(_load(folder, tmp_path)), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert f"{path} is damaged; it is made again" in capsys.readouterr().err


def test_sizes_that_differ_and_too_many_damaged_files_are_one_line(folder, tmp_path):
    with pytest.raises(UserError, match="1 of 7 images can't be read .*cat/1b.png"):
        data.load(config(f"folder:{folder}", cache_dir=str(tmp_path / "cache")))
    (folder / "dog" / "5.png").write_bytes(png(random_images(1, 4, 4)[0]))
    with pytest.raises(UserError, match="cat/0.png is 8x8, dog/5.png is 4x4.*--image_size"):
        _load(folder, tmp_path)


def test_a_cache_that_cannot_be_written_or_would_do_nothing_is_one_line(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--cache_dir=.*file/cache can't be written: Not a directory"):
        data.load(config(f"folder:{folder}", max_bad_fraction=0.5, cache_dir=str(tmp_path / "file" / "cache")))
    with pytest.raises(UserError, match="--cache_dir would do nothing here.*tfds:NAME or folder:FOLDER"):
        data.check_settings("mnist10k", {"cache_dir"})


def test_tfds_data_are_kept_too(tmp_path, monkeypatch):
    from tfgan_train.data import tfds

    images, labels = random_images(20), np.arange(20) % 3
    builder = tiny_tfds(tmp_path / "tfds", images, labels, "abc")
    plain = tfds.from_builder(builder, config("tfds:tiny_pictures"), "train")
    cached = config("tfds:tiny_pictures", cache_dir=str(tmp_path / "cache"))
    tfds.from_builder(builder, cached, "train")
    _no_decoding(monkeypatch)
    warm = tfds.from_builder(builder, cached, "train")
    monkeypatch.undo()
    for one, other in zip(_read(warm), _read(plain), strict=True):
        np.testing.assert_array_equal(one, other)
