"""Several machines: two worker processes train what one process trains."""

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


def _train_alike(folder, count, flags):
    """Trains by `count` workers, each in a folder of its own, and by one process: the chief's weights and its."""
    addresses = [f"localhost:{port}" for port in _free_ports(count)]
    processes = [_start(folder / "one", *flags)]
    for index in range(count):
        config = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        processes.append(_start(folder / f"worker-{index}", *flags, TF_CONFIG=config))
    for process in processes:
        _, messages = process.communicate(timeout=300)
        assert process.returncode == 0, messages
    assert sorted(path.name for path in folder.iterdir()) == ["one", "worker-0"]
    return _weights(folder / "worker-0"), _weights(folder / "one")


def _assert_alike(several, one):
    assert several.keys() == one.keys()
    for name, value in one.items():
        np.testing.assert_allclose(several[name], value, atol=1e-5, err_msg=name)


def test_two_workers_on_folders_of_their_own_train_what_one_process_trains(tmp_path):
    _assert_alike(*_train_alike(tmp_path, 2, SMALL))


@pytest.mark.workers
@pytest.mark.parametrize("count", [2, 3])
def test_workers_train_convolutions_flipped_and_cut_as_one_process_does(tmp_path, count):
    _assert_alike(*_train_alike(tmp_path, count, ["--batch_size=12", "--flip", "--crop_padding=2"]))


@pytest.mark.workers
@pytest.mark.parametrize("before, after", [(1, 2), (2, 1), (3, 2)])
def test_a_run_goes_on_with_another_number_of_devices(tmp_path, before, after):
    for run, devices in (("changed", (before, after)), ("one", (1, 1))):
        for number, steps in zip(devices, (10, 20), strict=True):
            process = _start(tmp_path / run, *SMALL, f"--devices=cpu:{number}", f"--steps={steps}")
            _, messages = process.communicate(timeout=300)
            assert process.returncode == 0, messages
    _assert_alike(_weights(tmp_path / "changed"), _weights(tmp_path / "one"))
