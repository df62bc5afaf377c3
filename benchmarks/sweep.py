"""Looks for better settings of a recipe by successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943).

    python benchmarks/sweep.py --space=benchmarks/spaces/digits.json --dataset=mnist --data_dir=DIR --seed=11 --out=OUT

The space is a JSON file, setting -> list of values. A key like "g_lr,d_lr" ties settings together: each of its
values goes to all of them, or is a list with one for each. The recipe's own settings and a sample of the
space, which --seed chooses, are trained and scored; the best 1/eta go on to eta times the budget, and so on.

A budget is training FLOPs, not time, so a busy machine chooses nothing: a configuration of half the cost takes
twice the steps. A rung is a run of its own from step 0 and not the last rung's resumed, since a schedule such as
the linear decay to 0 hangs on --steps: a run resumed at its end would have no learning rate left. The score is the
package's own Frechet distance, so that other judges stay fit to check the winner with.

Every training that has ended is a line of OUT/log.jsonl; the same command goes on after the last of them, in
the middle of a run. A training that fails, as one that diverges does, scores infinity (null in the log)
and is dropped; delete its line and its folder in OUT/runs to try it again. The table at the end is kept in
OUT/summary.md.
"""

import argparse
import fcntl
import json
import math
import os
import pathlib
import random
import re
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import halving  # noqa: E402
from halving import Candidate, Outcome  # noqa: E402

from tfgan_train.common.errors import UserError, unknown  # noqa: E402
from tfgan_train.common.files import write_atomically, write_json  # noqa: E402
from tfgan_train.config import command, recipes  # noqa: E402
from tfgan_train.config.fields import FIELDS, Config, legal_values  # noqa: E402
from tfgan_train.runs.directory import DataFacts, RunDir  # noqa: E402
from tfgan_train.runs.rows import read_rows  # noqa: E402

OWN = ("dataset", "data_dir", "recipe", "run_dir", "steps", "epochs", "seed")  # settings that the sweep gives itself
# Distances to other data can't be compared.
DATA = ("image_size", "channels", "binarize", "invert", "train_examples", "max_bad_fraction")


def read_axes(path: pathlib.Path, base: dict) -> list[list[dict]]:
    """The space as a list of axes, each a list of alternatives: setting -> value.

    Args:
      base: recipe and dataset.

    Raises:
      UserError: the file, a setting's name or a value is wrong.
    """
    try:
        space = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"--space={path} can't be read: {error}") from None
    if not isinstance(space, dict) or not all(isinstance(values, list) and values for values in space.values()):
        raise UserError(
            f'--space={path} must be a JSON object of lists with a value or more, such as {{"g_lr": [1e-3, 2e-3]}}'
        )
    found, seen = [], set()
    for key, values in space.items():
        names = [name.strip() for name in key.split(",")]
        for name in names:
            _check_name(path, name, seen)
            seen.add(name)
        found.append([_alternative(path, names, value, base) for value in values])
    return found


def _check_name(path, name, seen):
    if name not in FIELDS:
        raise UserError(f"--space={path}: {unknown('setting', name, sorted(FIELDS.keys() - {*OWN, *DATA}))}")
    if name in OWN:
        raise UserError(f"--space={path}: {name} is the sweep's own to set and can't be in the space")
    if name in DATA:
        raise UserError(f"--space={path}: {name} changes the data, and distances to different data can't be compared")
    if name in seen:
        raise UserError(f"--space={path}: {name} stands in it twice")


def _alternative(path, names, value, base) -> dict:
    values = value if isinstance(value, list) else [value] * len(names)
    if len(values) != len(names) or not all(isinstance(one, (str, int, float)) for one in values):
        raise UserError(f'--space={path}: {json.dumps(value)} is not a value for "{",".join(names)}"')
    try:
        config = Config(**base | dict(zip(names, values, strict=True)))
        typed = {name: getattr(config, name) for name in names}
        for name in names:
            legal = legal_values(FIELDS[name])
            if legal and typed[name] not in legal:
                raise UserError(unknown(f"value of --{name}:", typed[name], legal))
    except UserError as error:
        raise UserError(f"--space={path}: {error}") from None
    return typed


