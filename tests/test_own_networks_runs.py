"""Runs on a user's own networks in fresh processes: only the run directory and the folder of their module are given."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from tests import exporting, processes
from tests.test_resume import variables

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parent.parent
FLAGS = [
    "--recipe=smoke",
    "--dataset=npz:../data.npz",
    "--steps=40",
    "--batch_size=16",
    "--latent_dim=6",
    "--checkpoint_every=7",
    "--log_every=3",
    "--sample_every=25",
    "--ema_half_life=100",
]
OWN = ["--generator=my_networks:generator", "--discriminator=my_networks:discriminator"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder outside of the package with the user's module and data in it."""
    folder = tmp_path_factory.mktemp("users")
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (320, 16, 16), dtype=np.uint8), np.arange(320) % 3
    np.savez(folder / "data.npz", x_train=images[:200], y_train=labels[:200], x_test=images[200:], y_test=labels[200:])
    shutil.copy(ROOT / "tests" / "users_networks.py", folder / "my_networks.py")
    return folder


def _environment(paths) -> dict[str, str]:
    """With TensorFlow's own log level, which says nothing where the commands are to say one line."""
    kept = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def _process(place, module, *arguments, imports=True) -> subprocess.Popen:
    paths = [str(ROOT), str(place)] if imports else [str(ROOT)]
    elsewhere = place / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    start, environment = processes.Popen, os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    if not imports and module == "tfgan_train.main":  # A fresh one, for what TensorFlow says as it starts.
        start, environment = subprocess.Popen, _environment(paths)
    return start(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=elsewhere,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _call(place, module, *arguments, imports=True) -> tuple[int, str]:
    process = _process(place, module, *arguments, imports=imports)
    out, err = process.communicate(timeout=600)
    return process.returncode, out + err


def _train(place, name, *flags) -> pathlib.Path:
    status, text = _call(place, "tfgan_train.main", *FLAGS, *flags, f"--run_dir={place / name}")
    assert status == 0, text
    return place / name


@pytest.fixture(scope="module")
def run(place):
    return _train(place, "run", *OWN)


def _last(run_dir) -> dict[str, np.ndarray]:
    return variables(run_dir / "checkpoints" / "00000040")


def _kill_after_some_steps(place, name, *flags):
    process = _process(place, "tfgan_train.main", *FLAGS, *flags, f"--run_dir={place / name}")
    metrics = place / name / "metrics.jsonl"
    while process.poll() is None and not (
        metrics.exists() and any(int(step) >= 15 for step in re.findall(r'"step": (\d+)', metrics.read_text()))
    ):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not (place / name / "checkpoints" / "00000040").exists()


def test_killed_and_resumed_is_bit_identical(place, run):
    _kill_after_some_steps(place, "killed", *OWN)
    status, text = _call(place, "tfgan_train.main", f"--run_dir={place / 'killed'}", *FLAGS)
    assert status == 0 and "resuming" in text, text
    found, expected = _last(place / "killed"), _last(run)
    assert found.keys() == expected.keys() and len(found) > 40
    assert [key for key in expected if found[key].tobytes() != expected[key].tobytes()] == []


def test_config_stores_names_and_no_code(run):
    stored = json.loads((run / "config.json").read_text())["config"]
    assert stored["generator"] == "my_networks:generator" and stored["discriminator"] == "my_networks:discriminator"
    assert not list(run.rglob("*.pkl")) and not list(run.rglob("*.keras"))


def test_every_command_knows_the_run(place, run):
    status, text = _call(place, "tfgan_train.sample", f"--run_dir={run}", f"--out={place / 's.npz'}", "--num=5")
    assert status == 0, text
    with np.load(place / "s.npz") as arrays:
        images = arrays["images"]
    assert images.shape == (5, 16, 16, 1) and images.std() > 0
    status, text = _call(
        place, "tfgan_train.evaluate", f"--run_dir={run}", "--num=100", "--features=pixels", "--linear_probe"
    )
    assert status == 0 and "probe_discriminator" in text, text
    shutil.copytree(run, place / "copy")
    status, text = _call(place, "tfgan_train.compare", run, place / "copy", f"--out={place / 'compare.html'}")
    assert status == 0, text
    status, text = _call(place, "tfgan_train.main", f"--run_dir={run}", *FLAGS, "--dry_run")
    assert status == 0 and re.search(r"conv2d_transpose\S* +8x8x8 +1,600", text), text
    assert (run / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("module", ["tfgan_train.sample", "tfgan_train.evaluate", "tfgan_train.main", "export.main"])
def test_a_missing_module_is_one_line(place, run, module):
    flags = {"tfgan_train.sample": ["--out=x.png"], "export.main": ["--out_dir=x"], "tfgan_train.main": FLAGS}
    status, text = _call(place, module, f"--run_dir={run}", *flags.get(module, []), imports=False)
    said = [line for line in text.splitlines() if line.startswith("error: ")]
    assert status == 2 and len(said) == 1 and "no module my_networks" in said[0], text
    assert "Traceback" not in text and (module != "tfgan_train.main" or text == said[0] + "\n"), text


@pytest.mark.export
def test_every_format_draws_the_same_pictures(place, run):
    status, text = _call(
        place,
        "export.main",
        f"--run_dir={run}",
        f"--out_dir={place / 'out'}",
        f"--formats={','.join(exporting.formats())}",
    )
    assert status == 0, text
    files = json.loads((place / "out" / "manifest.json").read_text())["files"]
    assert {file["format"] for file in files} == set(exporting.formats())


def test_the_pages_example_is_a_program_that_runs(place):
    """And its run is known by the program's name afterwards, from the same folder."""
    page = (ROOT / "docs" / "own_networks.md").read_text()
    program = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    folder = place / "page"
    folder.mkdir()
    (folder / "my_gan.py").write_text(program.replace("steps=2000", 'steps=3, run_dir="run", train_examples=200'))
    for arguments in (["my_gan.py"], ["-m", "tfgan_train.sample", "--run_dir=run", "--out=x.png", "--num=4"]):
        done = processes.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=_environment([str(ROOT)]),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        assert arguments[0] == "-m" or done.stdout.endswith("(16, 28, 28, 1)\n")
    assert json.loads((folder / "run" / "config.json").read_text())["config"]["generator"] == "my_gan:generator"
