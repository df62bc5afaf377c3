"""Folders of images: labels, splits, mixed modes and sizes, and what is wrong with them."""

import os

import numpy as np
import pytest
from PIL import Image

from tests.data_fixtures import config, image_bytes, png, random_images
from tfgan_train import data
from tfgan_train.common.errors import UserError
from tfgan_train.data import NoSuchSplit, source


def write(root, files: dict):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def load(root, split="train", **options):
    return data.load(config(f"folder:{root}", **options), split)


def everything(of):
    return of.read(np.arange(of.count))


@pytest.fixture
def classes(tmp_path):
    """Two classes of three grey 8x8 images."""
    images = random_images(6)
    names = ["cat/a.png", "cat/b.PNG", "cat/deep/c.png", "dog/a.png", "dog/b.png", "dog/c.png"]
    return write(tmp_path, {name: png(image) for name, image in zip(names, images, strict=True)}), images


def test_class_folders_become_labels(classes):
    root, images = classes
    loaded = load(root)
    got, labels = everything(loaded)
    assert (loaded.count, loaded.image_shape, loaded.num_classes, loaded.label_names) == (
        6,
        (8, 8, 1),
        2,
        ("cat", "dog"),
    )
    np.testing.assert_array_equal(got, images)
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    "names",
    [
        ["a.png", "b.png", "c.png"],  # no subfolders
        ["all/a.png", "all/b.png", "all/c.png"],  # one subfolder tells nothing
        ["a.png", "x/b.png", "y/c.png"],  # an image outside the classes
    ],
)
def test_folders_without_labels(tmp_path, names):
    loaded = load(write(tmp_path, {name: png(image) for name, image in zip(names, random_images(3), strict=True)}))
    assert (loaded.count, loaded.num_classes, loaded.label_names) == (3, 0, ())
    np.testing.assert_array_equal(everything(loaded)[1], [0, 0, 0])


def test_train_and_test_folders_are_the_splits(tmp_path):
    images = random_images(5)
    names = ["train/a/1.png", "train/b/1.png", "train/c/1.png", "test/c/1.png", "test/c/2.png"]
    root = write(tmp_path, {name: png(image) for name, image in zip(names, images, strict=True)})
    np.testing.assert_array_equal(everything(load(root))[0], images[:3])
    held_out = load(root, "test")
    got, labels = everything(held_out)
    np.testing.assert_array_equal(got, images[3:])
    # Both splits number the classes alike, though the test images have only one of them.
    np.testing.assert_array_equal(labels, [2, 2])
    assert held_out.label_names == ("a", "b", "c")


def test_a_test_class_that_training_lacks(tmp_path):
    names = ["train/a/1.png", "train/b/1.png", "test/z/1.png", "test/a/1.png"]
    root = write(tmp_path, {name: png(image) for name, image in zip(names, random_images(4), strict=True)})
    """It tells nothing of the training's classes, so it is left out, and said."""
    write(root, {"test/a/2.png": png(random_images(1)[0])})
    assert load(root, "test").count == 2
    assert any("1 of 3 pictures are in no folder of the training's classes" in note for note in load(root).notes)


def test_without_those_folders_there_is_nothing_held_out(classes):
    with pytest.raises(NoSuchSplit, match="subfolders train and test"):
        load(classes[0], "test")
    assert data.load_held_out(config(f"folder:{classes[0]}")) is None


def test_mixed_sizes_and_modes_with_an_image_size(tmp_path):
    rgb = Image.fromarray(random_images(1, 30, 40, 3)[0])
    root = write(
        tmp_path,
        {
            "alpha.png": image_bytes(rgb.convert("RGBA")),
            "cmyk.jpg": image_bytes(rgb.convert("CMYK"), "JPEG"),
            "grey16.png": image_bytes(Image.fromarray(np.full((50, 20), 65535, np.uint16))),
            "palette.png": image_bytes(rgb.convert("P")),
            "photo.jpeg": image_bytes(rgb, "JPEG"),
            "web.webp": image_bytes(rgb, "WEBP"),
            "windows.bmp": image_bytes(rgb, "BMP"),
        },
    )
    loaded = load(root, image_size="16x24")
    got, _ = everything(loaded)
    assert loaded.image_shape == (16, 24, 3) and got.shape == (7, 16, 24, 3) and not loaded.skipped
    assert (got[2] == 255).all()  # the white 16-bit image, sorted third
    assert load(root, image_size="16", channels=1).image_shape == (16, 16, 1)


def test_different_sizes_need_an_image_size(tmp_path):
    root = write(tmp_path, {"a.png": png(random_images(1)[0]), "b.png": png(random_images(1, 8, 12)[0])})
    with pytest.raises(UserError, match=r"a\.png is 8x8, b\.png is 8x12.*give --image_size"):
        load(root)


def test_one_coloured_image_makes_the_data_coloured(tmp_path):
    root = write(tmp_path, {"a.png": png(random_images(1)[0]), "b.png": png(random_images(1, channels=3)[0])})
    got, _ = everything(load(root))
    np.testing.assert_array_equal(got[0], np.repeat(random_images(1)[0], 3, -1))
    np.testing.assert_array_equal(got[1], random_images(1, channels=3)[0])


DAMAGED = {"cat/cut.png": png(random_images(1, 40, 40)[0])[:300], "cat/empty.png": b"", "dog/text.jpg": b"not an image"}


def test_damaged_files_are_skipped_and_named(classes):
    root, images = classes
    loaded = load(write(root, DAMAGED), max_bad_fraction=0.4)
    got, labels = everything(loaded)
    np.testing.assert_array_equal(got, images)
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1])
    assert [name for name, _ in loaded.skipped] == sorted(DAMAGED)
    assert "truncated" in dict(loaded.skipped)["cat/cut.png"]
    assert "not a PNG, JPEG, WebP or BMP image" in dict(loaded.skipped)["cat/empty.png"]


