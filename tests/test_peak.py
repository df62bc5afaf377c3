"""The measured peak against the same product timed here."""

import time

import numpy as np
import pytest
import tensorflow as tf

from tfgan_train.training import machine_peak


@pytest.mark.perf
def test_the_peak_is_that_of_matrix_products():
    """A wide margin: the machine may be doing other things in either measurement, and NumPy brings its own library."""
    matrix = np.random.default_rng(0).standard_normal((512, 512), np.float32)
    shortest = float("inf")
    for _ in range(20):
        begin = time.perf_counter()
        matrix @ matrix
        shortest = min(shortest, time.perf_counter() - begin)
    found = machine_peak.matmul_rate("float32", seconds=0.2)
    assert 0.1 < found / (2 * 512**3 / shortest) < 10


@pytest.mark.parametrize("rate, larger", [(1e9, {256}), (1e15, {256, 512})])
def test_the_time_is_kept_whatever_the_machine(monkeypatch, rate, larger):
    """By a clock of the test's own, whose products run at 1 GFLOP/s, or at 1 PFLOP/s."""
    now, tried = [0.0], []

    def product(multiply, matrices):
        tried.append(matrices[0].shape[0])
        now[0] += 2 * matrices[0].shape[0] ** 3 / rate + 1e-4  # with what it takes to ask for one
        return 2 * matrices[0].shape[0] ** 3 / rate

    monkeypatch.setattr(machine_peak, "_seconds", product)
    monkeypatch.setattr(machine_peak.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(machine_peak, "SIDES", (32, 64, 128, 256, 512))
    assert machine_peak.matmul_rate("float32", seconds=0.5) == pytest.approx(rate)
    assert now[0] < 0.65 and set(tried) == {32, 64, 128} | larger


class _Strategy:
    def __init__(self, devices, replicas):
        self.extended, self.num_replicas_in_sync = self, replicas
        self.worker_devices = devices


@pytest.mark.parametrize(
    "devices, replicas, times",
    [(["/device:CPU:0"], 1, 1), (["/device:CPU:0", "/device:CPU:0"], 2, 1), (["/device:CPU:0"], 3, 3)],
)
def test_logical_cpus_share_a_machine_and_machines_share_none(monkeypatch, devices, replicas, times):
    monkeypatch.setattr(machine_peak, "matmul_rate", lambda precision, seconds: {"bfloat16": 7.0}[precision])
    assert machine_peak.measured_peak(_Strategy(devices, replicas), "bfloat16", 60.0) == 7.0 * times


def test_gpus_add_up(monkeypatch):
    monkeypatch.setattr(machine_peak, "matmul_rate", lambda precision, seconds: 7.0)
    asked = []
    monkeypatch.setattr(tf, "device", lambda name: asked.append(name) or __import__("contextlib").nullcontext())
    assert machine_peak.measured_peak(_Strategy(["/GPU:0", "/GPU:1"], 2), "float32", 60.0) == 14.0 and asked == [
        "/GPU:0"
    ]


@pytest.mark.parametrize("training, seconds", [(4.0, 0.2), (3600.0, 0.8)])
def test_a_short_run_is_not_made_much_longer(monkeypatch, training, seconds):
    asked = []
    monkeypatch.setattr(machine_peak, "matmul_rate", lambda precision, given: asked.append(given) or 1.0)
    machine_peak.measured_peak(_Strategy(["/device:CPU:0"], 1), "float32", training)
    assert asked == pytest.approx([seconds])
