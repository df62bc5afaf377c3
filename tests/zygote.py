"""A Python process that has TensorFlow already, and forks itself for each program that the tests start.

`tests/processes.py` starts it and speaks to it over a socket. So the import of TensorFlow and Keras, five seconds of
a core, is paid once for many programs. A process with TensorFlow may fork as long as no operation ran in it:
its threads and its devices come with the first one. Nothing of the package under test is imported here.
"""

import gc
import importlib
import json
import os
import runpy
import socket
import sys
import types
from typing import TextIO

MODULES = ("absl.app", "keras", "numpy", "PIL.Image", "tensorflow")


def warm_up() -> None:
    """Imports what the package's programs import first, with TensorFlow as quiet as they make it."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    quiet = "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    if quiet:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    for module in MODULES:
        importlib.import_module(module)
    if quiet:
        del os.environ["TF_CPP_MIN_LOG_LEVEL"]
    gc.freeze()


def serve(connection: socket.socket) -> tuple[dict, list[int]]:
    """Answers each request with the pid of a new process, and returns in that: the request and its three streams.

    The process between the two ends at once. So the new one is a child of the test's process, which waits for it.
    """
    while True:
        size, streams, _, _ = socket.recv_fds(connection, 8, 3)
        if not size:
            sys.exit()
        request = json.loads(connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
        between = os.fork()
        if between == 0:
            program = os.fork()
            if program == 0:
                connection.close()
                return request, streams
            os.write(connection.fileno(), program.to_bytes(8, "big"))
            os._exit(0)
        os.waitpid(between, 0)
        for stream in streams:
            os.close(stream)
        connection.sendall(b"!")


def become(request: dict, streams: list[int]) -> None:
    """Runs the program as `python ARGUMENTS` would in a new process."""
    if request["new_session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__ = [_stream(i) for i in range(3)]
    os.chdir(request["folder"])
    own = _python_path()
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[1:] = _python_path() + [path for path in sys.path[1:] if path not in own]
    sys.modules["numpy"].random.seed()  # Python's own random numbers and TensorFlow's begin anew by themselves.
    kind, program, *sys.argv[1:] = request["arguments"]
    if kind == "-m":
        sys.path[0] = os.getcwd()
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        sys.argv[0], sys.path[0] = "-c", ""
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(program, "<string>", "exec"), main.__dict__)


def _stream(number: int) -> TextIO:
    """stdin, stdout or stderr as Python makes it."""
    old = (sys.stdin, sys.stdout, sys.stderr)[number]
    buffering = 1 if number == 2 else -1  # stderr is written line by line
    return open(number, old.mode, buffering, encoding=old.encoding, errors=old.errors, closefd=False)


def _python_path() -> list[str]:
    return [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


if __name__ == "__main__":
    warm_up()
    become(*serve(socket.socket(fileno=int(sys.argv[1]))))
