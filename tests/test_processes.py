"""Forked programs are processes as any: pid, exit status, signals, streams, folder, variables; others are fresh."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests import processes

FACTS = "import os, sys; print('tensorflow' in sys.modules, os.getcwd(), *sys.argv, os.environ['TFGAN_X'])"


def _facts(folder, **environment) -> list[str]:
    done = processes.run(
        [sys.executable, "-c", FACTS, "an argument"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split(maxsplit=2)


def test_a_fork_has_tensorflow_and_its_own_folder_and_variables(tmp_path):
    assert _facts(tmp_path, TFGAN_X="7") == ["True", str(tmp_path), "-c an argument 7\n"]


def test_another_variable_makes_a_fresh_process(tmp_path):
    assert _facts(tmp_path, TFGAN_X="7", PYTHONHASHSEED="3")[0] == "False"


@pytest.mark.parametrize("code, status", [("raise SystemExit(3)", 3), ("1 / 0", 1), ("import os; os.abort()", -6)])
def test_its_exit_status(code, status):
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == status and ("ZeroDivisionError" in done.stderr) == (status == 1)


def test_it_can_be_killed_and_interrupted():
    for number in (signal.SIGKILL, signal.SIGINT):
        program = "import time; print('here', flush=True); time.sleep(60)"
        with processes.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout.readline() == b"here\n" and process.poll() is None
            process.send_signal(number)
            assert process.wait(60) == -number


def test_random_numbers_differ_between_forks():
    program = "import random; import numpy; print(random.random(), numpy.random.rand())"
    said = [processes.run([sys.executable, "-c", program], capture_output=True, text=True).stdout for _ in range(2)]
    assert not set(said[0].split()) & set(said[1].split())


def test_operations_and_modules_work():
    program = "import tensorflow as tf; print(tf.function(lambda x: tf.reduce_sum(x * x))(tf.range(4.0)).numpy())"
    done = processes.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert float(done.stdout) == np.square(np.arange(4)).sum()
    done = processes.run(
        [sys.executable, "-m", "tfgan_train.sample"], cwd=processes.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stderr.startswith("error: --run_dir is needed")
