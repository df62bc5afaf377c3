"""Sources, the options every dataset shares, and --dataset names."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from tests.data_fixtures import config, idx_bytes, random_images
from tfgan_train import data
from tfgan_train.common.errors import UserError
from tfgan_train.data import source, transform


def noise(count=6, height=8, width=8, channels=1) -> source.Source:
    return source.from_arrays(
        "noise", random_images(count, height, width, channels), np.arange(count) % 2, ["even", "odd"]
    )


def pixels(of: source.Source) -> np.ndarray:
    return of.read(np.arange(of.count))[0]


def test_reads_any_order_and_hands_out_nothing_writable():
    images = random_images(6)
    held = noise()
    for indices in ([0, 1, 2, 3, 4, 5], [5, 0, 0, 3], [2], [3, 4], []):
        got, labels = held.read(np.array(indices, np.int64))
        np.testing.assert_array_equal(got, images[indices])
        np.testing.assert_array_equal(labels, np.array(indices, int) % 2)
        assert got.dtype == np.uint8 and labels.dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        held.read(np.arange(6))[0][0] = 0
    with pytest.raises(IndexError):
        held.read(np.array([4, 5, 6]))


def test_remembered_asks_for_each_example_once_and_never_for_all(monkeypatch):
    monkeypatch.setattr(source, "BLOCK_BYTES", 4 * 64)
    asked = []
    images = random_images(10)

    def read(indices):
        assert len(indices) <= 4
        asked.extend(indices.tolist())
        return images[indices], (indices % 2).astype(np.int32)

    kept = source.remembered(source.Source("slow", 10, (8, 8, 1), 2, ("a", "b"), read))
    for indices in ([3, 1, 3], [1, 2, 3, 4], np.arange(10), [9, 9, 0]):
        got, labels = kept.read(np.array(indices))
        np.testing.assert_array_equal(got, images[indices])
        np.testing.assert_array_equal(labels, np.array(indices) % 2)
    assert sorted(asked) == list(range(10))


def test_too_much_for_memory_is_not_remembered(monkeypatch):
    monkeypatch.setattr(source, "MEMORY_LIMIT", 6 * 64 - 1)
    plain = dataclasses.replace(noise(), in_memory=False)
    assert source.remembered(plain) is plain


def _npz(folder, images):
    np.savez(folder / "x.npz", images=images)
    return f"npz:{folder}/x.npz"


def _npy_in_fortrans_order(folder, images):
    np.save(folder / "x.npy", np.asfortranarray(images))
    return f"npz:{folder}/x.npy"


def _idx(folder, images):
    (folder / "train-images-idx4-ubyte").write_bytes(idx_bytes(images))
    return f"idx:{folder}"


@pytest.mark.parametrize("make", [_npz, _npy_in_fortrans_order, _idx])
@pytest.mark.parametrize("changes", [{}, {"invert": True}, {"image_size": "4x6"}, {"image_size": "16", "channels": 1}])
def test_files_read_in_parts_are_what_they_are_at_once(tmp_path, monkeypatch, make, changes):
    images = random_images(11, 8, 8, 3)
    settings = config(make(tmp_path, images), train_examples=9, **changes)
    wanted = pixels(transform.apply(settings, source.from_arrays("whole", images), "train"))
    for block, limit in ((3 * 192, 2**31), (1, 2**31), (3 * 192, 100)):  # 100 bytes: the change waits for each read.
        monkeypatch.setattr(source, "BLOCK_BYTES", block)
        monkeypatch.setattr(source, "MEMORY_LIMIT", limit)
        loaded = data.load(settings)
        assert loaded.in_memory == (limit > 100 or not changes)
        np.testing.assert_array_equal(pixels(loaded), wanted)


@pytest.mark.parametrize("make", [_npz, _idx])
@pytest.mark.parametrize("changes", [{}, {"invert": True}, {"image_size": "32"}])
def test_changed_pixels_are_in_memory_once(tmp_path, monkeypatch, make, changes):
    """By NumPy's own count of the bytes it asks for."""
    dataset = make(
        tmp_path,
        np.zeros((2000, 32, 32, 3), np.uint8)
        if not changes.get("image_size")
        else np.zeros((2000, 40, 40, 3), np.uint8),
    )
    monkeypatch.setattr(source, "BLOCK_BYTES", 64 * 1024)
    tracemalloc.start()
    loaded = data.load(config(dataset, **changes))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.15 * loaded.count * 32 * 32 * 3


@pytest.mark.parametrize("text, size", [("", None), ("64", (64, 64)), ("96x64", (96, 64)), ("1X4096", (1, 4096))])
def test_image_sizes(text, size):
    assert transform.parse_image_size(text) == size


