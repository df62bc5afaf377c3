"""How ADA steers its probability, against closed forms; its place in the step."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import Config
from tfgan_train.objective import ada
from tfgan_train.objective.losses import LOSSES
from tfgan_train.training.step_metrics import columns
from tfgan_train.training.validation import validate


def _p(steering):
    return float(steering.probability.numpy())


def test_p_goes_from_0_to_1_and_back_in_so_many_images():
    steering = ada.AdaptiveProbability(target=0.6, images=2560)
    found = []
    for signs in [1.0] * 48 + [0.5] * 28:  # 64 images each
        steering.observe(tf.fill([64], signs), 64)
        found.append(_p(steering))
    rising = [min(1.0, (i // 4) * 0.1) for i in range(1, 49)]
    falling = [1.0 - (i // 4) * 0.1 for i in range(1, 29)]
    np.testing.assert_allclose(found, rising + falling, atol=1e-6)


def test_p_never_falls_below_0_and_stays_where_the_target_is_met():
    steering = ada.AdaptiveProbability(target=0.5, images=2560)
    for _ in range(8):
        steering.observe(tf.fill([64], -1.0), 64)
    assert _p(steering) == 0.0
    steering.probability.assign(0.3)
    for sign in (1.0, 0.0) * 4:
        steering.observe(tf.fill([64], sign), 64)
    assert _p(steering) == pytest.approx(0.3)


def test_batches_that_do_not_divide_256_move_p_by_what_they_hold():
    steering = ada.AdaptiveProbability(target=0.6, images=10_000)
    moved = 0
    for i in range(1, 21):
        steering.observe(tf.ones([100]), 100)
        moved += 300 if i % 3 == 0 else 0
        assert _p(steering) == pytest.approx(moved / 10_000)
    assert float(steering.seen.numpy()) == 200 and float(steering.sign_sum.numpy()) == 200


def test_the_sign_is_taken_at_the_losss_threshold():
    real, fake = tf.constant([2.0, 0.3, -1.0, 0.7]), tf.constant([-5.0, -1.0, 0.0, 1.0])
    assert ada.real_signs(LOSSES["non_saturating"], real, fake).numpy().tolist() == [1, 1, -1, 1]
    assert ada.real_signs(LOSSES["least_squares"], real, fake).numpy().tolist() == [1, -1, -1, 1]


def test_a_relativistic_ds_sign_is_that_of_logits_without_their_free_constant():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(1, 1, 4000), rng.normal(-1, 1, 4000)
    expected = np.sign(real).mean()  # the middle is 0
    for constant in (0.0, 7.0):
        signs = ada.real_signs(
            LOSSES["relativistic"],
            tf.constant(real + constant, tf.float32),
            tf.constant(fake + constant, tf.float32),
        )
        assert float(tf.reduce_mean(signs)) == pytest.approx(expected, abs=0.02)
    # A D that tells nothing scores 0, one that tells all 1.
    same = tf.constant(rng.normal(5, 1, 4000), tf.float32)
    other = tf.constant(rng.normal(5, 1, 4000), tf.float32)
    assert abs(float(tf.reduce_mean(ada.real_signs(LOSSES["wasserstein"], same, other)))) < 0.05
    assert float(tf.reduce_mean(ada.real_signs(LOSSES["wasserstein"], same + 50.0, other))) == 1.0


def test_each_head_of_d_has_a_middle_of_its_own():
    real = tf.constant([[1.0, 101.0], [-1.0, 101.0], [1.0, 99.0], [1.0, 101.0]])
    fake = tf.constant([[-1.0, 99.0]] * 4)
    assert ada.real_signs(LOSSES["relativistic"], real, fake).numpy().tolist() == [1, 0, 0, 1]


def test_a_step_sees_through_the_p_it_began_with_and_reports_it(eagerly):
    training = tiny.Training(augment="ada", ada_images=2560, ada_target=-1.0)
    names = columns(training.config)
    assert names[-2:] == ("augment_probability", "real_sign")
    training.gan.ada.probability.assign(0.25)
    training.gan.ada.seen.assign(250.0)
    row = training._step.run(tiny.indices(training.config, 1), False).numpy()[0]
    assert row[names.index("augment_probability")] == pytest.approx(0.25)
    batch = training.config.batch_size
    assert _p(training.gan.ada) == pytest.approx(0.25 + (250 + batch) / 2560, abs=1e-6)
    assert -1 <= row[names.index("real_sign")] <= 1


def test_a_checkpoint_holds_it():
    training = tiny.Training(augment="flip,ada")
    held = training.gan.variables()
    assert all(any(variable is one for one in held) for variable in training.gan.ada.state().values())
    assert tiny.Training(augment="flip").gan.ada is None


@pytest.mark.parametrize(
    "given, said",
    [
        ({"augment": "adda"}, "--augment: 'adda'; did you mean ada"),
        ({"augment": "ada", "augment_probability": 0.5}, "--augment_probability would do nothing.*geometry,color"),
        ({"augment": "geometry", "augment_probability": 1.5}, "--augment_probability=1.5 must be from 0"),
        ({"augment": "ada", "ada_target": 2.0}, "--ada_target=2.0 must be from -1"),
        ({"augment": "ada", "ada_images": 0}, "--ada_images=0 must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(given, said):
    with pytest.raises(UserError, match=said) as caught:
        validate(Config(recipe="smoke", **given))
    assert "\n" not in str(caught.value)
