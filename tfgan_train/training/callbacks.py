"""Your own code at the moments of a run: `train(config, callbacks=[...])`."""

import difflib
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgan_train.common.errors import UserError


class Callback:
    """What is called while a run trains. Override what you need.

    Any object that has some of these methods will do; a subclass of this one can also `stop()`. On several
    machines only the chief calls them. Arrays and dicts are copies: changing them changes nothing.
    A method that raises ends the run: it is saved, and one line names the callback.
    """

    stop_requested = False

    def stop(self) -> None:
        """Ends the run after the steps that are under way, saved and with its report, as at its last step."""
        self.stop_requested = True

    def on_begin(self, run) -> None:
        """Before the first step. `run` is the `Run`, with its `config` and `run_dir`."""

    def on_log(self, step: int, metrics: dict[str, float]) -> None:
        """A row of metrics.jsonl was written: means since the last one, by name."""

    def on_samples(self, step: int, images: np.ndarray) -> None:
        """Samples were drawn, always of the same latents: uint8 [n, H, W, C] (points: float32 [n, 1, 1, 2])."""

    def on_checkpoint(self, step: int, path) -> None:
        """A checkpoint was written: its folder."""

    def on_evaluate(self, step: int, scores: dict[str, float]) -> None:
        """An evaluation (--eval_every) was done: its figures by name, such as fd."""

    def on_end(self, run) -> None:
        """After the last step, a signal or `stop()`, when all is saved. Not after an error of the training."""


EVENTS = {
    name: len(inspect.signature(method).parameters) - 1
    for name, method in vars(Callback).items()
    if name.startswith("on_")
}


class Callbacks:
    """Calls the callbacks of a run, and keeps in mind what they want.

    Args:
      callbacks: objects with some of Callback's methods.

    Attributes:
      failure: the UserError that names the callback which raised first, or None.

    Raises:
      UserError: for a method that no run calls, or one that takes other arguments.
    """

    def __init__(self, callbacks: Sequence[Any] = ()):
        self._callbacks = list(callbacks)
        for callback in self._callbacks:
            _check(callback)
        self.failure: UserError | None = None
        self._failed: Any = None

    @property
    def why_end(self) -> str:
        """Which callback wants the run to end now, in words; empty where none does."""
        asking = [_name(callback) for callback in self._callbacks if getattr(callback, "stop_requested", False)]
        return f"{asking[0]} asked for it" if asking else ""

    def call(self, event: str, *arguments) -> None:
        """Calls the method `event` of each callback with copies of the arguments."""
        for callback in self._callbacks:
            method = getattr(callback, event, None)
            if method is None or callback is self._failed:
                continue
            try:
                method(*(_copy(argument) for argument in arguments))
            except Exception as error:  # Whatever a user's code raises.
                said = (str(error).strip().splitlines() or [""])[0]
                text = f"{_name(callback)}.{event} raised {type(error).__name__}: {said}"
                if self.failure is None:
                    self._failed, self.failure = callback, UserError(text)
                    self.failure.__cause__ = error


def _check(callback: Any) -> None:
    """Raises UserError unless each of its methods on_… is one of EVENTS and takes its arguments."""
    if isinstance(callback, type):
        raise UserError(f"callbacks: {callback.__name__} is a class; pass an object, {callback.__name__}()")
    found = [name for name in dir(callback) if name.startswith("on_") and callable(getattr(callback, name))]
    for name in found:
        if name not in EVENTS:
            near = difflib.get_close_matches(name, EVENTS, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UserError(f"callbacks: {_name(callback)} has a method {name}; {hint}legal: {', '.join(EVENTS)}")
        try:
            inspect.signature(getattr(callback, name)).bind(*[None] * EVENTS[name])
        except TypeError:
            names = ", ".join(list(inspect.signature(getattr(Callback, name)).parameters)[1:])
            raise UserError(f"callbacks: {_name(callback)}.{name} must take ({names})") from None
    if not found:
        raise UserError(f"callbacks: {_name(callback)} has none of the methods {', '.join(EVENTS)}")


def _name(callback: Any) -> str:
    return type(callback).__name__


def _copy(argument: Any) -> Any:
    return argument.copy() if isinstance(argument, (dict, np.ndarray)) else argument
