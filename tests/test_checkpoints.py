"""Checkpoints hold everything, appear whole, and what was cut short is passed over."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train.common.errors import UserError
from tfgan_train.models.variables import named
from tfgan_train.runs import checkpoints
from tfgan_train.training.gan import Gan


def _gan(**changes):
    return Gan(tiny.config(**changes), tiny.facts())


def _randomise(gan, seed: int):
    for i, variable in enumerate(tiny.variables(gan).values()):
        noise = tf.random.stateless_uniform(variable.shape, [seed, i], 1, 1000, tf.int32)
        variable.assign(tf.cast(noise, variable.dtype))


def _values(gan):
    return {name: variable.numpy() for name, variable in tiny.variables(gan).items()}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"architecture": "mlp", "conditional": True, "g_depth": 3},
        {"architecture": "resnet", "conditional": True, "d_norm": "spectral"},
        {"architecture": "r3gan", "conditional": True},
        {"architecture": "style", "conditional": True},
        {"ema_half_life": 0.0},
        {"historical_averaging": 1.0},
        {
            "d_norm": "spectral",
            "norm_placement": "before",
            "g_final_conv": True,
            "d_dense": 3,
            "minibatch_discrimination": 2,
        },
        {"g_optimizer": "rmsprop", "d_optimizer": "sgd", "conditional": True, "d_conditioning": "concat"},
    ],
)
def test_every_variable_comes_back(changes, tmp_path):
    gan, other = _gan(**changes), _gan(**changes)
    _randomise(gan, 1)
    checkpoints.save(tmp_path, gan.state(), 7, {"some": [1.5]}, 3)
    found = checkpoints.latest(tmp_path)
    assert (found.step, found.extra) == (7, {"some": [1.5]})
    checkpoints.restore(found, other.state())
    expected = _values(gan)
    for name, value in _values(other).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_parts_can_be_read_alone(tmp_path):
    gan, other = _gan(), _gan()
    _randomise(gan, 1)
    checkpoints.save(tmp_path, gan.state(), 1, {}, 3)
    before = _values(other)
    checkpoints.restore_part(checkpoints.latest(tmp_path), ema_generator=named(other.generator))
    for mine, expected in zip(other.generator.variables, gan.ema_generator.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), expected.numpy())
    assert all(
        np.array_equal(value, before[name]) for name, value in _values(other).items() if not name.startswith("g/")
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"g_width": 5},
        {"historical_averaging": 1.0},
        {"d_optimizer": "sgd"},
        {"architecture": "mlp"},
        {"g_final_conv": True},
    ],
)
def test_a_checkpoint_of_other_networks_is_refused(changes, tmp_path):
    checkpoints.save(tmp_path, _gan().state(), 1, {}, 3)
    with pytest.raises(UserError, match="doesn't fit the run's networks"):
        checkpoints.restore(checkpoints.latest(tmp_path), _gan(**changes).state())


# --- on disk

STATE = {"x": tf.Variable(1.0)}


def _save(folder, *steps, keep=3):
    for step in steps:
        checkpoints.save(folder, STATE, step, {}, keep)


def _steps(found):
    return [one.step for one in found]


def test_the_newest_stay(tmp_path):
    _save(tmp_path, 5, 10, 15, 20)
    assert _steps(checkpoints.intact(tmp_path)) == [10, 15, 20]
    assert sorted(os.listdir(tmp_path)) == ["00000010", "00000015", "00000020"]


def _cut(folder):
    os.truncate(folder / "weights.data-00000-of-00001", 2)


def _no_meta(folder):
    (folder / "checkpoint.json").unlink()


def _no_weights(folder):
    (folder / "weights.index").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _no_meta,
        _no_weights,
        *(
            lambda folder, text=text: (folder / "checkpoint.json").write_text(text)
            for text in ("", "{", "[]", "3", "{}", '{"step": 3, "sha256": null, "extra": {}}')
        ),
    ],
)
def test_whatever_is_damaged_is_passed_over(damage, tmp_path):
    _save(tmp_path, 1, 2, 3)
    damage(tmp_path / "00000003")
    assert checkpoints.latest(tmp_path).step == 2
    assert _steps(checkpoints.intact(tmp_path)) == [1, 2]
    assert checkpoints.set_damaged_aside(tmp_path) == [tmp_path / "00000003"]
    assert sorted(os.listdir(tmp_path)) == ["00000001", "00000002", "damaged-00000003"]


def test_damaged_ones_push_no_good_one_out(tmp_path):
    _save(tmp_path, 10, 20, 30, 40, keep=4)
    for step in (20, 30, 40):
        _cut(tmp_path / f"{step:08d}")
    assert len(checkpoints.set_damaged_aside(tmp_path)) == 3
    _save(tmp_path, 15, 20, keep=2)
    assert _steps(checkpoints.intact(tmp_path)) == [15, 20]
    _cut(tmp_path / "00000020")  # once more
    assert checkpoints.set_damaged_aside(tmp_path) == [tmp_path / "00000020"]


def test_a_step_can_be_written_again(tmp_path):
    _save(tmp_path, 1, 2)
    checkpoints.save(tmp_path, {"x": tf.Variable(5.0)}, 2, {"again": True}, 3)
    found = checkpoints.latest(tmp_path)
    assert found.extra == {"again": True}
    x = tf.Variable(0.0)
    checkpoints.restore(found, {"x": x})
    assert x.numpy() == 5.0


def test_what_a_killed_process_was_writing_is_no_checkpoint_and_is_cleared(tmp_path):
    _save(tmp_path, 1)
    (tmp_path / ".writing-00000002").mkdir()
    (tmp_path / ".writing-00000002" / "weights.index").write_text("half")
    assert checkpoints.latest(tmp_path).step == 1
    checkpoints.finish_interrupted(tmp_path)
    assert os.listdir(tmp_path) == ["00000001"]


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_kill_between_the_two_renames_of_a_replacement_loses_nothing(tmp_path, interrupted):
    checkpoints.write(tmp_path / "best", STATE, 3, {"value": 1.0})
    if interrupted:
        (tmp_path / "best").rename(tmp_path / ".replaced-best")
    else:
        (tmp_path / ".replaced-best").mkdir()
    checkpoints.finish_interrupted(tmp_path)
    assert checkpoints.read(tmp_path / "best").step == 3 and os.listdir(tmp_path) == ["best"]


def test_there_may_be_none(tmp_path):
    assert checkpoints.latest(tmp_path) is None and checkpoints.latest(tmp_path / "nowhere") is None
    assert checkpoints.intact(tmp_path) == [] == checkpoints.set_damaged_aside(tmp_path)


def test_one_that_cannot_be_written_leaves_the_others(tmp_path, monkeypatch):
    _save(tmp_path, 1)
    monkeypatch.setattr(
        checkpoints, "write_json", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(UserError, match="step 2 .*No space left on device.*earlier checkpoints are kept"):
        _save(tmp_path, 2)
    monkeypatch.undo()
    assert _steps(checkpoints.intact(tmp_path)) == [1]
    assert os.listdir(tmp_path) == ["00000001"]


def test_its_facts_are_plain_json(tmp_path):
    _save(tmp_path, 4)
    meta = json.loads((tmp_path / "00000004" / "checkpoint.json").read_text())
    assert meta["step"] == 4 and set(meta["sha256"]) == {"weights.index", "weights.data-00000-of-00001"}


def test_two_threads_write_two_checkpoints_at_once(tmp_path, monkeypatch):
    """The best one is written while another thread drops what is beyond the newest."""
    state = {"x": tf.Variable(1.0)}
    hash_of, begun = checkpoints.sha256, []

    def while_another_is_saved(path):
        if ".writing-best" in str(path) and not begun:
            begun.append(path)
            checkpoints.save(tmp_path, state, 2, {}, keep=1)
        return hash_of(path)

    monkeypatch.setattr(checkpoints, "sha256", while_another_is_saved)
    checkpoints.write(tmp_path / "best", state, 1, {})
    assert begun and checkpoints.read(tmp_path / "best").step == 1 and checkpoints.latest(tmp_path).step == 2
