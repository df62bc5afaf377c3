"""Kernel distance against scikit-learn's kernel, its unbiasedness and its standard error."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from tfgan_train.common.errors import UserError
from tfgan_train.metrics import kernel


def reference(x, y):
    """The estimator written out with scikit-learn's kernel, as the KID authors published it."""

    def k(a, b):
        return polynomial_kernel(a, b, degree=3, gamma=1 / a.shape[1], coef0=1)

    n, m = len(x), len(y)
    xx, yy = k(x, x), k(y, y)
    return (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * k(x, y).mean()


def draw(seed, n, dim, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (n, dim))


@pytest.mark.parametrize("n, m, dim", [(300, 200, 20), (30, 40, 200), (2, 2, 3)])
def test_agrees_with_scikit_learn(n, m, dim):
    x, y = draw(0, n, dim), draw(1, m, dim, 0.3)
    assert kernel.mmd2(x, y) == pytest.approx(reference(x, y), rel=1e-9)


def test_blocks_change_nothing(monkeypatch):
    x, y = draw(0, 101, 6), draw(1, 77, 6, 0.5)
    whole = kernel.mmd2(x, y)
    monkeypatch.setattr(kernel, "ELEMENTS", 500)
    assert kernel.mmd2(x, y) == pytest.approx(whole, rel=1e-12)


def test_mean_over_disjoint_subsets():
    x, y = draw(0, 4000, 5), draw(1, 4000, 5, 0.2)
    result = kernel.kernel_distance(x, y)
    assert (result.details["subsets"], result.details["subset_size"]) == (4, 1000)
    assert result.value == pytest.approx(kernel.mmd2(x, y), abs=4 * result.spread)


def test_unbiased_at_every_size():
    """Same distribution: mean 0 at 20 samples and at 200, where the Frechet distance is far from it."""
    for n in (20, 200):
        values = [kernel.mmd2(draw(2 * i, n, 4), draw(2 * i + 1, n, 4)) for i in range(300)]
        assert abs(np.mean(values)) < 3.5 * np.std(values) / np.sqrt(len(values))


def test_standard_error_is_the_scatter_of_repeated_experiments():
    results = [
        kernel.kernel_distance(draw(2 * i, 800, 4), draw(2 * i + 1, 800, 4, 0.3), subset_size=50) for i in range(40)
    ]
    assert np.mean([r.spread for r in results]) == pytest.approx(np.std([r.value for r in results]), rel=0.35)


def test_too_few_is_said():
    with pytest.raises(UserError, match="too few"):
        kernel.kernel_distance(draw(0, 100, 3), draw(1, 7, 3))
