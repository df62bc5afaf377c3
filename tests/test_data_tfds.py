"""TFDS data sets as TFDS itself writes them, prepared in a folder without any download."""

import struct
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.data_fixtures import config, flowers, random_images, tiny_tfds
from tfgan_train import data
from tfgan_train.common.errors import UserError
from tfgan_train.data import NoSuchSplit
from tfgan_train.data.records import Records

COUNT, NAMES = 12, ("cat", "dog", "newt")
LABELS = np.arange(COUNT) % 3


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    tiny_tfds(folder, random_images(COUNT, 8, 6, 3), LABELS, NAMES)
    return folder


def load(folder, split="train", **options):
    return data.load(config("tfds:tiny_pictures", data_dir=str(folder), **options), split)


def pairs(images, labels) -> list:
    return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


def test_gives_what_tfds_was_given(prepared):
    train, test = load(prepared), load(prepared, "test")
    assert (train.count, train.image_shape, train.label_names) == (8, (8, 6, 3), NAMES)
    assert pairs(*train.read(np.arange(8))) == pairs(random_images(COUNT, 8, 6, 3)[4:], LABELS[4:])
    assert pairs(*test.read(np.arange(4))) == pairs(random_images(COUNT, 8, 6, 3)[:4], LABELS[:4])


def test_the_order_is_tfdss_own_and_reads_are_random_access(prepared):
    import tensorflow_datasets

    stored = tensorflow_datasets.load("tiny_pictures", data_dir=str(prepared), split="train", as_supervised=False)
    expected = np.stack([example["image"] for example in stored.as_numpy_iterator()])
    for indices in ([0, 1, 2, 3, 4, 5, 6, 7], [7, 0, 3, 3]):
        np.testing.assert_array_equal(load(prepared).read(np.array(indices))[0], expected[indices])


def test_image_size_and_channels(prepared):
    small = load(prepared, image_size="4", channels=1)
    assert small.image_shape == (4, 4, 1) and small.read(np.arange(8))[0].shape == (8, 4, 4, 1)


def test_array_record_is_read_too(tmp_path):
    tiny_tfds(tmp_path, random_images(COUNT, 8, 6, 3), LABELS, NAMES, file_format="array_record")
    train = load(tmp_path)
    assert pairs(*train.read(np.arange(8))) == pairs(random_images(COUNT, 8, 6, 3)[4:], LABELS[4:])
    np.testing.assert_array_equal(load(tmp_path).read(np.array([5]))[0][0], train.read(np.arange(8))[0][5])


def test_images_without_a_fixed_size_need_one(tmp_path):
    tiny_tfds(tmp_path, random_images(COUNT, 8, 6, 3), LABELS, NAMES, shape=(None, None, 3))
    with pytest.raises(UserError, match="differ in size; give --image_size"):
        load(tmp_path)
    assert load(tmp_path, image_size="8x6").read(np.arange(8))[0].shape == (8, 8, 6, 3)


def test_labelled_photographs_of_all_sizes(tmp_path):
    """As oxford_flowers102 has them, against Pillow."""
    images = flowers(tmp_path, COUNT, 4)
    train, test = load(tmp_path, image_size="16x24"), load(tmp_path, "test", image_size="16x24")
    assert train.label_names == test.label_names == ("pink primrose", "rose", "tiger lily")
    for source, first in ((train, 4), (test, 0)):
        found, labels = source.read(np.arange(source.count))
        wanted = [ImageOps.fit(Image.fromarray(one), (24, 16), Image.Resampling.BICUBIC) for one in images]
        nearest = [np.abs(one.astype(int) - np.stack(wanted)).mean((1, 2, 3)) for one in found]
        places = [int(distances.argmin()) for distances in nearest]
        assert sorted(places) == list(range(first, first + source.count))  # each of them once, in TFDS's own order
        np.testing.assert_array_equal(labels, np.array(places) % 3)
        assert max(distances.min() for distances in nearest) < 8  # what JPEG costs


def test_records_cut_short_are_noticed(tmp_path):
    tiny_tfds(tmp_path, random_images(COUNT, 8, 6, 3), LABELS, NAMES)
    file = next(tmp_path.rglob("*train.tfrecord*"))
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(UserError, match=f"{file.name} is cut short or damaged"):
        load(tmp_path)
    file.unlink()
    with pytest.raises(UserError, match=f"{file.name} can't be read: No such file"):
        load(tmp_path)


def test_unknown_names_answer_with_the_nearest():
    with pytest.raises(
        UserError, match="tfds:fashion_mnits: TFDS has no dataset of that name; did you mean fashion_mnist"
    ):
        data.load(config("tfds:fashion_mnits"))


