"""Classifier score and class histogram against scipy and closed forms."""

import numpy as np
import pytest
from scipy.stats import entropy

from tfgan_train.common.errors import UserError
from tfgan_train.metrics import scores


def one_hot(labels, classes=10):
    return np.eye(classes)[labels]


def test_score_is_the_number_of_classes_for_sure_and_balanced_labels():
    result = scores.classifier_score(one_hot(np.tile(np.arange(10), 200)), splits=1)
    assert result.value == pytest.approx(10, rel=1e-9)


def test_score_is_one_for_one_class_and_for_no_opinion():
    assert scores.classifier_score(one_hot(np.zeros(200, int))).value == pytest.approx(1)
    assert scores.classifier_score(np.full((200, 10), 0.1)).value == pytest.approx(1)


def test_score_agrees_with_scipy_entropy():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(7, 0.3), 500)
    order = np.random.default_rng(0).permutation(500)
    parts = [np.exp(np.mean([entropy(row, part.mean(axis=0)) for row in part])) for part in np.split(p[order], 10)]
    result = scores.classifier_score(p)
    assert result.value == pytest.approx(np.mean(parts), rel=1e-9)
    assert result.spread == pytest.approx(np.std(parts), rel=1e-9)


def test_sorted_samples_score_as_shuffled_ones():
    """Samples sorted by class would put one class in each split and score 1."""
    assert scores.classifier_score(one_hot(np.sort(np.tile(np.arange(10), 100)))).value > 9


def test_class_kl_agrees_with_scipy():
    rng = np.random.default_rng(1)
    fake, real = rng.choice(4, 1000, p=[0.7, 0.1, 0.1, 0.1]), rng.choice(4, 1000)
    result = scores.class_kl(one_hot(fake, 4), one_hot(real, 4))
    expected = entropy(np.bincount(fake), np.bincount(real))
    assert result.value == pytest.approx(expected, rel=1e-9)
    assert result.details["histogram"] == pytest.approx(np.bincount(fake) / 1000)


def test_class_kl_spread_is_the_scatter_of_repeated_experiments():
    rng = np.random.default_rng(2)
    real = one_hot(np.arange(1000) % 4, 4)
    results = [scores.class_kl(one_hot(rng.choice(4, 500, p=[0.4, 0.3, 0.2, 0.1]), 4), real) for _ in range(60)]
    assert np.mean([r.spread for r in results]) == pytest.approx(np.std([r.value for r in results]), rel=0.3)


def test_dropped_class_shows():
    fake = one_hot(np.arange(900) % 9)
    result = scores.class_kl(fake, one_hot(np.arange(1000) % 10))
    assert result.value == pytest.approx(np.log(10 / 9), rel=1e-9)
    assert result.details["classes_hit"] == 9


def test_class_the_data_lack_stays_finite():
    result = scores.class_kl(one_hot(np.full(100, 3), 4), one_hot(np.arange(90) % 3, 4))
    assert 3 < result.value < np.inf


def test_not_probabilities():
    with pytest.raises(UserError, match="sum to 1"):
        scores.classifier_score(np.ones((100, 3)))
