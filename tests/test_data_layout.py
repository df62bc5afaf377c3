"""Folders as people have them: the spellings of splits, strays, odd endings, what is no regular file, odd names."""

import os
import pathlib
import socket

import numpy as np
import pytest
from PIL import Image

from tests.data_fixtures import config
from tfgan_train import data

CLASSES = ("cat", "dog")


def _pictures(folder: pathlib.Path, count: int = 4, ending: str = ".png", form: str = "PNG") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(folder)))
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / f"{i}{ending}", form)


def _load(root, split="train", **options):
    return data.load(config(f"folder:{root}", **options), split)


def _said(source) -> str:
    """All that a run tells of files: what was taken for what, and what was left out."""
    return " ".join([*source.notes, *(f"{name}: {why}" for name, why in source.skipped)])


def _notes(root, **options) -> str:
    return " ".join(_load(root, **options).notes)


@pytest.mark.parametrize("of_classes", [True, False])
@pytest.mark.parametrize(
    "train, held_out",
    [
        ("train", "val"),
        ("Train", "Test"),
        ("TRAINING", "testing"),
        ("training", "valid"),
        ("train", "validation"),
        ("train", "DEV"),
    ],
)
def test_splits_in_any_spelling_are_never_labels(tmp_path, train, held_out, of_classes):
    for split in (train, held_out):
        for name in CLASSES if of_classes else ("",):
            _pictures(tmp_path / split / name)
    source = _load(tmp_path)
    assert (source.label_names, source.count) == ((CLASSES, 8) if of_classes else ((), 4))
    assert _load(tmp_path, "test").count == source.count
    assert train in _notes(tmp_path) and held_out in _notes(tmp_path)


@pytest.mark.parametrize("held_out", ["flat", "empty", "one picture"])
def test_a_held_out_folder_without_classes_leaves_the_labels_as_they_are(tmp_path, held_out):
    for name in CLASSES:
        _pictures(tmp_path / "train" / name)
    _pictures(tmp_path / "test", {"flat": 4, "empty": 0, "one picture": 1}[held_out])
    source = _load(tmp_path)
    assert (source.label_names, source.count) == (CLASSES, 8)
    assert "test" in _notes(tmp_path) or held_out == "empty"


def test_one_folder_around_it_all_and_a_stray_picture_are_said(tmp_path):
    for name in CLASSES:
        _pictures(tmp_path / "PetImages" / name)
    assert _load(tmp_path).label_names == CLASSES and "PetImages" in _notes(tmp_path)
    _pictures(tmp_path / "PetImages", 1)
    source = _load(tmp_path)
    assert (source.label_names, source.count) == (CLASSES, 8) and "1 " in _notes(tmp_path)


@pytest.mark.parametrize(
    "ending, form",
    [
        *((".jfif", "JPEG"), (".jpe", "JPEG"), (".pgm", "PPM"), (".ppm", "PPM"), (".jp2", "JPEG2000"), (".tga", "TGA")),
        *(("", "JPEG"), ("", "PNG")),
    ],
)
def test_unusual_endings_are_read(tmp_path, ending, form):
    _pictures(tmp_path, 5, ending, form)
    assert _load(tmp_path).count == 5


def test_pipes_sockets_and_devices_are_skipped_and_named(tmp_path):
    """Reading any of them would wait for ever."""
    _pictures(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket.png"))
        source = _load(tmp_path, max_bad_fraction=1.0)
        assert source.count == 4
    said = _said(source)
    assert all(name in said for name in ("pipe.png", "device.png", "socket.png")) and "not a regular file" in said


@pytest.mark.parametrize("name", [b"\xff\xfe.png", b"two\nlines.png", b"\x1b[31mred.png"])
def test_names_are_shown_escaped(tmp_path, name):
    _pictures(tmp_path)
    pathlib.Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"no picture")
    source = _load(tmp_path, max_bad_fraction=1.0)
    said = _said(source)
    assert source.count == 4 and ".png" in said
    assert said.isprintable() and said.encode("utf-8")


def test_a_folder_that_cannot_be_listed_is_said(tmp_path, monkeypatch):
    _pictures(tmp_path / "a")
    _pictures(tmp_path / "b")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    said = _said(_load(tmp_path, max_bad_fraction=1.0))
    assert "b" in said and "can't be listed: permission denied" in said
