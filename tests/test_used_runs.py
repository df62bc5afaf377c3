"""A run directory that others read, move or remove while it trains; what commands take of it and never overwrite."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from export import export as exporter
from tests import binaries
from tests.test_checkpoints import _save, _steps
from tfgan_train import Config, UserError, compare, evaluate, load, main, sample, train
from tfgan_train.config import recipes
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir, find_checkpoint, load_run
from tfgan_train.training import finite

STORED = pathlib.Path(__file__).parent / "stored_run"
SMALL = dict(recipe="smoke", architecture="mlp", g_width=8, d_width=8, image_size="8", train_examples=64)


@pytest.fixture
def run(tmp_path):
    """A run of 8 steps with a second checkpoint: that of step 7 is the same but for its name and number."""
    path = pathlib.Path(shutil.copytree(STORED, tmp_path / "run"))
    _copy_of(path / "checkpoints" / "00000008", "00000007", 7)
    return path


def _copy_of(checkpoint, name, step):
    copied = pathlib.Path(shutil.copytree(checkpoint, checkpoint.with_name(name)))
    meta = json.loads((copied / "checkpoint.json").read_text())
    (copied / "checkpoint.json").write_text(json.dumps(meta | {"step": step}))


# --- which checkpoint


def test_every_command_takes_the_best_else_the_newest(run, capsys):
    directory = RunDir(run)
    assert find_checkpoint(directory).step == find_checkpoint(directory, "last").step == 8
    with pytest.raises(UserError, match="no best checkpoint; train with --eval_every"):
        find_checkpoint(directory, "best")
    _copy_of(run / "checkpoints" / "00000007", "best", 7)
    assert find_checkpoint(directory).step == find_checkpoint(directory, "best").step == 7
    assert find_checkpoint(directory, "last").step == find_checkpoint(directory, 8).step == 8
    (run / "checkpoints" / "best" / "weights.index").write_bytes(b"")
    assert find_checkpoint(directory).step == 8 and "the best checkpoint of" in capsys.readouterr().err
    with pytest.raises(UserError, match="the best checkpoint of .* is damaged; --step=last takes the newest"):
        find_checkpoint(directory, "best")
    with pytest.raises(UserError, match="no intact checkpoint of that step; there are: 7, 8"):
        find_checkpoint(directory, 3)


def test_steps_of_nine_digits_come_after_those_of_eight(tmp_path):
    _save(tmp_path, 99_999_999, 100_000_000, 100_000_001)
    assert _steps(checkpoints.intact(tmp_path)) == [99_999_999, 100_000_000, 100_000_001]
    assert checkpoints.latest(tmp_path).step == 100_000_001


# --- a run that trains drops what is read


def test_a_checkpoint_that_goes_once_it_was_found_is_replaced_by_the_next(run, monkeypatch):
    restore = checkpoints.restore_part

    def drop_first(checkpoint, **parts):
        monkeypatch.setattr(checkpoints, "restore_part", restore)
        shutil.rmtree(checkpoint.path)
        return restore(checkpoint, **parts)

    monkeypatch.setattr(checkpoints, "restore_part", drop_first)
    assert load_run(run).step == 7


def test_a_listing_that_is_out_of_date_is_made_anew(tmp_path, monkeypatch):
    """Where a run keeps one checkpoint, all that were listed may be gone when they are read."""
    read = checkpoints.read

    def rotate_first(path):
        monkeypatch.setattr(checkpoints, "read", read)
        shutil.rmtree(path)
        _save(tmp_path, 2)
        return read(path)

    _save(tmp_path, 1)
    monkeypatch.setattr(checkpoints, "read", rotate_first)
    assert checkpoints.latest(tmp_path).step == 2


def test_a_best_one_that_is_replaced_while_it_is_read_is_read_anew(run, monkeypatch):
    best, hashed = run / "checkpoints" / "best", checkpoints.sha256

    def replace_first(path):
        monkeypatch.setattr(checkpoints, "sha256", hashed)
        shutil.rmtree(best)
        _copy_of(run / "checkpoints" / "00000008", "best", 8)
        return "of the one before"

    _copy_of(run / "checkpoints" / "00000007", "best", 7)
    monkeypatch.setattr(checkpoints, "sha256", replace_first)
    assert find_checkpoint(RunDir(run)).step == 8


@pytest.mark.slow
def test_all_that_are_still_there_are_evaluated(run, monkeypatch):
    intact = checkpoints.intact

    def drop_first(folder):
        monkeypatch.setattr(checkpoints, "intact", intact)
        found = intact(folder)
        shutil.rmtree(found[0].path)
        return found

    monkeypatch.setattr(checkpoints, "intact", drop_first)
    flags = ["--all", "--num=32", "--features=pixels", "--metrics=frechet"]
    result = binaries.call(evaluate.main, f"--run_dir={run}", *flags)
    assert result.status == 0 and "note: --step=7" in result.err, result.err
    assert [path.name for path in (run / "eval").iterdir()] == ["00000008.json"]


# --- a run directory that goes


class Removed:
    """Removes or moves the run directory after a row."""

    def __init__(self, act):
        self._act = act

    def on_log(self, step, metrics):
        self._act()


@pytest.mark.slow
@pytest.mark.parametrize("moved", [False, True])
def test_a_run_that_was_removed_or_moved_ends_at_the_next_write(tmp_path, moved):
    path = tmp_path / "run"
    act = (lambda: path.rename(tmp_path / "elsewhere")) if moved else (lambda: shutil.rmtree(path))
    with pytest.raises(UserError, match=f"--run_dir={path} was removed or moved while the run trained"):
        train(Config(**SMALL, steps=40, log_every=4, run_dir=str(path)), callbacks=[Removed(act)])
    assert not path.exists()


def test_a_run_directory_that_is_gone_is_said(tmp_path):
    with pytest.raises(UserError, match="was removed or moved while the run trained"):
        RunDir(tmp_path / "gone").require()


# --- nothing to do, or nothing good to save


def _content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_fewer_steps_than_are_done_are_refused_and_nothing_is_written(run):
    before = _content(run)
    result = binaries.call(main.main, f"--run_dir={run}", "--steps=5", "--log_every=3")
    assert result.status == 2 and "--steps=5 is fewer than the 8 steps" in result.err
    assert _content(run) == before


def test_weights_that_are_not_finite_are_not_saved():
    from tests import tiny

    gan = tiny.Training(architecture="mlp").gan
    finite.check_weights(gan, 3, 0)
    variable = gan.ema_generator.variables[0]
    variable.assign(np.full(variable.shape, np.nan, np.float32))
    with pytest.raises(UserError, match="has a NaN or an infinity, so this step isn't saved; the checkpoint of step 2"):
        finite.check_weights(gan, 3, 2)


# --- what is never overwritten


@pytest.mark.parametrize(
    "flags",
    [
        ["--spot_the_fake", "--out=RUN/config.png"],  # its key would be RUN/config.json
        ["--out=RUN/checkpoints/x.png"],
        ["--out=RUN/samples/"],
        ["--animate", "--out=RUN/progress.webp"],
    ],
)
def test_sample_spares_a_runs_own_files(run, flags):
    before = _content(run)
    result = binaries.call(sample.main, f"--run_dir={run}", *(flag.replace("RUN", str(run)) for flag in flags))
    assert result.status == 2 and "which belongs to the run in" in result.err, result.err
    assert _content(run) == before


def test_files_beside_out_replace_nothing_else(run, tmp_path):
    (tmp_path / "x.json").write_text('{"mine": 1}')
    (tmp_path / "x.csv").write_text("mine")
    game = binaries.call(sample.main, f"--run_dir={run}", "--spot_the_fake", f"--out={tmp_path}/x.png")
    assert game.status == 2 and "x.json too, which holds something else" in game.err
    page = binaries.call(compare.main, str(run), f"--out={tmp_path}/x.html")
    assert page.status == 2 and "x.csv too, which holds something else" in page.err
    own = binaries.call(compare.main, str(run), f"--out={run}/report.html")
    assert own.status == 2 and "which belongs to the run in" in own.err
    scores = binaries.call(
        evaluate.main, "--images=nowhere", "--dataset=mnist10k", f"--out={run}/config.json", "--features=pixels"
    )
    assert scores.status == 2 and "which belongs to the run in" in scores.err
    assert not list(tmp_path.glob("x.png")) and not list(tmp_path.glob("x.html"))


def _earlier_export(folder):
    folder.mkdir()
    (folder / "manifest.json").write_text('{"generator": {}, "files": [{"path": "generator.tflite"}]}')
    for name in ("generator.tflite", "MODEL_CARD.md", exporter.PICTURE):
        (folder / name).write_text("")
    return folder


def test_overwrite_replaces_an_export_and_no_file_that_was_put_beside_it(tmp_path):
    out = _earlier_export(tmp_path / "out")
    exporter._check_free(out, overwrite=True)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds notes.txt beside the earlier export"):
        exporter._check_free(out, overwrite=True)


def test_two_exports_into_one_folder_and_the_leftovers_of_a_killed_one(tmp_path):
    out = tmp_path / "out"
    with exporter._alone(out, "out"):
        with pytest.raises(UserError, match="another process is exporting there"), exporter._alone(out, "out"):
            pass
    # Killed after the earlier export was moved out of the way, before the new one took its place.
    (tmp_path / ".out.abc" / "out").mkdir(parents=True)
    _earlier_export(tmp_path / ".out.abc" / exporter.REPLACED)
    with exporter._alone(out, "out"):
        assert (out / "manifest.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# --- recipes are names


@pytest.mark.parametrize("name", ["../flags/smoke", "/etc/passwd", "smoke.flags", "..", "./smoke"])
def test_a_recipe_is_a_name_and_no_path(name):
    with pytest.raises(UserError, match="no such recipe; there are"):
        recipes.path(name)


def test_a_run_in_a_folder_whose_name_is_a_pattern(tmp_path):
    path = pathlib.Path(shutil.copytree(STORED, tmp_path / "lr[0.1]*? \\x"))
    images = load(path).generate(2)
    np.testing.assert_array_equal(images, load(STORED).generate(2))
    checkpoints.finish_interrupted(path / "checkpoints")
    assert checkpoints.set_damaged_aside(path / "checkpoints") == []
