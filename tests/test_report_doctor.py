"""The doctor on made streams of rows: what must be said, when, how often, and what must not."""

import json
import re

import numpy as np
import pytest

from tfgan_train.config.fields import FIELDS, Config
from tfgan_train.doctor.doctor import Doctor
from tfgan_train.doctor.rules import SIGNS
from tfgan_train.training.validation import validate

HEALTHY = {
    "d_loss": 1.1,
    "g_loss": 0.9,
    "d_accuracy": 0.7,
    "g_grad_norm": 1.0,
    "d_grad_norm": 2.0,
    "real_logits": 0.5,
    "fake_logits": -0.5,
    "g_lr": 1e-3,
    "d_lr": 1e-3,
}


def _train(step, **changes):
    return {"kind": "train", "step": step, **HEALTHY, **changes}


def _samples(step, **values):
    return {"kind": "samples", "step": step, **values}


def _told(rows, paired=False):
    """(step, sign) of everything said."""
    doctor = Doctor(paired)
    return [(row["step"], finding.sign) for row in rows for finding in doctor.observe(row)]


def _signs(rows, paired=False):
    return [sign for _, sign in _told(rows, paired)]


def _noisy_run(seed, steps=6000, every=50):
    """A healthy run: noise round steady values, a strong D at first, gradients that vary tenfold."""
    random = np.random.default_rng(seed)
    for step in range(every, steps + 1, every):
        early = step <= 1000
        yield _train(
            step,
            d_accuracy=0.999 if early else 0.75 + 0.1 * random.random(),
            d_loss=0.05 if early else 0.8 * np.exp(0.3 * random.normal()),
            g_loss=(5.0 if early else 2.0) * np.exp(0.4 * random.normal()),
            g_grad_norm=5 * np.exp(0.6 * random.normal()),
            d_grad_norm=5 * np.exp(0.8 * random.normal()),
        )


@pytest.mark.parametrize("seed", range(5))
def test_silent_on_a_healthy_run(seed):
    rows = list(_noisy_run(seed))
    for step in range(0, 6001, 200):
        share = 0.05 if step < 600 else 0.7
        rows.append(
            _samples(
                step,
                pairwise_distance=share * 2000,
                pairwise_distance_real=2000,
                train_real_logits=1.0,
                heldout_real_logits=0.8,
                sample_logits=-1.0,
                class_histogram=[7, 5, 6, 6, 8, 4, 7, 6, 8, 7],
            )
        )
    assert _told(sorted(rows, key=lambda row: row["step"])) == []


def test_accuracy_stuck_and_gradient_vanished():
    rows = [_train(step, d_accuracy=1.0, g_grad_norm=1.0 if step <= 300 else 0.001) for step in range(50, 1001, 50)]
    ((step, sign),) = _told(rows)
    assert sign == "d_overpowers_g" and 350 < step <= 600


def test_accuracy_stuck_and_loss_hopeless():
    rows = [_train(step, d_accuracy=0.999, g_loss=14.0) for step in range(50, 2001, 50)]
    assert _told(rows) == [(500, "d_overpowers_g")]


@pytest.mark.parametrize("every", [1, 10, 50, 400])
def test_accuracy_alone_must_last_six_thousand_steps_however_often_it_is_logged(every):
    rows = [_train(step, d_accuracy=0.995) for step in range(every, 7201, every)]
    ((step, sign),) = _told(rows)
    assert sign == "d_overpowers_g" and 6000 <= step <= 6000 + 2 * every


def test_told_once_an_episode_and_again_after_a_recovery():
    course = [0.999] * 60 + [0.97] * 40 + [0.999] * 60 + [0.7] * 20 + [0.999] * 60
    rows = [_train(50 * index, d_accuracy=accuracy, g_loss=12.0) for index, accuracy in enumerate(course, 1)]
    told = _told(rows)
    # 0.97 is between the two thresholds: the episode goes on. 0.7 ends it.
    assert [sign for _, sign in told] == ["d_overpowers_g"] * 2
    assert told[1][0] > 50 * 180


