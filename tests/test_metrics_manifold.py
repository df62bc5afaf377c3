"""Precision, recall, density, coverage: equal to the `prdc` package to the last count."""

import numpy as np
import prdc
import pytest
from scipy.spatial.distance import cdist

from tfgan_train.common.errors import UserError
from tfgan_train.metrics import distances, manifold


def ours(real, fake, k=5):
    return {r.name: r.value for r in manifold.measure(real, fake, k)}


def counts(figures):
    """To the last count: a count more or less would change these by 1e-6 at least."""
    return pytest.approx({name: float(value) for name, value in figures.items()}, rel=1e-12, abs=0)


def brute_force(real, fake, k):
    """The definitions on distances taken from differences, where ties are exact."""
    radius = lambda x: np.sort(cdist(x, x), axis=1)[:, k]  # noqa: E731
    between, r, f = cdist(real, fake), radius(real), radius(fake)
    inside = between < r[:, None]
    return {
        "precision": inside.any(axis=0).mean(),
        "recall": (between < f).any(axis=1).mean(),
        "density": inside.sum(axis=0).mean() / k,
        "coverage": (between.min(axis=1) < r).mean(),
    }


def relu_features(seed, n, dim, shift=0.0):
    return np.maximum(np.random.default_rng(seed).normal(shift, 1, (n, dim)), 0)


@pytest.mark.parametrize("n, m, dim, k", [(600, 600, 16, 5), (500, 300, 64, 3), (60, 80, 200, 5), (300, 700, 2, 1)])
def test_equals_prdc(n, m, dim, k):
    real, fake = relu_features(0, n, dim), relu_features(1, m, dim, 0.2)
    assert ours(real, fake, k) == counts(prdc.compute_prdc(real, fake, k))


def test_equals_prdc_on_float32_features():
    real, fake = relu_features(0, 700, 32).astype(np.float32), relu_features(1, 700, 32, 0.1).astype(np.float32)
    assert ours(real, fake) == counts(prdc.compute_prdc(real.astype(np.float64), fake.astype(np.float64), 5))


def test_equals_prdc_with_duplicates():
    """Whole numbers keep both computations exact, so that ties are ties in both."""
    rng = np.random.default_rng(0)
    real, fake = rng.integers(0, 4, (400, 4)).astype(float), rng.integers(1, 5, (300, 4)).astype(float)
    fake[:100] = fake[0]  # a collapsed generator
    fake[100:150] = real[:50]  # and copies
    assert ours(real, fake) == counts(prdc.compute_prdc(real, fake, 5))


def test_ties_are_ties_whatever_rounding_says():
    """Copies of irrational points far from the origin: only exact differences tell who is tied."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(60, 30)) * np.pi + 100
    real = np.repeat(base, 4, axis=0)
    fake = np.concatenate([base[:20], base[:20], rng.normal(size=(40, 30)) * np.pi + 100])
    for k in (2, 3, 5):
        assert ours(real, fake, k) == counts(brute_force(real, fake, k))


def test_singular_features():
    real, fake = relu_features(0, 300, 8), relu_features(1, 300, 8)
    wide = [np.concatenate([x, np.zeros((300, 20)), x[:, :4]], axis=1) for x in (real, fake)]
    assert ours(*wide) == counts(prdc.compute_prdc(*wide, 5))


def test_blocks_change_nothing(monkeypatch):
    real, fake = relu_features(0, 1300, 6), relu_features(1, 1100, 6)
    whole = ours(real, fake)
    monkeypatch.setattr(distances, "ELEMENTS", 512 * 100)
    assert ours(real, fake) == counts(whole)
    assert whole == counts(prdc.compute_prdc(real, fake, 5))


def test_answers_to_what_they_are_named_for():
    """Dropped modes lower recall and coverage; samples off the data lower precision and density."""
    rng = np.random.default_rng(0)
    centres = np.eye(4) * 10
    real = centres[rng.integers(0, 4, 800)] + rng.normal(size=(800, 4))
    dropped = centres[rng.integers(0, 2, 800)] + rng.normal(size=(800, 4))
    noisy = real + rng.normal(size=real.shape) * 3
    assert ours(real, dropped)["recall"] < 0.6 and ours(real, dropped)["precision"] > 0.85
    assert ours(real, dropped)["coverage"] < 0.6
    assert ours(real, noisy)["precision"] < 0.6 and ours(real, noisy)["density"] < 0.6


def test_needs_more_samples_than_neighbours():
    x = relu_features(0, 100, 3)
    with pytest.raises(UserError, match="at least 7"):
        manifold.measure(x, x[:6], k=5)
