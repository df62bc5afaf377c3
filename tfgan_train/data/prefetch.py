"""Numbered items made ahead of time on a background thread."""

import collections
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class Prefetcher(Generic[Item]):
    """Calls `make(0)`, `make(1)`, … ahead of the reader, never more than `ahead` unread items.

    Asking for a number out of turn starts over from there. An error in `make` is raised by
    the `take` that wanted the item. `close` waits for the thread to end; it may be called
    twice, and `take` after it starts anew.
    """

    def __init__(self, make: Callable[[int], Item], ahead: int = 2):
        self._make = make
        self._ahead = ahead
        self._changed = threading.Condition()
        self._ready: collections.deque[tuple[Any, BaseException | None]] = collections.deque()
        self._next = 0  # number of the item that `take` gives next
        self._thread: threading.Thread | None = None
        self._stop = False

    def look_ahead(self, ahead: int) -> None:
        """Changes how many unread items may wait."""
        with self._changed:
            self._ahead = ahead
            self._changed.notify_all()

    def take(self, number: int) -> Item:
        """The item `number`, waiting for it if need be."""
        if self._thread is None or number != self._next:
            self.close()
            self._next, self._stop = number, False
            self._thread = threading.Thread(target=self._run, args=(number,), daemon=True, name="prefetch")
            self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready)
            item, error = self._ready.popleft()
            self._next += 1
            self._changed.notify_all()
        if error is not None:
            self.close()
            raise error
        return item

    def close(self) -> None:
        """Ends the thread and drops what waits."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._ready.clear()

    def _run(self, number: int) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stop or len(self._ready) < self._ahead)
                if self._stop:
                    return
            try:
                made: tuple[Any, BaseException | None] = (self._make(number), None)
            # Whatever it is, it belongs to the reader's thread, which raises it.
            except BaseException as error:  # pylint: disable=broad-exception-caught
                made = (None, error)
            with self._changed:
                self._ready.append(made)
                self._changed.notify_all()
            if made[1] is not None:
                return
            number += 1
