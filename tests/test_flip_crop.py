"""Random flips and crops: whole pixels of the image, the same for a step however it is reached."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train.common.errors import UserError
from tfgan_train.ops.flip_crop import flip_crop
from tfgan_train.ops.random import Draw
from tfgan_train.training.validation import validate_with_data

COUNT, HEIGHT, WIDTH, PADDING = 400, 7, 8, 2
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, HEIGHT, WIDTH, 3)).astype(np.float32)


def _draw(step=3, offset=0, count=COUNT):
    return Draw(7, step, COUNT, offset, count)


def _candidates(image, flip, padding):
    """Every image that may come of one, by NumPy's own padding."""
    found = {}
    for mirrored in (False, True) if flip else (False,):
        padded = np.pad(image[:, ::-1] if mirrored else image, [(padding,) * 2] * 2 + [(0, 0)], "reflect")
        for y in range(2 * padding + 1):
            for x in range(2 * padding + 1):
                found[padded[y : y + HEIGHT, x : x + WIDTH].tobytes()] = (mirrored, y, x)
    return found


@pytest.mark.parametrize("flip, padding", [(True, 0), (False, PADDING), (True, PADDING)])
def test_all_places_come_equally_often(flip, padding):
    changed = flip_crop(tf.constant(IMAGES), flip, padding, _draw()).numpy()
    chosen = [_candidates(one, flip, padding)[other.tobytes()] for one, other in zip(IMAGES, changed, strict=True)]
    for drawn, values in zip(np.transpose(chosen), (1 + flip, 2 * padding + 1, 2 * padding + 1), strict=True):
        counts = np.bincount(drawn, minlength=values)
        assert len(counts) == values
        np.testing.assert_allclose(counts, COUNT / values, atol=4 * np.sqrt(COUNT / values))


def test_another_step_draws_anew_and_a_replica_draws_its_part():
    whole = flip_crop(tf.constant(IMAGES), True, PADDING, _draw()).numpy()
    np.testing.assert_array_equal(flip_crop(tf.constant(IMAGES), True, PADDING, _draw()).numpy(), whole)
    assert (flip_crop(tf.constant(IMAGES), True, PADDING, _draw(4)).numpy() != whole).any()
    part = flip_crop(tf.constant(IMAGES[100:150]), True, PADDING, _draw(offset=100, count=50)).numpy()
    np.testing.assert_array_equal(part, whole[100:150])


def _losses(rows):
    return [row["d_loss"] for row in rows]


@pytest.mark.slow
def test_training_that_goes_on_at_a_step_sees_what_it_would_have_seen():
    changes = dict(flip=True, crop_padding=2, seed=5)
    whole, first = tiny.Training(**changes), tiny.Training(**changes)
    expected = _losses(whole.run(4))
    np.testing.assert_allclose(_losses(first.run(1) + first.run(3)), expected, rtol=1e-5)
    assert np.abs(np.subtract(_losses(tiny.Training(seed=5).run(4)), expected)).max() > 1e-3


def test_what_cannot_be_cut_is_one_line():
    class Small:
        count, image_shape, num_classes, attributes, name = 100, (16, 16, 1), 3, (), "noise"

    with pytest.raises(UserError, match="--crop_padding=16 .*legal: 0 to 15"):
        validate_with_data(tiny.config(crop_padding=16), Small, 1)
    Small.image_shape = (1, 1, 2)
    with pytest.raises(UserError, match="--flip and --crop_padding are for pictures"):
        validate_with_data(tiny.config(flip=True), Small, 1)
