"""Callbacks: what they are told and when, what they can't harm, how one that raises ends the run; --patience."""

import pathlib
import re
import signal
import sys

import numpy as np
import pytest
from PIL import Image

from tests import processes
from tests.data_fixtures import random_images
from tfgan_train import Callback, Config, UserError, train
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.rows import EvalRow, read_rows
from tfgan_train.training import best

IMAGES = random_images(40, 8, 8)
SMALL = dict(
    recipe="smoke",
    architecture="mlp",
    g_width=4,
    d_width=4,
    batch_size=8,
    steps=6,
    log_every=2,
    sample_every=100,
    checkpoint_every=3,
)


def _train(path, *callbacks, **changes):
    return train(Config(**SMALL | changes | {"run_dir": str(path)}), data=IMAGES, callbacks=callbacks)


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """The same run without any callback."""
    return _train(tmp_path_factory.mktemp("silent") / "run")


class Diary:
    """Writes down what it is told, and does harm to what it is given."""

    def __init__(self):
        self.told = []

    def on_begin(self, run):
        self.told.append(("begin", run.config.steps))

    def on_log(self, step, metrics):
        self.told.append(("log", step, metrics["d_loss"]))
        metrics.clear()

    def on_samples(self, step, images):
        self.told.append(("samples", step, images.copy()))
        images[:] = 0

    def on_checkpoint(self, step, path):
        assert checkpoints.read(path).step == step
        self.told.append(("checkpoint", step))

    def on_end(self, run):
        self.told.append(("end", list(run.metrics.get("step", ()))))


def test_a_callback_is_told_what_the_files_say_and_harms_nothing(tmp_path, silent):
    diary = Diary()
    run = _train(tmp_path / "run", diary)
    told = {
        kind: [one[1] for one in diary.told if one[0] == kind]
        for kind in ("begin", "log", "samples", "checkpoint", "end")
    }
    assert told == {
        "begin": [6],
        "log": [2, 4, 6],
        "samples": [0, 1, 2, 4, 6],
        "checkpoint": [3, 6],
        "end": [[2.0, 4.0, 6.0]],
    }
    assert [one[2] for one in diary.told if one[0] == "log"] == run.metrics["d_loss"].tolist()
    np.testing.assert_array_equal(run.metrics["d_loss"], silent.metrics["d_loss"])
    for name in ("step-00000006.png", "progress.webp"):
        paths = (one.run_dir / ("samples" if "step" in name else "") / name for one in (run, silent))
        np.testing.assert_array_equal(*(np.asarray(Image.open(path)) for path in paths))
    assert len([one for one in diary.told if one[0] == "samples"][-1][2]) == 64


class _Breaks:
    def __init__(self, event):
        setattr(self, event, self._raise)

    def _raise(self, *arguments):
        raise KeyError("no such column\nsecond line")


@pytest.mark.slow
@pytest.mark.parametrize("event, step", [("on_begin", 0), ("on_log", 2), ("on_end", 6)])
def test_one_that_raises_ends_the_run_after_a_save(tmp_path, silent, event, step):
    diary = Diary()
    with pytest.raises(UserError, match=f"^_Breaks.{event} raised KeyError") as told:
        _train(tmp_path / "run", _Breaks(event), diary, steps_per_loop=1)
    assert "\n" not in str(told.value) and isinstance(told.value.__cause__, KeyError)
    saved = checkpoints.latest(RunDir(tmp_path / "run").checkpoints_dir)
    assert (saved.step if saved else 0) == step  # Step 0 is what the seed makes.
    assert diary.told[-1][0] == "end"  # The others may close what they opened.
    resumed = _train(tmp_path / "run")
    np.testing.assert_array_equal(silent.generate(4), resumed.generate(4))
    np.testing.assert_array_equal(silent.metrics["g_loss"], resumed.metrics["g_loss"])


class _Misspelt:
    def on_sample(self, step, images):
        pass


class _OtherArguments:
    def on_log(self, metrics):
        pass


@pytest.mark.parametrize(
    "callback, message",
    [
        (_Misspelt(), "_Misspelt has a method on_sample; did you mean on_samples?"),
        (_OtherArguments(), r"_OtherArguments.on_log must take \(step, metrics\)"),
        (object(), "object has none of the methods on_begin, on_log"),
        (Diary, r"Diary is a class; pass an object, Diary\(\)"),
    ],
)
def test_what_is_no_callback_is_one_line_before_anything_is_written(tmp_path, callback, message):
    with pytest.raises(UserError, match=message) as told:
        _train(tmp_path / "run", callback)
    assert "\n" not in str(told.value) and not (tmp_path / "run").exists()


