"""Writes checkpoints beside the training: the loop only copies the state."""

import pathlib
import threading

from tfgan_train.runs import checkpoints


class Saver:
    """Writes one checkpoint at a time on a thread of its own.

    Args:
      folder: the run's checkpoints folder.
      keep: how many of the newest stay.
    """

    def __init__(self, folder: pathlib.Path, keep: int):
        self._folder, self._keep = folder, keep
        self._thread: threading.Thread | None = None
        self._step = 0
        self._error: BaseException | None = None

    def begin(self, state: dict, step: int, extra: dict) -> None:
        """Copies the state and begins to write it; the one before must have been waited for.

        Args:
          state, step, extra: as checkpoints.save has them; `extra` mustn't change any more.
        """
        held = checkpoints.held(state)
        self._step = step
        self._thread = threading.Thread(target=self._write, args=(held, step, extra), name="checkpoint")
        self._thread.start()

    def ended(self) -> int | None:
        """The step of the checkpoint that has been written since this was last asked, or None.

        Raises:
          UserError: when it couldn't be written.
        """
        return None if self._thread is None or self._thread.is_alive() else self.wait()

    def wait(self) -> int | None:
        """As `ended`, once what is being written is written."""
        if self._thread is None:
            return None
        self._thread.join()
        self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._step

    def close(self) -> None:
        """Waits for what is being written; its error, if nobody has asked for it, is lost."""
        if self._thread is not None:
            self._thread.join()

    def _write(self, held: dict, step: int, extra: dict) -> None:
        try:
            checkpoints.save(self._folder, checkpoints.as_variables(held), step, extra, self._keep)
        except BaseException as error:  # The loop's thread raises it.
            self._error = error
