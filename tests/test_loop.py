"""The Python layer: when what is due, whatever the number of steps in a call; and how a run that breaks ends."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests import processes
from tfgan_train import Config, UserError, train
from tfgan_train import data as datasets
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.rows import read_rows
from tfgan_train.training import duties, loop, pacing, start

ROOT = pathlib.Path(__file__).parent.parent
SMALL = dict(
    recipe="smoke", image_size="16", train_examples=64, log_every=1, checkpoint_every=5, steps=11, sample_every=100
)


def _checkpoint(run_dir) -> dict[str, bytes]:
    reader = tf.train.load_checkpoint(checkpoints.latest(RunDir(run_dir).checkpoints_dir).prefix)
    return {
        name: np.asarray(reader.get_tensor(name)).tobytes()
        for name in reader.get_variable_to_shape_map()
        if not name.startswith("_")
    }


def _rows(run_dir):
    return [row for row in read_rows(pathlib.Path(run_dir) / "metrics.jsonl") if row["kind"] == "train"]


@pytest.fixture(scope="module")
def lazy_runs(tmp_path_factory):
    """The same run with a lazy penalty, one step in a call and as many as there may be."""
    folder = tmp_path_factory.mktemp("lazy")
    runs = [
        train(
            Config(
                **SMALL
                | dict(
                    run_dir=str(folder / str(steps)),
                    d_norm="none",
                    penalty="r1",
                    penalty_every=4,
                    d_dropout=0.2,
                    steps_per_loop=steps,
                    log_every=every,
                )
            )
        )
        for steps, every in ((1, 1), (200, 11))
    ]
    return [run.run_dir for run in runs]


def test_a_lazy_penalty_acts_at_every_nth_step(lazy_runs):
    penalties = {row["step"]: row["penalty"] for row in _rows(lazy_runs[0])}
    assert [step for step, penalty in penalties.items() if penalty] == [1, 5, 9]


def test_the_number_of_steps_in_a_call_changes_nothing(lazy_runs):
    assert _checkpoint(lazy_runs[0]) == _checkpoint(lazy_runs[1])
    (single,) = _rows(lazy_runs[1])
    assert single["d_loss_each"] == [row["d_loss_each"][0] for row in _rows(lazy_runs[0])]
    for name in ("d_loss", "g_loss", "penalty", "real_logits"):
        np.testing.assert_allclose(single[name], np.mean([row[name] for row in _rows(lazy_runs[0])]), rtol=1e-12)


def test_a_number_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    """A weight of 1e30 makes pixels of no number; the step before was fine."""
    config = Config(**SMALL | dict(run_dir=str(tmp_path / "run"), g_lr=1e30, checkpoint_every=1))
    with pytest.raises(
        UserError,
        match=r"^step 2: \w+ is (nan|inf); training stopped and the checkpoint of step 1 is kept. Try a lower --g_lr",
    ):
        train(config)
    assert [one.step for one in checkpoints.intact(RunDir(tmp_path / "run").checkpoints_dir)] == [1]
    assert [row["step"] for row in _rows(tmp_path / "run")] == [1]
    assert all(
        np.isfinite(np.frombuffer(value, np.float32)).all()
        for value in _checkpoint(tmp_path / "run").values()
        if len(value) % 4 == 0
    )


def test_float16_that_overflows_at_any_scale_stops(tmp_path):
    """Each overflow halves the scale and skips the update; gradients that stay infinite would be skipped for ever."""
    config = Config(
        **SMALL
        | dict(
            run_dir=str(tmp_path / "run"),
            precision="float16",
            d_norm="none",
            penalty="r1",
            penalty_weight=1e30,
            steps=70,
        )
    )
    with pytest.raises(UserError, match=r"^step 50: 50 updates in a row overflowed in float16.*--precision=bfloat16"):
        train(config)


def test_a_directory_in_which_another_process_began_meanwhile_is_left_alone(tmp_path, monkeypatch):
    lock = start.lock

    def lock_late(run):
        run.path.mkdir()
        run.config_path.write_text("another's")
        return lock(run)

    monkeypatch.setattr(start, "lock", lock_late)
    with pytest.raises(UserError, match="another process has begun a run there"):
        train(Config(**SMALL | dict(run_dir=str(tmp_path / "run"))))
    assert (tmp_path / "run" / "config.json").read_text() == "another's"


def test_python_callers_train_resume_and_generate(tmp_path):
    config = Config(**SMALL | dict(run_dir=str(tmp_path / "run"), steps=2, architecture="mlp"))
    run = train(config)
    assert run.stopped is None and run.run_dir == tmp_path / "run"
    first = run.generate(3, seed=4)
    assert first.shape == (3, 16, 16, 1) and first.dtype == np.uint8
    np.testing.assert_array_equal(train(config).generate(3, seed=4), first)  # complete: nothing happens
    longer = train(config.replace(steps=4))
    assert (longer.generate(3, seed=4) != first).any()
    assert [row["step"] for row in _rows(longer.run_dir)] == [1, 2, 3, 4]
    with pytest.raises(UserError, match="--g_lr=0.5"):
        train(config.replace(g_lr=0.5))
    assert train(config, fresh=True).run_dir == tmp_path / "run-2"


def test_a_finished_run_says_what_share_of_the_peak_it_reached(tmp_path, capsys, monkeypatch):
    held_out, loads = datasets.load_held_out, []
    monkeypatch.setattr(datasets, "load_held_out", lambda config: loads.append(1) or held_out(config))
    config = Config(**SMALL | dict(run_dir=str(tmp_path / "run"), steps=6, architecture="mlp"))
    train(config)
    clock = read_rows(tmp_path / "run" / "metrics.jsonl")[-1]
    assert clock["kind"] == "clock" and 0 < clock["flops_per_second"] < clock["peak_flops_per_second"]
    said = re.search(r"; (\S+) ([MG])FLOP/s in the graph, (\S+)% of this machine's peak; see", capsys.readouterr().err)
    rate = float(said[1]) * {"M": 1e6, "G": 1e9}[said[2]]
    np.testing.assert_allclose(
        [rate, float(said[3]) / 100 * clock["peak_flops_per_second"]], clock["flops_per_second"], rtol=0.06
    )
    assert "Of this machine's peak" in (tmp_path / "run" / "report.html").read_text().replace("&#39;", "'")
    assert len(loads) == 1  # whoever looks at held-out images is handed them


def test_a_run_that_is_stopped_measures_no_peak(tmp_path, monkeypatch):
    monkeypatch.setattr(duties, "measured_peak", lambda *_: pytest.fail("it takes time"))
    monkeypatch.setattr(loop.Loop, "_draw", lambda self: self.stop(signal.SIGINT) if self._step == 4 else None)
    config = Config(**SMALL | dict(run_dir=str(tmp_path / "run"), steps=6, architecture="mlp", sample_every=4))
    assert train(config).stopped == signal.SIGINT
    assert checkpoints.latest(tmp_path / "run" / "checkpoints").step == 4


def test_what_a_run_leaves(lazy_runs):
    run = lazy_runs[0]
    assert {path.name for path in run.iterdir() if not path.name.startswith(".")} >= {
        "config.json",
        "checkpoints",
        "metrics.jsonl",
        "events",
        "samples",
        "progress.webp",
    }
    assert json.loads((run / "config.json").read_text())["data"]["count"] == 64
    assert {"real.png", "step-00000000.png", "step-00000011.png", "strip-00000011.png"} <= {
        path.name for path in (run / "samples").iterdir()
    }
    assert not list(run.rglob("*.tmp")) and not list(run.rglob(".writing-*"))


def test_a_run_cut_off_after_its_last_checkpoint_gets_its_pictures_later(tmp_path, lazy_runs):
    """Killed between the last checkpoint and the end, a run is complete but for what is made of it."""
    run = pathlib.Path(shutil.copytree(lazy_runs[0], tmp_path / "run"))
    made = [
        run / "progress.webp",
        run / "report.html",
        run / "samples" / "interpolation.png",
        run / "samples" / "nearest.png",
    ]
    for path in made:
        path.unlink()
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(line for line in lines if '"clock"' not in line))
    train(Config(**json.loads((run / "config.json").read_text())["config"] | {"run_dir": str(run)}))
    assert all(path.is_file() for path in made)


# --- signals in a process's own time


def test_ctrl_c_before_training_ends_without_a_traceback(tmp_path):
    process = processes.Popen(
        [sys.executable, "-m", "tfgan_train.main", "--recipe=smoke", f"--run_dir={tmp_path}/run"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not (tmp_path / "run" / ".lock").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 130 and "stopped" in err and "Traceback" not in err, err


def test_a_signal_that_comes_too_late_stops_nothing(tmp_path, monkeypatch):
    draw = loop.Loop._draw

    def draw_and_signal(self):
        draw(self)
        if self._step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop.Loop, "_draw", draw_and_signal)  # at step 1 …
    config = Config(**SMALL | dict(run_dir=str(tmp_path / "run"), steps=2, architecture="mlp"))
    assert train(config).stopped == signal.SIGTERM
    assert train(config).stopped is None  # … and at step 2
    assert [row["kind"] for row in read_rows(tmp_path / "run" / "metrics.jsonl")][-1] == "clock"


def test_signals_are_the_callers_again_afterwards(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(UserError):
        train(Config(**SMALL | dict(run_dir=str(tmp_path / "run"), steps=1, architecture="mlp")))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# --- the trigger rule


@pytest.mark.parametrize(
    "every, expected",
    [(25, [1, 2, 4, 8, 16, 25, 50, 75, 100]), (3, [1, 2, 3, 6, 9]), (1, [1, 2, 3, 4]), (8, [1, 2, 4, 8, 16, 24])],
)
def test_samples_are_dense_at_first_and_regular_later(every, expected):
    steps = [0]
    while len(steps) <= len(expected):
        steps.append(pacing.next_sample(every, steps[-1]))
    assert steps[1:] == expected
