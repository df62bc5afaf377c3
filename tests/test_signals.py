"""Signals that end a run in good order: each of them is asked for once, and a second one ends the process at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tfgan_train.training.signals import STOPPING, stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_stops_the_run_and_is_the_callers_again_afterwards(number):
    before, asked = signal.getsignal(number), threading.Event()
    assert number in STOPPING
    found = []
    with stop_signals(lambda one: (found.append(one), asked.set())):
        os.kill(os.getpid(), number)
        assert asked.wait(5)
    assert set(found) == {number} and signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored():
    """nohup means it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        found = []
        with stop_signals(found.append):
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.05)
        assert found == []
    finally:
        signal.signal(signal.SIGHUP, before)


PROGRAM = """
import hashlib, importlib.util, os, sys
spec = importlib.util.spec_from_file_location("signals", sys.argv[1])
signals = importlib.util.module_from_spec(spec)
spec.loader.exec_module(signals)
# The handler and the thread may both ask, at once: each in one piece.
with signals.stop_signals(lambda number: os.write(1, b"asked\\n")):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # C code: Python's own handlers wait for its end.
"""


@pytest.mark.parametrize("first, second", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)])
def test_a_second_signal_ends_a_process_that_is_deep_in_c(first, second):
    from tfgan_train.training import signals

    arguments = [sys.executable, "-c", PROGRAM, signals.__file__]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(first)
            assert process.stdout.readline() == "asked\n"
            process.send_signal(second)
            assert process.wait(timeout=20) == 128 + second
        finally:
            process.kill()
