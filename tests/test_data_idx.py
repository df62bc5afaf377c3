"""IDX files: the published layouts, and each way in which one can be wrong."""

import gzip
import struct

import numpy as np
import pytest

from tests.data_fixtures import config, idx_bytes, random_images
from tfgan_train import data
from tfgan_train.common.errors import UserError
from tfgan_train.data import NoSuchSplit

TRAIN, TEST = random_images(6, 5, 4)[..., 0], random_images(3, 5, 4, seed=1)[..., 0]
TRAIN_LABELS, TEST_LABELS = np.array([0, 1, 2, 0, 1, 2]), np.array([2, 0, 2])
TRAIN_IMAGES = "train-images-idx3-ubyte"


def published(images=TRAIN, labels=TRAIN_LABELS) -> dict:
    return {
        TRAIN_IMAGES: idx_bytes(images),
        "train-labels-idx1-ubyte": idx_bytes(labels),
        "t10k-images-idx3-ubyte": idx_bytes(TEST),
        "t10k-labels-idx1-ubyte": idx_bytes(TEST_LABELS),
    }


def load(folder, files: dict, split="train", **options):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return data.load(config(f"idx:{folder}", **options), split)


def check(loaded, images, labels, names=("0", "1", "2")):
    got, found = loaded.read(np.arange(loaded.count))
    np.testing.assert_array_equal(got[..., 0], images)
    np.testing.assert_array_equal(found, labels)
    assert loaded.label_names == names and loaded.num_classes == len(names)


@pytest.mark.parametrize("pack, ending", [(bytes, ""), (gzip.compress, ".gz"), (bytes, ".gz"), (gzip.compress, "")])
def test_packed_or_not_whatever_the_name_says(tmp_path, pack, ending):
    files = {name + ending: pack(content) for name, content in published().items()}
    check(load(tmp_path, files), TRAIN, TRAIN_LABELS)
    check(load(tmp_path, files, "test"), TEST, TEST_LABELS)


def test_names_as_some_programs_unpack_them(tmp_path):
    files = {name.replace("-idx", ".idx"): content for name, content in published().items()}
    check(load(tmp_path, files), TRAIN, TRAIN_LABELS)


def test_colour_in_four_dimensions(tmp_path):
    colour = random_images(3, 5, 4, 3)
    loaded = load(tmp_path, {TRAIN_IMAGES: idx_bytes(colour)})
    np.testing.assert_array_equal(loaded.read(np.arange(3))[0], colour)


def test_without_labels(tmp_path):
    loaded = load(tmp_path, {TRAIN_IMAGES: idx_bytes(TRAIN)})
    check(loaded, TRAIN, np.zeros(6), ())
    assert "no labels" in loaded.notes[0]
    with pytest.raises(NoSuchSplit):
        load(tmp_path, {}, "test")


def test_only_t10k_files_serve_as_training_data_with_a_note(tmp_path):
    files = {name: content for name, content in published().items() if name.startswith("t10k")}
    loaded = load(tmp_path, files)
    # The classes that occur are 0 and 2; they are numbered 0 and 1 and keep their names.
    check(loaded, TEST, [1, 0, 1], ("0", "2"))
    assert "only t10k files" in loaded.notes[0]
    with pytest.raises(NoSuchSplit):
        load(tmp_path, {}, "test")


def test_emnist_is_turned_upright_and_labels_may_start_at_one(tmp_path):
    files = {
        "emnist-letters-train-images-idx3-ubyte": idx_bytes(TRAIN.swapaxes(1, 2)),
        "emnist-letters-train-labels-idx1-ubyte": idx_bytes(TRAIN_LABELS + 1),
        "emnist-letters-test-images-idx3-ubyte": idx_bytes(TEST.swapaxes(1, 2)),
        "emnist-letters-test-labels-idx1-ubyte": idx_bytes(TEST_LABELS + 1),
    }
    check(load(tmp_path, files), TRAIN, TRAIN_LABELS, ("1", "2", "3"))
    check(load(tmp_path, files, "test"), TEST, TEST_LABELS, ("1", "2", "3"))


