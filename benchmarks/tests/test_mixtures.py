"""benchmarks/mixtures.py without its trials: which are still to do, means, what a row holds, whose core is whose."""

import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys
import threading

import pytest
import scipy.stats

pytestmark = pytest.mark.slow

PATH = pathlib.Path(__file__).parent.parent / "mixtures.py"


@pytest.fixture(scope="module")
def mixtures():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("mixtures_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _row(dataset, seed, modes, quality, steps=0):
    return {
        "dataset": dataset,
        "seed": seed,
        "steps": steps,
        "of": {"ring2d": 8, "grid2d": 25}[dataset],
        "modes": modes,
        "high_quality": quality,
    }


def test_mean_and_standard_error_are_scipys(mixtures):
    values = [0.935, 0.91, 0.962, 0.948]
    rows = [_row("ring2d", seed, 8.0 - (seed == 3), quality) for seed, quality in enumerate(values, 1)]
    (found,) = mixtures.means(rows)
    assert (found["trials"], found["of"]) == (4, 8)
    assert found["high_quality"]["mean"] == pytest.approx(math.fsum(values) / 4)
    assert found["high_quality"]["standard_error"] == pytest.approx(scipy.stats.sem(values))
    # Modes are 8, 8, 7, 8: a sample variance of 1/4 over 4 trials.
    assert found["modes"] == {"mean": 7.75, "standard_error": 0.25}


def test_datasets_and_lengths_are_not_mixed(mixtures):
    rows = [
        _row("grid2d", 1, 25, 0.8),
        _row("ring2d", 1, 8, 0.9),
        _row("grid2d", 2, 23, 0.6),
        _row("grid2d", 3, 3, 0.1, steps=50),
    ]
    found = {(mean["dataset"], mean["steps"]): mean for mean in mixtures.means(rows)}
    assert {key: mean["trials"] for key, mean in found.items()} == {
        ("grid2d", 0): 2,
        ("ring2d", 0): 1,
        ("grid2d", 50): 1,
    }
    assert found["grid2d", 0]["modes"] == {"mean": 24.0, "standard_error": 1.0}
    assert found["ring2d", 0]["modes"]["standard_error"] is None
    assert mixtures.table(list(found.values())).splitlines()[2:] == [
        "| grid2d | of the recipe | 2 | 24.00 ± 1.00 of 25 | 70.00 % ± 10.00 % |",
        "| ring2d | of the recipe | 1 | 8.00 of 8 | 90.00 % |",
        "| grid2d | 50 | 1 | 3.00 of 25 | 10.00 % |",
    ]


def test_only_what_is_not_done_is_left(mixtures):
    done = [_row("ring2d", 1, 8, 0.9), _row("grid2d", 2, 25, 0.9), _row("ring2d", 3, 8, 0.9, steps=50)]
    left = [(one["dataset"], one["seed"], one["steps"]) for one in mixtures.trials(["ring2d", "grid2d"], 3, 0, done)]
    assert left == [("grid2d", 1, 0), ("ring2d", 2, 0), ("ring2d", 3, 0), ("grid2d", 3, 0)]
    assert mixtures.trials(["ring2d"], 1, 0, done) == []


def test_a_row_is_of_the_runs_last_step(mixtures, tmp_path):
    (tmp_path / "eval").mkdir()
    (tmp_path / "config.json").write_text(json.dumps({"config": {"steps": 70}}))

    def keep(step, modes):
        (tmp_path / "eval" / f"{step:08d}.json").write_text(
            json.dumps(
                {
                    "num": 2500,
                    "metrics": {"modes": {"value": modes, "details": {"of": 8}}, "high_quality": {"value": 0.25}},
                }
            )
        )

    keep(60, 3)
    with pytest.raises(RuntimeError, match="stopped before its step 70"):
        mixtures.figures(tmp_path)
    keep(70, 5)
    assert mixtures.figures(tmp_path) == {"last_step": 70, "samples": 2500, "of": 8, "modes": 5, "high_quality": 0.25}


def test_trials_that_go_on_at_once_have_a_core_each_and_are_kept_one_by_one(mixtures, tmp_path, monkeypatch):
    """A process that a trial starts says which cores it may use; two trials wait for each other, so both are there."""
    meeting, out = threading.Barrier(2), tmp_path / "out.json"

    def measure(trial, runs):
        meeting.wait(60)
        said = subprocess.run(
            [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"],
            capture_output=True,
            text=True,
            check=True,
        )
        return _row(trial["dataset"], trial["seed"], 8, 0.9) | {"seconds": 1.0, "cores": said.stdout.split()}

    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("this machine gives one core")
    monkeypatch.setattr(mixtures, "measure", measure)
    rows = []
    mixtures._measure_all(mixtures.trials(["ring2d"], 2, 0, []), rows, 2, tmp_path, out)
    (first,), (second,) = (row["cores"] for row in rows)
    assert first != second and {int(first), int(second)} <= before == os.sched_getaffinity(0)
    stored = json.loads(out.read_text())
    assert stored["rows"] == rows and stored["means"] == mixtures.means(rows)
