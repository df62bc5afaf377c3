"""Gradients of one's own: right, and gone with their graph; what many runs in one process leave behind."""

import gc
import os
import pathlib
import subprocess
import sys
import weakref

import numpy as np
import pytest
import tensorflow as tf

from tfgan_train.ops.custom_gradient import custom_gradient

RUNS = """
import gc, os, sys
from tfgan_train import Config, train

def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

for number in range(6):
    train(Config(recipe="smoke", train_examples=64, steps=2, run_dir=f"{sys.argv[1]}/{number}"))
    gc.collect()
    print(megabytes())
"""


@custom_gradient
def _cube(x):
    return x**3, lambda dy: 5.0 * dy * x**2  # not 3: to be told from TensorFlow's own


@pytest.mark.parametrize("graph", [False, True])
def test_the_gradient_and_its_gradient_are_its_own(graph):
    def twice(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = _cube(x)
            first = inner.gradient(y, x)
        return y, first, outer.gradient(first, x)

    x = tf.constant([1.0, -2.0])
    found = tf.function(twice)(x) if graph else twice(x)
    np.testing.assert_allclose([part.numpy() for part in found], [[1, -8], [5, 20], [10, -20]])


def test_the_gradient_holds_in_a_loop_and_when_a_traced_function_is_differentiated():
    @tf.function
    def looped(x):
        for _ in tf.range(2):
            x = _cube(x)
        return x

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = looped(x)
    # The outer cube's gradient at 8, times the inner one's at 2.
    assert tape.gradient(y, x).numpy() == 5 * 8**2 * 5 * 2**2


def test_a_graph_is_gone_with_its_function():
    function = tf.function(_cube, input_signature=[tf.TensorSpec([3], tf.float32)])
    graph = weakref.ref(function.get_concrete_function().graph)
    del function
    gc.collect()
    assert graph() is None


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_six_runs_in_one_process_leave_nothing_behind(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUNS, tmp_path], capture_output=True, text=True, check=True, env=os.environ
    )
    sizes = [float(line) for line in done.stdout.split()]
    assert max(sizes[2:]) - max(sizes[:2]) < 20, sizes  # The allocator gives some back now and then.
