"""The game's key against the picture: a tile is fake exactly where the key says so."""

import json

import numpy as np
import pytest

from tfgan_train.pictures.spot_the_fake import make_game


def _pools(count=60, side=28):
    """Real images are even grey levels, fakes odd ones, no two alike."""
    level = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    shape = (count, side, side, 1)
    return np.broadcast_to(100 + 2 * level, shape), np.broadcast_to(101 + 2 * level, shape)


def _tiles(picture, key):
    """The grey level of each tile, found by the key's geometry alone."""
    found = []
    for index in range(key["rows"] * key["columns"]):
        row, column = divmod(index, key["columns"])
        top = key["padding"] + row * (key["tile_height"] + key["padding"])
        left = key["padding"] + column * (key["tile_width"] + key["padding"])
        tile = picture[top : top + key["tile_height"], left : left + key["tile_width"]]
        assert tile.min() == tile.max()
        found.append(int(tile[0, 0, 0]))
    return found


@pytest.mark.parametrize("rows,columns,share,fakes", [(6, 6, 1 / 3, 12), (2, 5, 0.5, 5), (3, 3, 1 / 3, 3)])
def test_key_names_exactly_the_fakes(rows, columns, share, fakes):
    picture, key = make_game(*_pools(), seed=3, rows=rows, columns=columns, fake_share=share)
    levels = _tiles(picture, key)
    assert key["fake"] == [index for index, level in enumerate(levels) if level % 2]
    assert len(key["fake"]) == fakes
    assert len(set(levels)) == rows * columns, "no image is used twice"
    assert json.loads(json.dumps(key)) == key


def test_same_seed_same_game_and_another_seed_another():
    first, key = make_game(*_pools(), seed=3)
    again, same_key = make_game(*_pools(), seed=3)
    _, other_key = make_game(*_pools(), seed=4)
    np.testing.assert_array_equal(first, again)
    assert key == same_key and key["fake"] != other_key["fake"]


def test_every_place_can_be_fake():
    places = {place for seed in range(60) for place in make_game(*_pools(), seed=seed)[1]["fake"]}
    assert places == set(range(36))


@pytest.mark.parametrize("real,fake,share", [(23, 60, 1 / 3), (60, 11, 1 / 3), (60, 60, 0.0), (60, 60, 1.0)])
def test_too_few_images_or_no_game(real, fake, share):
    with pytest.raises(ValueError):
        make_game(_pools()[0][:real], _pools()[1][:fake], seed=0, fake_share=share)
