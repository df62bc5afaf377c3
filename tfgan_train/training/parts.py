"""What a run is made of: builds it new, or as its last checkpoint left it."""

import dataclasses
import pathlib
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import remove_leftovers
from tfgan_train.common.images import to_float
from tfgan_train.common.terminal import Progress
from tfgan_train.config.fields import Config
from tfgan_train.data.pipeline import Batches
from tfgan_train.data.source import Source, blocks
from tfgan_train.pictures.training_samples import Pictures
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.events import EventWriter
from tfgan_train.runs.recorder import Recorder
from tfgan_train.runs.rows import ClockRow, read_rows
from tfgan_train.training import best, start
from tfgan_train.training.finite import Soundness
from tfgan_train.training.gan import Gan
from tfgan_train.training.monitor import Watch
from tfgan_train.training.pacing import Pace
from tfgan_train.training.saver import Saver
from tfgan_train.training.step import TrainStep
from tfgan_train.training.step_flops import step_flops
from tfgan_train.training.step_metrics import columns
from tfgan_train.training.timing import Clock
from tfgan_train.training.workers import Workers

CALIBRATION = 64  # images, at most, spread over the data, on which a frozen network's maps are scaled
MEAN_OF = 50_000  # images, at most, of which --g_output_bias=data takes the mean


@dataclasses.dataclass
class Parts:
    """One process's parts of a run; see the classes.

    Attributes:
      files: where this process writes; a temporary folder for a worker that isn't the chief.
      shown: the run directory as the user knows it.
      flops: multiplications and additions of a training step.
      step: completed steps at the beginning.
      seconds_before: that the run has trained before.
      is_complete: whether nothing is left to do; the parts from `held_out` on are then missing.
      selection: None without evaluations.
    """

    STOPPED_BY_ANOTHER = int(signal.SIGTERM)  # what a run is stopped by when another worker was

    config: Config
    files: RunDir
    shown: pathlib.Path
    strategy: tf.distribute.Strategy
    source: Source
    progress: Progress
    clock: Clock
    workers: Workers
    gan: Gan
    step: int
    seconds_before: float = 0.0
    is_complete: bool = False
    held_out: Source | None = dataclasses.field(init=False)
    batches: Batches = dataclasses.field(init=False)
    flops: float = dataclasses.field(init=False)
    pace: Pace = dataclasses.field(init=False)
    train_step: TrainStep = dataclasses.field(init=False)
    finite: Soundness = dataclasses.field(init=False)
    recorder: Recorder = dataclasses.field(init=False)
    events: EventWriter = dataclasses.field(init=False)
    pictures: Pictures = dataclasses.field(init=False)
    monitor: Watch = dataclasses.field(init=False)
    saver: Saver = dataclasses.field(init=False)
    selection: best.Selection | None = None

    def close(self) -> None:
        """Closes files, ends threads, and lets go of the data."""
        for part in (self.progress, self.saver, self.recorder, self.events, self.batches, self.train_step):
            part.close()


def build(
    prepared: start.Start, files: RunDir, begin: float, make_progress: Callable[[int], Progress] = Progress
) -> Parts:
    """The parts of a run that begins, or goes on from its last checkpoint.

    Nothing is written where the run is complete.

    Args:
      prepared: the run.
      files: where this process writes.
      begin: when the process began, for the clock.
      make_progress: what shows the state of the run, made from the number of steps.

    Raises:
      UserError: when the checkpoint or a file of the run doesn't fit.
    """
    config, strategy = prepared.config, prepared.strategy
    with strategy.scope():
        gan = Gan(config, prepared.data, prepared.objective)
    checkpoints.finish_interrupted(files.checkpoints_dir)
    last = checkpoints.latest(prepared.run.checkpoints_dir)
    if last is not None:
        checkpoints.restore(last, gan.state())
    else:
        _start(gan, config, prepared.source)
        if prepared.transfer is not None:
            prepared.transfer.apply(gan)
    workers = Workers(strategy)
    workers.share(gan.variables())
    extra: dict[str, Any] = last.extra if last else {"pending": [], "seconds": 0.0}
    parts = Parts(
        config,
        files,
        prepared.run.path,
        strategy,
        prepared.source,
        make_progress(config.steps),
        Clock(begin),
        workers,
        gan,
        step=int(gan.step.numpy()),
        seconds_before=extra["seconds"],
    )
    for note in prepared.data.notes:
        parts.progress.note(f"note: {note}")
    if _is_complete(parts):
        return parts
    _open(parts, prepared, last.step if last is not None and last.step else -1, extra["pending"])
    if prepared.transfer is not None:  # From here on it needs its parent no more.
        parts.saver.begin(gan.state(), 0, extra)
        parts.saver.wait()
    return parts


