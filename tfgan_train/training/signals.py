"""Signals that end a run in good order: Ctrl-C, SIGTERM, and SIGHUP where the terminal closes."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable

STOPPING = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)))


@contextlib.contextmanager
def stop_signals(stop: Callable[[int], None]):
    """A signal calls `stop(number)`; a second one ends the process at once.

    Python's handlers wait until C++ returns, which it may never do where workers wait for each
    other. So a thread, too, reads the signals' numbers from a pipe as they come.
    """
    if threading.current_thread() is not threading.main_thread():  # A notebook's server: not ours to take.
        yield
        return
    # What is ignored stays so: nohup means it.
    wanted = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, frame: stop(number)) for number in wanted}
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reading, set(wanted), stop), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)  # The thread's reading ends.
        watcher.join()
        os.close(reading)


def _watch(reading: int, wanted: set, stop):
    stopping = False
    while numbers := os.read(reading, 64):
        for number in numbers:
            if number not in wanted:
                continue
            if stopping:
                os._exit(128 + number)
            stopping = True
            stop(number)
