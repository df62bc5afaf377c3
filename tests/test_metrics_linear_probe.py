"""The linear probe against scikit-learn's ridge classifier; the discriminator's figures by hand."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from tfgan_train.common.errors import UserError
from tfgan_train.metrics import discriminator
from tfgan_train.metrics.linear_probe import linear_probe
from tfgan_train.metrics.result import Result


def blobs(seed, n, dim=10, classes=4):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    centres = np.random.default_rng(5).normal(size=(classes, dim)) * 1.2
    return centres[labels] + rng.normal(size=(n, dim)), labels


def test_equals_scikit_learns_ridge_classifier():
    x, y = blobs(0, 500)
    xt, yt = blobs(1, 400)
    result = linear_probe(x, y, xt, yt)
    scaler = StandardScaler().fit(x)
    ridge = RidgeClassifier(alpha=result.details["strength"] * len(x)).fit(scaler.transform(x), y)
    assert result.value == pytest.approx(ridge.score(scaler.transform(xt), yt), abs=1e-12)


def test_constant_and_repeated_features_do_no_harm():
    x, y = blobs(0, 300)
    xt, yt = blobs(1, 300)
    plain = linear_probe(x, y, xt, yt).value

    def wide(a):
        return np.concatenate([a, np.full((len(a), 2), 7.0), a[:, :3]], axis=1)

    assert linear_probe(wide(x), y, wide(xt), yt).value == pytest.approx(plain, abs=0.02)


def test_no_information_is_chance():
    rng = np.random.default_rng(0)
    result = linear_probe(
        rng.normal(size=(500, 5)), rng.integers(0, 4, 500), rng.normal(size=(2000, 5)), rng.integers(0, 4, 2000)
    )
    assert result.value == pytest.approx(0.25, abs=0.05)


def test_one_class_is_said():
    with pytest.raises(UserError, match="two classes"):
        linear_probe(np.zeros((20, 2)), np.zeros(20, int), np.zeros((5, 2)), np.zeros(5, int))


def test_discriminator_figures_by_hand():
    train, heldout, fake = (
        np.array([1.0] * 9 + [-1.0]),
        np.array([1.0] * 6 + [-1.0] * 4),
        np.array([1.0] * 2 + [-1.0] * 8),
    )
    accuracy, gap = discriminator.measure(train, heldout, fake, 0.0)
    assert accuracy.value == pytest.approx((0.6 + 0.8) / 2) and gap.value == pytest.approx((0.9 - 0.6) / 2)
    moved = discriminator.measure(train + 0.5, heldout + 0.5, fake + 0.5, 0.5)
    assert moved[0].value == accuracy.value


def test_without_a_threshold_pairs_are_judged():
    rng = np.random.default_rng(0)
    heldout, fake = rng.normal(0.5, 1, 80).round(1), rng.normal(size=60).round(1)
    accuracy, _ = discriminator.measure(heldout, heldout, fake, None)
    labels = np.repeat([1, 0], [80, 60])
    assert accuracy.value == pytest.approx(roc_auc_score(labels, np.concatenate([heldout, fake])), abs=1e-12)


def test_discriminator_p_value_fires_only_when_it_knows_its_training_images():
    rng = np.random.default_rng(0)
    fresh = discriminator.measure(rng.normal(size=2000), rng.normal(size=2000), rng.normal(size=2000), 0.0)[1]
    known = discriminator.measure(rng.normal(0.5, 1, 2000), rng.normal(size=2000), rng.normal(size=2000), 0.0)[1]
    assert fresh.details["p_value"] > 0.01 and known.details["p_value"] < 1e-6


def test_result_json_has_no_nan():
    result = Result("x", float("nan"), float("inf"), "none", 3, "lower", details={"a": [1.0, float("-inf")]})
    assert result.to_json()["value"] is None and result.to_json()["spread"] is None
    assert result.to_json()["details"] == {"a": [1.0, None]}
