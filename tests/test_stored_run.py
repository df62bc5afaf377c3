"""A run directory that version 0.1 made, before the modules were moved: it resumes, samples, evaluates and exports."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from tests import binaries
from tfgan_train import Config, evaluate, load, main, sample
from tfgan_train.runs import checkpoints
from tfgan_train.runs.rows import read_rows

STORED = pathlib.Path(__file__).parent / "stored_run"


@pytest.fixture
def run(tmp_path):
    return pathlib.Path(shutil.copytree(STORED, tmp_path / "run"))


def test_its_settings_and_rows_are_read(run):
    loaded = load(run).loaded
    stored = json.loads((run / "config.json").read_text())["config"]
    assert {name: getattr(loaded.config, name) for name in stored} == stored
    assert loaded.step == 8 and loaded.data.num_classes == 10 and Config(**stored).conditional
    assert [row["step"] for row in read_rows(run / "metrics.jsonl") if row["kind"] == "train"] == [2, 4, 6, 8]


def test_a_run_as_an_object(run):
    held = load(run)
    np.testing.assert_array_equal(held.metrics["step"], [2, 4, 6, 8])
    assert (
        held.metrics["d_loss"].shape == (4,) and held.config.latent_dim == 8 and held.report_path == run / "report.html"
    )


def test_generate_traces_once_whatever_the_number(run):
    held = load(run)
    first = held.generate(3, seed=5)
    for num in (1, 3, 70):
        np.testing.assert_array_equal(held.generate(num, seed=5)[:3], first[:num])
    assert held._sampler(1.0, {}).at.experimental_get_tracing_count() == 1


def test_it_samples(run, tmp_path):
    result = binaries.call(sample.main, f"--run_dir={run}", "--num=12", f"--out={tmp_path}/x.npz", "--label=3")
    assert result.status == 0, result.err
    assert np.load(tmp_path / "x.npz")["images"].shape == (12, 16, 16, 1)


def test_it_resumes(run):
    result = binaries.call(main.main, f"--run_dir={run}", "--steps=10")
    assert result.status == 0, result.err
    assert checkpoints.latest(run / "checkpoints").step == 10


def test_it_is_evaluated(run):
    result = binaries.call(evaluate.main, f"--run_dir={run}", "--num=32", "--features=pixels", "--metrics=frechet")
    assert result.status == 0 and "fd (FD-pixels)" in result.out, result.err


@pytest.mark.export
def test_it_is_exported(run, tmp_path):
    from export import main as export_main

    result = binaries.call(export_main.main, f"--run_dir={run}", f"--out_dir={tmp_path}/out", "--formats=saved_model")
    assert result.status == 0 and (tmp_path / "out" / "manifest.json").is_file(), result.err
