"""What is done when it is due: rows, samples, evaluations, checkpoints, the end. loop.py says when."""

import time

from tfgan_train.pictures import of_run
from tfgan_train.runs.rows import ClockRow, Row, read_rows
from tfgan_train.training import best, finite
from tfgan_train.training.callbacks import Callbacks
from tfgan_train.training.machine_peak import measured_peak
from tfgan_train.training.parts import Parts
from tfgan_train.training.step_metrics import columns


class Duties:
    """Does what is due at a step, within the clock's sections, and tells the callbacks.

    Args:
      parts: of the run.
      calls: the callbacks.

    Attributes:
      saved: the step of the last checkpoint.
    """

    def __init__(self, parts: Parts, calls: Callbacks):
        self._parts, self._config, self._clock, self._calls = parts, parts.config, parts.clock, calls
        self.saved = self._drawn = parts.step
        self._saved_at = time.monotonic()
        self._patience_lost = self._look_at_patience()

    def why_end(self) -> str:
        """Why the step that was taken last shall be the run's last, in words; empty where it needn't."""
        return self._patience_lost or self._calls.why_end

    def log(self, step: int) -> None:
        """Writes the means since the last row."""
        parts = self._parts
        row = parts.recorder.write_means(
            step,
            {
                "epoch": round(parts.batches.epoch(step), 4),
                "seconds": round(self._seconds(), 3),
                "images_per_second": round(parts.pace.images_per_second, 1),
            },
        )
        parts.monitor.train_row(row)
        parts.events.scalars(
            step, {name: row[name] for name in (*columns(self._config), "images_per_second") if name in row}
        )
        self._calls.call("on_log", step, _figures(row))

    def draw(self, step: int) -> None:
        """Draws the sample grid and writes what it tells."""
        with self._clock.section("samples"):
            self._parts.files.require()
            images, labels = self._parts.pictures.draw(step)
            self._parts.monitor.sample_row(step, images, labels)
            self._drawn = step
            self._calls.call("on_samples", step, images)

    def evaluate(self, step: int) -> None:
        """Scores the samples; keeps the best checkpoint."""
        if self._parts.selection is None:
            return
        with self._clock.section("evaluation"):
            row = self._parts.selection.evaluate(step)
            self._parts.recorder.write(row)
            self._patience_lost = self._look_at_patience()
            self._calls.call("on_evaluate", step, _figures(row))

    def save(self, step: int, now: bool = False) -> None:
        """Begins to write a checkpoint beside the training, unless this step has one; `now`: writes it at once."""
        parts = self._parts
        with self._clock.section("checkpoints"):
            parts.events.flush()
            self._written(parts.saver.wait())
            if step != self.saved:
                finite.check_weights(parts.gan, step, self.saved)
                extra = {"pending": parts.recorder.state(), "seconds": self._seconds()}
                parts.saver.begin(parts.gan.state(), step, extra)
                self.saved, self._saved_at = step, time.monotonic()
            if now:
                self._written(parts.saver.wait())

    def is_checkpoint_old(self) -> bool:
        """Whether --checkpoint_minutes have passed since the last checkpoint."""
        return 0 < self._config.checkpoint_minutes <= (time.monotonic() - self._saved_at) / 60

    def tell_of_checkpoint(self) -> None:
        """Tells the callbacks of a checkpoint that has been written meanwhile; raises what went wrong with it."""
        self._written(self._parts.saver.ended())

    def _written(self, step: int | None) -> None:
        if step is not None:
            self._calls.call("on_checkpoint", step, self._parts.files.checkpoints_dir / f"{step:08d}")

    def report(self, status: str) -> None:
        """Writes report.html; `status` is running, finished or stopped."""
        with self._clock.section("report"):
            self._parts.monitor.report(status)

    def make_the_last(self, step: int) -> None:
        """Does what is done at a run's last step, where it wasn't due."""
        self._parts.progress.note(f"step {step:,} is the last: {self.why_end() or 'another worker ended the run'}")
        if self._parts.recorder.waiting:
            self.log(step)
        if self._drawn != step:
            self.draw(step)
        self.save(step, now=True)

    def end_early(self, step: int) -> None:
        """Leaves a run that was stopped so that the same command goes on with it."""
        self.save(step, now=True)
        with self._clock.section("report"):
            self._show_the_generator()
        self.report("stopped")
        self._parts.progress.note(
            f"stopped at step {step:,} and saved in {self._parts.shown}; the same command resumes it"
        )

    def end(self, step: int) -> None:
        """Looks back at a run that is done: all pictures, D's accuracy, the machine's peak, the clock's row."""
        parts, clock = self._parts, self._clock
        with clock.section("report"):
            self._show_the_generator()
            parts.monitor.last_row(step, clock.facts()["training"])
        with clock.section("peak"):
            if clock.flops:  # There were steps after the first call.
                clock.peak = measured_peak(parts.strategy, self._config.precision, clock.facts()["training"])
        with clock.section("report"):
            parts.monitor.report("finished", {"step": step, **clock.facts()})
        parts.recorder.write(ClockRow.of(step, clock.facts()))
        parts.progress.note(clock.summary(step, parts.shown))

    def _seconds(self) -> float:
        return self._parts.seconds_before + self._clock.elapsed()

    def _show_the_generator(self) -> None:
        parts = self._parts
        parts.pictures.animate()
        of_run.write_all(
            parts.files.samples_dir, parts.pictures.sampler, parts.source, parts.held_out, self._config.seed
        )

    def _look_at_patience(self) -> str:
        patience = self._config.patience
        return best.patience_lost(patience, read_rows(self._parts.files.metrics_path)) if patience else ""


def _figures(row: Row) -> dict[str, float]:
    """The numbers of a row of metrics.jsonl."""
    return {name: value for name, value in row.items() if isinstance(value, (int, float)) and name != "step"}
