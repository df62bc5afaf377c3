"""Runs a test's function in a process of its own, in which the CPU is two logical devices.

TensorFlow fixes its devices when it starts, so a test that shares its process can't have two.
"""

import importlib
import pathlib
import sys

from tests import processes


def run(module: str, function: str, *arguments: str) -> None:
    """Calls tests.MODULE.FUNCTION(strategy, *arguments) there; fails with its traceback."""
    result = processes.run(
        [sys.executable, "-m", "tests.two_replicas", module, function, *arguments],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parent.parent,
    )
    assert result.returncode == 0, result.stderr[-4000:]


if __name__ == "__main__":
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    check = getattr(importlib.import_module(f"tests.{sys.argv[1]}"), sys.argv[2])
    check(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), *sys.argv[3:])
