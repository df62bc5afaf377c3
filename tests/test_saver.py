"""Checkpoints written beside the training: of the step they were begun at, whole, and their errors are told."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfgan_train import Config, train
from tfgan_train.common.errors import UserError
from tfgan_train.runs import checkpoints
from tfgan_train.training.saver import Saver


def _stored(folder):
    reader = tf.train.load_checkpoint(checkpoints.latest(folder).prefix)
    names = [name for name in reader.get_variable_to_shape_map() if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]
    return {name: reader.get_tensor(name) for name in names}


@pytest.mark.parametrize("changes", [{}, {"historical_averaging": 1.0, "g_optimizer": "rmsprop", "d_optimizer": "sgd"}])
def test_a_copy_is_stored_as_the_state_itself(tmp_path, changes):
    gan = tiny.Training(**changes).gan
    checkpoints.save(tmp_path / "itself", gan.state(), 3, {}, 3)
    saver = Saver(tmp_path / "copy", 3)
    saver.begin(gan.state(), 3, {"some": 1})
    assert saver.wait() == 3 and saver.wait() is None and saver.ended() is None
    itself, copy = _stored(tmp_path / "itself"), _stored(tmp_path / "copy")
    assert itself.keys() == copy.keys() and len(itself) == len(gan.variables())
    for name, value in itself.items():
        assert value.dtype == copy[name].dtype
        np.testing.assert_array_equal(value, copy[name])
    checkpoints.restore(checkpoints.latest(tmp_path / "copy"), gan.state())


def test_what_training_changes_meanwhile_is_not_stored(tmp_path, monkeypatch):
    may_write, save = threading.Event(), checkpoints.save
    monkeypatch.setattr(checkpoints, "save", lambda *given: (may_write.wait(10), save(*given)))
    x = tf.Variable([1.0, 2.0])
    saver = Saver(tmp_path, 3)
    saver.begin({"x": x}, 5, {})
    x.assign_add([10.0, 10.0])
    assert saver.ended() is None
    may_write.set()
    assert saver.wait() == 5
    np.testing.assert_array_equal(_stored(tmp_path)["x/.ATTRIBUTES/VARIABLE_VALUE"], [1, 2])


@pytest.mark.parametrize("ask", [Saver.wait, lambda saver: (saver._thread.join(), saver.ended())])
def test_an_error_is_raised_where_the_loop_asks(tmp_path, monkeypatch, ask):
    monkeypatch.setattr(
        checkpoints, "write_json", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    saver = Saver(tmp_path, 3)
    saver.begin({"x": tf.Variable(1.0)}, 2, {})
    with pytest.raises(UserError, match="step 2 .*No space left on device"):
        ask(saver)
    assert saver.wait() is None
    saver.close()


def test_checkpoints_by_the_clock(tmp_path):
    settings = dict(recipe="smoke", architecture="mlp", g_width=4, d_width=4, batch_size=8, steps_per_loop=1, steps=4)
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), dtype=np.uint8)
    config = Config(**settings, run_dir=str(tmp_path / "run"), checkpoint_minutes=1e-9, keep_checkpoints=9)
    train(config, data=images)
    assert [found.step for found in checkpoints.intact(tmp_path / "run" / "checkpoints")] == [1, 2, 3, 4]
