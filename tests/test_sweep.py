"""Sweeps with stand-ins for the trainings: halving, its log, the space's messages, the page."""

import json
import math
import pathlib
import subprocess
import sys

import pytest

from tests import binaries
from tests.made_run import make_run
from tfgan_train import UserError, sweep
from tfgan_train.common import locks
from tfgan_train.sweeps import halving, page, plan, space
from tfgan_train.sweeps import run as sweep_run
from tfgan_train.sweeps.trainer import Trainer

ROOT = pathlib.Path(__file__).parent.parent
OWN = {"g_lr": 2e-3, "d_lr": 2e-3, "batch_size": 64}
AXES = [
    [{"g_lr": rate, "d_lr": rate} for rate in (1e-3, 2e-3, 4e-3)],
    [{"batch_size": size} for size in (32, 64, 128, 256)],
]

# A sweep in a process of its own; argv: the log's folder, and after how many trainings it is killed (0: never).
PROGRAM = f"""
import os, pathlib, sys
sys.path[:0] = [{str(ROOT)!r}]
from tfgan_train.sweeps import halving
calls = []
def train(settings, steps, name):
    if len(calls) == int(sys.argv[2] or 0) - 1:
        os._exit(9)
    calls.append(name)
    print(name, flush=True)
    return halving.Outcome(1000 * settings["x"] / (steps + 7 * settings["x"]), 1.5)
candidates = [halving.Candidate({{"x": x}}, 10.0 + x) for x in (5, 3, 8, 1, 9, 2, 7, 4, 6)]
log = halving.Log(pathlib.Path(sys.argv[1]) / "log.jsonl")
halving.halve(candidates, halving.budgets(9000, 3, 3), 3, log, train, lambda line: None)
"""


def _halve(folder, score, number=9, rungs=3, eta=3, cost=lambda place: 10.0, last=900.0):
    """(rows, lines said, calls) of a sweep over {"x": 0}, {"x": 1} …"""
    log, said, calls = halving.Log(folder / "log.jsonl"), [], []

    def train(settings, steps, name):
        calls.append((settings["x"], steps, name))
        return halving.Outcome(
            score(settings["x"], steps),
            2.0,
            "" if math.isfinite(score(settings["x"], steps)) else "step 3: d_loss is nan",
        )

    candidates = [halving.Candidate({"x": place}, cost(place)) for place in range(number)]
    ticks = iter(range(1000))
    halving.halve(
        candidates, halving.budgets(last, rungs, eta), eta, log, train, said.append, lambda: 10.0 * next(ticks)
    )
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()], said, calls


def _numbers(rows, rung):
    return [row["candidate"] for row in rows if row["rung"] == rung]


@pytest.mark.parametrize(
    "number, eta, counts", [(27, 3, [27, 9, 3, 1]), (10, 2, [10, 5, 2, 1]), (7, 3, [7, 2, 1, 1]), (1, 3, [1, 1, 1, 1])]
)
def test_each_rung_has_one_in_eta_of_the_last_and_the_best_of_them(tmp_path, number, eta, counts):
    def score(x, steps):
        return (x * 5 % 29) + 1 / steps

    rows = _halve(tmp_path, score, number, rungs=4, eta=eta, last=10.0 * eta**3)[0]
    expected = list(range(number))
    for rung, count in enumerate(counts, 1):
        assert _numbers(rows, rung) == sorted(expected) and len(expected) == count
        assert {row["steps"] for row in rows if row["rung"] == rung} == {eta ** (rung - 1)}
        expected = sorted(expected, key=lambda x: x * 5 % 29)[: counts[rung] if rung < 4 else 0]


def test_a_costlier_configuration_gets_fewer_steps_for_the_same_flops(tmp_path):
    calls = _halve(tmp_path, lambda x, steps: x, 3, rungs=1, cost=lambda place: 10.0 * (place + 1))[2]
    assert [(x, steps) for x, steps, _ in calls] == [(0, 90), (1, 45), (2, 30)]


