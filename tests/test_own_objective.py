"""A user's own loss, penalty, augmentation and optimiser: by name from a module, and passed from Python."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import binaries, processes, tiny, two_replicas
from tfgan_train import Config, Loss, Penalty, UserError, evaluate, main, train
from tfgan_train.objective.keras_optimizer import Factory
from tfgan_train.objective.losses import LOSSES
from tfgan_train.objective.objective import Objective
from tfgan_train.training.validation import validate

MODULE = """
import keras
import tensorflow as tf
from tfgan_train import Loss, Penalty

HINGE = Loss(
    d=lambda real, fake: tf.nn.relu(1.0 - real) + tf.nn.relu(1.0 + fake),
    g=lambda real, fake: -fake,
)

def squares(critic, real, fake, draw):
    return tf.square(critic(real))

WEIGHED = Penalty(squares, passes=7)

def darker(x, draw):
    return x - draw.uniform((1, 1, 1), 0.0, 0.5)

def adam():
    return keras.optimizers.Adam(3e-4, beta_1=0.5)

NUMBER = 3
"""
SMALL = dict(recipe="smoke", architecture="mlp", g_width=4, d_width=4, steps=4, batch_size=8, train_examples=40)


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    name = f"users_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    return name


def _named(module):
    return dict(
        loss=f"python:{module}:HINGE",
        penalty=f"python:{module}:squares",
        augment=f"flip,python:{module}:darker",
        g_optimizer=f"python:{module}:adam",
        d_optimizer="python:keras.optimizers:SGD",
    )


@pytest.mark.slow
def test_named_objects_train_as_the_packages_own_do(module):
    row = tiny.Training(loss=f"python:{module}:HINGE", d_norm="none").run()[0]
    expected = tiny.Training(loss="hinge", d_norm="none").run()[0]
    assert row == expected
    objective = Objective.of(tiny.config(**_named(module)))
    assert objective.penalty.passes == 3 and [name for name, _ in objective.augmentations][0] == "flip"
    assert Objective.of(Config(recipe="smoke", penalty=f"python:{module}:WEIGHED")).penalty.passes == 7
    assert objective.g_lr == pytest.approx(3e-4) and objective.d_lr == Config(recipe="smoke").d_lr
    rows = tiny.Training(**_named(module)).run(2)
    assert all(np.isfinite(value) for row in rows for value in row.values()) and rows[0]["penalty"] > 0
    assert rows[1]["g_lr"] == pytest.approx(3e-4)


@pytest.mark.parametrize(
    "setting, name, message",
    [
        ("loss", "squares", "is a function, not a tfgan_train.Loss"),
        ("penalty", "NUMBER", "is a int, not a function"),
        ("augment", "NUMBER", "is a int, not a function"),
        ("g_optimizer", "HINGE", "is or returns a Loss, not a Keras optimizer"),
        ("loss", "HINGES", "did you mean HINGE"),
    ],
)
def test_something_else_is_one_line(setting, name, message, module):
    with pytest.raises(UserError, match=message) as raised:
        validate(Config(recipe="smoke", **{setting: f"python:{module}:{name}"}))
    assert f"--{setting}=python:{module}:{name}" in str(raised.value) and "\n" not in str(raised.value)


def test_float16_and_a_learning_rate_twice_are_refused(module, tmp_path):
    with pytest.raises(UserError, match="--precision=float16"):
        validate(Config(recipe="smoke", precision="float16", g_optimizer=f"python:{module}:adam"))
    with pytest.raises(UserError, match="--g_lr would do nothing here"):
        train(Config(**SMALL, run_dir=str(tmp_path / "run"), g_lr=1e-3), optimizer=keras.optimizers.Adam(1e-4))
    with pytest.raises(UserError, match="schedule of learning rates"):
        decay = keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.9)
        train(Config(**SMALL, run_dir=str(tmp_path / "run")), optimizer=keras.optimizers.Adam(decay))
    assert not (tmp_path / "run").exists()


def test_a_keras_optimizer_moves_weights_as_keras_itself_does():
    start, gradients = np.array([1.0, -2.0], np.float32), [np.array([0.5, 1.0], np.float32)] * 3
    ours, theirs = tf.Variable(start), tf.Variable(start)
    optimizer = Factory(lambda: keras.optimizers.AdamW(0.5, weight_decay=0.1), "it")([ours], None, "o")
    reference = keras.optimizers.AdamW(0.1, weight_decay=0.1)
    reference.build([theirs])
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], 0.1)
        reference.apply([tf.constant(gradient)])
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert optimizer.count.numpy() == 3


def check_replicas(strategy):
    """Two replicas that each have the summed gradient move as one does."""
    with strategy.scope():
        variable = tf.Variable([1.0, -2.0])
        optimizer = Factory(keras.optimizers.Adam, "it")([variable], None, "o")

    @tf.function(autograph=False)
    def step():
        strategy.run(lambda: optimizer.apply([tf.constant([0.5, 1.0])], 0.1))

    alone = tf.Variable([1.0, -2.0])
    reference = keras.optimizers.Adam(0.1)
    reference.build([alone])
    for _ in range(3):
        step()
        reference.apply([tf.constant([0.5, 1.0])])
    for copy in variable.values:
        np.testing.assert_allclose(copy, alone, rtol=1e-6)


@pytest.mark.slow
def test_two_replicas_with_a_keras_optimizer_agree_with_one():
    two_replicas.run("test_own_objective", "check_replicas")


@pytest.mark.slow
def test_objects_without_a_name_train_and_later_commands_say_what_they_need(tmp_path, monkeypatch):
    own = dict(
        loss=Loss(d=lambda real, fake: fake - real, g=lambda real, fake: -fake),
        penalty=Penalty(lambda critic, real, fake, draw: tf.square(critic(real)), passes=3),
        augmentation=[lambda x, draw: x + 0.1, lambda x, draw: x - 0.1],
        optimizer=(keras.optimizers.Adam(1e-3), keras.optimizers.RMSprop(1e-3)),
    )
    path = str(tmp_path / "run")
    train(Config(**SMALL | dict(steps=2), run_dir=path), **own)
    stored = json.loads((tmp_path / "run" / "config.json").read_text())["config"]
    assert (stored["loss"], stored["augment"], stored["g_optimizer"]) == ("given", "given,given", "given")
    result = binaries.call(main.main, f"--run_dir={path}", "--steps=4")
    assert result.status == 2 and result.err.count("\n") == 1
    assert "--loss: this run's was passed from Python" in result.err and "train()" in result.err
    assert binaries.call(evaluate.main, f"--run_dir={path}", "--num=20", "--features=pixels").status == 0
    resumed = train(Config(**SMALL, run_dir=path), **own)
    whole = train(Config(**SMALL, run_dir=str(tmp_path / "whole")), **own)
    np.testing.assert_array_equal(resumed.generate(4, seed=1), whole.generate(4, seed=1))


@pytest.mark.slow
def test_a_run_with_named_objects_is_resumed_by_any_process(module, tmp_path):
    """Trained whole, and trained to the middle and resumed in another process: the same pictures."""
    flags = [f"--{name}={value}" for name, value in (SMALL | _named(module)).items()]
    import os
    import sys

    root = str(tmp_path)
    for name, steps in (("whole", 4), ("parts", 2), ("parts", 4)):
        done = processes.run(
            [sys.executable, "-m", "tfgan_train.main", *flags, f"--steps={steps}", f"--run_dir={tmp_path / name}"],
            cwd=root,
            env=dict(os.environ, PYTHONPATH=str(two_replicas.pathlib.Path(__file__).parent.parent)),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    from tfgan_train import load

    whole, parts = (load(str(tmp_path / name)).generate(4, seed=1) for name in ("whole", "parts"))
    np.testing.assert_array_equal(whole, parts)


def test_every_loss_of_the_package_keeps_its_name():
    assert Objective.of(Config(recipe="smoke", loss="hinge")).loss is LOSSES["hinge"]