@pytest.mark.parametrize(
    "prepared_in, data_dir, expected",
    [
        ({"given"}, "given", "given"),
        ({"default"}, "given", "default"),
        ({"given", "default"}, "given", "given"),
        (set(), "given", "given"),
        ({"default"}, "", "default"),
        (set(), "", "default"),
    ],
)
def test_looks_in_data_dir_and_then_in_tfdss_own_folder(tmp_path, monkeypatch, prepared_in, data_dir, expected):
    import tensorflow_datasets

    class Library:
        core = tensorflow_datasets.core

        @staticmethod
        def builder(name, data_dir):
            return SimpleNamespace(data_path=tmp_path / (data_dir or "default"))

    for folder in prepared_in:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "dataset_info.json").write_text("{}")
    monkeypatch.setattr(data.tfds, "_library", lambda: Library)
    assert data.tfds.find_builder("mnist", data_dir).data_path == tmp_path / expected


class _Builder:
    name = "x"

    def __init__(self, splits):
        self.info = type("Info", (), {"splits": dict.fromkeys(splits)})


@pytest.mark.parametrize(
    "have, split, chosen",
    [
        (("train", "test"), "test", "test"),
        (("train", "validation"), "test", "validation"),
        (("all",), "train", "all"),
        (("test", "train"), "train", "train"),
    ],
)
def test_choice_of_split(have, split, chosen):
    assert data.tfds._split_name(_Builder(have), split) == chosen


@pytest.mark.parametrize("have, split", [(("test", "extra"), "train"), (("train",), "test")])
def test_no_such_split(have, split):
    with pytest.raises(NoSuchSplit, match=f"tfds:x has no {split} split; it has {', '.join(have)}"):
        data.tfds._split_name(_Builder(have), split)


def test_records_against_tensorflows_writer(tmp_path):
    import tensorflow as tf

    written = [b"", b"a", bytes(5000), b"last"]
    paths = [str(tmp_path / name) for name in ("a.tfrecord", "b.tfrecord")]
    for path, part in zip(paths, (written[:3], written[3:]), strict=True):
        with tf.io.TFRecordWriter(path) as writer:
            for record in part:
                writer.write(record)
    records = Records(paths)
    assert len(records) == 4
    assert records.read(np.array([3, 0, 2, 1, 3])) == [written[i] for i in (3, 0, 2, 1, 3)]


@pytest.mark.parametrize("content", [b"", b"\x05", struct.pack("<Q", 2**40) + bytes(40)])
def test_files_that_hold_no_records(tmp_path, content):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cut short or damaged"):
        Records([str(path)])


def test_slices_are_those_of_tfds(prepared):
    import tensorflow_datasets

    def sliced(text, split="train", **options):
        return data.load(config(f"tfds:tiny_pictures[{text}]", data_dir=str(prepared), **options), split)

    for text in ("train[:50%]", "train[2:7]", "train[-3:]", "train[:2]+train[6:]", "test"):
        stored = tensorflow_datasets.load("tiny_pictures", data_dir=str(prepared), split=text)
        expected = np.stack([example["image"] for example in stored.as_numpy_iterator()])
        loaded = sliced(text)
        np.testing.assert_array_equal(loaded.read(np.arange(loaded.count))[0], expected)
    # Held out: the data's own test split, and where that is trained on, what is left of it.
    assert pairs(*sliced("train[:50%]", "test").read(np.arange(4))) == pairs(*load(prepared, "test").read(np.arange(4)))
    rest = sliced("test[:2]", "test")
    np.testing.assert_array_equal(rest.read(np.arange(2))[0], load(prepared, "test").read(np.array([2, 3]))[0])
    with pytest.raises(NoSuchSplit, match="leaves nothing"):
        sliced("test", "test")


@pytest.mark.parametrize(
    "text, message",
    [
        ("[train[:x%]]", "legal: a split of"),
        ("[nowhere]", "legal: a split of"),
        ("[train[:0]]", "is empty"),
        ("[train+test]", "several splits"),
        ("[train[:5]", "legal: a split of"),
        ("]", "is written tfds:NAME"),
    ],
)
def test_slices_that_are_none(prepared, text, message):
    with pytest.raises(UserError, match=message):
        data.load(config(f"tfds:tiny_pictures{text}", data_dir=str(prepared)))


def test_a_slice_has_a_cache_of_its_own(prepared, tmp_path):
    for text, count in (("[train[:3]]", 3), ("[train[:5]]", 5), ("", 8)):
        cached = config(f"tfds:tiny_pictures{text}", data_dir=str(prepared), cache_dir=str(tmp_path))
        plain = config(f"tfds:tiny_pictures{text}", data_dir=str(prepared))
        for one, other in zip(*(data.load(c).read(np.arange(count)) for c in (cached, plain)), strict=True):
            np.testing.assert_array_equal(one, other)
