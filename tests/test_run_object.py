"""The run as Python callers hold it, and what training in a program of the user's own leaves alone."""

import json
import logging
import os
import pathlib
import signal
import sys
import threading

import numpy as np
import pytest

from tests import processes
from tests.data_fixtures import random_images
from tfgan_train import Config, UserError, data, load, train
from tfgan_train.api import notebook
from tfgan_train.runs.directory import RunDir

ROOT = pathlib.Path(__file__).parent.parent
IMAGES, OTHERS = random_images(48, 8, 4, 3), random_images(40, 8, 4, 3, seed=1)
SETTINGS = dict(
    recipe="smoke",
    architecture="mlp",
    g_width=4,
    d_width=4,
    batch_size=8,
    steps=4,
    sample_every=3,
    g_lr=0.05,
    ema_half_life=0.0,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run"
    return train(Config(**SETTINGS, run_dir=str(path)), data=IMAGES, held_out=OTHERS)


def test_images_of_a_step_are_what_the_generator_drew_then(run):
    assert run.sample_steps == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(run.images(), run.generate(64, seed=run.config.seed))
    assert (run.images(0) != run.images(4)).any()
    with pytest.raises(UserError, match="step=7: .* there are: 0, 1, 2, 3, 4"):
        run.images(7)


def test_evaluate_returns_what_it_keeps(run):
    found = run.evaluate(40, "pixels", ["frechet"])
    kept = json.loads((run.run_dir / "eval" / "00000004.json").read_text())
    assert found["fd"].value == kept["metrics"]["fd"]["value"] > 0
    assert "fd" in run._repr_html_() and "data:image/png;base64," in run._repr_html_()


def test_a_run_on_data_from_python_knows_them_again(run, tmp_path):
    stored = load(run.run_dir)
    with pytest.raises(UserError, match=r"load\(run_dir, data=...\) to evaluate") as told:
        stored.evaluate(40, "pixels", ["frechet"])
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="other images or labels"):
        load(run.run_dir, data=OTHERS)
    again = load(run.run_dir, data=IMAGES, held_out=OTHERS)
    before = run.evaluate(40, "pixels", ["frechet"])["fd"].value
    assert again.evaluate(40, "pixels", ["frechet"])["fd"].value == before
    np.save(tmp_path / "x.npy", IMAGES)
    np.save(tmp_path / "y.npy", OTHERS)
    config, facts = RunDir(run.run_dir).read()
    assert data.moved(config, facts, f"npz:{tmp_path}/x.npy", None).dataset == f"npz:{tmp_path}/x.npy"
    with pytest.raises(UserError, match="other images"):
        data.moved(config, facts, f"npz:{tmp_path}/y.npy", None)


def test_show_outside_a_notebook_prints(run, capsys):
    run.show()
    shown = capsys.readouterr().out
    assert str(run.report_path) in shown and "step 4 of 4" in shown


@pytest.mark.export
def test_export_makes_the_files_of_the_command(run, tmp_path):
    out = run.export(tmp_path / "out", ["tflite"])
    assert json.loads((out / "manifest.json").read_text()) and list(out.glob("*.tflite"))
    with pytest.raises(UserError, match="did you mean tflite"):
        run.export(tmp_path / "other", ["tflit"])


class _Interrupt:
    """Presses Ctrl-C once: a second time ends the process."""

    def on_log(self, step, metrics):
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_saves_and_the_next_call_goes_on(run, tmp_path):
    settings = SETTINGS | {"run_dir": str(tmp_path / "run"), "checkpoint_every": 2, "log_every": 2, "steps_per_loop": 1}
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    root = list(logging.getLogger().handlers)
    stopped = train(Config(**settings), data=IMAGES, callbacks=[_Interrupt()])
    assert stopped.stopped == signal.SIGINT and stopped.metrics["step"].tolist() == [2]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert logging.getLogger().handlers == root
    found = []
    thread = threading.Thread(target=lambda: found.append(train(Config(**settings), data=IMAGES)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0].generate(5), run.generate(5))


def test_a_bar_in_a_notebook(monkeypatch):
    shown = []
    progress = notebook.NotebookProgress(10)
    monkeypatch.setattr(progress._bar, "put_html", shown.append)
    progress.note("resuming <run>")
    progress.update(4, 0.1, 80.0, {"d_loss": 1.0, "g_loss": 2.0, "d_accuracy": 0.5})
    assert 'value="0.4000"' in shown[-1] and "resuming &lt;run&gt;" in shown[-1] and "step 4/10" in shown[-1]


ODD = """
import keras
keras.config.set_floatx("float16")
keras.config.set_image_data_format("channels_first")
keras.config.set_dtype_policy("mixed_bfloat16")
keras.config.set_epsilon(0.1)
keras.utils.set_random_seed(5)
"""
CODE = """
import random, keras, numpy
def settings():
    policy = keras.config.dtype_policy().name
    seeds = random.getstate(), numpy.random.get_state()[1].tolist()
    return keras.config.floatx(), keras.config.image_data_format(), policy, keras.config.epsilon(), seeds
before = settings()
from absl import flags
names = set(flags.FLAGS)
from tests.test_run_object import IMAGES, SETTINGS
from tfgan_train import Config, train
wide = dict(architecture="dcgan", g_width=8, d_width=8, image_size="", penalty="r1", d_dropout=0.2)
run = train(Config(**SETTINGS | wide | dict(run_dir="run")), data=IMAGES)
assert settings() == before and set(flags.FLAGS) == names
print(int(run.generate(8).astype(int).sum()), run.metrics["d_loss"].tolist())
"""


@pytest.mark.slow
def test_the_callers_keras_settings_and_seeds_are_neither_changed_nor_obeyed(tmp_path):
    told = []
    for number, code in enumerate([CODE, ODD + CODE]):
        (tmp_path / str(number)).mkdir()
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = processes.run(
            [sys.executable, "-c", code], cwd=tmp_path / str(number), env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert told[0] == told[1] and told[0].strip()
