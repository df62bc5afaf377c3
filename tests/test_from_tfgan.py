"""docs/from_tfgan.md: its example trains, and the names in it are this package's."""

import os
import pathlib
import re
import sys

import pytest

from tests import processes
from tfgan_train import metrics
from tfgan_train.config.checks import legal_values
from tfgan_train.config.fields import FIELDS

ROOT = pathlib.Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "from_tfgan.md").read_text(encoding="utf-8")


def test_every_setting_and_function_that_it_names_is_there():
    named = re.findall(r'`(\w+)(?:="(\w+)"|=\w+)?`', TEXT.split("## Losses")[1])
    settings = [(name, value) for name, value in named if name in FIELDS]
    assert len(settings) > 15
    for name, value in settings:
        assert not value or value in legal_values(FIELDS[name]), f"{name}={value}"
    for name in re.findall(r"`metrics\.(\w+)", TEXT):
        assert callable(getattr(metrics, name))


@pytest.mark.slow
def test_its_example_trains(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 40
    short = code.replace('dataset="mnist"', 'dataset="mnist10k"').replace("steps=500, eval_every=250", "steps=3")
    short = short.replace("evaluate(num=1000)", 'evaluate(num=100, features="pixels")')
    program = short + "\nassert images.shape == (36, 28, 28, 1) and scores['fd'].value > 0\n"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = processes.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
