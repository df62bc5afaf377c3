"""What all tests start from."""

import atexit
import os
import shutil
import signal
import tempfile

import pytest

# A shell that starts pytest in the background lets it ignore Ctrl-C, and nohup hangups; so would every process that
# the tests start and interrupt: a program is handed what is ignored, and nothing else, from the one before.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The products of tests are small: on several threads they spend their time waiting, the more so on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The workers of pytest-xdist inherit this folder: what one of them made, the others take (tests/exporting.py).
if "TFGAN_TESTS_FOLDER" not in os.environ:
    os.environ["TFGAN_TESTS_FOLDER"] = tempfile.mkdtemp(prefix="tfgan-tests-")
    atexit.register(shutil.rmtree, os.environ["TFGAN_TESTS_FOLDER"], ignore_errors=True)

# Nobody's own cache: with a classifier in it, runs write a class histogram that they wouldn't write elsewhere.
os.environ["TFGAN_CACHE"] = tempfile.mkdtemp(prefix="tfgan-cache-")
atexit.register(shutil.rmtree, os.environ["TFGAN_CACHE"], ignore_errors=True)


@pytest.fixture
def eagerly():
    """Without tracing, which takes seconds where a step takes milliseconds."""
    import tensorflow as tf  # Only tests that have it already pay for it.

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
