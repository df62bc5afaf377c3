"""Several machines: worker processes train what one process trains."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests import processes
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir

SMALL = ("--architecture=mlp", "--g_width=8", "--d_width=8", "--image_size=8", "--train_examples=64", "--batch_size=12")
FLIPPED = ("--batch_size=12", "--flip", "--crop_padding=2")


def _start(run_dir, *flags, **environment):
    return processes.Popen(
        [sys.executable, "-m", "tfgan_train.main", "--recipe=smoke", "--steps=20", f"--run_dir={run_dir}", *flags],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def _free_ports(count):
    with_ports = [socket.socket() for _ in range(count)]
    for one in with_ports:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in with_ports]
    for one in with_ports:
        one.close()
    return ports


def _weights(run_dir):
    reader = tf.train.load_checkpoint(checkpoints.latest(RunDir(run_dir).checkpoints_dir).prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if not name.startswith("_")}


@pytest.fixture(scope="module")
def trained_by_one(tmp_path_factory):
    """The weights that one process trains with these flags, on one device; trained once."""
    trained = {}

    def weights(flags):
        if flags not in trained:
            run_dir = tmp_path_factory.mktemp("one") / "run"
            _finish([_start(run_dir, *flags)])
            trained[flags] = _weights(run_dir)
        return trained[flags]

    return weights


def _finish(started):
    for process in started:
        _, messages = process.communicate(timeout=300)
        assert process.returncode == 0, messages


def _train_together(folder, count, flags):
    """The chief's weights, trained by `count` workers with a folder each; only the chief's is there afterwards."""
    addresses = [f"localhost:{port}" for port in _free_ports(count)]
    configs = [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(count)
    ]
    _finish([_start(folder / f"worker-{i}", *flags, TF_CONFIG=config) for i, config in enumerate(configs)])
    assert [path.name for path in folder.iterdir()] == ["worker-0"]
    return _weights(folder / "worker-0")


def _assert_alike(several, one):
    assert several.keys() == one.keys()
    for name, value in one.items():
        np.testing.assert_allclose(several[name], value, atol=1e-5, err_msg=name)


def test_two_workers_train_what_one_process_trains(tmp_path, trained_by_one):
    """On folders of their own. It has no mark: every run of the tests trains on two machines once."""
    _assert_alike(_train_together(tmp_path, 2, SMALL), trained_by_one(SMALL))


@pytest.mark.workers
def test_three_workers_train_convolutions_flipped_and_cut_as_one_process_does(tmp_path, trained_by_one):
    _assert_alike(_train_together(tmp_path, 3, FLIPPED), trained_by_one(FLIPPED))


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_devices(tmp_path, trained_by_one):
    for number, steps in ((1, 5), (3, 12), (2, 20)):
        _finish([_start(tmp_path / "run", *SMALL, f"--devices=cpu:{number}", f"--steps={steps}")])
    _assert_alike(_weights(tmp_path / "run"), trained_by_one(SMALL))
