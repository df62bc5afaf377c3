import functools

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import Config
from tfgan_train.objective import losses
from tfgan_train.objective.objective import Objective

_REAL = np.array([-1e4, -30.0, -1.5, 0.0, 0.3, 1.0, 25.0, 1e4])
_FAKE = np.array([1e4, 2.0, -0.7, 0.0, 0.3, -1.0, -40.0, -1e4])


def _log_sigmoid(x):
    """float64, exact where float32 has already rounded to 0 or 1."""
    return scipy.special.log_expit(x)


# name -> what D minimises, what G minimises; written with the papers' probabilities in float64
_CLOSED_FORMS = {
    "minimax": (lambda r, f: -_log_sigmoid(r) - _log_sigmoid(-f), lambda r, f: _log_sigmoid(-f)),
    "non_saturating": (lambda r, f: -_log_sigmoid(r) - _log_sigmoid(-f), lambda r, f: -_log_sigmoid(f)),
    "least_squares": (lambda r, f: ((r - 1) ** 2 + f**2) / 2, lambda r, f: (f - 1) ** 2 / 2),
    "wasserstein": (lambda r, f: f - r, lambda r, f: -f),
    "hinge": (lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f), lambda r, f: -f),
    "relativistic": (lambda r, f: -_log_sigmoid(r - f), lambda r, f: -_log_sigmoid(f - r)),
}


def _float32(values):
    return tf.constant(values, tf.float32)


def _slope(function, x, size=1e-4):
    return (function(x + size) - function(x - size)) / (2 * size)


