"""Trains a run: while it isn't done, advance by a call into the graph, then do what is due.

What happens inside a step is in step.py, when something is due in pacing.py, what is done then
in duties.py, what a run is made of in parts.py.
"""

import contextlib
import pathlib
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfgan_train.common.errors import UserError, reason, unwritable
from tfgan_train.common.terminal import Progress
from tfgan_train.config.fields import Config
from tfgan_train.data.source import Source
from tfgan_train.pictures.training_samples import GRID
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.run import Run
from tfgan_train.training import parts, start
from tfgan_train.training.callbacks import Callbacks
from tfgan_train.training.devices import is_chief
from tfgan_train.training.duties import Duties
from tfgan_train.training.pacing import is_due, is_sample_due
from tfgan_train.training.signals import stop_signals


def train(
    config: Config,
    given: Collection[str] | None = None,
    fresh: bool = False,
    data: Source | None = None,
    held_out: Source | None = None,
    own: Mapping[str, Any] | None = None,
    callbacks: Sequence = (),
    make_run: Callable[[pathlib.Path], Run] = Run,
    make_progress: Callable[[int], Progress] = Progress,
) -> Run:
    """Trains a run to its last step, resuming it if it was begun before.

    Args:
      config: the settings.
      given: names of the settings that were asked for; those of a resumed run hold for the
        others. None: all of `config` was asked for.
      fresh: begin a new run in the next numbered directory instead of resuming.
      data, held_out: Sources to train on and to judge by, instead of what --dataset names.
      own: setting -> the object that was passed from Python for it.
      callbacks: objects with some of the methods of `callbacks.Callback`.
      make_run: what is returned, and told to callbacks, made from the run directory.
      make_progress: what shows the state of the run, made from the number of steps.

    Returns:
      The run; `run.stopped` names the signal that ended it early, if one did.

    Raises:
      UserError: for anything the user can mend.
    """
    begin = time.monotonic()
    calls = Callbacks(callbacks)
    prepared = start.prepare(config, given, fresh, data, held_out, own)
    run = make_run(prepared.run.path)
    with contextlib.ExitStack() as stack:
        if is_chief(prepared.strategy):
            files = prepared.run
            stack.enter_context(start.lock(files))
            if files.exists() and not prepared.resumes:
                raise UserError(
                    f"--run_dir={files.path}: another process has begun a run there just now; start again to resume it"
                )
        else:  # Another machine's worker: it does all that the chief does, and none of it stays.
            files, calls = RunDir(stack.enter_context(tempfile.TemporaryDirectory())), Callbacks()
        try:
            built = parts.build(prepared, files, begin, make_progress)
            if not built.is_complete:
                with contextlib.closing(built):
                    loop = Loop(built, calls)
                    with stop_signals(loop.stop):
                        calls.call("on_begin", run)
                        loop.train()
                        run.stopped = loop.stopped
                        calls.call("on_end", run)
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            raise UserError(
                f"this run needs more memory than there is ({reason(error)}); choose a smaller --batch_size, "
                "--g_width, --d_width or --latent_dim"
            ) from None
        except OSError as error:
            raise UserError(unwritable(error, prepared.run.path)) from None
    if calls.failure is not None:
        raise calls.failure
    return run


class Loop:
    """One process's part in a run.

    Args:
      built: its parts.
      calls: the callbacks.

    Attributes:
      stopped: number of the signal that ends the run early, or None.
    """

    def __init__(self, built: parts.Parts, calls: Callbacks):
        self._parts, self._config, self._calls = built, built.config, calls
        self._duties = Duties(built, calls)
        self._step = built.step
        self._called: set[bool] = set()  # which of the two graphs have run: with and without the penalty
        self.stopped: int | None = None

    def train(self) -> None:
        """Runs to the last step, or until `stopped` is set, a callback wants it or --patience is lost."""
        self._begin()
        stopping = ending = False
        while self._step < self._config.steps:
            steps, stopping, ending = self._agree()
            if stopping or ending:
                break
            self._advance(steps)
            self._do_what_is_due()
        if stopping:
            if self._calls.failure is None:
                self.stopped = self.stopped or self._parts.STOPPED_BY_ANOTHER
            self._duties.end_early(self._step)
        else:
            if ending:
                self._duties.make_the_last(self._step)
            self._duties.end(self._step)
            self.stopped = None  # It came too late to stop anything.

    def stop(self, number: int) -> None:
        """Ends the run after the call that is under way."""
        self.stopped = number

    def _begin(self) -> None:
        if self._step == 0:
            self._parts.pictures.real(self._parts.batches.first(GRID))
            self._draw()
        self._parts.clock.started()

    def _agree(self) -> tuple[int, bool, bool]:
        """(steps of the next call, whether to stop now, whether this step is the last), the same for all workers."""
        stop = self.stopped is not None or self._calls.failure is not None
        return self._parts.workers.agree(self._parts.pace.steps_in_call(self._step), stop, bool(self._duties.why_end()))

    def _advance(self, count: int) -> None:
        """One call into the graph, up to the next step at which something is due."""
        parts = self._parts
        with parts.clock.section("data"):
            batches = parts.batches.next(self._step, count)
        penalised = parts.pace.is_penalised(self._step)
        begin = time.monotonic()
        with parts.clock.section("graph"), parts.workers.losses():
            rows = parts.train_step.run(batches, penalised).numpy()
        took = time.monotonic() - begin
        if penalised in self._called:
            parts.clock.calculated(count * parts.flops)
            parts.pace.took(took, count)
        else:  # TensorFlow prepares a graph in its first call, which says nothing of speed.
            parts.clock.prepared(took, first=not self._called)
            self._called.add(penalised)
        parts.finite.check(rows, self._step, self._duties.saved)
        parts.recorder.add(rows)
        self._step += count

    def _do_what_is_due(self) -> None:
        config, step, last, duties = self._config, self._step, self._config.steps, self._duties
        if any(is_due(every, step, last) for every in (config.log_every, config.checkpoint_every, config.eval_every)):
            self._parts.files.require()
        with self._parts.clock.section("logging"):
            self._show_progress(force=step == last)
            if is_due(config.log_every, step, last):
                duties.log(step)
        if is_sample_due(config.sample_every, step, last):
            self._draw()
        if is_due(config.eval_every, step, last):
            duties.evaluate(step)
        duties.tell_of_checkpoint()
        if is_due(config.checkpoint_every, step, last) or duties.is_checkpoint_old():
            duties.save(step, now=step == last)
            if step != last:  # The last report is written at the end, with all its pictures.
                duties.report("running")

    def _show_progress(self, force: bool) -> None:
        pace, recorder = self._parts.pace, self._parts.recorder
        means = recorder.means() if recorder.waiting else {}
        self._parts.progress.update(
            self._step, pace.seconds_per_step or 0.0, pace.images_per_second, means, force=force
        )

    def _draw(self) -> None:
        self._duties.draw(self._step)