def test_first_examples_are_the_publications_first(tmp_path):
    check(load(tmp_path, published(), train_examples=4), TRAIN[:4], TRAIN_LABELS[:4])


def test_several_sets_in_one_folder(tmp_path):
    files = {f"emnist-{kind}-{TRAIN_IMAGES}": idx_bytes(TRAIN) for kind in ("digits", "letters")}
    with pytest.raises(UserError, match=r"several IDX sets \(emnist-digits-\*, emnist-letters-\*\)"):
        load(tmp_path, files)


HEAD = idx_bytes(TRAIN)[:16]


@pytest.mark.parametrize(
    "name, content, message",
    [
        (TRAIN_IMAGES, idx_bytes(TRAIN)[:-1], "should hold 120 values .shape 6x5x4. but holds 119; it is cut short"),
        (TRAIN_IMAGES, idx_bytes(TRAIN) + b"x", "but holds more than 120"),
        (TRAIN_IMAGES, HEAD, "but holds 0"),
        (TRAIN_IMAGES, HEAD[:10], "cut short in its header"),
        (TRAIN_IMAGES, b"\0\0", "too short for an IDX file"),
        (TRAIN_IMAGES, b"", "too short for an IDX file"),
        (TRAIN_IMAGES, b"\x89PNG" + HEAD[4:], "magic number 0x89504e47; legal: 0x00000803 or 0x00000804"),
        (TRAIN_IMAGES, b"\0\0\x0d\x03" + HEAD[4:], "magic number 0x00000d03"),
        (TRAIN_IMAGES, idx_bytes(TRAIN_LABELS), "magic number 0x00000801"),
        (TRAIN_IMAGES, gzip.compress(idx_bytes(TRAIN), mtime=0)[:-20], "cut short or damaged"),
        (TRAIN_IMAGES, gzip.compress(idx_bytes(TRAIN), mtime=0)[:12], "cut short or damaged"),
        (TRAIN_IMAGES, gzip.compress(idx_bytes(TRAIN), mtime=0)[:-8] + bytes(8), "cut short or damaged"),
        (TRAIN_IMAGES, b"\x1f\x8b\x08\0" + bytes(60), "cut short or damaged|too short"),
        (
            TRAIN_IMAGES,
            struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(64),
            "by its header; legal: up to",
        ),
        (TRAIN_IMAGES, idx_bytes(np.zeros((0, 28, 28))), "holds no images"),
        (TRAIN_IMAGES, idx_bytes(np.zeros((2, 4, 4, 2))), "2 channels; legal: 1 or 3"),
        (
            "train-labels-idx1-ubyte",
            idx_bytes(TRAIN_LABELS[:5]),
            "holds 5 labels, but .*train-images-idx3-ubyte holds 6 images",
        ),
        ("train-labels-idx1-ubyte", idx_bytes(TRAIN_LABELS)[:-2], "cut short"),
        ("train-labels-idx1-ubyte", idx_bytes(TRAIN), "magic number 0x00000803; legal: 0x00000801"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, message):
    with pytest.raises(UserError, match=f"{name}.*({message})"):
        load(tmp_path, published() | {name: content})


def test_a_test_label_that_training_lacks(tmp_path):
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte: the label 9 does not occur"):
        load(tmp_path, published() | {"t10k-labels-idx1-ubyte": idx_bytes(np.array([2, 9, 0]))}, "test")


def test_no_files_and_no_folder(tmp_path):
    with pytest.raises(UserError, match="no IDX images in .*train-images-idx3-ubyte"):
        load(tmp_path, {"notes.txt": b""})
    with pytest.raises(UserError, match="gone is not a folder"):
        data.load(config(f"idx:{tmp_path}/gone"))
