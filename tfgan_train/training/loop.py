"""Trains a run: while it isn't done, advance by a call into the graph, then do what is due.

What happens inside a step is in step.py, when something is due in pacing.py, what a run is
made of in parts.py.
"""

import contextlib
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfgan_train.common.errors import UserError, reason, unwritable
from tfgan_train.config.fields import Config
from tfgan_train.pictures import of_run
from tfgan_train.pictures.training_samples import GRID
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.rows import read_rows
from tfgan_train.runs.run import Run
from tfgan_train.training import best, finite, parts, start
from tfgan_train.training.callbacks import Callbacks
from tfgan_train.training.devices import is_chief
from tfgan_train.training.machine_peak import measured_peak
from tfgan_train.training.pacing import is_due, is_sample_due
from tfgan_train.training.signals import stop_signals
from tfgan_train.training.step import METRICS


def train(
    config: Config,
    given: Collection[str] | None = None,
    fresh: bool = False,
    data=None,
    held_out=None,
    own: Mapping[str, Any] | None = None,
    callbacks: Sequence = (),
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

    Returns:
      The run; `run.stopped` names the signal that ended it early, if one did.

    Raises:
      UserError: for anything the user can mend.
    """
    begin = time.monotonic()
    calls = Callbacks(callbacks)
    prepared = start.prepare(config, given, fresh, data, held_out, own)
    run = Run(prepared.run.path)
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
            built = parts.build(prepared, files, begin)
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
                f"this run needs more memory than there is ({reason(error)[:120]}); choose a smaller --batch_size, "
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
        self._parts, self._config, self._clock, self._calls = built, built.config, built.clock, calls
        self._step = self._saved = self._drawn = built.step
        self._patience_lost = self._look_at_patience()
        self._called: set[bool] = set()  # which of the two graphs have run: with and without the penalty
        self.stopped: int | None = None

    def train(self) -> None:
        """Runs to the last step, or until `stopped` is set, a callback wants it or --patience is lost."""
        parts, config = self._parts, self._config
        if self._step == 0:
            parts.pictures.real(parts.batches.first(GRID))
            self._draw()
        self._clock.started()
        stopping = ending = False
        while self._step < config.steps:
            broken = self._calls.failure is not None
            steps, stopping, ending = parts.workers.agree(
                parts.pace.steps_in_call(self._step), self.stopped is not None or broken, bool(self._why_end())
            )
            if stopping or ending:
                break
            self._advance(steps)
            self._do_what_is_due()
        if stopping:
            if self._calls.failure is None:
                self.stopped = self.stopped or parts.STOPPED_BY_ANOTHER
            self._end_early()
        else:
            if ending:
                self._make_this_the_last()
            self._end()
            self.stopped = None  # It came too late to stop anything.

    def stop(self, number: int) -> None:
        """Ends the run after the call that is under way."""
        self.stopped = number

    def _advance(self, count: int):
        """One call into the graph, up to the next step at which something is due."""
        parts = self._parts
        with self._clock.section("data"):
            batches = parts.batches.next(self._step, count)
        penalised = parts.pace.is_penalised(self._step)
        begin = time.monotonic()
        with self._clock.section("graph"), parts.workers.losses():
            rows = parts.train_step.run(batches, penalised).numpy()
        took = time.monotonic() - begin
        if penalised in self._called:
            self._clock.calculated(count * parts.flops)
            parts.pace.took(took, count)
        else:  # TensorFlow prepares a graph in its first call, which says nothing of speed.
            self._clock.prepared(took, first=not self._called)
            self._called.add(penalised)
        parts.finite.check(rows, self._step, self._saved)
        parts.recorder.add(rows)
        self._step += count

    def _do_what_is_due(self):
        config, step, parts = self._config, self._step, self._parts
        last = config.steps
        if any(is_due(every, step, last) for every in (config.log_every, config.checkpoint_every, config.eval_every)):
            parts.files.require()
        with self._clock.section("logging"):
            parts.progress.update(
                step,
                parts.pace.seconds_per_step or 0.0,
                parts.pace.images_per_second,
                parts.recorder.means() if parts.recorder.waiting else {},
                force=step == last,
            )
            if is_due(config.log_every, step, last):
                self._log()
        if is_sample_due(config.sample_every, step, last):
            with self._clock.section("samples"):
                self._draw()
        if is_due(config.eval_every, step, last):
            with self._clock.section("evaluation"):
                self._evaluate()
        if is_due(config.checkpoint_every, step, last):
            self._save()
            if step != last:  # The last report is written at the end, with all its pictures.
                with self._clock.section("report"):
                    parts.monitor.report("running")

    def _log(self):
        parts = self._parts
        row = parts.recorder.write_means(
            self._step,
            {
                "epoch": round(parts.batches.epoch(self._step), 4),
                "seconds": round(self._seconds(), 3),
                "images_per_second": round(parts.pace.images_per_second, 1),
            },
        )
        parts.monitor.train_row(row)
        parts.events.scalars(self._step, {name: row[name] for name in (*METRICS, "images_per_second")})
        self._calls.call("on_log", self._step, _figures(row))

    def _draw(self):
        self._parts.files.require()
        images, labels = self._parts.pictures.draw(self._step)
        self._parts.monitor.sample_row(self._step, images, labels)
        self._drawn = self._step
        self._calls.call("on_samples", self._step, images)

    def _evaluate(self):
        parts = self._parts
        row = parts.selection.evaluate(self._step)
        parts.recorder.write(row)
        self._patience_lost = self._look_at_patience()
        self._calls.call("on_evaluate", self._step, _figures(row))

    def _save(self):
        parts = self._parts
        with self._clock.section("checkpoints"):
            parts.events.flush()
            if self._step != self._saved:
                finite.check_weights(parts.gan, self._step, self._saved)
                checkpoints.save(
                    parts.files.checkpoints_dir,
                    parts.gan.state(),
                    self._step,
                    {"pending": parts.recorder.state(), "seconds": self._seconds()},
                    self._config.keep_checkpoints,
                )
                self._saved = self._step
                self._calls.call("on_checkpoint", self._step, parts.files.checkpoints_dir / f"{self._step:08d}")

    def _seconds(self):
        return self._parts.seconds_before + self._clock.elapsed()

    def _show_the_generator(self):
        parts = self._parts
        parts.pictures.animate()
        of_run.write_all(
            parts.files.samples_dir, parts.pictures.sampler, parts.source, parts.held_out, self._config.seed
        )

    def _look_at_patience(self) -> str:
        patience = self._config.patience
        return best.patience_lost(patience, read_rows(self._parts.files.metrics_path)) if patience else ""

    def _why_end(self) -> str:
        """Why this step shall be the last, in words; empty where it needn't."""
        return self._patience_lost or self._calls.why_end

    def _make_this_the_last(self):
        """Does what is done at a last step, where it wasn't due."""
        parts = self._parts
        parts.progress.note(f"step {self._step:,} is the last: {self._why_end() or 'another worker ended the run'}")
        if parts.recorder.waiting:
            self._log()
        if self._drawn != self._step:
            self._draw()
        self._save()

    def _end_early(self):
        self._save()
        with self._clock.section("report"):
            self._show_the_generator()
            self._parts.monitor.report("stopped")
        self._parts.progress.note(
            f"stopped at step {self._step:,} and saved in {self._parts.shown}; the same command resumes it"
        )

    def _end(self):
        parts = self._parts
        with self._clock.section("report"):
            self._show_the_generator()
            parts.monitor.last_row(self._step, self._clock.facts()["training"])
        with self._clock.section("peak"):
            if self._clock.flops:  # There were steps after the first call.
                self._clock.peak = measured_peak(parts.strategy, self._config.precision)
        with self._clock.section("report"):
            parts.monitor.report("finished", {"step": self._step, **self._clock.facts()})
        parts.recorder.write({"kind": "clock", "step": self._step, **self._clock.facts()})
        parts.progress.note(self._clock.summary(self._step, parts.shown))


def _figures(row: dict) -> dict[str, float]:
    """The numbers of a row of metrics.jsonl."""
    return {name: value for name, value in row.items() if isinstance(value, (int, float)) and name != "step"}
