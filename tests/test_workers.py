"""Several machines: two worker processes train what one process trains."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir

pytestmark = pytest.mark.workers


def _start(run_dir, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "tfgan_train.main", "--recipe=smoke", f"--run_dir={run_dir}"],
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


def test_two_workers_train_what_one_process_trains(tmp_path):
    workers = [f"localhost:{port}" for port in _free_ports(2)]
    processes = [
        _start(
            tmp_path / "two",
            TF_CONFIG=json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}),
        )
        for index in (0, 1)
    ]
    processes.append(_start(tmp_path / "one"))
    for process in processes:
        _, messages = process.communicate(timeout=180)
        assert process.returncode == 0, messages
    two, one = _weights(tmp_path / "two"), _weights(tmp_path / "one")
    assert two.keys() == one.keys()
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=2e-6, err_msg=name)
