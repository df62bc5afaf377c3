"""Modes of mixtures and stacked digits against the figures that the protocols imply."""

import numpy as np
import pytest

from tfgan_train.common.errors import UserError
from tfgan_train.data.points import MIXTURES, RING_SIGMA, grid_means, ring_means
from tfgan_train.metrics import modes


@pytest.mark.parametrize("name, count", [("ring2d", 8), ("grid2d", 25)])
def test_mixture_itself_reaches_the_ceiling(name, count):
    make, sigma = MIXTURES[name]
    means = make()
    rng = np.random.default_rng(0)
    points = means[rng.integers(0, len(means), 50_000)] + rng.normal(0, sigma, (50_000, 2))
    covered, quality = modes.mixture_modes(points, means, sigma)
    assert covered.value == count == covered.details["of"]
    assert quality.value == pytest.approx(1 - np.exp(-4.5), abs=4 * quality.spread)  # Rayleigh within 3 sigma


def test_modes_count_only_high_quality_points():
    means = ring_means()
    points = np.concatenate([means[:3], means[3:5] * 1.02, means[5:] * 1.04])  # off by 2 and by 4 sigma
    covered, quality = modes.mixture_modes(points, means, RING_SIGMA)
    assert covered.value == 5 and quality.value == 5 / 8


def test_means_are_the_published_ones():
    np.testing.assert_allclose(np.linalg.norm(ring_means(), axis=1), 1)
    assert set(map(tuple, grid_means())) == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}


def test_uniform_stacked_digits_have_the_kl_of_26000_draws():
    classes = np.random.default_rng(0).integers(0, 10, (26_000, 3))
    covered, kl = modes.stacked_modes(classes)
    assert covered.value == 1000
    assert kl.value == pytest.approx(999 / (2 * 26_000), abs=0.002)  # (K - 1) / 2n


def test_collapsed_stacked_digits():
    covered, kl = modes.stacked_modes(np.tile([[1, 2, 3], [4, 5, 6]], (500, 1)))
    assert covered.value == 2
    assert kl.value == pytest.approx(np.log(500))


def test_spread_of_modes_is_the_scatter_of_repeated_experiments():
    rng = np.random.default_rng(0)
    share = np.full(1000, 0.001)
    results = [
        modes.stacked_modes(np.stack(np.unravel_index(rng.choice(1000, 3000, p=share), (10, 10, 10)), 1))[0]
        for _ in range(40)
    ]
    assert np.mean([r.spread for r in results]) == pytest.approx(np.std([r.value for r in results]), rel=0.5)


def test_bad_shapes_are_said():
    with pytest.raises(UserError, match=r"\[n, 2\]"):
        modes.mixture_modes(np.zeros((5, 3)), ring_means(), 0.01)
    with pytest.raises(UserError, match="0..9"):
        modes.stacked_modes(np.full((5, 3), 10))
