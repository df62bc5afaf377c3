"""Drawn letters: deterministic, varied, and there on a machine without fonts."""

import sys

import numpy as np
import pytest

from tests import processes
from tests.data_fixtures import config
from tfgan_train import data
from tfgan_train.data import NoSuchSplit, glyphs


@pytest.fixture
def only_pillows_font(monkeypatch):
    monkeypatch.setattr(glyphs, "_font_files", lambda: [])
    glyphs._fonts.cache_clear()
    yield
    glyphs._fonts.cache_clear()


def read(indices, split="train"):
    return data.load(config("glyphs"), split).read(np.asarray(indices))


def test_facts():
    train, test = (data.load(config("glyphs"), split) for split in ("train", "test"))
    assert (train.count, test.count) == (18_000, 2_000)
    assert train.image_shape == (28, 28, 1) and train.label_names == tuple("ABCDEFGHIJ")
    assert "found on this machine" in train.notes[0]
    with pytest.raises(NoSuchSplit):
        data.load(config("glyphs"), "validation")


def test_letters_are_white_on_black_and_inside_the_image(only_pillows_font):
    images, labels = read(np.arange(200))
    np.testing.assert_array_equal(labels, np.arange(200) % 10)
    assert (images.reshape(200, -1).max(1) > 200).all()
    assert (np.median(images.reshape(200, -1), axis=1) == 0).mean() > 0.9
    edge = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    assert edge.mean() < 0.1 * images.mean()


def test_one_font_gives_images_that_all_differ(only_pillows_font):
    train, _ = read(np.arange(500))
    test, _ = read(np.arange(200), "test")
    assert len({image.tobytes() for image in (*train, *test)}) == 700


def test_letters_can_be_told_apart(only_pillows_font):
    # A nearest-mean classifier fitted on one split reads the other far better than chance (0.1).
    (train, labels), (test, truth) = read(np.arange(1000)), read(np.arange(300), "test")
    means = np.stack([train[labels == label].mean(0).ravel() for label in range(10)])
    distances = ((test.reshape(300, 1, -1) - means) ** 2).sum(-1)
    assert (distances.argmin(1) == truth).mean() > 0.8


def test_the_same_image_in_any_read_and_in_another_process():
    images, _ = read([7, 3, 17_999])
    np.testing.assert_array_equal(images[::-1], read([17_999, 3, 7])[0])
    code = (
        "import hashlib, numpy as np\nfrom tfgan_train.data import glyphs\n"
        "print(hashlib.sha256(glyphs.load(None, 'train').read(np.array([7, 3, 17999]))[0].tobytes()).hexdigest())"
    )
    import hashlib

    printed = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert printed == hashlib.sha256(images.tobytes()).hexdigest()


def test_damaged_font_files_are_passed_over(monkeypatch, tmp_path):
    bad = tmp_path / "bad.ttf"
    bad.write_bytes(b"no font at all")
    monkeypatch.setattr(glyphs, "_font_files", lambda: [str(bad)])
    glyphs._fonts.cache_clear()
    try:
        assert len(glyphs._fonts()) == 1
    finally:
        glyphs._fonts.cache_clear()
