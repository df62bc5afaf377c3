"""What folders are taken for: splits in any spelling are never labels, and nothing is left out without a word."""

import errno
import os

import numpy as np
import pytest
from PIL import Image

from tests.data_fixtures import config, image_bytes, png, random_images
from tests.test_data_folder import everything, load, write
from tfgan_train import data
from tfgan_train.data import layout, walk


def _pictures(root, *names):
    """Writes a tiny picture under each name; 'a/4' is a folder of four."""
    for name in names:
        folder, _, count = name.rpartition("/")
        inside = [f"{folder}/{i}.png" for i in range(int(count))] if count.isdecimal() else [name]
        write(root, {path.lstrip("/"): png(random_images(1)[0]) for path in inside})
    return root


def _said(root) -> str:
    return " | ".join(load(root, max_bad_fraction=0.9).notes)


@pytest.mark.parametrize(
    "train, held_out",
    [
        ("train", "test"),
        ("training", "testing"),
        ("Train", "TEST"),
        ("TRAINING", "Val"),
        ("train", "valid"),
        ("train", "validation"),
        ("train", "dev"),
        ("train_images", "test_images"),
        ("trainset", "testset"),
        ("train2017", "val2017"),
    ],
)
@pytest.mark.parametrize("classes", [("/a", "/b"), ("",)])
def test_splits_in_any_spelling_are_splits_and_one_note_says_so(tmp_path, train, held_out, classes):
    _pictures(tmp_path, *(f"{split}{name}/3" for split in (train, held_out) for name in classes))
    loaded, held = load(tmp_path), load(tmp_path, "test")
    labels = ("a", "b") if len(classes) == 2 else ()
    assert loaded.label_names == held.label_names == labels
    assert loaded.count == held.count == 3 * len(classes)
    assert [note for note in loaded.notes if "splits" in note] == list(loaded.notes)
    assert f"{train}/ is for training" in _said(tmp_path) and f"{held_out}/ is held out" in _said(tmp_path)


@pytest.mark.parametrize(
    "test, said",
    [
        (["test/cat/1"], "test has 1 picture that can be used"),
        (["test/4"], "4 of 4 pictures are in no folder of the training's classes"),
        (["test/unknown/4"], "4 of 4 pictures are in no folder of the training's classes"),
        (["test/test/4"], "4 of 4 pictures are in no folder of the training's classes"),
        ([], "the folder without any file: test"),
    ],
)
def test_a_test_folder_that_cannot_be_used_is_no_label_and_said(tmp_path, test, said):
    (tmp_path / "test").mkdir()
    _pictures(tmp_path, "train/cat/3", "train/dog/3", *test)
    loaded = load(tmp_path)
    assert loaded.label_names == ("cat", "dog") and loaded.count == 6
    assert data.load_held_out(config(f"folder:{tmp_path}")) is None
    assert said in _said(tmp_path)


@pytest.mark.parametrize(
    "names, count, labels, said",
    [
        # a folder, or two, around it all
        (["PetImages/a/3", "PetImages/b/3"], 6, ("a", "b"), "the data lie in its folder PetImages"),
        (["w/x/train/a/3", "w/x/train/b/3", "w/x/test/a/3"], 6, ("a", "b"), "the data lie in its folder w/x"),
        (["train/w/a/3", "train/w/b/3"], 6, ("a", "b"), "train: the data lie in its folder w"),
        (["valid/a/3", "valid/b/3"], 6, ("a", "b"), "the data lie in its folder valid"),
        # strays
        (["a/5", "b/5", "1.png"], 10, ("a", "b"), "1 picture beside the class folders was left out"),
        (["w/a/5", "w/b/5", "1.png"], 10, ("a", "b"), "1 picture beside that folder was left out"),
        (["a/2", "b/2", "/9"], 13, (), "9 of 13 pictures lie beside the folders a, b, so no folder is taken"),
        (["w/a/2", "w/b/2", "/9"], 13, (), "9 of 13 pictures lie beside the folder w, so no folder is taken"),
        # beside the splits
        (["train/a/3", "train/b/3", "more/2", "1.png"], 6, ("a", "b"), "3 pictures beside them (more/) were left out"),
        (["train/a/3", "train/b/3", "training/a/2"], 6, ("a", "b"), "2 pictures beside them (training/) were left out"),
        (["a/3", "b/3", "val/a/2", "dev/a/2"], 6, ("a", "b"), "2 pictures beside them (val/) were left out"),
        (["test/a/3", "val/b/3"], 6, (), "beside test/, val/ nothing is for training, so all is"),
        (["cat/train/3", "cat/test/2", "dog/train/3"], 8, ("cat", "dog"), "the folders test, train within the classes"),
    ],
)
def test_nothing_is_lost_in_silence(tmp_path, names, count, labels, said):
    loaded = load(_pictures(tmp_path, *names))
    assert (loaded.count, loaded.label_names) == (count, labels)
    assert said in _said(tmp_path)