def draw(axes: list[list[dict]], own: dict, number: int, seed: int) -> list[dict]:
    """At most `number` different configurations, as what differs from the recipe's `own` settings.

    The first is the recipe.
    """
    found, size = [{}], math.prod(map(len, axes))
    for index in random.Random(seed).sample(range(size), min(size, 4 * number)):
        settings = {}
        for axis in axes:
            index, place = divmod(index, len(axis))
            settings |= axis[place]
        settings = {name: value for name, value in settings.items() if value != own[name]}
        if len(found) < number and settings not in found:
            found.append(settings)
    return found


class Trainer:
    """Trains and scores in processes of their own, one after the other.

    Args:
      folder: where the runs are kept, and what their processes say.
      common: setting -> value of every run.
      evaluation: flags of tfgan_train.evaluate.
    """

    def __init__(self, folder: pathlib.Path, common: dict, evaluation: list[str]):
        self._folder, self._common, self._evaluation = folder, common, evaluation

    def __call__(self, settings: dict, steps: int, name: str) -> Outcome:
        """The Frechet distance after `steps` steps; a run of that name that was stopped is resumed.

        Raises:
          UserError: when a process failed for a reason that isn't the settings'.
        """
        run = RunDir(self._folder / name)
        flags = self._common | settings | {"steps": steps, "run_dir": run.path}
        message = self._run("main", name, [f"--{flag}={halving.flag_value(value)}" for flag, value in flags.items()])
        rows = [row for row in read_rows(run.metrics_path) if row["kind"] == "train"]
        seconds = round(rows[-1]["seconds"], 1) if rows else 0.0
        about = re.match(r"--(\w+)=", message)
        if about and about[1] in OWN:
            raise UserError(message)
        if message:
            return Outcome(math.inf, seconds, message)
        message = self._run("evaluate", name, [f"--run_dir={run.path}", *self._evaluation])
        if message:
            raise UserError(f"{run.path} can't be scored: {message}")
        figures = json.loads((run.eval_dir / f"{steps:08d}.json").read_text())["metrics"]
        return Outcome(figures["fd"]["value"], seconds)

    def _run(self, binary, name, flags) -> str:
        """Runs a binary to its end; its last line if it failed, else ""."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}-{binary}.txt"
        package = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with open(path, "w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", f"tfgan_train.{binary}", *flags],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": package},
            )
            try:
                code = process.wait()
            except BaseException:  # Stopped ourselves: the run saves, and nothing of it goes on behind our back.
                process.terminate()
                process.wait()
                raise
        if code < 0 or code > 128:
            raise UserError(
                f"{path}: the process was ended by signal {-code if code < 0 else code - 128}; "
                "the same command goes on from there"
            )
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()] if code else []
        return (lines[-1].removeprefix("error: ") if lines else f"exit code {code}") if code else ""


def costed(drawn: list[dict], base: dict, path: pathlib.Path) -> tuple[list[Candidate], float]:
    """The candidates with their costs, and the FLOPs of the recipe's own run; checks each configuration.

    Raises:
      UserError: the data aren't to be had or have no Frechet distance, or a configuration can't be trained.
    """
    from tfgan_train import data as datasets
    from tfgan_train.common.images import are_points
    from tfgan_train.models import build_networks
    from tfgan_train.training.start import resolve
    from tfgan_train.training.step_flops import step_flops
    from tfgan_train.training.validation import validate, validate_with_data

    source = datasets.load(Config(**base), "train")
    facts, found = DataFacts.of(source), []
    if are_points(facts.image_shape):
        raise UserError(f"--dataset={base['dataset']} is points, and a sweep compares Frechet distances of pictures")
    for settings in drawn:
        config = Config(**base | settings)
        try:
            validate(config)
            validate_with_data(config, source, 1)
        except UserError as error:
            raise UserError(
                f'--space={path}: {halving.shown(settings)}: {error} (a key like "loss,penalty" ties settings)'
            ) from None
        config = resolve(config, facts)
        flops = config.batch_size * step_flops(config, *build_networks(config, facts))
        found.append(Candidate(settings, flops))
        if not settings:
            whole = config.steps * flops
    return found, whole


def claim(out: pathlib.Path, plan: dict) -> None:
    """Writes what is swept into OUT/sweep.json.

    Raises:
      UserError: when another sweep stands there, naming what differs.
    """
    path, plan = out / "sweep.json", json.loads(json.dumps(plan))
    if not path.exists():
        write_json(path, plan)
        return
    try:
        before = json.loads(path.read_text())
        changed = [name for name in before.keys() | plan.keys() if before.get(name) != plan.get(name)]
    except (ValueError, AttributeError):
        raise UserError(f"{path} is damaged; name another --out") from None
    if changed:
        what = (
            ", ".join(f"--{name}" for name in sorted(changed) if name not in ("drawn", "recipe_settings"))
            or "the recipe or its cost"
        )
        raise UserError(
            f"--out={out} holds a sweep that was begun otherwise: {what} has changed; "
            "leave it as it was, or name another --out"
        )


def lock(out: pathlib.Path):
    """Keeps other sweeps out of the folder until the file returned is closed.

    Raises:
      UserError: when one is there already, or the folder can't be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = open(out / ".lock", "w")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"--out={out}: another sweep is under way there; wait for it, or name another folder") from None
    except OSError as error:
        raise UserError(f"--out={out} can't be written: {error.strerror}") from None
    return file


