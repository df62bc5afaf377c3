"""docs/extending.md, followed to the letter: its blocks put where it says, on a copy of the package."""

import ast
import json
import os
import pathlib
import re
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests import processes, tiny
from tfgan_train.objective.losses import LOSSES, Loss
from tfgan_train.objective.penalties import PENALTIES, Penalty

ROOT = pathlib.Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
# (file, "above" or "in", name) or a new file's name, and the code.
BLOCKS = re.findall(
    r"^(?:In|A new file) `([\w/.]+)`(?:, (above|in) `(\w+)`)?:\n\n```python\n(.*?)```", PAGE, re.M | re.S
)
MINE = re.search(r"`mine.py`.*?```python\n(.*?)```", PAGE, re.S)[1]


def _put(root: pathlib.Path, file: str, where: str, name: str, code: str) -> None:
    path = root / file
    if not where:
        assert not path.exists()
        path.write_text(code)
        return
    lines = path.read_text().splitlines(keepends=True)
    (at,) = [i for i, line in enumerate(lines) if re.match(rf"{name}\b.*= \{{$", line.rstrip())]
    lines.insert(at + (where == "in"), code if where == "in" else code + "\n\n")
    path.write_text("".join(lines))
    ast.parse(path.read_text())


def _run(root: pathlib.Path, module: str, *flags: str) -> str:
    done = processes.run(
        [sys.executable, "-m", module, *flags],
        cwd=root,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},  # It would find the original.
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _entry(name: str, names: dict):
    """The page's code for one registry, run, and its line there."""
    for _, where, registry, code in BLOCKS:
        if registry == name and where == "above":
            exec(code, names)
    (line,) = [code for _, where, registry, code in BLOCKS if registry == name and where == "in"]
    ((key, entry),) = eval("{" + line + "}", names).items()
    return key, entry


def test_the_page_adds_each_kind():
    added = [(registry, where) for _, where, registry, _ in BLOCKS if registry]
    for registry in ("LOSSES", "PENALTIES", "AUGMENTATIONS", "MODELS", "DATASETS"):
        assert {(registry, "above"), (registry, "in")} <= set(added)
    assert [file for file, where, _, _ in BLOCKS if not where] == [
        "tfgan_train/models/linear.py",
        "tfgan_train/data/stripes.py",
    ]


def test_the_loss_of_the_page_takes_a_real_step(monkeypatch):
    """What the step says of D's and G's loss is the formula, at the networks' own logits."""
    name, loss = _entry("LOSSES", {"tf": tf, "Loss": Loss})
    monkeypatch.setitem(LOSSES, name, loss)
    training = tiny.Training(architecture="mlp", loss=name, g_norm="none", d_norm="none", update="simultaneous")
    row = training.run()[0]
    # Each network's logits are near 0 at first: (0 - 1)^2 and (0 + 1)^2, halved.
    assert row["d_loss"] == pytest.approx(1.0 - row["real_logits"] + row["fake_logits"], abs=0.05)
    assert 0 <= row["g_loss"] < 0.05
    x = tf.constant([0.5, -2.0])
    np.testing.assert_allclose(loss.d(x, x), [1.25, 5.0])
    np.testing.assert_allclose(loss.g(None, x), [0.125, 2.0])


def test_the_penalty_of_the_page_takes_a_real_step(monkeypatch):
    """D's update with the penalty is what its formula asks for."""
    name, penalty = _entry("PENALTIES", {"tf": tf, "Penalty": Penalty})
    monkeypatch.setitem(PENALTIES, name, penalty)
    training = tiny.Training(architecture="mlp", d_norm="none", penalty=name, penalty_weight=1.0)
    real = tf.cast(training.images[:12], tf.float32) / 127.5 - 1.0
    expected = tf.reduce_mean(tf.square(training.gan.discriminator(real, training=True)))
    np.testing.assert_allclose(training.run()[0]["penalty"], expected, rtol=1e-5)


@pytest.mark.slow
def test_everything_on_the_page_trains_evaluates_and_shows_itself(tmp_path):
    for folder in ("tfgan_train", "flags"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for block in BLOCKS:
        _put(tmp_path, *block)
    (tmp_path / "mine.py").write_text(MINE)
    said = _run(tmp_path, "tfgan_train.main", "--help")
    for flag, name in (
        ("loss", "pearson"),
        ("penalty", "logit_size"),
        ("augment", "vertical_flip"),
        ("architecture", "linear"),
    ):
        assert re.search(rf"^  --{flag} .*\b{name}\b", said, re.M), flag
    assert re.search(r"^  stripes +stripes in two directions and three widths; recipe smoke$", said, re.M)
    common = ["--dataset=stripes", "--architecture=linear", "--steps=3", "--batch_size=8", "--conditional"]
    package = ["--loss=pearson", "--penalty=logit_size", "--augment=vertical_flip"]
    said = _run(tmp_path, "tfgan_train.main", *common, *package, "--dry_run")
    assert "stripes, 1,000 images of 16x16x1, 2 labels" in said and "loss=pearson" in said
    assert not (tmp_path / "runs").exists()
    _run(tmp_path, "tfgan_train.main", *common, *package, "--run_dir=run")
    _run(tmp_path, "tfgan_train.evaluate", "--run_dir=run", "--num=50", "--features=pixels")
    assert list((tmp_path / "run" / "eval").glob("*3.json"))
    own = ["PEARSON", "logit_size", "vertical_flip", "lion", "lion"]
    flags = ("loss", "penalty", "augment", "g_optimizer", "d_optimizer")
    named = [f"--{flag}=python:mine:{name}" for flag, name in zip(flags, own, strict=True)]
    _run(tmp_path, "tfgan_train.main", *common, *named, "--run_dir=mine")
    rows = [json.loads(line) for line in (tmp_path / "mine" / "metrics.jsonl").read_text().splitlines()]
    train = next(row for row in rows if row.get("kind") == "train")
    assert train["penalty"] > 0 and train["g_lr"] == pytest.approx(1e-4)
    assert json.loads((tmp_path / "mine" / "config.json").read_text())["config"]["loss"] == "python:mine:PEARSON"