def test_of_equals_the_earlier_goes_on(tmp_path):
    rows = _halve(tmp_path, lambda x, steps: 1.0 if x >= 2 else 5.0)[0]
    assert _numbers(rows, 2) == [2, 3, 4] and _numbers(rows, 3) == [2]


def test_what_fails_is_infinite_dropped_and_not_replaced(tmp_path):
    rows, said, _ = _halve(tmp_path, lambda x, steps: 4.0 - x if x in (0, 3) else math.inf)
    assert _numbers(rows, 2) == [0, 3] and _numbers(rows, 3) == [3]  # two were sound, of three that could go on
    assert [(row["score"], row["message"]) for row in rows[:2]] == [(4.0, ""), (None, "step 3: d_loss is nan")]
    assert "x=1: FD infinite (step 3: d_loss is nan)" in said[1]
    nothing = _halve(tmp_path / "nothing", lambda x, steps: math.nan, 3)[0]
    assert len(nothing) == 3 and all(row["score"] is None for row in nothing)


def test_a_line_for_each_training_has_count_and_time_left(tmp_path):
    said = _halve(tmp_path, lambda x, steps: x)[1]
    assert [line.split()[0] for line in said] == [f"{place}/13" for place in range(1, 14)]
    # After one training of 100 FLOPs in 10 s: 8 of 100, 3 of 300 and 1 of 900 are left.
    assert said[0].endswith("after 10 steps, 2 s; about 4 min 20 s left") and said[-1].endswith("about 0 s left")


