"""Figures of pixels: sliced Wasserstein, structural similarity, shrinking, against independent code."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import convolve1d
from scipy.stats import wasserstein_distance

from tfgan_train.common.errors import UserError
from tfgan_train.metrics import ms_ssim, pixels, swd


def images(seed, n, height=28, width=28, channels=1, low=0, high=256):
    """Smooth random images, uint8."""
    noise = np.random.default_rng(seed).normal(size=(n, height, width, channels))
    for axis in (1, 2):
        noise = convolve1d(noise, np.ones(5) / 5, axis=axis)
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    return (low + noise * (high - 1 - low)).astype(np.uint8)


def test_shift_of_brightness_has_the_closed_form():
    """Moving every pixel by c moves a projection on a random unit direction by c sqrt(1) in mean square."""
    x = images(0, 200, high=100)
    result = swd.sliced_wasserstein(x, x + 51, directions=4000)
    assert result.value == pytest.approx(51 / 255, rel=0.05)


def test_one_direction_agrees_with_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(1, 300)), rng.normal(0.5, 2, size=(1, 300))
    order_free = swd._sliced(a, b)
    # scipy has the 1-Wasserstein distance only; they agree on shifted copies.
    assert swd._sliced(a, a + 0.7) == pytest.approx(wasserstein_distance(a[0], a[0] + 0.7))
    assert order_free >= wasserstein_distance(a[0], b[0])  # Jensen


def test_swd_falls_with_similarity_and_is_small_for_the_same_data():
    same = swd.sliced_wasserstein(images(0, 300), images(1, 300)).value
    brighter = swd.sliced_wasserstein(images(0, 300), images(1, 300, low=60)).value
    assert brighter > 4 * same


def test_laplacian_swd_sees_lost_detail_at_the_finest_level():
    x, y = images(0, 24, 64, 64, 3), images(1, 24, 64, 64, 3)
    for axis in (1, 2):
        y = convolve1d(y, np.ones(3) / 3, axis=axis)
    same = swd.laplacian_sliced_wasserstein(x, images(2, 24, 64, 64, 3)).details["levels"]
    blurred = swd.laplacian_sliced_wasserstein(x, y).details["levels"]
    assert list(blurred) == ["64x64", "32x32", "16x16"]
    assert blurred["64x64"] > 1.5 * same["64x64"]
    assert blurred["64x64"] / same["64x64"] > blurred["16x16"] / same["16x16"]


def test_laplacian_pyramid_adds_up_again():
    x = images(0, 3, 32, 48).astype(np.float32)
    levels = swd._laplacian_pyramid(x)
    assert [level.shape[1:3] for level in levels] == [(32, 48), (16, 24)]
    wide = np.zeros_like(x)
    wide[:, ::2, ::2] = levels[1]
    np.testing.assert_allclose(levels[0] + 4 * swd._blur(wide), x, atol=1e-3)


def test_constant_image_has_no_band_pass():
    levels = swd._laplacian_pyramid(np.full((1, 32, 32, 1), 200, np.float32))
    np.testing.assert_allclose(levels[0], 0, atol=1e-3)


@pytest.mark.parametrize("height, width, channels", [(28, 28, 1), (64, 48, 3), (45, 33, 1), (180, 200, 1)])
def test_ms_ssim_agrees_with_tensorflow(height, width, channels):
    x, y = images(0, 4, height, width, channels), images(1, 4, height, width, channels)
    y = (0.6 * x + 0.4 * y).astype(np.uint8)
    count = ms_ssim.scales((height, width))
    weights = np.array(ms_ssim.WEIGHTS[:count]) / sum(ms_ssim.WEIGHTS[:count])
    expected = tf.image.ssim_multiscale(x, y, 255, power_factors=weights.tolist()).numpy()
    np.testing.assert_allclose(ms_ssim.ms_ssim(x, y), expected, atol=2e-5)


def test_diversity_of_one_repeated_image_is_one():
    same = np.repeat(images(0, 1), 20, axis=0)
    assert ms_ssim.diversity(same, pairs=50).value == pytest.approx(1)
    assert ms_ssim.diversity(images(0, 20), pairs=50).value < 0.5


@pytest.mark.parametrize(
    "height, width, expected", [(28, 28, 2), (64, 64, 3), (11, 40, 1), (176, 176, 5), (512, 512, 5)]
)
def test_scales_that_fit(height, width, expected):
    assert ms_ssim.scales((height, width)) == expected


def test_shrink_is_the_mean_of_blocks():
    x = images(0, 300, 70, 50, 3)
    small = pixels.shrink(x, 32)
    assert small.shape == (300, 24, 17, 3)  # blocks of 3, the last ones narrower
    np.testing.assert_allclose(small[7, 0, 0], x[7, :3, :3].mean(axis=(0, 1)) / 255, rtol=1e-5)
    np.testing.assert_allclose(small[-1, -1, -1], x[-1, 69:, 48:].mean(axis=(0, 1)) / 255, rtol=1e-5)
    np.testing.assert_array_equal(pixels.shrink(x[:, :20, :20], 32), x[:, :20, :20].astype(np.float32) / 255)


def test_other_shapes_and_types_are_said():
    with pytest.raises(UserError, match="28x28x1, the data's are 32x32x1"):
        swd.sliced_wasserstein(images(0, 10, 32, 32), images(1, 10))
    with pytest.raises(UserError, match="uint8"):
        swd.sliced_wasserstein(images(0, 10).astype(np.float32), images(1, 10))
    with pytest.raises(UserError, match="too few"):
        ms_ssim.diversity(images(0, 5, 8, 8))
