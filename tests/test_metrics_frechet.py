"""Frechet distance against scipy's matrix root and closed forms; its bias and spread."""

import numpy as np
import pytest
import scipy.linalg

from tfgan_train.common.errors import UserError
from tfgan_train.metrics import frechet


def reference(real, fake):
    """The published formula with scipy's matrix square root, as pytorch-fid has it."""
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    cov_r, cov_f = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    singular = np.linalg.matrix_rank(cov_r @ cov_f) < len(cov_r)
    if not singular:
        root = scipy.linalg.sqrtm(cov_r @ cov_f)
    else:
        offset = np.eye(len(cov_r)) * 1e-9
        root = scipy.linalg.sqrtm((cov_r + offset) @ (cov_f + offset))
    shift = real.mean(axis=0) - fake.mean(axis=0)
    return shift @ shift + np.trace(cov_r) + np.trace(cov_f) - 2 * np.trace(root.real)


def relu_features(seed, n, dim, scale=1.0):
    """Correlated, skewed, partly dead features, as a network's last layer gives."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(size=(dim, dim)) / np.sqrt(dim)
    return np.maximum(rng.normal(size=(n, dim)) @ mix * scale + 0.2, 0).astype(np.float32)


@pytest.mark.parametrize("n, m, dim", [(2000, 1500, 64), (300, 300, 128)])
def test_agrees_with_scipy(n, m, dim):
    real, fake = relu_features(0, n, dim), relu_features(1, m, dim, 1.3)
    assert frechet.plain_distance(real, fake) == pytest.approx(reference(real, fake), rel=1e-6)


def test_singular_covariance_and_fewer_samples_than_features():
    real, fake = relu_features(0, 60, 96), relu_features(1, 50, 96, 1.3)
    assert frechet.plain_distance(real, fake) == pytest.approx(reference(real, fake), rel=1e-4)
    real[:, :40] = 0.5  # dead units
    fake[:, 20:60] = fake[:, :1]  # copies of one unit
    assert frechet.plain_distance(real, fake) == pytest.approx(reference(real, fake), rel=1e-4)


def test_low_rank_has_the_closed_form():
    """Two rank-one Gaussians on orthogonal axes: the traces add up, nothing is shared."""
    t = np.linspace(-1, 1, 101)
    real, fake = np.zeros((101, 5)), np.zeros((101, 5))
    real[:, 0], fake[:, 1] = t, 2 * t
    variance = t.var(ddof=1)
    assert frechet.plain_distance(real, fake) == pytest.approx(variance + 4 * variance, rel=1e-12)


def test_duplicated_samples_count_as_often_as_they_come():
    real, fake = relu_features(0, 400, 16), relu_features(1, 100, 16)
    repeated = np.repeat(fake, 3, axis=0)
    assert frechet.plain_distance(real, repeated) == pytest.approx(reference(real, repeated), rel=1e-6)


def test_diagonal_gaussians_have_the_closed_form():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 3))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T  # exactly white
    expected = 1 + 4 + 9 + (2 - 1) ** 2 * 3
    assert frechet.plain_distance(x, 2 * x + [1, 2, 3]) == pytest.approx(expected, rel=1e-10)


def test_a_set_against_itself_is_zero_and_order_of_samples_is_nothing():
    x = relu_features(0, 500, 32)
    assert abs(frechet.plain_distance(x, x[::-1])) < 1e-6


def test_moments_of_counted_rows_are_those_of_repeated_rows():
    x = relu_features(0, 5000, 8)  # more than one block of rows
    counts = np.random.default_rng(1).integers(0, 4, len(x))
    mean, covariance = frechet.moments(x, counts)
    repeated = np.repeat(x, counts, axis=0).astype(np.float64)
    np.testing.assert_allclose(mean, repeated.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(repeated, rowvar=False), rtol=1e-9, atol=1e-14)


def test_extrapolation_takes_the_bias_away():
    """Same distribution: FD at N is biased up, at infinity it is 0 within its spread."""
    real, fake = relu_features(0, 4000, 64), relu_features(1, 4000, 64)
    fd, limit = frechet.measure(real, fake)
    assert limit.details["fd"] == sorted(limit.details["fd"])  # the smaller the sample, the larger FD
    assert limit.details["sizes"] == [4000, 2000, 1000, 500]
    assert fd.value > 5 * abs(limit.value)
    assert limit.details["fd"][0] == pytest.approx(fd.value, rel=1e-9)


def test_bootstrap_spread_is_the_scatter_of_repeated_experiments():
    dim, n = 8, 1000
    real = relu_features(0, n, dim)
    repeats = [
        frechet.plain_distance(relu_features(2 + 2 * i, n, dim), relu_features(3 + 2 * i, n, dim, 1.5))
        for i in range(60)
    ]
    fd = frechet.frechet_distance(real, relu_features(1, n, dim, 1.5), replicates=60)
    assert fd.spread == pytest.approx(np.std(repeats), rel=0.35)


def test_bad_input_is_said():
    x = relu_features(0, 100, 8)
    with pytest.raises(UserError, match="too few"):
        frechet.measure(x, x[:5])
    with pytest.raises(UserError, match="differ in shape"):
        frechet.measure(x, x[:, :4])
    with pytest.raises(UserError, match="not finite"):
        frechet.measure(x, np.where(np.arange(8) == 3, np.nan, x))