def prepare(options) -> tuple[list[Candidate], list[float], dict]:
    """The candidates, each rung's budget, and what OUT/sweep.json has to say of them and of the options."""
    base = {"recipe": options.recipe, "dataset": options.dataset, "data_dir": options.data_dir}
    own = Config(**base).as_dict()
    candidates, whole = costed(
        draw(read_axes(options.space, base), own, options.candidates, options.seed), base, options.space
    )
    amounts = halving.budgets(options.budget * 1e12 or whole, options.rungs, options.eta)
    if not all(halving.steps_for(one, amounts[0]) for one in candidates):
        raise UserError(
            f"a training of the first rung has {amounts[0] / 1e12:.3g} TFLOP, which is less than a step: "
            "use a bigger --budget or fewer --rungs"
        )
    plan = {name: value for name, value in vars(options).items() if name != "out"}
    plan["space"] = list(
        json.loads(options.space.read_text()).items()
    )  # as a list, because their order decides the sample
    plan["recipe_settings"] = own
    plan["drawn"] = [{"settings": one.settings, "step_flops": one.flops} for one in candidates]
    return candidates, amounts, plan


def parse(arguments: list[str] | None):
    """The command line's options.

    Raises:
      UserError: a number that can't be used.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--space", required=True, type=pathlib.Path, help="JSON file: setting -> list of values")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder of the log, the runs and the table")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--recipe", default="", help="empty: the one that suits the dataset")
    parser.add_argument("--seed", type=int, default=1, help="of the sample and of every training")
    parser.add_argument(
        "--candidates", type=int, default=27, help="configurations in the first rung, the recipe's own among them"
    )
    parser.add_argument("--rungs", type=int, default=3)
    parser.add_argument("--eta", type=int, default=3, help="one in so many goes on, to so many times the budget")
    parser.add_argument(
        "--budget", type=float, default=0.0, help="training TFLOP of a run in the last rung; 0: the recipe's own run"
    )
    parser.add_argument("--num", type=int, default=5000, help="images that are scored")
    parser.add_argument("--features", default="", help="those of the distance, as in tfgan_train.evaluate")
    options = parser.parse_args(arguments)
    for name, least in (("candidates", 1), ("rungs", 1), ("eta", 2), ("budget", 0), ("num", 8)):
        if not getattr(options, name) >= least:
            raise UserError(f"--{name}={getattr(options, name)} must be at least {least}")
    options.recipe = options.recipe or recipes.default_for(options.dataset)
    options.data_dir = options.data_dir and os.path.abspath(options.data_dir)
    return options


def sweep(options) -> None:
    """Trains what is still to train and prints the table."""
    command.import_tensorflow()
    from tfgan_train.features import FEATURES

    if options.features and options.features not in FEATURES:
        raise UserError(unknown("value of --features", options.features, FEATURES))
    out = options.out
    candidates, amounts, plan = prepare(options)
    with lock(out):
        claim(out, plan)
        common = {name: getattr(options, name) for name in ("recipe", "dataset", "data_dir", "seed")}
        evaluation = ["--metrics=frechet", f"--num={options.num}", f"--features={options.features}"]
        log = halving.Log(out / "log.jsonl")
        halving.halve(
            candidates,
            amounts,
            options.eta,
            log,
            Trainer(out / "runs", common, evaluation),
            lambda line: print(line, file=sys.stderr, flush=True),
        )
        text = halving.table(list(log.rows.values()))
        write_atomically(out / "summary.md", text)
        print(text, end="")


def main(arguments: list[str] | None = None) -> int:
    try:
        sweep(parse(arguments))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return command.EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )  # so that a training under way is stopped too
    sys.exit(main())
