"""Nearest neighbours against the definition in whole numbers, image by image."""

import itertools

import numpy as np
import pytest

from tfgan_train.pictures import nearest


def _brute_force(samples, train):
    """Argmin of integer squared distances; numpy's argmin takes the first of equals."""
    squares = np.array([[np.sum((a.astype(np.int64) - b.astype(np.int64)) ** 2) for b in train] for a in samples])
    return squares.argmin(axis=1), np.sqrt(squares.min(axis=1))


def test_equals_brute_force():
    random = np.random.default_rng(0)
    samples = random.integers(0, 256, (13, 6, 5, 3), np.uint8)
    train = random.integers(0, 256, (57, 6, 5, 3), np.uint8)
    indices, distances = nearest.nearest(samples, train)
    expected_indices, expected_distances = _brute_force(samples, train)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-12)


def test_one_grey_level_in_a_bright_image_decides():
    # In float32 the squares, 2e8 here, could not tell these neighbours apart.
    sample = np.full((1, 64, 64, 1), 254, np.uint8)
    train = np.repeat(sample, 3, axis=0)
    train[0, 0, 0], train[1, 5, 5], train[2, 9, 9] = 252, 253, 252
    indices, distances = nearest.nearest(sample, train)
    assert indices.tolist() == [1] and distances.tolist() == [1.0]


def test_a_copy_is_at_exactly_zero():
    train = np.random.default_rng(3).integers(0, 256, (40, 9, 9, 3), np.uint8)
    indices, distances = nearest.nearest(train[[7, 31]], train)
    assert indices.tolist() == [7, 31] and distances.tolist() == [0.0, 0.0]


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="train"):
        nearest.nearest(np.zeros((1, 2, 2, 1), np.uint8), np.zeros((1, 3, 2, 1), np.uint8))
    with pytest.raises(ValueError, match="train"):
        nearest.nearest(np.zeros((1, 2, 2, 1), np.uint8), np.zeros((0, 2, 2, 1), np.uint8))


def test_pairwise_distance_is_the_mean_over_different_images():
    images = np.random.default_rng(2).integers(0, 256, (7, 4, 4, 1), np.uint8)
    pairs = [np.linalg.norm(a.astype(float) - b) for i, a in enumerate(images) for j, b in enumerate(images) if i != j]
    assert nearest.pairwise_distance(images) == pytest.approx(np.mean(pairs), rel=1e-12)
    assert nearest.pairwise_distance(np.repeat(images[:1], 5, axis=0)) == 0.0


def test_pair_picture_shows_each_sample_left_of_its_neighbour():
    samples = np.full((3, 28, 28, 1), 200, np.uint8)
    train = np.stack([np.full((28, 28, 1), level, np.uint8) for level in (90, 120)])
    picture = nearest.pair_picture(samples, train, np.array([1, 0, 1]), pairs_per_row=3)
    middle = picture[8 + 28, :, 0].astype(int)
    levels = [level for before, level in itertools.pairwise(middle) if level != before and level != 40]
    assert levels == [200, 120, 200, 90, 200, 120]


def test_facts_count_exact_copies():
    found = nearest.facts(np.array([4, 2, 9]), np.array([0.0, 30.0, 10.0]), 100, np.array([20.0, 40.0]))
    assert (found["exact_copies"], found["smallest"], found["median"]) == (1, 0.0, 10.0)
    assert (found["train_count"], found["held_out_median"], found["indices"]) == (100, 30.0, [4, 2, 9])
