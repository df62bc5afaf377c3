"""What other work on the machine has set or lacks: another Keras backend, no locks, no user's entry, no home."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parent.parent
# A system without fcntl, as Windows is, and a user without an entry in passwd, as containers have them.
PROGRAM = """
import sys, pathlib
sys.modules["fcntl"] = sys.modules["pwd"] = None
import os
os.environ.pop("HOME", None)
from tfgan_train import Config, train
train(Config(recipe="smoke", architecture="mlp", steps=2, run_dir=sys.argv[1]))
import keras
print(keras.backend.backend(), keras.config.image_data_format(), keras.config.floatx())
"""


def _losses(run_dir: pathlib.Path) -> list[float]:
    rows = map(json.loads, (run_dir / "metrics.jsonl").read_text().splitlines())
    return [row["d_loss"] for row in rows if row["kind"] == "train"]


def test_a_run_is_the_same_whatever_others_have_set(tmp_path):
    """In fresh interpreters: Keras reads its settings when it is imported."""
    settings = {"floatx": "float16", "epsilon": 1e-3, "backend": "jax", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    hostile = {"KERAS_BACKEND": "torch", "KERAS_HOME": str(tmp_path)}
    plain = [sys.executable, "-m", "tfgan_train.main", "--recipe=smoke", "--architecture=mlp", "--steps=2"]
    commands = {
        "plain": ([*plain, f"--run_dir={tmp_path}/plain"], {}),
        "hostile": ([sys.executable, "-c", PROGRAM, f"{tmp_path}/hostile"], hostile),
    }
    for name, (command, extra) in commands.items():
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)} | extra
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
    assert done.stdout.split()[0] == "tensorflow"
    assert "lock" in done.stderr
    assert _losses(tmp_path / "plain") == _losses(tmp_path / "hostile") != []
