"""Starts Python programs for the tests, each in a process of its own, as `subprocess` does.

`Popen` and `run` take what their namesakes take. `python -m MODULE` and `python -c CODE` are forked from a process
that has imported TensorFlow (`tests/zygote.py`). Pid, streams, signals and exit status are real; only the import is
saved. A test about a fresh interpreter calls `subprocess` itself: one about what is imported when, what TensorFlow
prints as it starts, or what an exported file needs.
"""

import ctypes
import functools
import inspect
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Variables that may differ from the zygote's; with another changed, a program might import TensorFlow in another way.
# The package alone reads the first ones, and tests/zygote.py obeys PYTHONPATH. TensorFlow and Keras set the others as
# they are imported.
FREE = (
    *("JOB_COMPLETION_INDEX", "PYTEST_CURRENT_TEST", "PYTHONPATH", "SLURM_", "TFGAN_", "TF_CONFIG"),
    *(
        "ENABLE_RUNTIME_UPTIME_TELEMETRY",
        "HDF5_PLUGIN_PATH",
        "KERAS_BACKEND",
        "KMP_",
        "TF2_BEHAVIOR",
        "TPU_ML_PLATFORM",
    ),
    "TF_CPP_MIN_LOG_LEVEL",
)
SET_CHILD_SUBREAPER = 36  # a request to Linux's prctl


def _fixed(environment) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(FREE)}


AT_FIRST = _fixed(os.environ)
_TURN = threading.Lock()


class Popen(subprocess.Popen):
    """A `subprocess.Popen` whose Python programs are forked, where that gives the same."""

    def _execute_child(self, *arguments):
        asked = inspect.signature(super()._execute_child).bind(*arguments).arguments
        environment = dict(os.environ if asked["env"] is None else asked["env"])
        if not _can_be_forked(asked, environment):
            return super()._execute_child(*arguments)
        request = dict(
            arguments=[str(argument) for argument in asked["args"][1:]],
            folder=os.path.abspath(asked["cwd"] or "."),
            environment=environment,
            new_session=bool(asked["start_new_session"]),
        )
        streams = [
            own if given == -1 else given
            for own, given in enumerate(asked[name] for name in ("p2cread", "c2pwrite", "errwrite"))
        ]
        self.pid = _fork(request, streams)
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(asked[name] for name in pipes))


def run(arguments, *, check: bool = False, capture_output: bool = False, timeout: float | None = None, **options):
    """`subprocess.run` by a `Popen` of this module."""
    if capture_output:
        options |= dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with Popen(arguments, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(arguments, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def _can_be_forked(asked: dict, environment: dict[str, str]) -> bool:
    plain = not (asked["shell"] or asked["preexec_fn"] or asked["pass_fds"])
    python = list(asked["args"][:1]) == [sys.executable] and asked["args"][1] in ("-m", "-c")
    return plain and python and sys.platform == "linux" and _fixed(environment) == AT_FIRST


def _fork(request: dict, streams: list[int]) -> int:
    """The pid of a new child of this process."""
    message = json.dumps(request).encode()
    with _TURN:
        zygote = _zygote()
        socket.send_fds(zygote, [len(message).to_bytes(8, "big")], streams)
        zygote.sendall(message)
        pid = int.from_bytes(zygote.recv(8, socket.MSG_WAITALL), "big")
        assert zygote.recv(1) == b"!", "tests/zygote.py ended"
    return pid


@functools.cache
def _zygote() -> socket.socket:
    """The connection to this process's zygote, which ends with it."""
    # The zygote's grandchild, whose parent ends at once, then becomes a child of this process.
    if ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    ours, its = socket.socketpair()
    with its:
        subprocess.Popen(
            [sys.executable, ROOT / "tests" / "zygote.py", str(its.fileno())],
            cwd=ROOT,
            env=AT_FIRST | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return ours
