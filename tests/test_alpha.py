"""Transparent pictures and other numbers of channels, from file to file."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data_fixtures import config, image_bytes, random_images
from tfgan_train import UserError, data
from tfgan_train.common import alpha
from tfgan_train.common.images import to_image
from tfgan_train.data import array_data, decode, source
from tfgan_train.features import choose
from tfgan_train.features.extractor import Request
from tfgan_train.objective.augment import saturation
from tfgan_train.pictures import grid
from tfgan_train.pretrained.folded import colour


def sprite(seed: int = 0, size: int = 24) -> Image.Image:
    """A coloured disc with a soft edge on nothing; what nobody sees has loud colours."""
    rng = np.random.default_rng(seed)
    away = np.hypot(*np.mgrid[:size, :size] - size / 2 + 0.5)
    pixels = np.empty((size, size, 4), np.uint8)
    pixels[..., :3] = rng.integers(0, 256, 3)
    pixels[..., 3] = np.clip((size / 3 - away) * 100 + 128, 0, 255)
    pixels[pixels[..., 3] == 0, :3] = (255, 0, 255)
    return Image.fromarray(pixels, "RGBA")


def test_premultiplying_is_pillows():
    pixels = random_images(1, 64, 64, 4)[0]
    expected = np.asarray(Image.fromarray(pixels, "RGBA").convert("RGBa"))
    assert np.abs(alpha.premultiplied(pixels).astype(int) - expected).max() <= 1
    back = alpha.straight(alpha.premultiplied(pixels)).astype(int)
    # A colour times alpha is rounded, so it comes back up to the rounding over alpha.
    lost = np.abs(back - pixels)[..., :3] * np.maximum(pixels[..., 3:], 1) / 255
    assert lost[pixels[..., 3] > 0].max() <= 1 and (back[..., 3] == pixels[..., 3]).all()


def test_over_a_ground_is_pillows_composite():
    pixels = random_images(1, 32, 32, 4, seed=1)[0]
    for grey in (0, 128, 255):
        ground = Image.new("RGBA", (32, 32), (grey, grey, grey, 255))
        expected = np.asarray(Image.alpha_composite(ground, Image.fromarray(pixels, "RGBA")))[..., :3]
        got = alpha.over(alpha.premultiplied(pixels), grey)
        assert np.abs(got.astype(int) - expected).max() <= 2


def test_files_keep_their_alpha_if_asked_to(tmp_path):
    sprite().save(tmp_path / "a.png")
    sprite(1).convert("P").save(tmp_path / "b.webp", lossless=True)
    Image.new("L", (24, 24), 200).save(tmp_path / "c.png")  # solid grey
    loaded = data.load(config(f"folder:{tmp_path}", channels=4))
    pixels, _ = loaded.read(np.arange(3))
    assert loaded.image_shape == (24, 24, 4)
    assert (pixels[..., :3] <= pixels[..., 3:]).all()  # premultiplied: no colour where nothing is seen
    assert (pixels[0, 0, 0] == 0).all() and (pixels[2] == [200, 200, 200, 255]).all()
    np.testing.assert_array_equal(to_image(pixels[0]).getchannel("A"), sprite().getchannel("A"))
    # Without it, they lie on white as before.
    white = data.load(config(f"folder:{tmp_path}")).read(np.arange(1))[0]
    assert white.shape[-1] == 3 and (white[0, 0, 0] == 255).all()


def test_shrinking_leaves_no_fringe():
    """The hidden magenta doesn't bleed into the edge: each seen colour is the disc's own."""
    one = sprite(3, 96)
    small = alpha.straight(decode.decode(image_bytes(one), (24, 24), 4))
    disc = np.asarray(one)[48, 48, :3].astype(int)
    seen = small[..., 3] > 100
    assert np.abs(small[seen][:, :3].astype(int) - disc).max() <= 10  # bicubic's overshoot; magenta would be far off


@pytest.mark.parametrize("channels", [2, 5, 8])
def test_arrays_of_other_channels_are_data(channels, tmp_path):
    images = random_images(6, 20, 28, channels)
    np.savez(tmp_path / "x.npz", images=images)
    loaded = data.load(config(f"npz:{tmp_path}/x.npz"))
    np.testing.assert_array_equal(loaded.read(np.arange(6))[0], images)
    resized = data.load(config(f"npz:{tmp_path}/x.npz", image_size="10x14"))
    expected = Image.fromarray(images[2, ..., channels - 1]).resize((14, 10), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(resized.read(np.array([2]))[0][0, ..., channels - 1], expected)
    assert grid.grid(images).shape[-1] in (1, 3)
    with pytest.raises(UserError, match="no colours"):
        data.load(config(f"npz:{tmp_path}/x.npz", channels=3))


def test_arrays_of_four_channels_are_rgba():
    straight = np.stack([np.asarray(sprite(seed)) for seed in range(3)])
    loaded = array_data.from_images("data", straight)
    np.testing.assert_array_equal(loaded.read(np.arange(3))[0], alpha.premultiplied(straight))
    assert "red, green, blue and alpha" in loaded.notes[0]
    with pytest.raises(UserError, match="1 to 8 channels"):
        array_data.from_images("data", random_images(3, channels=9))


def test_channels_change_into_each_other(tmp_path):
    np.save(tmp_path / "x.npy", np.stack([np.asarray(sprite(seed)) for seed in range(3)]))
    name = f"npz:{tmp_path}/x.npy"
    rgb = data.load(config(name, channels=3)).read(np.arange(3))[0]
    expected = Image.alpha_composite(Image.new("RGBA", (24, 24), "white"), sprite())
    assert np.abs(rgb[0].astype(int) - np.asarray(expected)[..., :3]).max() <= 2
    assert data.load(config(name, channels=1)).image_shape == (24, 24, 1)
    np.save(tmp_path / "grey.npy", random_images(3))
    solid = data.load(config(f"npz:{tmp_path}/grey.npy", channels=4)).read(np.arange(3))[0]
    assert (solid[..., 3] == 255).all() and (solid[..., :3] == random_images(3)).all()
    inverted = data.load(config(name, invert=True)).read(np.arange(3))[0]
    assert (inverted[..., :3] <= inverted[..., 3:]).all()
    np.testing.assert_array_equal(inverted[..., 3], np.load(tmp_path / "x.npy")[..., 3])


def test_grids_lie_on_a_chequered_ground():
    clear = np.zeros((1, 64, 64, 4), np.uint8)
    picture = grid.grid(clear, padding=0)
    assert set(np.unique(picture)) == {204, 255} and picture.shape == (64, 64, 3)
    assert picture[0, 0, 0] != picture[0, 8, 0] and picture[0, 0, 0] == picture[8, 8, 0]


def test_features_see_transparent_pictures_on_grey():
    assert (colour(np.zeros((2, 8, 8, 4), np.uint8)) == 128).all()
    with pytest.raises(UserError, match="--features=pixels"):
        colour(random_images(2, channels=5))
    five = array_data.from_images("data", random_images(30, channels=5))
    assert choose.automatic(Request(five))[0] == "pixels"


def test_saturation_leaves_alpha_alone():
    class Double:
        def uniform(self, shape, low, high):
            return tf.fill((2, *shape), 2.0)

    x = np.random.default_rng(0).uniform(-1, 1, (2, 4, 4, 4)).astype(np.float32)
    changed = saturation(tf.constant(x), Double()).numpy()
    grey = x[..., :3].mean(-1, keepdims=True)
    np.testing.assert_allclose(changed[..., :3], grey + 2 * (x[..., :3] - grey), atol=1e-5)
    np.testing.assert_allclose(changed[..., 3], x[..., 3], atol=1e-6)


def tiff(pages) -> bytes:
    first, *rest = [Image.fromarray(page) for page in pages]
    return image_bytes(first, "TIFF", save_all=True, append_images=rest)


def test_grey_pages_of_a_tiff_are_channels(tmp_path, monkeypatch):
    images = random_images(3, 20, 16, 5)
    for number, one in enumerate(images):
        (tmp_path / f"{number}.tif").write_bytes(tiff(one.transpose(2, 0, 1)))
    loaded = data.load(config(f"folder:{tmp_path}"))
    np.testing.assert_array_equal(loaded.read(np.arange(3))[0], images)
    monkeypatch.setattr(source, "MEMORY_LIMIT", 100)
    streamed = data.load(config(f"folder:{tmp_path}"))
    assert not streamed.in_memory
    np.testing.assert_array_equal(streamed.read(np.arange(3))[0], images)


def test_wide_pages_keep_their_range():
    values = np.random.default_rng(0).integers(0, 4096, (2, 8, 8)).astype(np.uint16)
    pixels = decode.decode(tiff(values), value_range=(0, 4095))
    np.testing.assert_allclose(pixels, values.transpose(1, 2, 0) / 4095 * 255, atol=0.51)


def test_other_tiffs_are_pictures(tmp_path):
    colour_page = random_images(1, 8, 8, 3)[0]
    np.testing.assert_array_equal(decode.decode(tiff([colour_page, colour_page])), colour_page)
    grey = random_images(1)[0, ..., 0]
    assert decode.decode(tiff([grey])).shape == (8, 8, 1)
    assert decode.decode(tiff([grey] * 3), channels=1).shape == (8, 8, 1)
    with pytest.raises(decode.BadImage, match="of one size"):
        decode.decode(tiff([grey, grey[:4]]))
    (tmp_path / "a.tif").write_bytes(tiff([grey] * 5))
    (tmp_path / "b.png").write_bytes(image_bytes(Image.fromarray(colour_page)))
    with pytest.raises(UserError, match="b.png has 3 channels, others have 5"):
        data.load(config(f"folder:{tmp_path}"))