def test_too_many_damaged_files(classes):
    root = write(classes[0], DAMAGED)
    with pytest.raises(UserError, match=r"3 of 9 images can't be read \(first: cat/cut.png: .*--max_bad_fraction=0.01"):
        load(root)
    assert load(root, max_bad_fraction=3 / 9).count == 6


def test_unreadable_file(classes):
    root = classes[0]
    (root / "cat/broken-link.png").symlink_to(root / "nowhere.png")
    assert load(root, max_bad_fraction=0.2).skipped == (("cat/broken-link.png", "no such file or directory"),)


@pytest.mark.parametrize(
    "files, message",
    [
        ({}, r"no images under .*legal: files that end in \.png, \.jpg"),
        ({"readme.txt": b"hello"}, "no images under"),
        ({"only.png": png(random_images(1)[0])}, "only one readable image; at least 2"),
        ({"a.png": b"", "b.png": b""}, "2 of 2 images can't be read"),
    ],
)
def test_folders_that_are_no_data(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        load(write(tmp_path, files))


def test_no_such_folder(tmp_path):
    with pytest.raises(UserError, match="gone is not a folder"):
        load(tmp_path / "gone")


def test_images_of_other_types_are_mentioned_and_hidden_files_are_not(classes):
    root = write(
        classes[0],
        {
            "cat/x.gif": b"GIF89a",
            "cat/.hidden.png": b"",
            "__MACOSX/cat/._a.png": b"",
            ".git/a.png": b"",
            "notes.txt": b"x",
        },
    )
    loaded = load(root)
    assert loaded.count == 6 and not loaded.skipped
    assert len(loaded.notes) == 1 and "1 .gif file was left out" in loaded.notes[0]


def test_a_link_that_leads_back_up_ends(classes):
    root = classes[0]
    os.symlink(root, root / "cat" / "loop")
    assert load(root).count == 6


def test_linked_class_folders_are_followed(tmp_path, classes):
    linked = tmp_path.parent / f"{tmp_path.name}-linked"
    linked.mkdir()
    for name in ("cat", "dog"):
        os.symlink(classes[0] / name, linked / name)
    assert load(linked).label_names == ("cat", "dog")


def test_streaming_gives_the_bytes_that_memory_gives(classes, monkeypatch):
    root = write(classes[0], DAMAGED)
    held = load(root, max_bad_fraction=0.4, image_size="6", channels=3, invert=True)
    monkeypatch.setattr(source, "MEMORY_LIMIT", 100)
    streamed = load(root, max_bad_fraction=0.4, image_size="6", channels=3, invert=True)
    assert held.in_memory and not streamed.in_memory
    for wanted in (np.arange(6), np.array([5, 0, 0, 3])):
        for one, other in zip(held.read(wanted), streamed.read(wanted), strict=True):
            np.testing.assert_array_equal(one, other)
    assert streamed.skipped == held.skipped and streamed.image_shape == held.image_shape


def test_a_file_that_disappears_while_streaming(classes, monkeypatch):
    monkeypatch.setattr(source, "MEMORY_LIMIT", 100)
    streamed = load(classes[0])
    (classes[0] / "dog/c.png").unlink()
    assert streamed.read(np.arange(5))[0].shape == (5, 8, 8, 1)
    with pytest.raises(UserError, match="dog/c.png was readable when the run began"):
        streamed.read(np.arange(6))


def numbered(tmp_path, count=60):
    """Two classes, a third and two thirds of the pictures."""
    names = [f"{'a' if number % 3 else 'b'}/{number}.png" for number in range(count)]
    return write(tmp_path, {name: png(image) for name, image in zip(names, random_images(count), strict=True)})


def test_held_out_pictures_are_never_trained_on(tmp_path):
    root = numbered(tmp_path)
    whole = {image.tobytes() for image in everything(load(root))[0]}
    train, test = load(root, held_out=0.1), load(root, "test", held_out=0.1)
    trained, held = ({image.tobytes() for image in everything(one)[0]} for one in (train, test))
    assert (train.count, test.count) == (54, 6) and trained | held == whole and not trained & held
    assert np.bincount(everything(test)[1]).tolist() == [4, 2] and test.label_names == ("a", "b")
    assert "held out: 6 of 60 pictures; training never sees them" in train.notes


def test_what_is_held_out_depends_on_names_alone(tmp_path):
    root = numbered(tmp_path / "one")
    held = {image.tobytes() for image in everything(load(root, "test", held_out=0.2))[0]}
    moved = root.rename(tmp_path / "two")
    for seed in (1, 7):
        again = everything(load(moved, "test", held_out=0.2, seed=seed))[0]
        assert {image.tobytes() for image in again} == held
    # One more picture moves one at the most into or out of it.
    write(moved, {"a/new.png": png(random_images(1, seed=9)[0])})
    later = {image.tobytes() for image in everything(load(moved, "test", held_out=0.2))[0]}
    assert len(held - later) <= 1


def test_where_nothing_can_be_held_out(tmp_path):
    root = numbered(tmp_path, 6)
    assert data.load_held_out(config(f"folder:{root}", held_out=0.01)) is None
    write(root, {f"test/a/{number}.png": png(random_images(1)[0]) for number in range(2)})
    with pytest.raises(UserError, match="--held_out=0.1: .* has a held-out split of its own"):
        load(root, held_out=0.1)
    with pytest.raises(UserError, match="--held_out=0.1 goes with --dataset=folder: or zip: only"):
        data.load(config("mnist10k", held_out=0.1))