def _is_complete(parts: Parts) -> bool:
    """Whether the run has reached its last step, its pictures and report too; says so."""
    step, steps = parts.step, parts.config.steps
    if step > steps:
        raise UserError(
            f"--steps={steps} is fewer than the {step:,} steps that {parts.shown} has done; legal: {step} or more, "
            "or --fresh to begin anew"
        )
    rows = [row for row in read_rows(parts.files.metrics_path) if row.step <= step]
    impatient = bool(best.patience_lost(parts.config.patience, rows)) and step < steps
    if (step < steps and not impatient) or not any(row.kind == ClockRow.kind and row.step == step for row in rows):
        return False
    more = "--patience" if impatient else "--steps"
    parts.progress.note(
        f"{parts.shown} is complete at step {step:,}; give more {more} to go on, or --fresh to begin anew"
    )
    parts.is_complete = True
    return True


def _open(parts: Parts, prepared: start.Start, done: int, pending: list) -> None:
    """Adds what reads the data and writes files; whatever the run's files say of steps after `done` is dropped."""
    config, files, data, progress = parts.config, parts.files, prepared.data, parts.progress
    parts.held_out = prepared.held_out
    parts.batches = Batches(prepared.source, config.batch_size, config.d_steps, config.seed)
    for path in checkpoints.set_damaged_aside(files.checkpoints_dir):
        progress.note(f"warning: checkpoint {path} is cut short or damaged; using the one before")
    if prepared.resumes:
        progress.note(f"resuming {parts.shown} at step {parts.step:,} of {config.steps:,}")
    start.write_config(prepared, files)
    remove_leftovers(files.path)
    parts.recorder = Recorder(files.metrics_path, columns(config), done, pending, progress.note)
    parts.saver = Saver(files.checkpoints_dir, config.keep_checkpoints)
    parts.events = EventWriter(files.events_dir, done + 1)
    parts.pictures = Pictures(files, parts.gan.ema_generator, config, data, parts.events)
    parts.pictures.drop_after(done)
    parts.monitor = Watch(
        files,
        parts.gan,
        config,
        data,
        prepared.source,
        parts.held_out,
        parts.pictures.sampler,
        parts.recorder,
        progress.note,
    )
    if config.eval_every:
        parts.selection = best.Selection(
            files.checkpoints_dir,
            parts.gan,
            config,
            prepared.source,
            parts.held_out,
            parts.pictures.sampler,
            progress.note,
        )
    parts.train_step = TrainStep(
        config,
        parts.gan,
        parts.strategy,
        parts.batches.images,
        parts.batches.labels,
        steps_per_epoch=data.count / (config.batch_size * config.d_steps),
    )
    parts.flops = config.batch_size * step_flops(
        config, parts.gan.generator, parts.gan.discriminator, prepared.objective
    )
    parts.finite = Soundness(columns(config), config.precision)
    parts.pace = Pace(config)


def _start(gan: Gan, config: Config, source: Source) -> None:
    """Fits a new run's networks to its data."""
    if config.g_output_bias == "data":
        gan.start_at_mean(_mean_image(source))
    if gan.discriminator.frozen_flops():
        count = min(source.count, CALIBRATION)
        gan.calibrate(source.read(np.arange(count) * (source.count // count))[0])


def _mean_image(source: Source) -> np.ndarray:
    """float [H, W, C] in [-1, 1] of at most MEAN_OF images."""
    total = np.zeros(source.image_shape)
    count = min(source.count, MEAN_OF)
    for block in blocks(source, np.arange(count)):
        total += to_float(source.read(block)[0]).sum(0, dtype=np.float64)
    return total / count
