"""A run that is killed or stopped, and resumed, ends as one that was not: bit for bit.

Every run is a real process. The runs are small enough to start and resume in seconds; what they leave
out, several replicas of other networks for one, is in tests/test_replicas_agree.py.
"""

import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests import processes

pytestmark = pytest.mark.slow

STEPS = 120
FLAGS = [
    "--recipe=smoke",
    "--image_size=16",
    "--train_examples=64",
    f"--steps={STEPS}",
    "--checkpoint_every=19",
    "--log_every=3",
    "--sample_every=25",
    "--d_dropout=0.3",
    "--g_dropout=0.2",
    "--instance_noise=0.1",
    "--instance_noise_steps=80",
    "--label_flip=0.1",
    "--fake_pool=24",
]
ONE = [
    *FLAGS,
    "--augment=translation,cutout,ada",
    "--ada_images=2000",
    "--ada_target=0",
    "--code_categories=3",
    "--code_continuous=1",
    "--d_norm=none",
    "--penalty=r1",
    "--penalty_every=4",
    "--schedule=cosine",
    "--g_output_bias=data",
    "--eval_every=40",
    "--eval_num=100",
    "--eval_features=pixels",
]
TWO = [
    *FLAGS,
    "--devices=cpu:2",
    "--architecture=mlp",
    "--augment=translation,cutout",
    "--d_norm=batch",
    "--g_optimizer=rmsprop",
    "--momentum=0.5",
    "--historical_averaging=0.01",
    "--conditional",
    "--d_conditioning=acgan",
]
WALL_TIME = ("seconds", "images_per_second")
PATIENCE = 300  # seconds; on a machine that does nothing else a run takes ten


def begin(flags, run_dir, start=processes.Popen) -> subprocess.Popen:
    """Starts training as a user does."""
    command = [sys.executable, "-m", "tfgan_train.main", *flags, f"--run_dir={run_dir}"]
    return start(
        command, cwd=pathlib.Path(__file__).parent.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process) -> str:
    """Waits for the process, which must succeed; what it printed."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out + err


def rows(run_dir) -> list[dict]:
    """The rows of metrics.jsonl; all of its lines must be whole."""
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


def wait_for(process, run_dir, step: int) -> None:
    """Until a row of `step` or later has been written."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        text = (run_dir / "metrics.jsonl").read_text() if (run_dir / "metrics.jsonl").exists() else ""
        if any(int(found) >= step for found in re.findall(r'"step": (\d+)', text)):
            return
        time.sleep(0.005)
    raise AssertionError(f"no row of step {step}: {process.communicate()}")


def kill(flags, run_dir, after: int) -> None:
    """Trains past the step `after` and a moment more, then kills without warning."""
    process = begin(flags, run_dir)
    wait_for(process, run_dir, after)
    time.sleep(random.uniform(0, 0.3))
    process.kill()
    process.communicate()


def uninterrupted(flags, run_dir):
    """In a fresh interpreter, which has a hash seed of its own: forked ones share theirs."""
    finish(begin(flags, run_dir, start=subprocess.Popen))
    return run_dir


def killed(flags, run_dir, moments):
    """Killed a moment after each of these steps, then left to finish."""
    for after in moments:
        kill(flags, run_dir, after)
    finish(begin(flags, run_dir))
    return run_dir


def stopped(flags, run_dir):
    """Asked to stop by each signal, then left to finish: (run_dir, [(exit status, text, step)])."""
    flags = [*flags, "--checkpoint_every=1000"]  # so that only the signals make checkpoints
    stops = []
    for number, after in ((signal.SIGTERM, 5), (signal.SIGINT, 30)):
        process = begin(flags, run_dir)
        wait_for(process, run_dir, after)
        time.sleep(random.uniform(0, 0.03))
        process.send_signal(number)
        text = process.communicate(timeout=PATIENCE)[1]
        stops.append(
            (process.returncode, text, max(int(path.name) for path in (run_dir / "checkpoints").glob("[0-9]*")))
        )
    finish(begin(flags, run_dir))
    return run_dir, stops


