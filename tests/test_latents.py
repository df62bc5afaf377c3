"""The latent sampler is the same stream everywhere, and its numbers are as random as claimed."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from tfgan_train.ops.latents import labels, latents

SEEDS = (0, 1, -1, 12345, 2**31 - 1, -(2**31))
# Every bound below is this many standard errors; the draws are fixed, so nothing flickers.
SIGMAS = 5.0

PINNED_UNIFORM = [
    [-0.8147538900375366, -0.9786561727523804, 0.7383126020431519],
    [0.015461325645446777, -0.36915481090545654, 0.7070857286453247],
]
PINNED_NORMAL = [
    [1.4848084449768066, -1.0862982273101807, -1.5980545282363892],
    [0.7051586508750916, 1.4978117942810059, -0.9264769554138184],
]
PINNED_LABELS = [5, 0, 8, 1, 6, 6, 4, 2]


def twin_uniforms(seed, indices, count, salt):
    """The sampler's uniforms again, in numpy integers."""

    def h(x):
        x = x.astype(np.uint64)
        for multiplier, shift in ((0x21F0AAAD, 16), (0xD35A2D97, 15)):
            x = ((x ^ (x >> np.uint64(shift))) * np.uint64(multiplier)) & np.uint64(0xFFFFFFFF)
        return x ^ (x >> np.uint64(15))

    golden = 0x9E3779B9
    seed = np.array([seed % 2**32], np.uint64)
    m0, m1 = (h(seed ^ np.uint64((salt + n) * golden % 2**32)) for n in (1, 2))
    k0 = h(np.asarray(indices, np.int64).astype(np.uint64) & np.uint64(0xFFFFFFFF) ^ m0)
    k1 = h(k0 ^ m1)
    counter = np.array([j * golden % 2**32 for j in range(count)], np.uint64)
    bits = h(h(counter[None] ^ k0[:, None]) ^ k1[:, None])
    return ((bits >> np.uint64(9)).astype(np.float64) + 0.5) / 2**23


@pytest.mark.parametrize("seed", SEEDS)
def test_equals_an_integer_twin(seed):
    indices = np.array([0, 1, 2, 99, 2**31 - 1, -3], np.int32)
    uniform = latents(seed, indices, 7, "uniform").numpy()
    np.testing.assert_array_equal(uniform, twin_uniforms(seed, indices, 7, 0) * 2 - 1)

    u = twin_uniforms(seed, indices, 8, 0)
    radius, angle = np.sqrt(-2 * np.log(u[:, :4])), 2 * np.pi * u[:, 4:]
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)[:, :7]
    np.testing.assert_allclose(latents(seed, indices, 7, "normal").numpy(), normal, atol=3e-6)

    drawn = labels(seed, indices, 10, stream=3).numpy()
    np.testing.assert_array_equal(drawn, twin_uniforms(seed, indices, 1, 14)[:, 0] * 2**23 // 1 % 10)


def test_stream_is_pinned():
    """Published seeds must draw the same pictures in every later version."""
    np.testing.assert_allclose(latents(7, [0, 1], 3, "uniform").numpy(), PINNED_UNIFORM, atol=0)
    np.testing.assert_allclose(latents(7, [0, 1], 3, "normal").numpy(), PINNED_NORMAL, atol=2e-6)
    assert labels(7, range(8), 10).numpy().tolist() == PINNED_LABELS


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_row_depends_on_its_index_alone(distribution):
    rows = latents(5, range(100), 33, distribution).numpy()
    # A vectorised sine differs from a scalar one in its last bit, so a normal may too.
    last_bit = 0 if distribution == "uniform" else 1e-6
    picked = latents(5, [42, 7], 33, distribution).numpy()
    np.testing.assert_allclose(picked, rows[[42, 7]], atol=last_bit)
    in_graph = tf.function(lambda seed, n: latents(seed, tf.range(n), 33, distribution))
    drawn = in_graph(tf.constant(5), tf.constant(100)).numpy()
    np.testing.assert_allclose(drawn, rows, atol=last_bit)


def test_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match="2147483648"):
        latents(2**31, [0], 4)
    with pytest.raises(ValueError, match="cauchy"):
        latents(0, [0], 4, "cauchy")


@pytest.fixture(scope="module")
def ten_million():
    """10^7 normals: 100,000 rows of 100, drawn in blocks."""
    draw = tf.function(lambda start: latents(2024, start + tf.range(10_000), 100))
    return np.concatenate([draw(tf.constant(i * 10_000)).numpy() for i in range(10)])


