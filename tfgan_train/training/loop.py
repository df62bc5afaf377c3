"""The Python layer of training: when to step, log, sample, checkpoint and stop.

What happens inside a step it doesn't know (step.py), nor how the numbers are kept
(runs/) or shown (pictures/).
"""
import contextlib
import math
import signal
import tempfile
import time
from typing import Collection, Optional

import numpy as np

from tfgan_train import data as datasets
from tfgan_train.common.errors import UserError
from tfgan_train.common.images import to_float
from tfgan_train.common.progress import Progress
from tfgan_train.config.fields import Config
from tfgan_train.data.pipeline import Batches
from tfgan_train.pictures import of_run
from tfgan_train.pictures.training_samples import GRID, Pictures
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.events import EventWriter
from tfgan_train.runs.rows import Recorder, read_rows
from tfgan_train.runs.run import Run
from tfgan_train.training import start
from tfgan_train.training.best import Selection
from tfgan_train.training.devices import is_chief
from tfgan_train.training.finite import Soundness
from tfgan_train.training.gan import Gan
from tfgan_train.training.machine_peak import measured_peak
from tfgan_train.training.monitor import Watch
from tfgan_train.training.step import METRICS, TrainStep
from tfgan_train.training.step_flops import step_flops
from tfgan_train.training.timing import Clock

CALL_SECONDS = 0.5  # of steps in one call, so that the live line lives and Ctrl-C answers
LONGEST_CALL = 200