def damaged(flags, run_dir, original):
    """A finished run whose two newest checkpoints are damaged, run again: (run_dir, what it printed)."""
    shutil.copytree(original, run_dir)
    newest, second = sorted((run_dir / "checkpoints").glob("[0-9]*"))[:-3:-1]
    os.truncate(newest / "weights.data-00000-of-00001", 1000)
    weights = bytearray((second / "weights.data-00000-of-00001").read_bytes())
    weights[len(weights) // 2] ^= 1
    (second / "weights.data-00000-of-00001").write_bytes(weights)
    return run_dir, finish(begin(flags, run_dir))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Futures of all runs, made two at a time since much of a run is waiting for one core."""
    folder = tmp_path_factory.mktemp("runs")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {}
        # One of them also before its first checkpoint.
        random_steps = {"one": (0, random.randint(10, 90)), "two": (random.randint(10, 90),)}
        for name, flags in (("one", ONE), ("two", TWO)):
            jobs[name] = pool.submit(uninterrupted, flags, folder / name)
            jobs[f"{name} killed"] = pool.submit(killed, flags, folder / f"{name}-killed", random_steps[name])
        jobs["stopped"] = pool.submit(stopped, ONE, folder / "stopped")
        jobs["damaged"] = pool.submit(lambda: damaged(ONE, folder / "damaged", jobs["one"].result()))
        yield lambda name: jobs[name].result()


def newest(run_dir) -> pathlib.Path:
    """The folder of the newest checkpoint, which must be that of the last step."""
    folder = max((run_dir / "checkpoints").glob("[0-9]*"))
    assert int(folder.name) == STEPS
    return folder


def variables(folder) -> dict[str, np.ndarray]:
    """All that a checkpoint stores."""
    reader = tf.train.load_checkpoint(str(folder / "weights"))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    }


def assert_same_run(run_dir, expected_dir):
    """Equal bit for bit: the checkpoint, the metrics, the pictures."""
    pairs = [(newest(run_dir), newest(expected_dir))]
    if (expected_dir / "checkpoints" / "best").exists():
        pairs.append((run_dir / "checkpoints" / "best", expected_dir / "checkpoints" / "best"))
    for found, expected in (map(variables, pair) for pair in pairs):
        assert found.keys() == expected.keys()
        different = [name for name in expected if found[name].tobytes() != expected[name].tobytes()]
        assert not different

    def steady(folder):
        return [
            {name: value for name, value in row.items() if name not in WALL_TIME}
            for row in rows(folder)
            if row["kind"] != "clock"
        ]

    assert steady(run_dir) == steady(expected_dir)

    def pictures(folder):
        return {path.name: path.read_bytes() for path in (folder / "samples").glob("*.png")}

    assert pictures(run_dir) == pictures(expected_dir)


@pytest.mark.parametrize("name", ["one", "two"])
def test_an_uninterrupted_run_has_every_row_once(runs, name):
    logged = [row["step"] for row in rows(runs(name)) if row["kind"] == "train"]
    assert logged == list(range(3, STEPS + 1, 3))
    assert sum(len(row["d_loss_each"]) for row in rows(runs(name)) if row["kind"] == "train") == STEPS
    sampled = [row["step"] for row in rows(runs(name)) if row["kind"] == "samples"]
    assert sampled == [0, 1, 2, 4, 8, 16, 25, 50, 75, 100, 120]
    evaluated = [row["step"] for row in rows(runs(name)) if row["kind"] == "eval"]
    assert evaluated == ([40, 80, 120] if name == "one" else [])


@pytest.mark.parametrize(
    "name, parts",
    [
        ("one", ["generator", "discriminator", "ema_generator", "g_optimizer", "d_optimizer", "step"]),
        (
            "two",
            [
                "generator",
                "discriminator",
                "ema_generator",
                "g_optimizer",
                "d_optimizer",
                "g_history",
                "d_history",
                "fake_pool",
                "step",
            ],
        ),
    ],
)
def test_a_checkpoint_holds_every_part(runs, name, parts):
    stored = variables(newest(runs(name)))
    assert {part for part in parts if any(key.startswith(f"{part}/") for key in stored)} == set(parts)


@pytest.mark.parametrize("name", ["one", "two"])
def test_killed_at_any_moment_and_resumed_is_as_uninterrupted(runs, name):
    assert_same_run(runs(f"{name} killed"), runs(name))


def test_signals_save_at_any_step_and_say_how_to_resume(runs):
    for (status, text, step), expected in zip(runs("stopped")[1], (143, 130), strict=True):
        assert status == expected, text
        assert f"stopped at step {step}" in text and "same command resumes it" in text
        assert "Traceback" not in text
    assert runs("stopped")[1][0][2] < runs("stopped")[1][1][2] <= STEPS


def test_stopped_and_resumed_is_as_uninterrupted(runs):
    assert_same_run(runs("stopped")[0], runs("one"))


def test_damaged_checkpoints_are_passed_over_with_a_warning(runs):
    run_dir, text = runs("damaged")
    for step in (114, 120):
        assert re.search(rf"warning: checkpoint \S*{step:08d} is cut short or damaged", text)
    assert "at step 95" in text
    assert_same_run(run_dir, runs("one"))