def test_one_folder_of_pictures_needs_no_word(tmp_path):
    assert not load(_pictures(tmp_path, "all/4")).notes


ENDINGS = {
    ".jfif": "JPEG",
    ".jpe": "JPEG",
    ".JPG": "JPEG",
    ".pbm": "PPM",
    ".pgm": "PPM",
    ".ppm": "PPM",
    ".jp2": "JPEG2000",
    ".jpx": "JPEG2000",
    ".tga": "TGA",
    ".apng": "PNG",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_pictures_of_any_usual_ending_are_read(tmp_path, ending):
    image = Image.fromarray(random_images(1)[0, ..., 0])
    image = image.convert("1") if ending == ".pbm" else image
    write(tmp_path, {f"{i}{ending}": image_bytes(image, ENDINGS[ending]) for i in range(2)})
    got, _ = everything(load(tmp_path))
    np.testing.assert_allclose(got[1, ..., 0], np.asarray(image.convert("L")), atol=40)  # JPEG's loss on noise


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "PPM", "JPEG2000", "TIFF"])
def test_pictures_without_an_ending_are_read_and_other_files_counted(tmp_path, form):
    image = Image.fromarray(random_images(1)[0, ..., 0])
    write(tmp_path, {"one": image_bytes(image, form), "two": image_bytes(image, form), "LICENSE": b"free"})
    assert load(tmp_path).count == 2
    assert "1 unknown file was left out" in _said(tmp_path)


@pytest.mark.parametrize("name", ["x.gif", "x.jpg_large", "x.png~", "x.mat", "x.h5", "x.zip"])
def test_files_that_may_hold_pictures_are_counted_by_ending(tmp_path, name):
    write(_pictures(tmp_path, "/2"), {name: b"something", "notes.txt": b"no news", "labels.csv": b"a,b"})
    assert load(tmp_path).notes == (
        f"{tmp_path}: 1 {os.path.splitext(name)[1]} file was left out; read are {', '.join(walk.EXTENSIONS)}",
    )


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scan(path)

    _pictures(tmp_path, "open/3", "closed/3")
    monkeypatch.setattr(os, "scandir", refuse)
    assert layout.of(tmp_path, "train").skipped == (("closed", "this folder can't be listed: permission denied"),)


def _ramp(most: int) -> bytes:
    return image_bytes(Image.fromarray(np.linspace(0, most, 64).astype(np.uint16).reshape(8, 8)))


@pytest.mark.parametrize("cached", [False, True])
def test_all_splits_have_the_range_of_the_training_pictures(tmp_path, cached):
    """Half as bright held-out pictures stay half as bright, in the cache too when the training ones change."""
    root, cache = tmp_path / "pictures", {"cache_dir": str(tmp_path / "cache")} if cached else {}
    for most in (4000, 8000):
        write(root, {f"{split}/{i}.png": _ramp(top) for split, top in (("train", most), ("test", 2000)) for i in "ab"})
        trained, held = (load(root, split, value_range="auto", **cache) for split in ("train", "test"))
        assert everything(trained)[0].max() == 255 and not [note for note in trained.notes if "value_range" in note]
        assert everything(held)[0].max() == round(255 * 2000 / most)


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [("wide", "narrow", "some of the pictures are not of 16 bits"), ("narrow", "narrow", "none of the pictures is")],
)
def test_pictures_that_a_range_does_not_act_on_are_said(tmp_path, train, test, said):
    kinds = {"wide": _ramp(4000), "narrow": png(random_images(1)[0])}
    write(
        tmp_path, {f"{split}/{i}.png": kinds[kind] for split, kind in (("train", train), ("test", test)) for i in "ab"}
    )
    assert any(said in note for note in load(tmp_path, value_range="0,4095").notes)


@pytest.mark.parametrize("most", [1023, 4095])
def test_narrow_values_in_16_bits_get_a_note_and_a_range(tmp_path, most):
    ramp = np.linspace(0, most, 64).astype(np.uint16).reshape(8, 8)
    write(tmp_path, {f"{i}.png": image_bytes(Image.fromarray(ramp)) for i in range(2)})
    assert everything(load(tmp_path))[0].max() <= (most >> 8) + 1
    assert "--value_range" in _said(tmp_path)
    for value_range in ("auto", f"0,{most}"):
        got, _ = everything(load(tmp_path, value_range=value_range))
        np.testing.assert_allclose(got[0, ..., 0], ramp / most * 255, atol=0.51)


def test_within_one_look_a_folder_is_walked_once_and_without_it_each_time(tmp_path, monkeypatch):
    for name in ("train/a.png", "test/b.png", "test/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    walks = []
    monkeypatch.setattr(layout, "walk", lambda root: walks.append(root) or walk.walk(root))
    with layout.one_look():
        assert [len(layout.of(tmp_path, split).paths) for split in ("train", "test", "train")] == [1, 2, 1]
        assert len(walks) == 1
    (tmp_path / "train" / "new.png").touch()
    assert len(layout.of(tmp_path, "train").paths) == 2 and len(walks) == 2
