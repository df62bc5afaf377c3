"""The memorisation tests fire on copies, are silent on new samples, and their p-values are honest."""

import numpy as np
import pytest
import scipy.stats

from tfgan_train.common.errors import UserError
from tfgan_train.metrics import distances, memorisation


def world(seed, n, dim=12):
    """Samples of one fixed mixture of five Gaussians."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(5, dim)) * 4
    return centres[rng.integers(0, 5, n)] + rng.normal(size=(n, dim))


def test_silent_on_new_samples():
    copying, preference = memorisation.measure(world(0, 800), world(1, 800), world(2, 800))
    assert abs(copying.value) < 3.5 * copying.spread and abs(preference.value) < 3.5 * preference.spread
    assert copying.details["copies"] is False and copying.details["verdict"] == "no sign of copying"


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_fires_on_a_memorised_training_set(share):
    train, fake = world(0, 800), world(2, 800)
    count = int(800 * share)
    fake[:count] = train[np.random.default_rng(3).integers(0, 800, count)] + np.random.default_rng(4).normal(
        0, 0.05, (count, 12)
    )
    copying, preference = memorisation.measure(train, world(1, 800), fake)
    assert copying.value < -3 and copying.details["p_value"] < 1e-6
    assert preference.value == pytest.approx(share, abs=0.12) and preference.details["p_value"] < 1e-6
    assert copying.details["copies"] is True and "copies" in copying.details["verdict"]


def test_smooth_samples_are_not_called_copies():
    """Samples at the centres of the modes are near everything, training images and others alike."""
    fake = world(2, 800)
    centres = np.random.default_rng(7).normal(size=(5, 12)) * 4
    fake = centres[distances.nearest(fake, centres)[1]] * 0.8 + fake * 0.2
    copying, preference = memorisation.measure(world(0, 800), world(1, 800), fake)
    assert copying.details["p_value"] < 1e-6  # nearer than held-out images are …
    assert preference.details["p_value"] > 1e-3  # … but no nearer to what was trained on
    assert copying.details["copies"] is False and "smooth" in copying.details["verdict"]


def test_collapse_to_a_few_points_is_not_called_copying():
    """900 samples of three points are three coins, not 900: they can't be evidence at the level that counts."""
    for seed in range(30):
        fake = np.repeat(world(100 + seed, 3), 300, axis=0)
        assert memorisation.measure(world(200 + seed, 300), world(300 + seed, 300), fake)[1].details["p_value"] > 0.01


def test_fires_on_a_few_memorised_images_among_many():
    train = world(0, 2000)
    fake = np.repeat(train[:100], 10, axis=0)
    copying, preference = memorisation.measure(train, world(1, 400), fake)
    assert copying.details["copies"] is True and preference.value == 1


def test_knowledge_of_the_training_images_shows_in_far_samples():
    train = world(0, 800)
    fake = train + np.random.default_rng(0).normal(0, 1.2, train.shape)
    copying, preference = memorisation.measure(train, world(1, 800), fake)
    assert copying.details["copies"] is False and copying.value > 0
    assert preference.details["p_value"] < 1e-6 and "knows its training images" in copying.details["verdict"]


def test_one_memorised_image_is_a_copy_though_one_coin_proves_nothing():
    train = world(0, 800)
    copying, preference = memorisation.measure(train, world(1, 800), np.repeat(train[5:6], 500, axis=0))
    assert preference.details["p_value"] > 0.01
    assert copying.details["near_copies"] == 1 and copying.details["copies"] is True


def test_sets_of_unequal_size_are_weighed():
    values = [memorisation.measure(world(s, 900), world(50 + s, 150), world(100 + s, 400))[1] for s in range(12)]
    mean = np.mean([v.value for v in values])
    assert abs(mean) < 3.5 * np.mean([v.spread for v in values]) / np.sqrt(12)


def test_p_values_are_uniform_by_chance():
    pairs = [memorisation.measure(world(3 * s, 250), world(3 * s + 1, 250), world(3 * s + 2, 250)) for s in range(40)]
    share = [preference.details["p_value"] for _, preference in pairs]
    assert scipy.stats.kstest(share, "uniform").pvalue > 1e-3


def test_other_mix_of_classes_is_not_mistaken_for_distance():
    """Cells compare like with like: dropping the wide modes alone must not look like copying."""
    rng = np.random.default_rng(0)

    def draw(n, wide):
        return np.where(wide[:, None], rng.normal(0, 3, (n, 6)) + 30, rng.normal(0, 1, (n, 6)))

    train, heldout = draw(2000, rng.random(2000) < 0.5), draw(2000, rng.random(2000) < 0.5)
    fake = draw(2000, rng.random(2000) < 0.1)
    copying, _ = memorisation.measure(train, heldout, fake)
    plain = memorisation.mann_whitney_z(distances.nearest(fake, train)[0], distances.nearest(heldout, train)[0])
    assert plain < -10 and abs(copying.value) < 3 and copying.details["p_value"] > 1e-3 and copying.details["cells"] > 1


@pytest.mark.parametrize("ties", [False, True])
def test_mann_whitney_agrees_with_scipy(ties):
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.2, 1, 80), rng.normal(0, 1, 70)
    if ties:
        x, y = np.round(x), np.round(y)
    expected = scipy.stats.mannwhitneyu(x, y, use_continuity=False, alternative="less", method="asymptotic")
    assert memorisation.normal_cdf(memorisation.mann_whitney_z(x, y)) == pytest.approx(expected.pvalue, rel=1e-9)


def test_nearest_agrees_with_scipy_and_copies_are_at_zero(monkeypatch):
    points, queries = world(0, 900), world(1, 700)
    queries[5] = points[800]
    monkeypatch.setattr(distances, "ELEMENTS", 512 * 64)  # several blocks
    distance, index = distances.nearest(queries, points)
    tree_distance, tree_index = scipy.spatial.cKDTree(points).query(queries)
    np.testing.assert_array_equal(index, tree_index)
    np.testing.assert_allclose(distance, tree_distance, rtol=1e-12)
    assert distance[5] == 0 and index[5] == 800


def test_too_few_is_said():
    with pytest.raises(UserError, match="held-out images"):
        memorisation.measure(world(0, 100), world(1, 10), world(2, 100))
