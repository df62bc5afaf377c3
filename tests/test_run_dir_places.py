"""Run directories where people put them, and what becomes of them: odd names, ~, removed in training, done."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests import binaries
from tfgan_train import Config, UserError, evaluate, load, main, sample, train
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir, load_run
from tfgan_train.runs.rows import read_rows
from tfgan_train.training import duties

SMALL = dict(recipe="smoke", architecture="mlp", g_width=4, d_width=4, image_size="8", batch_size=8, train_examples=40)
FLAGS = [f"--{name}={value}" for name, value in SMALL.items()]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of four steps in a folder with the signs of a pattern in its name."""
    path = tmp_path_factory.mktemp("places") / "x=[1,2] what? star*"
    assert binaries.call(main.main, *FLAGS, "--steps=4", f"--run_dir={path}").status == 0
    return path


def _files(run_dir: pathlib.Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(run_dir)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(run_dir.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_pattern_in_the_name_is_a_name(run, tmp_path):
    path = tmp_path / run.name
    shutil.copytree(run, path)
    assert binaries.call(main.main, f"--run_dir={path}", "--steps=6").status == 0
    assert checkpoints.latest(RunDir(path).checkpoints_dir).step == 6
    out = tmp_path / "samples.npz"
    assert binaries.call(sample.main, f"--run_dir={path}", "--num=3", f"--out={out}").status == 0
    with np.load(out) as stored:
        assert stored["images"].shape == (3, 8, 8, 1)
    assert binaries.call(evaluate.main, f"--run_dir={path}", "--num=20", "--features=pixels").status == 0


def test_every_command_takes_the_last_checkpoint_unless_told_and_says_which(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    assert binaries.call(main.main, f"--run_dir={tmp_path}/run", "--steps=6").status == 0
    drawn = {}
    for name, flags in (("plain", []), ("last", ["--step=last"]), ("four", ["--step=4"])):
        out = tmp_path / f"{name}.npz"
        result = binaries.call(sample.main, f"--run_dir={tmp_path}/run", "--num=3", f"--out={out}", *flags)
        assert result.status == 0 and f"step {4 if name == 'four' else 6}" in result.out + result.err
        with np.load(out) as stored:
            drawn[name] = stored["images"]
    np.testing.assert_array_equal(drawn["plain"], drawn["last"])
    assert (drawn["plain"] != drawn["four"]).any()
    np.testing.assert_array_equal(load(str(tmp_path / "run")).generate(3, seed=0), drawn["plain"])
    result = binaries.call(evaluate.main, f"--run_dir={tmp_path}/run", "--num=20", "--features=pixels")
    assert result.status == 0 and "step 6" in result.out + result.err


def test_a_checkpoint_that_training_drops_while_it_is_read_is_no_error(run, tmp_path, monkeypatch):
    """The next newest is read, which the training process has written meanwhile."""
    path = tmp_path / "run"
    shutil.copytree(run, path)
    newest = checkpoints.latest(RunDir(path).checkpoints_dir).path
    restore = checkpoints.restore_part

    def rotated(checkpoint, **parts):
        if newest.exists():
            shutil.copytree(newest, newest.with_name("00000005"))
            meta = newest.with_name("00000005") / "checkpoint.json"
            facts = json.loads(meta.read_text()) | {"step": 5}
            facts.pop("own_sha256")
            meta.write_text(json.dumps(facts | {"own_sha256": checkpoints._hash(facts)}))
            shutil.rmtree(newest)
        return restore(checkpoint, **parts)

    monkeypatch.setattr(checkpoints, "restore_part", rotated)
    assert load_run(path).step == 5


def test_a_tilde_behind_an_equals_sign_is_the_home(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, tmp_path / "run")
    assert binaries.call(sample.main, "--run_dir=~/run", "--num=3", "--out=~/made/samples.npz").status == 0
    assert (tmp_path / "made" / "samples.npz").is_file() and not (tmp_path / "~").exists()


def test_a_command_with_nothing_to_do_writes_nothing(run):
    before = _files(run)
    assert any("tfevents" in name for name in before)
    result = binaries.call(main.main, f"--run_dir={run}", "--steps=4")
    assert result.status == 0 and _files(run) == before


def test_fewer_steps_than_are_done_are_refused(run):
    before = _files(run)
    result = binaries.call(main.main, f"--run_dir={run}", "--steps=3")
    assert result.status == 2 and result.err.count("\n") == 1
    assert "--steps=3 is fewer than the 4 steps" in result.err and _files(run) == before


@pytest.mark.parametrize("gone", ["removed", "moved"])
def test_a_run_that_goes_while_it_trains_ends_in_one_line(tmp_path, monkeypatch, gone):
    path = tmp_path / "run"
    log = duties.Duties.log

    def vanish(*arguments, **named):
        log(*arguments, **named)
        if path.exists():
            shutil.rmtree(path) if gone == "removed" else path.rename(tmp_path / "elsewhere")

    monkeypatch.setattr(duties.Duties, "log", vanish)
    result = binaries.call(
        main.main, *FLAGS, "--steps=60", "--log_every=5", "--checkpoint_every=10", f"--run_dir={path}"
    )
    assert result.status == 2 and "was removed or moved while the run trained" in result.err.splitlines()[-1]
    assert not path.exists()


def test_a_recipe_is_a_name_and_no_path_out_of_its_folder(tmp_path):
    (tmp_path / "mine.flags").write_text("--steps=1\n")
    for name in (f"{tmp_path}/mine", "../flags/smoke", "/etc/passwd"):
        result = binaries.call(main.main, f"--recipe={name}", f"--run_dir={tmp_path}/run")
        assert result.status == 2 and result.err.count("\n") == 1 and "--recipe" in result.err
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_finite_are_not_saved_as_good(tmp_path, monkeypatch):
    """The losses of the last step are still finite: only a look at the weights tells."""
    save = duties.Duties.save

    def spoilt(self, *arguments, **named):
        variable = self._parts.gan.generator.trainable_variables[0].value
        if self._parts.gan.step.numpy() >= 4:
            variable.assign(tf.fill(variable.shape, np.nan))
        return save(self, *arguments, **named)

    monkeypatch.setattr(duties.Duties, "save", spoilt)
    with pytest.raises(UserError, match=r"step 4: \S+ has a NaN or an infinity, so this step isn't saved"):
        train(Config(**SMALL, steps=4, checkpoint_every=2, run_dir=str(tmp_path / "run")))
    assert checkpoints.latest(RunDir(tmp_path / "run").checkpoints_dir).step == 2


def test_a_best_belongs_to_one_protocol(tmp_path):
    """Begun with one kind of features and number, resumed with others: a new best begins, and that is said."""
    path = tmp_path / "run"
    base = [*FLAGS, "--train_examples=240", f"--run_dir={path}", "--eval_every=2", "--eval_features=pixels"]
    assert binaries.call(main.main, *base, "--steps=2", "--eval_num=120").status == 0
    result = binaries.call(main.main, *base, "--steps=4", "--eval_num=100")
    assert result.status == 0
    assert "was chosen by FD-pixels of 120 samples; a new one is chosen by FD-pixels of 100" in result.err, result.err
    rows = [row for row in read_rows(path / "metrics.jsonl") if row["kind"] == "eval"]
    assert [row["num"] for row in rows] == [120, 100]
    assert checkpoints.read(path / "checkpoints" / "best").step == 4