class _Enough(Callback):
    def on_log(self, step, metrics):
        if step == 4:
            self.stop()


def test_stop_makes_a_step_the_last_and_another_call_goes_on(tmp_path, silent, capsys):
    run = _train(tmp_path / "run", _Enough())
    assert "step 4 is the last: _Enough asked for it" in capsys.readouterr().err
    assert run.stopped is None and run.metrics["step"].tolist() == [2, 4]
    rows = read_rows(run.run_dir / "metrics.jsonl")
    assert rows[-1]["kind"] == "clock" and rows[-1]["step"] == 4
    assert (run.run_dir / "samples" / "step-00000004.png").exists()
    np.testing.assert_array_equal(_train(tmp_path / "run").generate(4), silent.generate(4))


def _evaluations(*figures, features="FD", num=5):
    return [EvalRow.of(10 * i, {"fd": value, "features": features, "num": num}) for i, value in enumerate(figures, 1)]


@pytest.mark.parametrize(
    "rows, lost",
    [
        ([], False),
        (_evaluations(3, 2, 2.5), False),
        (_evaluations(3, 2, 2.5, 2), True),  # As good isn't better.
        (_evaluations(3, 2, 2.5, 1.9, 5), False),
        (_evaluations(1, 2, num=9) + _evaluations(3, 4), False),  # Another protocol's figures say nothing.
    ],
)
def test_patience_counts_evaluations_since_the_best(rows, lost):
    text = best.patience_lost(2, rows)
    assert bool(text) == lost and (not lost or "since step 20 had a lower FD" in text)
    assert best.patience_lost(0, rows) == ""


def test_patience_needs_evaluations(tmp_path):
    with pytest.raises(UserError, match="--patience would do nothing here: it goes with --eval_every only"):
        _train(tmp_path / "run", patience=2)


PATIENT = dict(steps=60, eval_every=3, eval_num=100, eval_features="pixels", patience=2, checkpoint_every=4)


def test_a_run_that_lost_patience_is_complete(tmp_path, capsys):
    run = _train(tmp_path / "run", **PATIENT | {"g_lr": 1e-30, "ema_half_life": 0.0})  # It never gets better.
    assert "step 9 is the last: --patience=2: no evaluation since step 3" in capsys.readouterr().err
    again = _train(tmp_path / "run", **PATIENT | {"g_lr": 1e-30, "ema_half_life": 0.0})
    assert "complete at step 9; give more --patience" in capsys.readouterr().err
    assert run.metrics["step"].tolist() == again.metrics["step"].tolist() == [2, 4, 6, 8, 9]
    more = _train(tmp_path / "run", **PATIENT | {"g_lr": 1e-30, "ema_half_life": 0.0, "patience": 3})
    assert more.metrics["step"][-1] == 12


def _blocks():
    page = pathlib.Path(__file__).parent.parent / "docs" / "callbacks.md"
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("code", _blocks(), ids=lambda code: code.split()[1])
def test_the_examples_of_the_page_run(tmp_path, code):
    pytest.importorskip(code.split()[1])
    lines = [line for line in code.splitlines() if line and not line.startswith(("import ", "from "))]
    assert len(lines) <= 16
    done = processes.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    if "GoodEnough" in code:
        assert "step 2 is the last: GoodEnough asked for it" in done.stderr


@pytest.mark.slow
def test_patience_is_exact_across_a_kill(tmp_path):
    """Killed between the best evaluation and the last, the run ends where one that wasn't killed does."""
    settings = PATIENT | {"g_lr": 1e-30, "ema_half_life": 0.0, "patience": 5, "steps_per_loop": 1}
    code = (
        "import os, signal\nfrom tests.test_callbacks import _train\n"
        "class Kill:\n def on_evaluate(self, step, scores):\n  step == 9 and os.kill(os.getpid(), signal.SIGKILL)\n"
        f"_train({str(tmp_path / 'cut')!r}, Kill(), **{settings!r})"
    )
    root = pathlib.Path(__file__).parent.parent
    done = processes.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    runs = [_train(tmp_path / name, **settings) for name in ("cut", "whole")]
    rows = [
        [row for row in read_rows(run.run_dir / "metrics.jsonl") if row["kind"] in ("eval", "train")] for run in runs
    ]
    evaluations = [[row for row in part if row["kind"] == "eval"] for part in rows]
    assert evaluations[0] == evaluations[1] and evaluations[0][-1]["step"] == 18
    np.testing.assert_array_equal(*(run.metrics["d_loss"] for run in runs))
    np.testing.assert_array_equal(*(run.generate(4) for run in runs))
