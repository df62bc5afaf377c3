"""The export command: what it refuses, what it leaves behind, and that it repeats itself."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from export import export as exporter
from export import extras, main
from tests import exporting
from tests.exporting import exported

pytestmark = pytest.mark.export


@pytest.fixture
def command(monkeypatch, capsys):
    """Calls the command in this process: (status, what it printed to stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["export", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main.main()
        return stopped.value.code, capsys.readouterr().err

    return call


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--formats=tflight"], ["--formats", "tflight", "tflite", "onnx"]),
        (["--formats="], ["--formats", "saved_model"]),
        (["--tflite_batches=1,x"], ["--tflite_batches=1,x", "1,16"]),
        (["--tflite_batches=0"], ["--tflite_batches=0", "1 to 1024"]),
        (["--tflite_batches=5000"], ["--tflite_batches=5000", "1 to 1024"]),
        (["--step=latest"], ["--step=latest", "best", "last"]),
        (["--step=2000"], ["--step=2000", "there are: 2, 3"]),
        (["--step=best"], ["no best checkpoint"]),
        (["--run_dir=/nowhere"], ["--run_dir=/nowhere", "no run there"]),
        (["--out_dir=/proc/export"], ["--out_dir=/proc/export", "can't be written"]),
        (["--fromats=onnx"], ["--fromats", "--formats"]),
    ],
)
def test_a_mistake_is_one_clear_line(command, tmp_path, arguments, words):
    out = tmp_path / "out"
    status, error = command(f"--run_dir={exporting.run('mlp')}", f"--out_dir={out}", "--formats=tflite", *arguments)
    assert status == 2
    # A run that is opened says so before the folder can turn out unwritable.
    assert len([line for line in error.splitlines() if line.startswith("error: ")]) == 1
    assert "Traceback" not in error and all(word in error for word in words), error
    assert list(tmp_path.iterdir()) == []


def test_both_folders_are_needed(command):
    assert command("--out_dir=x")[0] == 2
    status, error = command(f"--run_dir={exporting.run('mlp')}")
    assert status == 2 and "--out_dir is needed" in error


def test_a_run_without_an_intact_checkpoint(command, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(exporting.run("mlp"), run)
    for weights in run.glob("checkpoints/*/weights.data*"):
        weights.write_bytes(weights.read_bytes()[:100])
    status, error = command(f"--run_dir={run}", f"--out_dir={tmp_path / 'out'}")
    assert status == 2 and "no intact checkpoint" in error
    assert not (tmp_path / "out").exists()


def test_an_older_checkpoint_is_taken_where_the_last_is_cut_short(command, tmp_path):
    run, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(exporting.run("mlp"), run)
    (run / "checkpoints" / "00000003" / "checkpoint.json").unlink()
    assert command(f"--run_dir={run}", f"--out_dir={out}", "--formats=tflite", "--tflite_batches=2")[0] == 0
    stored = json.loads((out / "manifest.json").read_text())
    assert stored["generator"]["step"] == 2
    assert set(stored["files"][0]["signatures"]) == {"b2", "generate_b2"}


def test_step_and_overwrite(command, tmp_path):
    out = tmp_path / "out"
    arguments = f"--run_dir={exporting.run('mlp')}", f"--out_dir={out}", "--formats=tflite", "--tflite_batches=1"
    assert command(*arguments, "--step=2")[0] == 0
    first = contents(out)
    status, error = command(*arguments)
    assert status == 2 and "--overwrite" in error and contents(out) == first
    status, error = command(*arguments, "--overwrite", "--step=3")
    assert status == 0 and re.search(r"generator.tflite: ok, [\d.]+ dB", error), error
    assert contents(out)["generator.tflite"] != first["generator.tflite"]
    assert json.loads((out / "manifest.json").read_text())["generator"]["step"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_overwrite_spares_a_folder_that_is_no_export(command, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    status, error = command(f"--run_dir={exporting.run('mlp')}", f"--out_dir={tmp_path}", "--overwrite")
    assert status == 2 and "no earlier export" in error
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_format_that_fails_is_left_out_and_told(command, tmp_path, monkeypatch):
    """Verification is told that int8 must reach what only float32 can."""
    import dataclasses

    from export.formats import FORMATS

    strict = (dataclasses.replace(FORMATS["tflite_int8"][0], floor_db=100),)
    monkeypatch.setitem(FORMATS, "tflite_int8", strict)
    out = tmp_path / "out"
    status, error = command(
        f"--run_dir={exporting.run('mlp')}", f"--out_dir={out}", "--formats=tflite,tflite_int8", "--tflite_batches=1"
    )
    assert status == 1 and "generator_int8.tflite: FAILED and removed" in error
    stored = json.loads((out / "manifest.json").read_text())
    assert [entry["path"] for entry in stored["files"]] == ["generator.tflite"]
    assert list(stored["failed"]) == ["tflite_int8"] and not (out / "generator_int8.tflite").exists()
    assert "tflite_int8 was left out" in (out / "MODEL_CARD.md").read_text()

    status, error = command(
        f"--run_dir={exporting.run('mlp')}",
        f"--out_dir={tmp_path / 'none'}",
        "--formats=tflite_int8",
        "--tflite_batches=1",
    )
    assert status == 2 and "nothing was exported" in error
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_nothing_is_left_when_it_is_interrupted(command, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporter, "verify", interrupted)
    status, _ = command(f"--run_dir={exporting.run('mlp')}", f"--out_dir={tmp_path / 'out'}")
    assert status == 130 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("own", ["export.py", "export/__init__.py"])
def test_the_command_is_found_beside_an_export_of_the_users_own(own, tmp_path):
    (tmp_path / own).parent.mkdir(exist_ok=True)
    (tmp_path / own).write_text("raise SystemExit('the user's own')")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(exporting.ROOT), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-m", "tfgan_train.export", "--run_dir=none"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "--out_dir" in done.stderr, done.stderr


@pytest.mark.parametrize("name, extra", [("onnx", "onnx"), ("tflite_weight_int8", "quantize")])
def test_a_missing_extra_is_named(command, tmp_path, monkeypatch, name, extra):
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda module: None)
    status, error = command(f"--run_dir={exporting.run('mlp')}", f"--out_dir={tmp_path / 'out'}", f"--formats={name}")
    assert status == 2 and f"--formats={name} needs" in error and f"[{extra}]" in error


def test_the_same_run_gives_the_same_bytes(tmp_path):
    """Another process, another folder, another hash seed; only what is timed may differ."""
    out = tmp_path / "again"
    formats = [name for name in ("saved_model", "tflite", "onnx") if name in exporting.formats()]
    done = exporting.python(
        "-m",
        "export.main",
        f"--run_dir={exporting.run('mlp')}",
        f"--out_dir={out}",
        f"--formats={','.join(formats)}",
        PYTHONHASHSEED="7",
    )
    assert done.returncode == 0, done.stderr
    first, second = contents(exported("mlp")), contents(out)
    different = {name for name in second if first[name] != second[name]}
    assert different <= {"manifest.json", "MODEL_CARD.md"}  # the card lists all formats
    first, second = (json.loads(stored["manifest.json"]) for stored in (first, second))
    kept = {entry["path"]: entry for entry in first["files"]}
    for entry in second["files"]:
        assert entry.pop("latency_ms") and kept[entry["path"]].pop("latency_ms")
        assert entry == kept[entry["path"]]
    assert "files[].latency_ms" in second["not_reproducible"]
