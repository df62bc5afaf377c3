"""compare: which runs belong together, means and spreads, one page and one table, and what it refuses."""

import csv
import json
import math
import os
import pathlib
import shutil
import sys

import pytest

from tests import processes
from tests.headless import browser
from tests.made_run import make_run
from tests.test_report_page import Parsed
from tfgan_train.report import compare_page, comparison
from tfgan_train.runs.facts import read_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of one recipe and one run of another."""
    folder = tmp_path_factory.mktemp("runs")
    first = make_run(folder / "first", grids=2)
    for name, changes, fd in (("again", {"seed": 2}, 30.0), ("<other>", {"loss": "hinge", "g_lr": 0.5}, 90.0)):
        other = shutil.copytree(first, folder / name)
        stored = json.loads((other / "config.json").read_text())
        stored["config"] |= changes | {"run_dir": str(other)}
        (other / "config.json").write_text(json.dumps(stored))
        (other / "eval").mkdir()
        (other / "eval" / "00000400.json").write_text(
            json.dumps({"metrics": {"fd": {"name": "fd", "value": fd, "spread": 2.0, "better": "lower"}}})
        )
    return [first, folder / "again", folder / "<other>"]


@pytest.fixture(scope="module")
def groups(runs):
    return comparison.group_runs([read_run(path) for path in runs])


def _compare(*arguments, cwd):
    return processes.run(
        [sys.executable, "-m", "tfgan_train.compare", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[1])},
    )


def test_runs_that_differ_by_seed_alone_are_one_group(groups):
    assert [[run.config["seed"] for run in group.runs] for group in groups] == [[1, 2], [1]]
    assert comparison.differing(groups) == {"loss": ["non_saturating", "hinge"], "g_lr": [0.003, 0.5]}


def test_mean_and_standard_deviation_over_seeds(groups):
    both, one = (group.measured()["fd"] for group in groups)
    # made_run's last row has 30000 / 400 = 75; the file of the second seed says 30.
    assert both.mean == (75 + 30) / 2 and both.runs == 2 and both.better == "lower"
    assert both.spread == pytest.approx(math.sqrt(((75 - 52.5) ** 2 + (30 - 52.5) ** 2) / 1))
    # One run's spread is the metric's own.
    assert (one.mean, one.spread, one.runs) == (90.0, 2.0, 1)


def test_runs_on_other_data_are_no_seeds_of_each_other(runs, tmp_path):
    other = shutil.copytree(runs[0], tmp_path / "more")
    stored = json.loads((other / "config.json").read_text())
    stored["data"]["count"] = 60000
    (other / "config.json").write_text(json.dumps(stored))
    found = comparison.group_runs([read_run(runs[0]), read_run(other)])
    assert len(found) == 2
    assert (
        "saw different data (mnist10k, 10,000 examples; mnist10k, 60,000 examples)"
        in Parsed(compare_page.render(found)).text
    )


def test_wall_time_of_a_step_lies_between_its_rows(groups):
    run = groups[0].runs[0]  # 0.01 seconds a step, rows every 50
    assert comparison.seconds_at(run, [50, 125, 400]) == pytest.approx([0.5, 1.25, 4.0])


def test_command_writes_page_and_table(runs, tmp_path):
    done = _compare(*runs, f"--out={tmp_path / 'c.html'}", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "c.html").read_text()
    page = Parsed(text)
    assert page.sections == ["figures", "settings", "curves", "samples", "runs"]
    for words in (
        "3 runs compared",
        "2 recipes",
        "52.5 ± 31.8 (2 runs)",
        "90 ± 2",
        "hinge",
        "fd ↓",
        "D's loss, by time",
        "sec",
    ):
        assert words in page.text, words
    assert len(page.all("img")) == 3 and all(image["src"].startswith("data:") for image in page.all("img"))
    assert "<other>" not in text and "https://" not in text
    with open(tmp_path / "c.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["seed"], row["fd"], row["loss"]) for row in rows] == [
        ("run", "1", "75.0", "non_saturating"),
        ("run", "2", "30.0", "non_saturating"),
        ("group", "", "52.5", "non_saturating"),
        ("run", "1", "90.0", "hinge"),
    ]
    assert float(rows[2]["fd_spread"]) == pytest.approx(22.5 * math.sqrt(2)) and rows[3]["seconds"] == "4.0"


def test_runs_without_any_rows_are_told_and_not_fatal(runs, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(runs[0] / "config.json", bare)
    done = _compare(bare, cwd=tmp_path)
    assert done.returncode == 0
    page = Parsed((tmp_path / "compare.html").read_text())
    assert "Nothing has been logged yet by bare." in page.text and "None of these runs has been evaluated" in page.text
    assert page.sections == ["figures", "settings", "runs"]


def test_bad_input_is_one_line_and_writes_nothing(runs, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    for arguments, words in (
        ((), "name the runs to compare"),
        ((runs[0], "nowhere"), "nowhere is no run"),
        ((runs[0], f"{runs[0]}/."), "is named twice"),
        (("broken",), "config.json is damaged"),
        ((runs[0], "--out=c.pdf"), "--out=c.pdf must end in .html"),
        ((runs[0], "--out=broken/config.json/c.html"), "can't be written"),
        ((runs[0], "--uot=c.html"), "did you mean --out"),
    ):
        done = _compare(*arguments, cwd=tmp_path)
        assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1, (arguments, done.stderr)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]


def test_page_in_a_browser(groups, tmp_path):
    (tmp_path / "c.html").write_text(compare_page.render(groups))
    with browser(tmp_path / "profile") as window:
        for width in (1200, 390):
            window.look(width, 900)
            window.open((tmp_path / "c.html").as_uri())
            assert window.run("return document.documentElement.scrollWidth") == width
        window.run("document.querySelectorAll('.plot')[1].focus()")
        window.type(".chart:nth-of-type(2) .plot", "\ue012")
        assert window.run("return document.querySelectorAll('.tip')[1].textContent").startswith("sec ")
        assert window.log() == []