@pytest.mark.parametrize("text", ["0", "-4", "64x", "x64", "6.4", "64x64x3", "big", "4097", "64x0"])
def test_illegal_image_sizes_say_what_is_legal(text):
    with pytest.raises(UserError, match=f"--image_size={text} .*HEIGHTxWIDTH"):
        transform.parse_image_size(text)


def test_resize_covers_and_crops_the_centre():
    # Left to right 0, 85, 170, 255 in bands two pixels wide: the centre square is the inner two.
    wide = np.repeat(np.array([0, 85, 170, 255], np.uint8), 2)[None, None, :, None] * np.ones((1, 4, 1, 1), np.uint8)
    changed = transform.apply(config("", image_size="2"), source.from_arrays("bands", wide), "train")
    assert changed.image_shape == (2, 2, 1)
    np.testing.assert_allclose(pixels(changed)[0, :, :, 0], [[85, 170]] * 2, atol=6)


def test_shrinking_averages_rather_than_drops_pixels():
    stripes = np.tile(np.array([[0], [255]], np.uint8), (32, 64))[None, ..., None]
    small = pixels(transform.apply(config("", image_size="8"), source.from_arrays("stripes", stripes), "train"))
    np.testing.assert_allclose(small[0, 2:-2, 2:-2], 127.5, atol=3)


def test_binarize_splits_above_127_and_invert_turns_round():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    ramp = source.from_arrays("ramp", levels)
    black_white = pixels(transform.apply(config("", binarize=True), ramp, "train"))
    np.testing.assert_array_equal(black_white, np.where(levels / 255 > 0.5, 255, 0))
    np.testing.assert_array_equal(pixels(transform.apply(config("", invert=True), ramp, "train")), 255 - levels)
    both = pixels(transform.apply(config("", invert=True, binarize=True), ramp, "train"))
    np.testing.assert_array_equal(both, 255 - black_white)


def test_channels_match_pillow():
    colour = random_images(5, 9, 7, 3)
    grey = pixels(transform.apply(config("", channels=1), source.from_arrays("c", colour), "train"))
    expected = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colour])
    np.testing.assert_array_equal(grey[..., 0], expected)
    tripled = transform.apply(config("", channels=3), source.from_arrays("g", grey), "train")
    assert tripled.image_shape == (9, 7, 3)
    np.testing.assert_array_equal(pixels(tripled), np.stack([grey[..., 0]] * 3, -1))


def test_illegal_channels():
    with pytest.raises(UserError, match=r"--channels=2 .*0 .*1 .*3"):
        transform.apply(config("", channels=2), noise(), "train")


def test_train_examples_are_the_first_and_leave_the_test_split_alone():
    wanted = config("", train_examples=4)
    first = transform.apply(wanted, noise(), "train")
    assert first.count == 4
    np.testing.assert_array_equal(pixels(first), random_images(6)[:4])
    assert transform.apply(wanted, noise(), "test").count == 6
    with pytest.raises(UserError, match="--train_examples=7 .*0 .*6"):
        transform.apply(config("", train_examples=7), noise(), "train")


@pytest.mark.parametrize(
    "dataset, message",
    [
        ("mnits", "did you mean mnist"),
        ("foldr:/photos", "did you mean folder"),
        ("glyph", "did you mean glyphs"),
        ("tfds:", "must follow tfds:"),
        ("folder", "legal: .*folder:FOLDER"),
        ("mnist:", "legal: mnist"),
        ("mnist:60000", "legal: mnist"),
        ("", "legal: mnist"),
        ("python:", "must follow python:"),
        ("qqqq", "legal: mnist, mnist10k, glyphs, stacked_mnist, ring2d, grid2d, tfds:NAME, idx:FOLDER, folder:FOLDER"),
    ],
)
def test_unknown_names_answer_with_the_nearest(dataset, message):
    with pytest.raises(UserError, match=message):
        data.load(config(dataset))
    with pytest.raises(UserError, match=message):
        data.check_name(dataset)


def test_a_bare_folder_is_told_its_prefix(tmp_path):
    with pytest.raises(UserError, match=f"write folder:{tmp_path}"):
        data.load(config(str(tmp_path)))


def test_every_dataset_has_a_legal_form_and_legal_forms_pass():
    assert len(data.names()) == len(data.DATASETS) - 1
    for name in data.names():
        data.check_name(name)


def test_training_needs_two_images():
    with pytest.raises(UserError, match="mnist10k has only one image"):
        data.load(config("mnist10k", train_examples=1))


def test_importing_the_data_package_does_not_load_tensorflow():
    import subprocess
    import sys

    code = "import sys, tfgan_train.data, tfgan_train.data.pipeline; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