def _sweep(folder, killed_after=0):
    """The names that a sweep in a fresh process trained."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(killed_after)], capture_output=True, text=True
    )
    assert done.returncode == (9 if killed_after else 0), done.stderr
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize("killed_after", [1, 9, 13])
def test_a_killed_sweep_leaves_the_log_of_one_that_was_not(tmp_path, killed_after):
    whole = _sweep(tmp_path / "whole")
    parts = _sweep(tmp_path / "killed", killed_after) + _sweep(tmp_path / "killed")
    assert parts == whole and len(whole) == len(set(whole)) == 13
    log = (tmp_path / "killed" / "log.jsonl").read_bytes()
    assert log == (tmp_path / "whole" / "log.jsonl").read_bytes() and log.count(b"\n") == 13
    assert _sweep(tmp_path / "whole") == []


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"rung": 1, "candidate": 0}\n{"rung": 1, "cand\n')
    with pytest.raises(UserError, match="log.jsonl, line 2, is damaged; delete that line"):
        halving.Log(tmp_path / "log.jsonl")


@pytest.mark.parametrize("seed", range(20))
def test_the_recipe_itself_is_always_drawn_and_nothing_twice(seed):
    drawn = space.draw(AXES, OWN, 6, seed)
    assert drawn[0] == {} and len(drawn) == 6 and drawn.count({}) == 1
    assert len({json.dumps(one) for one in drawn}) == 6
    for settings in drawn:
        assert settings.get("g_lr") == settings.get("d_lr") != 2e-3 and settings.get("batch_size") != 64
    assert drawn == space.draw(AXES, OWN, 6, seed)


def test_all_of_a_small_space_is_drawn_and_the_seed_chooses_otherwise():
    assert len(space.draw(AXES, OWN, 100, 1)) == 12  # 3 x 4, the recipe's own among them
    assert len({json.dumps(space.draw(AXES, OWN, 6, seed)) for seed in range(20)}) > 10


def test_the_declared_space_of_digits_can_be_read():
    axes = space.read_axes(ROOT / "benchmarks" / "spaces" / "digits.json", {"recipe": "digits", "dataset": "mnist"})
    assert all(one["g_lr"] == one["d_lr"] for one in axes[0]) and math.prod(map(len, axes)) > 1000


def test_tied_settings_may_have_a_value_each(tmp_path):
    path = tmp_path / "space.json"
    path.write_text('{"g_lr, d_lr": [[1e-4, 4e-4], 3e-4], "g_final_conv": [true]}')
    assert space.read_axes(path, {"recipe": "digits", "dataset": "mnist"}) == [
        [{"g_lr": 1e-4, "d_lr": 4e-4}, {"g_lr": 3e-4, "d_lr": 3e-4}],
        [{"g_final_conv": True}],
    ]


def _main(tmp_path, text='{"beta2": [0.9, 0.999]}', *flags):
    """What the command answers to a space and smoke-sized networks."""
    path = tmp_path / "space.json"
    path.write_text(text)
    common = (str(path), "--dataset=mnist10k", "--train_examples=100", f"--out={tmp_path / 'out'}")
    return binaries.call(sweep.main, *common, "--recipe=smoke", "--num=50", *flags)


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"g_lrr": [1]}', "unknown setting 'g_lrr'; did you mean g_lr"),
        ('{"g_lr,batchsize": [1]}', "unknown setting 'batchsize'; did you mean batch_size"),
        ('{"loss": ["hinje"]}', "unknown value of --loss: 'hinje'; did you mean hinge"),
        ('{"batch_size": ["many"]}', "--batch_size=many is not a whole number"),
        ('{"g_lr,d_lr": [[1, 2, 3]]}', '[1, 2, 3] is not a value for "g_lr,d_lr"'),
        ('{"g_lr,d_lr": [1e-3], "d_lr": [1e-3]}', "d_lr stands in it twice"),
        ('{"steps": [10]}', "steps is the sweep's own to set"),
        ('{"invert": [true]}', "invert must be the same for all runs"),
        ('{"train_examples": [50]}', "train_examples must be the same for all runs"),
        ('{"g_lr": 1e-3}', "must be a JSON object of lists"),
        ("{}", "must be a JSON object of lists"),
        ('{"g_lr": [', "space.json is no JSON: "),
        ('{"beta2": [1.5]}', "--beta2=1.5 must be from 0 to"),
        ('{"penalty_weight": [1, 2]}', "--penalty_weight would do nothing here"),
    ],
)
def test_a_bad_space_is_one_line(tmp_path, text, message):
    result = _main(tmp_path, text)
    assert result.status == 2 and result.err.startswith("error: ") and result.err.count("\n") == 1
    assert message in result.err and not (tmp_path / "out").exists()


def test_bad_options_are_one_line(tmp_path):
    for flags, message in (
        (("--eta=1",), "--eta=1 must be at least 2"),
        (("--beta2=0.5",), "beta2 is given by --beta2 too"),
        (("--run_dir=x",), "--run_dir is the sweep's own"),
        (("--features=eyes",), "unknown value of --features 'eyes'"),
        (("--budget=1e-9",), "less than a step"),
        (("more.json",), "name one space"),
    ):
        result = _main(tmp_path, '{"beta2": [0.9, 0.999]}', *flags)
        assert result.status == 2 and result.err.count("\n") == 1 and message in result.err, result.err
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letters.txt").write_text("mine")
    assert "is not empty and holds no sweep" in _main(tmp_path).err
    assert [path.name for path in (tmp_path / "out").glob("[!.]*")] == ["letters.txt"]


def test_another_space_or_option_is_refused_and_the_same_goes_on(tmp_path, monkeypatch):
    trained = []

    def trainer(folder, common, evaluation):
        def train(settings, steps, name):
            trained.append((settings, common["train_examples"]))
            make_run(folder / name, rows=2, grids=1)
            (folder / name / "report.html").write_text("a page")
            return halving.Outcome(settings.get("beta2", 0.5))

        return train

    monkeypatch.setattr(sweep_run, "Trainer", trainer)
    result = _main(tmp_path)
    assert result.status == 0, result.err
    table = (tmp_path / "out" / "summary.md").read_text()
    # smoke's own beta2 is 0.999 and scores 0.5; its 8 steps are the last rung's, a ninth of them (0.9) the first's.
    assert trained == [({}, 100), ({"beta2": 0.9}, 100), ({}, 100), ({}, 100)]
    assert table.splitlines()[2:] == [
        "| 3 | the recipe's own | 0.500 | 8 | 0 |",
        "| 2 | the recipe's own | 0.500 | 3 | 0 |",
        "| 1 | the recipe's own | 0.500 | 1 | 0 |",
        "| 1 | beta2=0.9 | 0.900 | 1 | 0 |",
    ]
    assert table in result.out and "python -m tfgan_train.main --dataset=mnist10k" in result.out
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<img") == 4 and page.count(">report</a>") == 4
    assert page.index("beta2=0.9") > page.index("the recipe&#39;s own") and "4 trainings of 2 configurations" in page
    log = (tmp_path / "out" / "log.jsonl").read_bytes()
    for text, flags, name in (
        ('{"beta2": [0.9, 0.99]}', (), "the space"),
        ('{"beta2": [0.9, 0.999]}', ("--seed=2",), "--seed"),
        ('{"beta2": [0.9, 0.999]}', ("--rungs=2",), "--rungs"),
    ):
        result = _main(tmp_path, text, *flags)
        assert result.status == 2 and result.err.count("\n") == 1 and f"otherwise: {name} has changed" in result.err
    assert _main(tmp_path).status == 0
    assert len(trained) == 4 and (tmp_path / "out" / "log.jsonl").read_bytes() == log


def test_a_second_sweep_in_the_same_folder_is_refused(tmp_path):
    with plan.lock(tmp_path, print), pytest.raises(UserError, match="another sweep is under way"):
        plan.lock(tmp_path, print)


def test_a_lock_that_the_system_refuses_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(locks, "fcntl", None)
    plan.lock(tmp_path, print).close()
    assert f"note: {tmp_path} can't be locked on this system; sweep there with one process" in capsys.readouterr().out


def test_the_best_command_has_booleans_as_flags_have_them():
    found = plan.Plan({"dataset": "mnist10k", "conditional": True, "flip": False}, [], [], {})
    ranked = [{"score": 1.0, "settings": {"g_final_conv": True, "g_lr": 0.5}}]
    assert page.best_command(found, ranked).endswith(
        "--dataset=mnist10k --conditional --noflip --g_final_conv --g_lr=0.5"
    )


def _fake_python(tmp_path, monkeypatch, script):
    """Puts a shell script in the place of the Python that runs the package's programs."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def test_a_failed_training_is_told_from_a_stopped_one_and_from_a_full_disk(tmp_path, monkeypatch):
    trainer = Trainer(tmp_path / "runs", {"recipe": "smoke"}, [])
    _fake_python(tmp_path, monkeypatch, "echo some steps; echo 'error: step 12: d_loss is nan' >&2; exit 2")
    outcome = trainer({"g_final_conv": True}, 20, "one")
    assert outcome.score == math.inf and outcome.message == "step 12: d_loss is nan"
    _fake_python(
        tmp_path, monkeypatch, "echo 'error: --run_dir=x can not be written: No space left on device' >&2; exit 2"
    )
    with pytest.raises(UserError, match="No space left"):
        trainer({}, 20, "two")
    for script, number in (("exit 143", 15), ("kill -9 $$", 9)):
        _fake_python(tmp_path, monkeypatch, script)
        with pytest.raises(UserError, match=f"ended by signal {number}; the same command goes on"):
            trainer({}, 20, "three")


def test_a_training_is_asked_for_by_flags_and_its_distance_read_back(tmp_path, monkeypatch):
    run = tmp_path / "runs" / "one"
    (run / "eval").mkdir(parents=True)
    (run / "eval" / "00000020.json").write_text('{"metrics": {"fd": {"value": 3.25}}}')
    (run / "metrics.jsonl").write_text(
        '{"kind": "train", "step": 20, "seconds": 7.51}\n{"kind": "clock", "step": 20}\n'
    )
    _fake_python(tmp_path, monkeypatch, f'echo "$@" >> {tmp_path}/calls')
    assert Trainer(tmp_path / "runs", {"seed": 3}, ["--num=9"])(
        {"g_final_conv": False, "g_lr": 1e-05}, 20, "one"
    ) == halving.Outcome(3.25, 7.5)
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"-m tfgan_train.main --seed=3 --nog_final_conv --g_lr=1e-05 --steps=20 --run_dir={run}",
        f"-m tfgan_train.evaluate --run_dir={run} --num=9",
    ]
