"""Several machines: workers that differ in speed finish, a stop of one stops all, a lost one ends the others."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests import processes
from tests.test_workers import _free_ports, _weights
from tfgan_train.common.errors import UserError
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir
from tfgan_train.training import workers

SMALL = (
    "--recipe=smoke",
    "--architecture=mlp",
    "--g_width=8",
    "--d_width=8",
    "--image_size=8",
    "--train_examples=64",
    "--log_every=50",
    "--sample_every=1000",
    "--g_norm=none",  # Its sums over the workers, many a step, are in tests/test_workers.py.
    "--d_norm=none",
)
# The second worker's clock, if it were asked, would choose shorter calls.
PROGRAM = """
import json, os
from tfgan_train import main
from tfgan_train.training import pacing
if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1: pacing.CALL_SECONDS = 0.02
main.main()
"""


def _start(count, run_dir, *flags):
    """Worker processes, each with a run directory of its own: only the chief's is looked at."""
    addresses = [f"localhost:{port}" for port in _free_ports(count)]

    def config(index):
        return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})

    return [
        processes.Popen(
            [sys.executable, "-c", PROGRAM, *SMALL, *flags, f"--run_dir={run_dir}{index or ''}"],
            env=os.environ | {"TF_CONFIG": config(index)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]


def _wait_for_rows(run_dir, number, process):
    path = run_dir / "metrics.jsonl"
    end = time.monotonic() + 120
    while (
        process.poll() is None
        and time.monotonic() < end
        and not (path.is_file() and path.read_text().count('"train"') >= number)
    ):
        time.sleep(0.1)


def _step(run_dir):
    return checkpoints.latest(RunDir(run_dir).checkpoints_dir).step


@pytest.mark.workers
@pytest.mark.parametrize("count", [2, 3])
def test_workers_of_different_speed_finish_on_folders_of_their_own(tmp_path, count):
    processes = _start(count, tmp_path / "run", "--steps=160", f"--batch_size={4 * count}")
    for process in processes:
        _, messages = process.communicate(timeout=300)
        assert process.returncode == 0, messages
        assert "/tmp/tmp" not in messages
    assert _step(tmp_path / "run") == 160 and not (tmp_path / "run1").exists()


@pytest.mark.workers
def test_a_stop_on_one_stops_all_and_the_chief_saves(tmp_path):
    processes = _start(2, tmp_path / "run", "--steps=100000", "--checkpoint_every=50000", "--batch_size=8")
    _wait_for_rows(tmp_path / "run", 2, processes[0])
    processes[1].send_signal(signal.SIGTERM)
    messages = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [128 + signal.SIGTERM] * 2, messages
    assert 0 < _step(tmp_path / "run") < 100000


@pytest.mark.workers
def test_a_lost_worker_ends_the_others_in_one_line_and_the_same_command_resumes_exactly(tmp_path):
    flags = ("--checkpoint_every=20", "--log_every=20", "--batch_size=8")
    processes = _start(2, tmp_path / "run", "--steps=100000", *flags)
    _wait_for_rows(tmp_path / "run", 2, processes[0])
    processes[1].kill()
    _, messages = processes[0].communicate(timeout=90)
    assert (
        processes[0].returncode == 2
        and messages.count("error: another worker was lost") == 1
        and "Traceback" not in messages
    ), messages
    steps = _step(tmp_path / "run") + 20
    # Resumed, and a run that nothing has happened to.
    for run in ("run", "whole"):
        for process in _start(2, tmp_path / run, f"--steps={steps}", *flags):
            _, messages = process.communicate(timeout=300)
            assert process.returncode == 0, messages
    resumed, whole = _weights(tmp_path / "run"), _weights(tmp_path / "whole")
    assert _step(tmp_path / "run") == steps and resumed.keys() == whole.keys()
    assert not [name for name in whole if resumed[name].tobytes() != whole[name].tobytes()]


@pytest.mark.parametrize(
    "value, message",
    [
        ("{", "no JSON object"),
        ("3", "no JSON object"),
        ('{"cluster": 3}', "no JSON object"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}',
            "'evaluator', which trains nothing",
        ),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 5}}',
            "isn't in its cluster, which has 1",
        ),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}', "isn't in its cluster"),
    ],
)
def test_a_tf_config_that_cannot_be_is_one_line(monkeypatch, value, message):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(UserError, match=message):
        workers.check_tf_config()


@pytest.mark.parametrize(
    "value, count",
    [
        ("", 0),
        ("{}", 0),
        ('{"cluster": {}, "task": {"type": "worker", "index": 0}}', 0),
        ('{"cluster": {"chief": ["a:1"]}, "task": {"type": "chief", "index": 0}}', 1),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}', 2),
    ],
)
def test_how_many_workers_there_are(monkeypatch, value, count):
    monkeypatch.setenv("TF_CONFIG", value)
    assert workers.check_tf_config() == count
