"""The run directory: where everything is, and a trained run read back from it alone."""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

from tfgan_train.common import attributes
from tfgan_train.common.errors import UserError, reason
from tfgan_train.common.images import are_points
from tfgan_train.common.terminal import Terminal
from tfgan_train.config.checks import check_values
from tfgan_train.config.fields import FIELDS, Config
from tfgan_train.runs.data_facts import DataFacts

FORMAT = 1
Read = TypeVar("Read")


class RunDir:
    """Paths inside a run directory."""

    def __init__(self, path: str | pathlib.Path):
        self.path = pathlib.Path(path)
        self.config_path = self.path / "config.json"
        self.metrics_path = self.path / "metrics.jsonl"
        self.checkpoints_dir = self.path / "checkpoints"
        self.samples_dir = self.path / "samples"
        self.events_dir = self.path / "events"
        self.eval_dir = self.path / "eval"
        self.report_path = self.path / "report.html"
        self.animation_path = self.path / "progress.webp"
        self.lock_path = self.path / ".lock"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.config_path.is_file()

    def require(self) -> None:
        """Makes sure that the run is still here, so that nothing is written into a folder that was removed or moved.

        Raises:
          UserError: when it isn't.
        """
        if not self.exists():
            raise UserError(
                f"--run_dir={self.path} was removed or moved while the run trained; what it has trained since is lost"
            )

    def read(self) -> tuple[Config, DataFacts]:
        """The resolved Config and the data's facts.

        Raises:
          UserError: when there is no run here, or its config.json can't be understood.
        """
        if not self.exists():
            raise UserError(f"--run_dir={self.path}: no run there (it has no config.json)")
        try:
            stored = json.loads(self.config_path.read_text())
            if stored["format"] != FORMAT:
                raise UserError(f"it is of format {stored['format']}, and this version reads {FORMAT}")
            # A setting that the run's version didn't have yet did nothing then: that is its plain default.
            config = Config(**{name: field.default for name, field in FIELDS.items()} | stored["config"])
            check_values(config, registries=False)
            return config, DataFacts.from_dict(stored["data"])
        except UserError as error:
            raise UserError(f"{self.config_path}: {error}") from None
        except KeyError as error:
            raise UserError(f"{self.config_path} is damaged: it lacks {error}") from None
        except OSError as error:
            raise UserError(f"{self.config_path} can't be read: {reason(error)}") from None
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"{self.config_path} is damaged: {str(error).splitlines()[0][:200]}") from None

    def parent(self) -> dict:
        """The facts of the run whose weights this one began with, as config.json has them; {} for none."""
        found = json.loads(self.config_path.read_text()).get("parent")
        return found if isinstance(found, dict) else {}


@dataclasses.dataclass(frozen=True)
class LoadedRun:
    """A run's networks at one checkpoint, float32 whatever it was trained in.

    Attributes:
      generator: G's running average (see Gan.ema_generator): call(z [n, latent_dim], label
        int32 [n] or None, training=False) -> float32 [n, H, W, C] in [-1, 1].
      discriminator: call(images, label, training=False) -> logits [n]; `.features(images, label)`.
    """

    path: RunDir
    config: Config
    data: DataFacts
    step: int
    generator: Any
    discriminator: Any

    def label_index(self, label: int | str | None) -> int | None:
        """A label's number from its number or name; None for None, which leaves it to the seed.

        Raises:
          UserError: when the run isn't conditional, or its data have no such label.
        """
        if label is None:
            return None
        if not self.config.conditional:
            raise UserError(f"--label={label}: {self.path.path} was not trained with --conditional")
        return self.data.label_index(str(label))

    def parse_attributes(self, text: str) -> dict[str, int]:
        """The values that --attributes=Smiling=1,Hat=0 asks for, by name.

        Raises:
          UserError: for a run without attributes, one that it hasn't, or another value than 0 and 1.
        """
        if text and not self.attributes:
            raise UserError(f"--attributes={text}: {self.path.path} was not trained with --attributes")
        return attributes.parse("--attributes", text, self.attributes)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that the generator takes; () where it takes none."""
        return self.data.attributes if self.config.conditional else ()


def find_checkpoint(run: RunDir, step: int | str | None = None):
    """The checkpoint that `step` names: the one rule of every command.

    Args:
      run: the RunDir.
      step: a step's number, "best" (of --eval_every), "last" (the newest intact one), or None: the best where
        there is one, else the last.

    Raises:
      UserError: when it isn't there, naming those that are; Gone, where a number was asked for.
    """
    from tfgan_train.runs import checkpoints

    best = run.checkpoints_dir / checkpoints.BEST
    if step is None:
        found = checkpoints.best(run.checkpoints_dir)
        if found is not None:
            return found
        if best.exists():
            Terminal().line(f"warning: the best checkpoint of {run.path} is damaged; using the newest")
    if step in (None, "last"):
        found = checkpoints.latest(run.checkpoints_dir)
        if found is None:
            raise UserError(f"--run_dir={run.path} holds no intact checkpoint yet; train it first")
        return found
    if step == "best":
        found = checkpoints.best(run.checkpoints_dir)
        if found is None and best.exists():
            raise UserError(f"--step=best: the best checkpoint of {run.path} is damaged; --step=last takes the newest")
        if found is None:
            advice = (
                "runs on points keep none"
                if are_points(run.read()[1].image_shape)
                else "train with --eval_every to choose one"
            )
            raise UserError(f"--run_dir={run.path} has no best checkpoint; {advice}")
        return found
    found = checkpoints.read(run.checkpoints_dir / f"{int(step):08d}")
    if found is None:
        steps = ", ".join(str(one.step) for one in checkpoints.intact(run.checkpoints_dir)) or "none"
        raise checkpoints.Gone(f"--step={step}: {run.path} has no intact checkpoint of that step; there are: {steps}")
    return found


def load_run(run_dir, step: int | str | None = None) -> LoadedRun:
    """Rebuilds a run's networks from its directory alone.

    Args:
      run_dir: the directory; may have been moved since.
      step: as find_checkpoint has it.

    Raises:
      UserError: no run, no such checkpoint, or one that doesn't fit.
    """
    from tfgan_train.models import build_networks
    from tfgan_train.models.variables import named
    from tfgan_train.runs import checkpoints

    run = RunDir(run_dir)
    config, data = run.read()
    try:
        check_values(config)
    except UserError as error:
        raise UserError(f"{run.config_path}: {error}") from None
    checkpoint = find_checkpoint(run, step)  # Before the networks are built, which takes seconds.
    # Sampling and export want full precision; the stored weights are float32 anyway.
    generator, discriminator = build_networks(config.replace(precision="float32"), data)
    average = "ema_generator" if config.ema_half_life else "generator"
    parts = {average: named(generator), "discriminator": named(discriminator)}

    def restored(checkpoint) -> int:
        checkpoints.restore_part(checkpoint, **parts)
        return checkpoint.step

    taken = while_it_lasts(restored, checkpoint, lambda: find_checkpoint(run, step))
    return LoadedRun(run, config, data, taken, generator, discriminator)


def while_it_lasts(read: Callable[[Any], Read], checkpoint, find: Callable[[], Any]) -> Read:
    """`read` of a checkpoint, or of what `find` finds then where a run that trains has dropped it meanwhile.

    Raises:
      UserError: as `find` does; Gone, where that goes on and on.
    """
    from tfgan_train.runs import checkpoints

    for _ in range(checkpoints.READ_ATTEMPTS - 1):
        try:
            return read(checkpoint)
        except checkpoints.Gone:
            checkpoint = find()
    return read(checkpoint)
