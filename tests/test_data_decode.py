"""One image of any mode -> pixels, against values worked out by hand and against Pillow."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.data_fixtures import image_bytes, png, random_images
from tfgan_train.data import decode
from tfgan_train.data.decode import BadImage

RED_OVER_BLUE = np.array([[[255, 0, 0]] * 3, [[0, 0, 255]] * 3], np.uint8)  # 2 high, 3 wide


@pytest.mark.parametrize("form, options", [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_come_back_bit_for_bit(form, options):
    pixels = random_images(1, 11, 13, 3)[0]
    np.testing.assert_array_equal(decode.decode(image_bytes(Image.fromarray(pixels), form, **options)), pixels)


def test_jpeg_is_close():
    smooth = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    got = decode.decode(image_bytes(Image.fromarray(smooth), "JPEG", quality=95))
    assert got.shape == (32, 32, 1)
    np.testing.assert_allclose(got[..., 0], smooth, atol=4)


def test_paths_bytes_and_open_files_give_the_same(tmp_path):
    data = png(random_images(1)[0])
    path = tmp_path / "x.png"
    path.write_bytes(data)
    for given in (path, str(path), io.BytesIO(data)):
        np.testing.assert_array_equal(decode.decode(given), decode.decode(data))


def test_16_bit_grey_is_scaled_and_not_cut():
    levels = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    got = decode.decode(image_bytes(Image.fromarray(levels)))
    np.testing.assert_array_equal(got[..., 0], np.rint(levels / 257))


def test_palette():
    image = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    np.testing.assert_array_equal(decode.decode(image_bytes(image)), [[[10, 20, 30], [200, 100, 50], [200, 100, 50]]])


def test_palette_with_a_transparent_entry_lies_over_white():
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    got = decode.decode(image_bytes(image, transparency=0))
    np.testing.assert_array_equal(got, [[[255, 255, 255], [200, 100, 50]]])


def test_alpha_is_laid_over_white():
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    got = decode.decode(image_bytes(Image.fromarray(rgba)))
    np.testing.assert_allclose(got, [[[255, 0, 0], [255, 255, 255], [127, 127, 127]]], atol=1)
    grey_alpha = Image.merge("LA", (Image.new("L", (2, 1), 0), Image.fromarray(np.array([[255, 0]], np.uint8))))
    np.testing.assert_array_equal(decode.decode(image_bytes(grey_alpha))[..., 0], [[0, 255]])


def test_cmyk_jpeg():
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    got = decode.decode(image_bytes(cyan, "JPEG", quality=100))
    np.testing.assert_allclose(got, np.broadcast_to([0, 255, 255], (8, 8, 3)), atol=3)


def test_one_bit():
    image = Image.fromarray(np.array([[0, 255, 0]], np.uint8)).convert("1")
    np.testing.assert_array_equal(decode.decode(image_bytes(image))[..., 0], [[0, 255, 0]])


@pytest.mark.parametrize(
    "orientation, expected",
    [
        (1, RED_OVER_BLUE),
        (3, RED_OVER_BLUE[::-1, ::-1]),
        (6, np.rot90(RED_OVER_BLUE, -1)),
        (8, np.rot90(RED_OVER_BLUE, 1)),
    ],
)
def test_exif_orientation_is_applied(orientation, expected):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    got = decode.decode(image_bytes(Image.fromarray(RED_OVER_BLUE), exif=exif))
    np.testing.assert_array_equal(got, expected)


def test_channels_by_content_and_by_wish():
    grey_as_colour = png(np.repeat(random_images(1, 4, 4), 3, -1)[0])
    assert decode.decode(grey_as_colour).shape == (4, 4, 1)
    assert decode.decode(grey_as_colour, channels=3).shape == (4, 4, 3)
    colour = random_images(1, 4, 4, 3)[0]
    assert decode.decode(png(colour)).shape == (4, 4, 3)
    np.testing.assert_array_equal(
        decode.decode(png(colour), channels=1)[..., 0], np.asarray(Image.fromarray(colour).convert("L"))
    )


def test_a_large_jpeg_decoded_at_a_smaller_scale_equals_the_full_one():
    y, x = np.mgrid[0:600, 0:900]
    photo = np.stack([x * 255 // 900, y * 255 // 600, (x + y) * 255 // 1500], -1).astype(np.uint8)
    encoded = image_bytes(Image.fromarray(photo), "JPEG", quality=95)
    full = Image.open(io.BytesIO(encoded)).crop((150, 0, 750, 600)).resize((32, 32), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(decode.decode(encoded, (32, 32)).astype(int), np.asarray(full).astype(int), atol=3)


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    got = decode.decode(image_bytes(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    np.testing.assert_array_equal(got, np.broadcast_to([255, 0, 0], (4, 4, 3)))


GOOD = {
    form: image_bytes(Image.fromarray(random_images(1, 40, 40, 3)[0]), form) for form in ("PNG", "JPEG", "WEBP", "BMP")
}


@pytest.mark.parametrize("form", GOOD)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_files_cut_short(form, share):
    with pytest.raises(BadImage, match="."):
        decode.decode(GOOD[form][: int(len(GOOD[form]) * share)])


@pytest.mark.parametrize("content", [b"", b"hello", image_bytes(Image.new("L", (4, 4)), "GIF"), bytes(1000)])
def test_not_an_image(content):
    with pytest.raises(BadImage, match="not a PNG, JPEG, WebP or BMP"):
        decode.decode(content)


def test_no_such_file(tmp_path):
    with pytest.raises(BadImage, match="no such file"):
        decode.decode(tmp_path / "gone.png")


def test_a_decompression_bomb_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(BadImage, match="has more than .* million pixels"):
        decode.decode(png(random_images(1, 20, 20)[0]))