def train(config: Config, given: Optional[Collection[str]] = None, fresh: bool = False) -> Run:
    """Trains a run to its last step, resuming it if it was begun before.

    Args:
      config: the settings.
      given: names of the settings that were asked for; those of a resumed run hold for the
        others. None: all of `config` was asked for.
      fresh: begin a new run in the next numbered directory instead of resuming.

    Returns:
      The run; `run.stopped` names the signal that ended it early, if one did.

    Raises:
      UserError: for anything the user can mend.
    """
    begin = time.monotonic()
    prepared = start.prepare(config, given, fresh)
    with contextlib.ExitStack() as stack:
        if is_chief(prepared.strategy):
            files = prepared.run
            stack.enter_context(start.lock(files))
            if files.exists() and not prepared.resumes:
                raise UserError(f"--run_dir={files.path}: another process has begun a run there just now; start again to resume it")
        else:  # Another machine's worker: it does all that the chief does, and none of it stays.
            files = RunDir(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            loop = Loop(prepared, files, begin)
            with _stop_signals(loop):
                loop.train()
        except OSError as error:
            raise UserError(f"--run_dir={prepared.run.path} can't be written: {error.strerror or error}; "
                            "the same command resumes from the last checkpoint") from None
    return Run(prepared.run.path, loop.stopped)


class Loop:
    """One process's part in a run.

    Args:
      prepared: the run to begin or to resume.
      files: where this process writes.
      begin: when the process began, for the clock.
    """

    def __init__(self, prepared: start.Start, files: RunDir, begin: float):
        self._clock = Clock(begin)
        self._config, self._run, self._data = prepared.config, files, prepared.data
        config, self._strategy = prepared.config, prepared.strategy
        self.stopped: Optional[int] = None
        self._source, self._held_out = prepared.source, datasets.load_held_out(config)
        self._progress = Progress(config.steps)
        for note in self._data.notes:
            self._progress.note(f"note: {note}")
        self._batches = Batches(prepared.source, config.batch_size, config.d_steps, config.seed)
        with self._strategy.scope():
            self._gan = Gan(config, self._data)
        self._flops = config.batch_size * step_flops(config, self._gan.generator, self._gan.discriminator)
        checkpoints.put_back_replaced(self._run.checkpoints_dir)
        last = checkpoints.latest(prepared.run.checkpoints_dir)
        if last is None and config.g_output_bias == "data":
            self._gan.start_at_mean(_mean_image(prepared.source))
        if last is not None:
            checkpoints.restore(last, self._gan.state())
        self._step = self._saved = last.step if last else 0
        extra = last.extra if last else {"pending": [], "seconds": 0.0}
        self._seconds_before = extra["seconds"]
        # Without a checkpoint all is made again, the samples of step 0 too.
        self._open(prepared, last.step if last else -1, extra["pending"])
        self._selection = config.eval_every and Selection(
            self._run.checkpoints_dir, self._gan, config, self._source, self._held_out, self._pictures.sampler, self._progress.note)
        self._train_step = TrainStep(config, self._gan, self._strategy, self._batches.images, self._batches.labels,
                                     steps_per_epoch=self._data.count / (config.batch_size * config.d_steps))
        self._soundness = Soundness(METRICS, config.precision)
        self._seconds_per_step = None

    def _open(self, prepared, done: int, pending):
        """Opens the run's files, once nothing can go wrong any more; what is later than step `done` is dropped."""
        for path in checkpoints.set_damaged_aside(self._run.checkpoints_dir):
            self._progress.note(f"warning: checkpoint {path} is cut short or damaged; using the one before")
        if prepared.resumes:
            self._progress.note(f"resuming {self._run.path} at step {self._step:,} of {self._config.steps:,}")
        start.write_config(prepared, self._run)
        self._recorder = Recorder(self._run.metrics_path, METRICS, done, pending)  # which refuses a damaged file
        self._events = EventWriter(self._run.events_dir, self._step)
        self._pictures = Pictures(self._run, self._gan.ema_generator, self._config, self._data, self._events)
        self._pictures.drop_after(done)
        self._watch = Watch(self._run, self._gan, self._config, self._data, self._source, self._held_out,
                            self._pictures.sampler, self._recorder, self._progress.note)

    def train(self) -> None:
        """Runs to the last step, or until `stopped` is set."""
        config = self._config
        if self._step >= config.steps and self._is_finished():
            self._progress.note(f"{self._run.path} is complete at step {self._step:,}; "
                                "give more --steps to go on, or --fresh to begin anew")
            return
        if self._step == 0:
            self._pictures.real(self._batches.first(GRID))
            self._draw()
        self._clock.started()
        try:
            while self._step < config.steps and not self.stopped:
                self._advance()
                self._periodic()
            self._finish()
            if self._step >= config.steps:
                self.stopped = None  # It came too late to stop anything.
        finally:
            self._progress.close()
            self._recorder.close()
            self._events.close()
            self._batches.close()

    def _is_finished(self):
        """Whether the pictures and the report of the last step were made too, and not killed before."""
        return any(row["kind"] == "clock" and row["step"] == self._step for row in read_rows(self._run.metrics_path))

    def _advance(self):
        """One call into the graph, up to the next step at which something is due."""
        config, count = self._config, self._steps_in_call()
        with self._clock.section("data"):
            batches = self._batches.next(self._step, count)
        # A lazy penalty acts at every N-th step, alone in its call (_steps_in_call sees to it).
        penalised = config.penalty != "none" and self._step % config.penalty_every == 0
        begin = time.monotonic()
        with self._clock.section("graph"):
            rows = self._train_step.run(batches, penalised).numpy()
        took = (time.monotonic() - begin) / count
        if self._seconds_per_step is None:
            self._clock.traced()
            self._seconds_per_step = math.inf  # The first call traced; it says nothing of speed.
        else:
            self._clock.calculated(count * self._flops)
            self._seconds_per_step = min(took, 0.9 * self._seconds_per_step + 0.1 * took)
        self._soundness.check(rows, self._step, self._saved)
        self._recorder.add(rows)
        self._step += count

    def _steps_in_call(self) -> int:
        config = self._config
        most = config.steps_per_loop or LONGEST_CALL
        if not config.steps_per_loop:
            known = self._seconds_per_step not in (None, math.inf)
            most = max(1, min(most, int(CALL_SECONDS / self._seconds_per_step))) if known else 1
        ends = [config.steps, *(_next(every, self._step) for every in
                                (config.log_every, config.checkpoint_every, config.eval_every or config.steps)),
                next_sample(self._step, config.sample_every)]
        if config.penalty != "none" and config.penalty_every > 1:
            ends.append(self._step + 1 if self._step % config.penalty_every == 0
                        else _next(config.penalty_every, self._step))
        return min(most, *(end - self._step for end in ends))

    def _periodic(self):
        """The one trigger rule: every N steps, and always at the last."""
        config, step = self._config, self._step
        last = step == config.steps
        with self._clock.section("logging"):
            per_step = 0.0 if self._seconds_per_step in (None, math.inf) else self._seconds_per_step
            speed = config.batch_size / per_step if per_step else 0.0
            self._progress.update(step, per_step, speed, self._recorder.means() if self._recorder.waiting else {}, force=last)
            if step % config.log_every == 0 or last:
                row = self._recorder.write_means(step, {
                    "epoch": round(self._batches.epoch(step), 4), "seconds": round(self._seconds(), 3),
                    "images_per_second": round(speed, 1)})
                self._watch.train_row(row)
                self._events.scalars(step, {name: row[name] for name in (*METRICS, "images_per_second")})
        if next_sample(step - 1, config.sample_every) == step or last:
            with self._clock.section("samples"):
                self._draw()
        if config.eval_every and (step % config.eval_every == 0 or last):
            with self._clock.section("evaluation"):
                self._recorder.write(self._selection.evaluate(step))
        if step % config.checkpoint_every == 0 or last:
            self._save()
            if not last:  # The last one is written by _finish, with all its pictures.
                with self._clock.section("report"):
                    self._watch.report("running")

    def _draw(self):
        self._watch.sample_row(self._step, *self._pictures.draw(self._step))

    def _save(self):
        with self._clock.section("checkpoints"):
            self._events.flush()
            if self._step != self._saved:
                checkpoints.save(self._run.checkpoints_dir, self._gan.state(), self._step,
                                 {"pending": self._recorder.state(), "seconds": self._seconds()},
                                 self._config.keep_checkpoints)
            self._saved = self._step

    def _seconds(self):
        return self._seconds_before + self._clock.elapsed()

    def _finish(self):
        early = self._step < self._config.steps
        if early:
            self._save()
        with self._clock.section("report"):
            self._pictures.animate()
            of_run.write_all(self._run.samples_dir, self._pictures.sampler, self._source,
                                 self._held_out, self._config.seed)
            if early:
                self._watch.report("stopped")
            else:
                self._watch.last_row(self._step)
        if early:
            self._progress.note(f"stopped at step {self._step:,} and saved in {self._run.path}; "
                                "the same command resumes it")
            return
        with self._clock.section("peak"):
            if self._clock.flops:  # There were steps after the first call.
                self._clock.peak = measured_peak(self._strategy, self._config.precision)
        with self._clock.section("report"):
            self._watch.report("finished", {"step": self._step, **self._clock.facts()})
        self._recorder.write({"kind": "clock", "step": self._step, **self._clock.facts()})
        self._progress.note(self._clock.summary(self._step, self._run.path))

    def stop(self, number: int) -> None:
        """Ends the run after the call that is under way."""
        self.stopped = number


def next_sample(step: int, every: int) -> int:
    """The next step after `step` to sample at: powers of two at first, then every N."""
    regular = _next(every, step)
    early = 1 << max(0, step.bit_length())
    return min(regular, early) if early < every else regular


def _next(every: int, step: int) -> int:
    return (step // every + 1) * every


def _mean_image(source) -> np.ndarray:
    """float [H, W, C] in [-1, 1] of at most 50,000 images."""
    total = np.zeros(source.image_shape)
    count = min(source.count, 50_000)
    for begin in range(0, count, 1000):
        total += to_float(source.read(np.arange(begin, min(begin + 1000, count)))[0]).sum(0, dtype=np.float64)
    return total / count


@contextlib.contextmanager
def _stop_signals(loop: Loop):
    """Ctrl-C and SIGTERM end the run in good order; a second Ctrl-C ends it at once."""
    def handle(number, frame):
        loop.stop(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # Not the main thread (a notebook's server): signals are not ours to take.
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