def test_normal_moments(ten_million):
    x = ten_million.ravel().astype(np.float64)
    n = x.size
    assert n == 10**7
    # E[x^k] of the standard normal and the variance of x^k, k = 1..4.
    for power, (expected, variance) in enumerate([(0, 1), (1, 2), (0, 15), (3, 96)], start=1):
        assert abs(np.mean(x**power) - expected) < SIGMAS * np.sqrt(variance / n), power


def test_normal_kolmogorov_smirnov(ten_million):
    cdf = scipy.special.ndtr(np.sort(ten_million.ravel()).astype(np.float64))
    n = cdf.size
    distance = max((np.arange(1, n + 1) / n - cdf).max(), (cdf - np.arange(n) / n).max())
    assert distance * np.sqrt(n) < 1.95  # p = 0.001


def test_uniform_moments_and_kolmogorov_smirnov():
    x = np.sort(latents(-9, range(20_000), 50, "uniform").numpy().ravel().astype(np.float64))
    n = x.size
    assert -1 < x[0] and x[-1] < 1
    for power in (1, 2, 3, 4):
        expected = 0 if power % 2 else 1 / (power + 1)
        variance = 1 / (2 * power + 1) - expected**2
        assert abs(np.mean(x**power) - expected) < SIGMAS * np.sqrt(variance / n), power
    assert np.abs((x + 1) / 2 - np.arange(n) / n).max() * np.sqrt(n) < 1.95


def correlation(a, b):
    """Sample correlation of two equally shaped sets, in standard errors."""
    a, b = (v.ravel().astype(np.float64) for v in (a, b))
    return np.corrcoef(a, b)[0, 1] * np.sqrt(a.size)


def assert_independent(a, b, what):
    # Squares too: rows may be uncorrelated and still share their size.
    assert abs(correlation(a, b)) < SIGMAS, what
    assert abs(correlation(a**2, b**2)) < SIGMAS, what


@pytest.mark.parametrize("lag", [1, 2, 3, 8, 16, 32, 50])
def test_no_autocorrelation_over_index_and_element(ten_million, lag):
    x = ten_million[:20_000]
    assert_independent(x[lag:], x[:-lag], "index")
    assert_independent(x[:, lag:], x[:, :-lag], "element")  # lag 50 pairs cosine with sine


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_no_autocorrelation_over_seed(distribution):
    draw = tf.function(lambda seed: latents(seed, tf.range(50), 100, distribution))
    x = np.stack([draw(tf.constant(seed)).numpy() for seed in range(-100, 100)])
    for lag in (1, 2, 16, 100):
        assert_independent(x[lag:], x[:-lag], f"seed, lag {lag}")


def test_streams_and_labels_are_independent():
    x = latents(3, range(5_000), 100).numpy()
    assert_independent(x, latents(3, range(5_000), 100, stream=1).numpy(), "stream")
    drawn = labels(3, range(5_000), 10).numpy()
    assert_independent(x[:, 0], drawn - 4.5, "label")
    assert abs(correlation(drawn[1:], drawn[:-1])) < SIGMAS
    assert abs(correlation(drawn, labels(4, range(5_000), 10).numpy())) < SIGMAS


@pytest.mark.parametrize("num_classes", [1, 2, 10, 1000])
def test_labels_are_uniform(num_classes):
    counts = np.bincount(labels(11, range(200_000), num_classes).numpy(), minlength=num_classes)
    assert counts.size == num_classes
    assert num_classes == 1 or scipy.stats.chisquare(counts).pvalue > 1e-4


def test_no_row_twice_in_a_million():
    draw = tf.function(lambda start: latents(0, start + tf.range(250_000), 4, "uniform"))
    rows = np.concatenate([draw(tf.constant(i * 250_000)).numpy() for i in range(4)])
    as_one_number = np.sort(rows.view(np.complex128).ravel())
    assert not np.any(as_one_number[1:] == as_one_number[:-1])


def test_neighbouring_seeds_share_no_row():
    """Row i of seed s must not come back as row i' of seed s'."""
    rows = np.concatenate([latents(seed, range(2_000), 2, "uniform").numpy() for seed in range(-50, 50)])
    assert np.unique(rows.view(np.complex64)).size == rows.shape[0]
