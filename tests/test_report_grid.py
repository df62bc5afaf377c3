"""Grids: every tile's pixels are found where plain loops say they must be."""

import numpy as np
import pytest
from PIL import Image

from tfgan_train.pictures import grid


def _images(count, height=3, width=4, channels=1):
    return np.random.default_rng(1).integers(50, 256, (count, height, width, channels), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count,columns", [(1, 1), (5, 3), (6, 3), (7, 7)])
def test_each_tile_stands_in_its_place_and_all_else_is_background(count, columns, channels):
    images = _images(count, channels=channels)
    picture = grid.grid(images, columns, padding=2, background=9, scale=1)
    rows = -(-count // columns)
    expected = np.full((2 + rows * 5, 2 + columns * 6, channels), 9, np.uint8)
    for index, image in enumerate(images):
        top, left = 2 + (index // columns) * 5, 2 + (index % columns) * 6
        expected[top : top + 3, left : left + 4] = image
    np.testing.assert_array_equal(picture, expected)


def test_default_columns_make_the_picture_about_square():
    assert grid.grid(_images(64, 28, 28)).shape[:2] == (466, 466)
    tall = grid.grid(_images(50, 100, 50))
    assert 0.7 < tall.shape[0] / tall.shape[1] < 1.4


@pytest.mark.parametrize("side,scale", [(7, 8), (28, 2), (32, 2), (56, 1), (64, 1), (200, 1)])
def test_small_tiles_are_enlarged_by_whole_numbers(side, scale):
    image = _images(1, side, side)
    enlarged = grid.grid(image, padding=0)
    assert enlarged.shape == (side * scale, side * scale, 1)
    np.testing.assert_array_equal(enlarged[::scale, ::scale], image[0])
    np.testing.assert_array_equal(enlarged[scale - 1 :: scale, scale - 1 :: scale], image[0])


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 3, 4, 1), np.float32),
        np.zeros((3, 4, 1), np.uint8),
        np.zeros((0, 3, 4, 1), np.uint8),
    ],
)
def test_other_arrays_are_refused(images):
    with pytest.raises(ValueError, match="uint8"):
        grid.grid(images)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_comes_back_pixel_for_pixel(tmp_path, channels):
    picture = _images(1, 20, 30, channels)[0]
    grid.save_png(tmp_path / "a.png", picture)
    assert Image.open(tmp_path / "a.png").format == "PNG"
    np.testing.assert_array_equal(grid.read_picture(tmp_path / "a.png"), picture)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_failed_write_leaves_the_old_png(tmp_path):
    grid.save_png(tmp_path / "a.png", _images(1)[0])
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(TypeError):
        grid.save_png(tmp_path / "a.png", np.zeros((4, 4, 1), np.complex64))
    assert (tmp_path / "a.png").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_titles_are_drawn_above_and_captions_below():
    picture = np.full((40, 120, 1), 255, np.uint8)
    above, below = grid.titled(picture, "real"), grid.captioned(picture, "real")
    np.testing.assert_array_equal(above[-40:], picture)
    np.testing.assert_array_equal(below[:40], picture)
    assert (above[:-40] > 150).any() and (below[40:] > 150).any()
    assert not np.array_equal(above, grid.titled(picture, "fake"))


def test_real_batch_stands_left_of_the_samples():
    real, fake = np.full((4, 28, 28, 1), 200, np.uint8), np.full((4, 28, 28, 3), 100, np.uint8)
    picture = grid.pair_grid(real, fake)
    half = picture.shape[1] // 2
    body = picture[30:]
    assert picture.shape[2] == 3
    assert (body[:, :half] == 200).any() and not (body[:, :half] == 100).any()
    assert (body[:, half:] == 100).any() and not (body[:, half:] == 200).any()


def test_captioned_rows_keep_their_order_and_pixels():
    rows = [np.full((30, 50, 1), value, np.uint8) for value in (90, 140, 190)]
    picture = grid.captioned_rows(rows, ["0", "100", "20,000"])
    assert picture.shape[0] == 90 and picture.shape[1] > 50 + 40
    for index, row in enumerate(rows):
        np.testing.assert_array_equal(picture[30 * index : 30 * index + 30, -50:], row)
