"""What a sweep will do, checked before anything is trained; kept in OUT/sweep.json so that the same sweep goes on."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from tfgan_train.common import locks
from tfgan_train.common.errors import UserError, unknown
from tfgan_train.common.files import write_json
from tfgan_train.config import recipes
from tfgan_train.config.checks import check_needs
from tfgan_train.config.fields import Config
from tfgan_train.runs.data_facts import DataFacts
from tfgan_train.sweeps import halving, space
from tfgan_train.sweeps.halving import Candidate
from tfgan_train.training.start import learns_labels, resolve
from tfgan_train.training.step_flops import step_flops
from tfgan_train.training.validation import validate, validate_with_data


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user asks of a sweep.

    Attributes:
      space: the JSON file; see space.read_axes.
      given: settings of every run.
      candidates: configurations in the first rung, the recipe's own among them.
      rungs, eta: one in eta goes on to the next rung, to eta times the budget.
      budget: training TFLOP of a run in the last rung; 0: the recipe's own run.
      num: images that are scored.
      features: those of the distance, as evaluate has them; "": the best there are.
    """

    space: pathlib.Path
    given: Mapping[str, Any]
    candidates: int = 27
    rungs: int = 3
    eta: int = 3
    budget: float = 0.0
    num: int = 5000
    features: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is trained.

    Attributes:
      common: setting -> value of every run.
      candidates: what is trained in the first rung; the first is the recipe.
      amounts: FLOPs of a run in each rung.
      stored: all that decides the outcome, by name, for sweep.json.
    """

    common: dict[str, Any]
    candidates: list[Candidate]
    amounts: list[float]
    stored: dict[str, Any]


def prepare(options: Options) -> Plan:
    """Reads the space and the data; checks every configuration.

    Raises:
      UserError: whatever is wrong, before anything is written.
    """
    from tfgan_train import data as datasets
    from tfgan_train.common.images import are_points

    _check(options)
    asked = Config(**options.given)
    validate(asked)
    base = {**options.given, "recipe": asked.recipe, "dataset": datasets.located(asked.dataset)}
    axes = space.read_axes(options.space, base)
    source = datasets.load(Config(**base), "train")
    facts = DataFacts.of(source)
    if are_points(facts.image_shape):
        raise UserError(f"--dataset={asked.dataset} is points, and a sweep compares Frechet distances of pictures")
    if learns_labels(asked.recipe, base, facts):
        base["conditional"] = True
    chosen = {*options.given, *(name for axis in axes for name in axis[0])}
    base["recipe"] = recipes.fitting(asked.recipe, Config(**base).conditional, chosen)
    own = Config(**base)
    candidates = [
        _costed(settings, base, source, facts, options.space)
        for settings in space.draw(axes, own.as_dict(), options.candidates, own.seed)
    ]
    whole = resolve(own, facts).steps * candidates[0].flops
    amounts = halving.budgets(options.budget * 1e12 or whole, options.rungs, options.eta)
    if not all(halving.steps_for(one, amounts[0]) for one in candidates):
        raise UserError(
            f"a training of the first rung has {amounts[0] / 1e12:.3g} TFLOP, which is less than a step: "
            "use a bigger --budget or fewer --rungs"
        )
    common = {name: value for name, value in base.items() if name not in space.ITS_OWN}
    stored = {name: getattr(options, name) for name in ("candidates", "rungs", "eta", "budget", "num", "features")}
    stored |= {
        # As a list, because their order decides the sample.
        "space": list(json.loads(options.space.read_text(encoding="utf-8")).items()),
        "given": base,
        "recipe_settings": own.as_dict(),
        "drawn": [{"settings": one.settings, "step_flops": one.flops} for one in candidates],
    }
    return Plan(common, candidates, amounts, stored)


def _check(options: Options) -> None:
    from tfgan_train.features import FEATURES

    for name, least in (("candidates", 1), ("rungs", 1), ("eta", 2), ("budget", 0), ("num", 8)):
        if not getattr(options, name) >= least:
            raise UserError(f"--{name}={getattr(options, name)} must be at least {least}")
    if options.features and options.features not in FEATURES:
        raise UserError(unknown("value of --features", options.features, FEATURES))
    if "run_dir" in options.given:
        raise UserError("--run_dir is the sweep's own to set; --out names the folder of all its runs")


def _costed(settings: dict, base: Mapping[str, Any], source, facts: DataFacts, path: pathlib.Path) -> Candidate:
    """A configuration with the FLOPs of its step.

    Raises:
      UserError: it can't be trained.
    """
    from tfgan_train.models import build_networks

    config = Config(**{**base, **settings})
    try:
        validate(config)
        validate_with_data(config, source, 1)
        check_needs(config, settings)
    except UserError as error:
        raise UserError(
            f'{path}: {halving.shown(settings)}: {error} (a key like "loss,penalty" ties settings)'
        ) from None
    config = resolve(config, facts)
    return Candidate(settings, config.batch_size * step_flops(config, *build_networks(config, facts)))


def claim(out: pathlib.Path, stored: Mapping[str, Any]) -> None:
    """Writes what is swept into OUT/sweep.json.

    Raises:
      UserError: when another sweep stands there, naming what differs, or something else does.
    """
    path, plan = out / "sweep.json", json.loads(json.dumps(stored))
    if not path.exists():
        if any(not entry.name.startswith(".") for entry in out.iterdir()):
            raise UserError(f"--out={out} is not empty and holds no sweep; name an empty or new folder")
        write_json(path, plan)
        return
    try:
        before = json.loads(path.read_text())
        changed = {name for name in before.keys() | plan.keys() if before.get(name) != plan.get(name)}
        given = {name for name in before["given"].keys() | plan["given"].keys()}
        settings = {name for name in given if before["given"].get(name) != plan["given"].get(name)}
    except (ValueError, AttributeError, KeyError):
        raise UserError(f"{path} is damaged; name another --out") from None
    if not changed:
        return
    flags = [f"--{name}" for name in sorted(changed | settings) if name in settings or hasattr(Options, name)]
    what = ", ".join((["the space"] if "space" in changed else []) + flags) or "the recipe or its cost"
    raise UserError(
        f"--out={out} holds a sweep that was begun otherwise: {what} has changed; "
        "leave it as it was, or name another --out"
    )


def lock(out: pathlib.Path, say: Callable[[str], None]):
    """Keeps other sweeps out of the folder until the file returned is closed; `say` is told where that can't be.

    Raises:
      UserError: when one is there already, or the folder can't be written.
    """
    busy = "another sweep is under way there; wait for it, or name another folder"
    return locks.hold(out / ".lock", f"--out={out}", busy, "sweep there", say)
