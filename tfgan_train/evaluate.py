"""Scores a run or any images: `python -m tfgan_train.evaluate --run_dir=RUN`."""

import pathlib
import time

from tfgan_train.common.errors import UserError
from tfgan_train.common.terminal import Terminal
from tfgan_train.config import command
from tfgan_train.metrics import METRICS

FEWEST, USUAL = 8, 10_000


def _define(values):
    command.define(values, "string", "run_dir", None, "the run to score; the table is kept in its eval/STEP.json")
    command.define_step(values)
    command.define(values, "boolean", "all", False, "score every checkpoint of the run")
    command.define(
        values,
        "string",
        "images",
        None,
        "score these instead of a run: a folder, or a .npz or .npy file (uint8 [n, H, W, C])",
    )
    command.define(values, "string", "dataset", None, "what --images are compared with, as in training")
    command.define(values, "string", "data_dir", None, "where TFDS keeps prepared data")
    command.define(values, "string", "image_size", "", "with --images: resize and centre-crop the dataset to this")
    command.define(values, "integer", "channels", 0, "with --images: 1 grey, 3 colour, 4 RGBA, 0 as the dataset")
    command.define(values, "string", "out", None, "with --images: also write the figures to this JSON file")
    command.define(
        values,
        "integer",
        "num",
        0,
        "how many images to score; compare figures at the same number only; "
        "0: 10,000, or what the dataset's papers draw",
    )
    command.define(
        values,
        "string",
        "features",
        "",
        "classifier, inception, efficientnet, pixels or channels (stacked digits); empty: the best there is",
    )
    command.define(
        values,
        "string",
        "inception_weights",
        "",
        "the 2015 Inception network: classify_image_graph_def.pb or its PyTorch port",
    )
    command.define(values, "string", "metrics", "", f"comma-separated: {', '.join(METRICS)}; empty: the default set")
    command.define(values, "boolean", "parzen", False, "add the Parzen-window log-likelihood of Goodfellow et al. 2014")
    command.define(values, "boolean", "linear_probe", False, "add a linear classifier on D's features, and on pixels")


def _first(values):
    from tfgan_train.runs.directory import RunDir

    if values.run_dir:
        RunDir(values.run_dir).read()


def _main(values):
    if (values.run_dir is None) == (values.images is None):
        raise UserError("name one of --run_dir=RUN and --images=FOLDER_OR_FILE")
    if values["num"].present and values.num < FEWEST:
        raise UserError(f"--num={values.num} must be at least {FEWEST}")
    if values.images is not None:
        _score_images(values)
    else:
        _score_run(values)


def _score_images(values):
    from tfgan_train.config.fields import Config
    from tfgan_train.data.points import EXTENT
    from tfgan_train.runs.own_files import refuse_own_files
    from tfgan_train.score import of_files, table
    from tfgan_train.score.checkpoint import keep

    if values.dataset is None:
        raise UserError("--dataset is needed with --images: what to compare with")
    for flag in ("step", "all", "linear_probe"):
        if getattr(values, flag):
            raise UserError(f"--{flag} needs --run_dir: these images come without networks")
    if values.dataset in EXTENT:
        raise UserError(
            f"--dataset={values.dataset} is points, and --images are compared with pictures; "
            "--run_dir scores a run on points"
        )
    if values.out:
        refuse_own_files(f"--out={values.out}", values.out)
    begin, names = time.monotonic(), _names(values)
    config = Config(
        dataset=values.dataset, data_dir=values.data_dir or "", image_size=values.image_size, channels=values.channels
    )
    values.num = _num(values, config)
    images = of_files.read(values.images, config, values.num)
    evaluation = _evaluation(values, config)
    scores = evaluation.score(images, names, _added(values))
    print(table.table(scores, evaluation))
    if values.out:
        about = {"images": values.images, "num": len(images), "seconds": round(time.monotonic() - begin, 1)}
        keep(pathlib.Path(values.out), table.to_json(scores, evaluation, about))
        print(f"\nfigures kept in {values.out}")


def _score_run(values):
    from tfgan_train.common.images import are_points
    from tfgan_train.data import moved
    from tfgan_train.models import require
    from tfgan_train.report.page import write_report
    from tfgan_train.runs import checkpoints
    from tfgan_train.runs.directory import RunDir, find_checkpoint
    from tfgan_train.score.checkpoint import score_checkpoint

    for flag in ("image_size", "channels", "out"):
        if values[flag].present:
            raise UserError(f"--{flag} goes with --images; a run knows its own data and keeps its own figures")
    if values.all and values.step is not None:
        raise UserError("--all and --step contradict each other")
    names, run = _names(values), RunDir(values.run_dir)
    config, data = run.read()
    steps = ([one.step for one in checkpoints.intact(run.checkpoints_dir)] if values.all else []) or [
        find_checkpoint(run, command.checkpoint_step(values.step)).step
    ]
    config = moved(config, data, values.dataset, values.data_dir)
    values.num = _num(values, config)
    points_only = are_points(data.image_shape)
    if points_only:
        _check_points_flags(values, run, names)
    require(config)  # Before a classifier is trained, which takes minutes.
    evaluation = None if points_only else _evaluation(values, config)
    curve = []
    for step in steps:
        wanted = step if values.all else command.checkpoint_step(values.step)
        try:
            found = score_checkpoint(run, wanted, evaluation, values.num, names, _added(values), values.linear_probe)
        except checkpoints.Gone as error:  # Dropped by a run that trains meanwhile; the others are still there.
            if not values.all:
                raise
            Terminal().line(f"note: {error}")
            continue
        print(f"\n{found.text}\n\nfigures kept in {found.path}")
        curve.append((step, found.results))
    if values.all and not points_only and curve:
        print(_curve(curve))
    write_report(run.path)


def _check_points_flags(values, run, names):
    """Raises UserError for what runs on a 2-D mixture don't have."""
    from tfgan_train.score import points

    points.check_names(names, values.features)
    for flag in ("parzen", "linear_probe", "inception_weights"):
        if getattr(values, flag):
            raise UserError(f"--{flag} is for pictures, and {run.path} draws points")


def _evaluation(values, config):
    from tfgan_train.score.evaluation import Evaluation

    return Evaluation(config, values.num, values.features, values.inception_weights)


def _num(values, config) -> int:
    """--num, or as many as are usual for the data."""
    from tfgan_train.metrics.modes import SAMPLES

    return values.num or SAMPLES.get(config.dataset, USUAL)


def _names(values) -> list[str]:
    """The metrics asked for; [] for the default set."""
    from tfgan_train.score.evaluation import check_names

    names = [name.strip() for name in values.metrics.split(",") if name.strip()]
    check_names(names)
    return names


def _added(values) -> list[str]:
    return ["parzen"] if values.parzen else []


def _curve(curve) -> str:
    """The first figures of each checkpoint, a line each."""
    from tfgan_train.score.table import number

    names = [result.name for result in curve[0][1]][:6]
    lines = ["", "".join(f"{name:>14}" for name in ["step", *names])]
    for step, results in curve:
        values = {result.name: result.value for result in results}
        lines.append(f"{step:>14,}" + "".join(f"{number(values[name]):>14}" for name in names))
    return "\n".join(lines)


def main():
    command.run_binary(
        "tfgan-evaluate", "score a run's images, or any images, against a dataset", _define, _main, first=_first
    )


if __name__ == "__main__":
    main()
