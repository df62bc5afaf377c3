"""Figures of other metrics, features or numbers of images are other figures: for the best checkpoint and for curves."""

import json
import pathlib
import shutil
import types

import numpy as np
import pytest

from tests import tiny
from tfgan_train.runs import checkpoints
from tfgan_train.runs.facts import read_run
from tfgan_train.training import best

STORED = pathlib.Path(__file__).parent / "stored_run"


class Judge:
    """Stands in for QuickEval: gives the next of some distances."""

    distances: list[float] = []

    def __init__(self, source, heldout, num, features, say):
        self.num, self.fd_name = num, f"FD-{features}"

    def __call__(self, images):
        return {best.BEST_BY: self.distances.pop(0)}


@pytest.fixture
def select(tmp_path, monkeypatch):
    """Evaluates steps with some features and number, as a process of its own; the step that is best then."""
    gan = tiny.Training(architecture="mlp").gan
    sampler = types.SimpleNamespace(images=lambda num, seed: np.zeros(num))
    monkeypatch.setattr(best, "QuickEval", Judge)
    told = []

    def evaluated(features, num, **distances):
        config = tiny.config(eval_num=num, eval_features=features, eval_every=1)
        selection = best.Selection(tmp_path, gan, config, None, None, sampler, told.append)
        for step, distance in distances.items():
            Judge.distances = [distance]
            selection.evaluate(int(step.removeprefix("step")))
        return checkpoints.best(tmp_path).step

    evaluated.told = told
    return evaluated


@pytest.mark.parametrize("features, num", [("classifier", 100), ("pixels", 200)])
def test_a_best_belongs_to_its_metric_features_and_number(select, features, num):
    assert select("pixels", 100, step1=54.9, step2=60.0) == 1
    assert select("pixels", 100, step3=54.8) == 3
    assert select(features, num, step4=149.9, step5=150.5) == 4  # A new one begins, however high.
    said = [line for line in select.told if "a new one is chosen by" in line]
    assert len(said) == 1 and "was chosen by FD-pixels of 100 samples" in said[0]
    assert said[0].endswith(f"by FD-{features} of {num}")


def test_rows_and_files_of_other_protocols_are_other_figures(tmp_path):
    run = pathlib.Path(shutil.copytree(STORED, tmp_path / "run"))
    with open(run / "metrics.jsonl", "a") as file:
        for step, features, num, fd in (
            (2, "FD-pixels", 100, 9.0),
            (4, "FD-pixels", 100, 8.0),
            (6, "FD-pixels", 500, 1.0),
        ):
            file.write(json.dumps({"kind": "eval", "step": step, "features": features, "num": num, "fd": fd}) + "\n")
    (run / "eval").mkdir()
    figure = {"name": "fd", "value": 77.0, "better": "lower"}
    stored = {"step": 8, "num": 100, "features": {"frechet": "FD-classifier"}, "metrics": {"fd": figure}}
    (run / "eval" / "00000008.json").write_text(json.dumps(stored))
    by_name = {}
    for step, figures in read_run(run).evaluations.items():
        for name, figure in figures.items():
            by_name.setdefault(name, {})[step] = figure.value
    assert sorted(map(sorted, by_name.values())) == [[2, 4], [6], [8]], by_name