@pytest.mark.parametrize(
    "rows",
    [
        [_train(step, d_accuracy=1.0, g_loss=-300.0, d_loss=-80.0) for step in range(50, 7001, 50)],
        [
            _train(step, d_accuracy=1.0, g_loss=15.0, g_grad_norm=1e-6 if step > 500 else 1.0)
            for step in range(50, 5001, 50)
        ],
    ],
)
def test_accuracy_and_loss_of_paired_logits_mean_nothing(rows):
    assert _told(rows, paired=True) == []
    assert "d_overpowers_g" in _signs(rows, paired=False)


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("network", ["g", "d"])
def test_exploding_gradients(network, paired):
    rows = [
        _train(step, **{f"{network}_grad_norm": 2.0 * (1.01 ** max(0, step - 1000))}) for step in range(50, 2501, 50)
    ]
    told = _told(rows, paired)
    assert [sign for _, sign in told] == [f"{network}_diverges"]
    # 1.01^463 = 100; the median of five rows follows two rows, 100 steps, later.
    assert 1463 <= told[0][0] <= 1650


def test_one_wild_row_is_no_divergence():
    rows = [
        _train(step, g_grad_norm=1e5 if step == 2000 else 1.0, g_loss=1e4 if step == 2000 else 1.0)
        for step in range(50, 4001, 50)
    ]
    assert _told(rows) == []


@pytest.mark.parametrize("network,level", [("d", 15.0), ("g", 400.0), ("g", -400.0)])
def test_loss_that_has_grown(network, level):
    rows = [_train(step, **{f"{network}_loss": 1.0 if step < 1000 else level}) for step in range(50, 2001, 50)]
    assert _signs(rows) == [f"{network}_diverges"]


def test_swinging_loss():
    swinging = [_train(50 * index, g_loss=9.0 if index % 4 < 2 else 0.2) for index in range(1, 60)]
    drifting = [_train(50 * index, g_loss=9.0 if index < 30 else 0.2) for index in range(1, 60)]
    assert _signs(swinging) == ["g_diverges"]
    assert _signs(drifting) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_values_that_are_not_finite_are_told_at_once(value):
    rows = [_train(50), _train(100, g_loss=value), _train(150, g_loss=value)]
    assert _told(rows) == [(100, "not_finite")]


def test_samples_that_look_alike():
    alike = [_samples(step, pairwise_distance=30.0, pairwise_distance_real=2000.0) for step in range(0, 4001, 200)]
    assert _told(alike) == [(1000, "mode_collapse")]
    brief = [
        _samples(step, pairwise_distance=30.0 if step < 800 else 500.0, pairwise_distance_real=2000.0)
        for step in range(0, 4001, 200)
    ]
    assert _told(brief) == []


def test_variety_that_falls_against_its_best_and_returns():
    course = [0.9] * 10 + [0.3] * 6 + [0.5] * 4 + [0.9] * 4 + [0.3] * 6
    rows = [
        _samples(500 * index, pairwise_distance=2000.0 * share, pairwise_distance_real=2000.0)
        for index, share in enumerate(course)
    ]
    assert _told(rows) == [(500 * 12, "mode_collapse"), (500 * 26, "mode_collapse")]


def test_noise_at_the_start_is_no_variety_to_fall_from():
    rows = [
        _samples(step, pairwise_distance=2000.0 if step < 1000 else 700.0, pairwise_distance_real=2000.0)
        for step in range(0, 6001, 200)
    ]
    assert _told(rows) == []


def test_class_histogram_that_narrows():
    rows = [
        _samples(500 * index, class_histogram=[10] * 10 if index < 8 else [60, 30, 10] + [0] * 7) for index in range(16)
    ]
    assert _told(rows) == [(500 * 10, "mode_collapse")]


