"""What all tests start from."""

import atexit
import os
import shutil
import signal
import tempfile

# A shell that starts pytest in the background lets it ignore Ctrl-C, and so would every process that
# the tests start and interrupt: a program is handed what is ignored, and nothing else, from the one before.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Nobody's own cache: with a classifier in it, runs write a class histogram that they wouldn't write elsewhere.
os.environ["TFGAN_CACHE"] = tempfile.mkdtemp(prefix="tfgan-cache-")
atexit.register(shutil.rmtree, os.environ["TFGAN_CACHE"], ignore_errors=True)