def test_every_loss_has_a_closed_form_here():
    assert set(_CLOSED_FORMS) == set(losses.LOSSES)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_values_equal_the_closed_form_at_any_logit(name):
    loss = losses.LOSSES[name]
    for ours, expected in zip((loss.d, loss.g), _CLOSED_FORMS[name], strict=True):
        value = ours(_float32(_REAL), _float32(_FAKE)).numpy()
        assert value.shape == _REAL.shape
        np.testing.assert_allclose(value, expected(_REAL, _FAKE), rtol=2e-6, atol=1e-30)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_gradients_equal_finite_differences_of_the_closed_form(name):
    loss = losses.LOSSES[name]
    real = np.array([-3.0, -1.1, 0.2, 0.4, 2.5])  # off the hinge's corners
    fake = np.array([2.0, -0.6, 0.1, 0.9, -4.0])
    for ours, expected in zip((loss.d, loss.g), _CLOSED_FORMS[name], strict=True):
        inputs = [_float32(real), _float32(fake)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = ours(*inputs)
        to_real, to_fake = tape.gradient(value, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        np.testing.assert_allclose(to_real, _slope(lambda r, f=expected: f(r, fake), real), atol=1e-5)
        np.testing.assert_allclose(to_fake, _slope(functools.partial(expected, real), fake), atol=1e-5)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_gradients_are_finite_at_huge_logits_and_pull_the_right_way(name):
    loss = losses.LOSSES[name]
    inputs = [_float32(_REAL), _float32(_FAKE)]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        d = loss.d(*inputs)
        g = loss.g(*inputs)
    d_real, d_fake = tape.gradient(d, inputs)
    g_fake = tape.gradient(g, inputs[1])
    for gradient in (d_real, d_fake, g_fake):
        assert np.all(np.isfinite(gradient))
    # The first example is judged as wrong as can be: D must raise real, lower fake. G must
    # raise the last, which D has found out; except minimax, whose gradient vanishes there.
    assert d_real[0] <= -1 and d_fake[0] >= 1
    assert g_fake[-1] == 0 if name == "minimax" else g_fake[-1] <= -1


@pytest.mark.parametrize("name", losses.LOSSES)
def test_uses_real_says_whether_g_looks_at_real_logits(name):
    loss = losses.LOSSES[name]
    fake = _float32([0.5, -1.0])
    real = _float32([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(real)
        value = loss.g(real, fake)
    assert (tape.gradient(value, real) is not None) == loss.uses_real
    if not loss.uses_real:
        np.testing.assert_array_equal(loss.g(None, fake), value)


@pytest.mark.parametrize("name", [name for name, loss in losses.LOSSES.items() if loss.has_targets])
def test_targets_are_scalars_or_one_per_example(name):
    d = losses.LOSSES[name].d
    real, fake = _float32([-1e4, 0.5, 3.0]), _float32([2.0, -1.0, 1e4])
    real_target, fake_target = np.array([0.9, 0.0, 1.0]), 0.1
    value = d(real, fake, real_target=_float32(real_target), fake_target=fake_target)
    r, f = real.numpy().astype(float), fake.numpy().astype(float)
    if name == "least_squares":
        expected = ((r - real_target) ** 2 + (f - fake_target) ** 2) / 2
    else:
        expected = -(
            real_target * _log_sigmoid(r)
            + (1 - real_target) * _log_sigmoid(-r)
            + fake_target * _log_sigmoid(f)
            + (1 - fake_target) * _log_sigmoid(-f)
        )
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_cross_entropy_is_least_where_the_probability_is_the_target():
    logit = tf.Variable(np.float32(np.log(0.9 / 0.1)))
    with tf.GradientTape() as tape:
        value = losses.LOSSES["non_saturating"].d(logit, tf.constant(-1e4), real_target=0.9)
    assert abs(tape.gradient(value, logit).numpy()) < 1e-6


@pytest.mark.parametrize("name", [name for name, loss in losses.LOSSES.items() if not loss.has_targets])
def test_losses_without_targets_refuse_them(name):
    with pytest.raises(TypeError):
        losses.LOSSES[name].d(_float32([1.0]), _float32([0.0]), real_target=0.9)


def test_accuracy_by_threshold_and_by_pair():
    real, fake = _float32([2.0, 0.4, -1.0, 0.0]), _float32([3.0, 0.3, -2.0, 0.0])
    expected = {
        "non_saturating": ([1, 1, 0, 0.5], [0, 0, 1, 0.5]),
        "least_squares": ([1, 0, 0, 0], [0, 1, 1, 1]),
        "relativistic": ([0, 1, 1, 0.5], [0, 1, 1, 0.5]),
        "wasserstein": ([0, 1, 1, 0.5], [0, 1, 1, 0.5]),
    }
    for name, (real_correct, fake_correct) in expected.items():
        ours = losses.d_accuracy(losses.LOSSES[name], real, fake)
        np.testing.assert_array_equal(ours[0], np.float32(real_correct), err_msg=name)
        np.testing.assert_array_equal(ours[1], np.float32(fake_correct), err_msg=name)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_descending_d_raises_its_accuracy_and_descending_g_lowers_it(name):
    """The signs agree with each other: the losses say what the accuracy measures."""
    loss = losses.LOSSES[name]
    real, fake = tf.Variable([0.45, 0.5]), tf.Variable([0.55, 0.6])
    rate = 2.0

    def accuracy():
        return np.mean(losses.d_accuracy(loss, real, fake))

    before = accuracy()
    with tf.GradientTape() as tape:
        value = loss.d(real, fake)
    for variable, gradient in zip((real, fake), tape.gradient(value, [real, fake]), strict=True):
        variable.assign_sub(rate * gradient)
    assert accuracy() > before
    with tf.GradientTape() as tape:
        value = loss.g(real, fake)
    raised = fake - rate * tape.gradient(value, fake)
    assert np.all(raised > fake)


@pytest.mark.parametrize("name", [name for name, loss in losses.LOSSES.items() if loss.d_terms])
def test_weights_multiply_the_terms_of_real_images_and_of_fakes(name):
    """The closed form is a sum: its changes along one input are those of one term."""
    real, fake = np.array([-3.0, 0.2, 2.5]), np.array([2.0, 0.1, -4.0])
    weighed, closed = losses.LOSSES[name].weighed(0.5, 3.0), _CLOSED_FORMS[name][0]
    change = weighed.d(_float32(real), _float32(fake)) - weighed.d(_float32([0.0] * 3), _float32([0.0] * 3))
    of_real, of_fake = closed(real, 0 * fake) - closed(0 * real, 0 * fake), closed(0 * real, fake) - closed(0, 0)
    np.testing.assert_allclose(change, 0.5 * of_real + 3.0 * of_fake, atol=1e-5)
    at_zero = losses.LOSSES[name].weighed(2.0, 2.0).d(_float32([0.0]), _float32([0.0]))
    np.testing.assert_allclose(at_zero, 2 * closed(np.zeros(1), np.zeros(1)), rtol=1e-6)


def test_weights_are_a_runs_settings_where_the_loss_has_terms():
    loss = Objective.of(Config(loss="least_squares", real_weight=2.0, label_smoothing=0.1)).loss
    value = loss.d(_float32([0.0]), _float32([3.0]), real_target=0.9, fake_target=0.0)
    np.testing.assert_allclose(value, [2 * 0.5 * 0.9**2 + 0.5 * 3**2], rtol=1e-6)
    with pytest.raises(UserError, match="--fake_weight needs a loss with terms .*minimax, .*, not --loss=relativistic"):
        Objective.of(Config(loss="relativistic", fake_weight=0.5))