def test_few_classes_are_no_collapse_while_a_slow_generator_starts():
    """As layers_mlp has them; a run that never has more is told all the same."""
    few, all_ten = [200, 40, 16] + [0] * 7, [26] * 10
    starting = [_samples(1000 * index, class_histogram=few if index < 25 else all_ten) for index in range(60)]
    stuck = [_samples(500 * index, class_histogram=few) for index in range(80)]
    assert _told(starting) == [] and _told(stuck) == [(30_000, "mode_collapse")]


def test_held_out_images_taken_for_fakes():
    def row(step, held_out):
        return _samples(step, train_real_logits=3.0, heldout_real_logits=held_out, sample_logits=-2.0)

    rows = [row(500 * index, 3.0 - 0.5 * index) for index in range(10)]
    # r_v = index / 10: the third row at 0.5 or above is index 7.
    assert _told(rows) == [(3500, "d_overfits")]
    assert (
        _told(
            [
                _samples(500 * index, train_real_logits=0.1, heldout_real_logits=-0.05, sample_logits=0.0)
                for index in range(10)
            ]
        )
        == []
    )


def test_ada_is_named_where_d_overfits_and_left_in_peace_while_it_rises():
    def rows(p):
        for index in range(12):
            step = 500 * index
            yield _train(step, **({} if p is None else {"augment_probability": p(index)}))
            yield _samples(step, train_real_logits=3.0, heldout_real_logits=-1.0, sample_logits=-2.0)

    def said(p):
        doctor = Doctor()
        return [finding for row in rows(p) for finding in doctor.observe(row)]

    (without,) = said(None)
    assert "--augment=flip,ada" in without.remedy and "ADA" not in without.message
    assert said(lambda index: 0.05 * index) == []
    (settled,) = said(lambda index: 0.25)
    assert "p = 0.25" in settled.message and "a lower --ada_target" in settled.remedy
    (spent,) = said(lambda index: min(1.0, 0.3 + 0.1 * index))
    assert "p = 0.80" in spent.message and "ada" not in spent.remedy


def test_rows_seen_again_after_a_resume_give_the_same_findings():
    rows = [_train(step, d_accuracy=0.999, g_loss=14.0 if step < 3000 else 1.0) for step in range(50, 6001, 50)]
    rows += [_samples(step, pairwise_distance=30.0, pairwise_distance_real=2000.0) for step in range(0, 6001, 400)]
    rows.sort(key=lambda row: row["step"])
    whole = _told(rows)
    resumed = Doctor()
    for row in json.loads(json.dumps(rows[:70])):
        resumed.observe(row)
    later = [(row["step"], finding.sign) for row in rows[70:] for finding in resumed.observe(row)]
    assert later == [one for one in whole if one[0] > rows[69]["step"]]
    assert whole


def test_rows_of_other_kinds_and_short_runs_say_nothing():
    assert _told([{"kind": "eval", "step": 5, "fd": 3.0}, {"kind": "doctor", "step": 5}]) == []
    assert (
        _told([{"kind": "train", "step": 1, "d_loss": 1.0, "g_loss": 1.0, "g_grad_norm": 1.0, "d_grad_norm": 1.0}])
        == []
    )


def test_every_remedy_names_flags_that_exist_with_values_that_are_legal():
    doctor = Doctor()
    doctor.observe(_train(50))
    flags = {}
    for sign in SIGNS.values():
        words = sign.remedy(doctor._history)
        assert re.findall(r"--\w+", words)
        for name, value in re.findall(r"--(\w+)(?:=([\w.,-]+[\w]))?", words):
            assert name in FIELDS
            if value:
                validate(Config(**{"dataset": "mnist10k", "steps": 10, name: value}))
                flags[name] = value
    assert flags["d_lr"] == "0.00025" and {"augment", "minibatch_discrimination"} <= set(flags)
