"""Parzen windows against scikit-learn's KernelDensity and the published protocol."""

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from tfgan_train.metrics import distances, parzen


def density(samples, sigma):
    """One leaf holds all samples: with several, scikit-learn subtracts bounds and loses digits."""
    return KernelDensity(kernel="gaussian", bandwidth=sigma, leaf_size=len(samples)).fit(samples)


def draw(seed, n, dim=20):
    return np.random.default_rng(seed).beta(0.5, 0.5, (n, dim))


@pytest.mark.parametrize("sigma", [0.05, 0.2, 1.0])
def test_agrees_with_kernel_density(sigma, monkeypatch):
    samples, queries = draw(0, 700), draw(1, 600)
    expected = density(samples, sigma).score_samples(queries)
    np.testing.assert_allclose(parzen.log_likelihoods(queries, samples, [sigma])[0], expected, rtol=1e-9)
    monkeypatch.setattr(distances, "ELEMENTS", 512 * 50)  # samples in several blocks
    np.testing.assert_allclose(parzen.log_likelihoods(queries, samples, [sigma])[0], expected, rtol=1e-9)


def test_far_queries_do_not_underflow():
    value = parzen.log_likelihoods(np.full((1, 3), 1e3), np.zeros((5, 3)), [0.1])[0, 0]
    assert value == pytest.approx(-3e6 / 0.02 - 3 * np.log(0.1 * np.sqrt(2 * np.pi)), rel=1e-12)


def test_protocol():
    """Sigma is the best on the first 1,000 validation images; mean and standard error over the test images."""
    samples, validation, test = draw(0, 500), draw(1, 1200), draw(2, 300)
    validation[1000:] = 50  # beyond the first 1,000: must not matter
    result = parzen.measure(samples, validation, test)
    scores = [density(samples, s).score_samples(validation[:1000]).mean() for s in np.logspace(-1, 0, 10)]
    sigma = np.logspace(-1, 0, 10)[np.argmax(scores)]
    expected = density(samples, sigma).score_samples(test)
    assert result.details["sigma"] == pytest.approx(sigma)
    assert result.value == pytest.approx(expected.mean(), rel=1e-9)
    assert result.spread == pytest.approx(expected.std() / np.sqrt(300), rel=1e-9)
