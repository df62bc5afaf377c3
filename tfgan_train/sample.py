"""Pictures from a trained run: `python -m tfgan_train.sample --run_dir=RUN --num=64 --out=grid.png`."""

import math
import pathlib

from tfgan_train.common.errors import UserError
from tfgan_train.config import command
from tfgan_train.pictures import files

MOST_SECONDS = 600
MOST_STRIPS = 6  # rows of --direction
MOST_ROWS = 1000  # latents of --interpolate


# Flags beside --run_dir and --step: kind, name, default, help.
FLAGS = (
    ("integer", "num", 64, "how many images"),
    ("integer", "seed", 0, "which images: the same seed gives the same ones"),
    (
        "string",
        "out",
        "samples.png",
        "grid.png, samples.npz (uint8 [N, H, W, C]; points: float32 [N, 1, 1, 2], "
        "where 1 is 1.5 of ring2d and 5 of grid2d) or a folder/ for single PNGs",
    ),
    ("string", "label", None, "draw this label (number or name) from a conditional run"),
    (
        "string",
        "attributes",
        "",
        "attributes to fix in a run that has them, as Smiling=1,Hat=0; the others are those of real images",
    ),
    ("string", "code", "", "codes to fix in a run that has them, as c0=3,u0=-0.5; the others are drawn"),
    (
        "float",
        "truncation",
        1.0,
        "0 to 1: below 1 images are more typical and less various; it acts on w where there is one, else on z",
    ),
    (
        "string",
        "latents",
        "",
        "draw the z (float32 [n, size]; label int32 [n]) or w of this .npz, as project finds them, not a seed's; "
        "also with --interpolate, --walk and --direction",
    ),
    ("boolean", "interpolate", False, "a grid whose rows lead from one latent to another"),
    ("integer", "to_seed", None, "--interpolate: from the latents of --seed to those of this one"),
    ("boolean", "walk", False, "a closed loop through latents and labels (--out=….webp, .gif or .mp4)"),
    ("float", "seconds", 8.0, "--walk: how long a round takes"),
    (
        "string",
        "direction",
        "",
        "a grid whose rows are samples moved along sefa:N, label:FROM,TO or latents:FROM.npz,TO.npz",
    ),
    ("string", "strengths", "", "--direction: FROM,TO; by default -2,2, or 0,1 from one label to the other"),
    (
        "string",
        "mix",
        None,
        "SEED_A,SEED_B: a grid of mixed styles, coarse ones of seed A's images (rows), fine ones of B's (columns); "
        "for runs of --architecture=style",
    ),
    ("boolean", "nearest", False, "samples beside their nearest training images; distances in a JSON beside"),
    ("boolean", "spot_the_fake", False, "a 6x6 grid, a third of it fake; its key in a JSON beside"),
    ("boolean", "animate", False, "the run's sample grids as an animation (--out=….webp or .gif)"),
    ("string", "data_dir", None, "where TFDS keeps prepared data, if not where the run had it"),
    ("string", "dataset", None, "where the run's data are now, if they were moved: folder:DIR or idx:DIR"),
)


def _define(values):
    command.define(values, "string", "run_dir", None, "the run to draw from")
    command.define_step(values)
    for kind, name, default, help_text in FLAGS:
        command.define(values, kind, name, default, help_text)


def _first(values):
    from tfgan_train.runs.directory import RunDir

    command.require(values, "run_dir")
    RunDir(values.run_dir).read()


def _main(values):
    if values.num < 1:
        raise UserError(f"--num={values.num} must be at least 1")
    command.check_seed(values)
    if not 0 <= values.truncation <= 1:
        raise UserError(f"--truncation={values.truncation} must be from 0 to 1")
    _check_steering(values)
    special = [name for name in SPECIAL if values[name].value]
    if len(special) > 1:
        raise UserError(f"--{special[0]} and --{special[1]} are different pictures; ask for one of them")
    _check_latents(values, special)
    mixed = _two_seeds("mix", values.mix) if values.mix else None
    write = _special_writer(special[0], values, mixed) if special else files.writer(values.out)
    _refuse_to_overwrite(values, special)
    from tfgan_train.ops.codes import LatentSpace
    from tfgan_train.runs.directory import load_run
    from tfgan_train.runs.sampler import Sampler

    loaded = load_run(values.run_dir, command.checkpoint_step(values.step))
    label = loaded.label_index(values.label)
    code = LatentSpace.of(loaded.config).parse(values.code)
    attributes = loaded.parse_attributes(values.attributes)
    sampler = Sampler(loaded.generator, loaded.config, loaded.data, code, values.truncation, attributes)
    if sampler.points and special != ["animate"]:
        write = files.points_writer(values.out, special, loaded.data)
        special = []
    try:
        if special:
            write(loaded, sampler, label)
        else:
            write(pathlib.Path(values.out), *_drawn(values, loaded, sampler, label))
    except OSError as error:
        raise UserError(f"--out={values.out} can't be written: {error.strerror or error}") from None
    origin = values.latents or f"seed {values.mix or values.seed}"
    print(f"{values.out}: step {loaded.step:,} of {values.run_dir}, {origin}")


def _check_latents(values, special):
    """Raises UserError where another flag says what is drawn, beside --latents."""
    others = [name for name in special if name not in OF_LATENTS]
    others += [name for name in ("seed", "to_seed", "code", "attributes", "truncation") if values[name].present]
    if values.latents and others:
        raise UserError(f"--latents={values.latents} says what is drawn; leave out --{others[0]}")


def _drawn(values, loaded, sampler, label):
    """The images in batches, of the seed or of --latents, and how many they are."""
    if not values.latents:
        return sampler.batches(values.num, values.seed, label), values.num
    from tfgan_train.runs import walks

    given = _given(values, sampler, label)
    return walks.drawn(sampler, given), len(given)


def _given(values, sampler, label, least: int = 1):
    """The Latents in --latents, the first --num of them where it is given; a UserError for fewer than `least`."""
    from tfgan_train.runs import latents_file

    flag = f"--latents={values.latents}"
    given = latents_file.read(values.latents, flag, sampler, label)
    given = given[: values.num] if values["num"].present else given
    if len(given) < least:
        raise UserError(f"{flag}: a way needs at least {least} latents, and there is {len(given)}")
    round_zero = least > 1 and sampler.normal and not given.in_w
    if round_zero and not given.values[:, : sampler.space.noise].any(1).all():
        raise UserError(f"{flag}: no great circle leads through a z whose numbers are all 0")
    return given


def _check_steering(values):
    """Raises UserError for values of walks and directions that can't be, or that would do nothing."""
    for name, needed in (("to_seed", "interpolate"), ("seconds", "walk"), ("strengths", "direction")):
        if values[name].present and not values[needed].value:
            raise UserError(f"--{name} goes with --{needed}")
    if not 1 <= values.seconds <= MOST_SECONDS:
        raise UserError(f"--seconds={values.seconds} must be from 1 to {MOST_SECONDS}")
    command.check_seed(values, "to_seed")
    _strengths(values)


def _strengths(values) -> tuple[float, float]:
    """--strengths=FROM,TO."""
    text = values.strengths or ("0,1" if values.direction.startswith("label:") else "-2,2")
    try:
        first, last = (float(part) for part in text.split(","))
    except ValueError:
        first = last = float("nan")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise UserError(f"--strengths={text} is not two numbers such as -2,2")
    return first, last


def _refuse_to_overwrite(values, special):
    """Raises UserError where --out, or the JSON beside it, would replace a run's own file or somebody else's."""
    from tfgan_train.runs.own_files import refuse_others_files, refuse_own_files

    out, flag = pathlib.Path(values.out), f"--out={values.out}"
    beside = out.with_suffix(".json")
    keys = {"nearest": "exact_copies", "spot_the_fake": "fake"}.get(special[0] if special else "")
    refuse_own_files(flag, out, *([beside] if keys else []))
    if keys:
        refuse_others_files(flag, beside, lambda stored: keys in stored)


def _two_seeds(flag: str, text: str) -> tuple[int, int]:
    """The seeds in SEED_A,SEED_B.

    Raises:
      UserError: for anything else.
    """
    try:
        first, second = (int(part) for part in text.split(","))
    except ValueError:
        first = second = command.SEEDS.stop
    if first not in command.SEEDS or second not in command.SEEDS:
        raise UserError(f"--{flag}={text} must be two seeds, as 1,2, each from -2147483648 to 2147483647")
    return first, second


def _special_writer(kind: str, values, mixed: tuple[int, int] | None):
    """The function (loaded, sampler, label) that makes --interpolate's and the others' pictures."""
    endings = SPECIAL[kind]
    out = pathlib.Path(values.out)
    if out.suffix.lower() not in endings:
        raise UserError(f"--out={out}: --{kind} makes one picture; end it in {' or '.join(endings)}")

    def write(loaded, sampler, label):
        from tfgan_train import data
        from tfgan_train.pictures import of_run, training_samples

        if kind == "animate":
            training_samples.animate(loaded.path.samples_dir, out)
            return
        if kind in OF_LATENTS:
            _write_ways(kind, values, out, loaded, sampler, label)
            return
        if mixed:
            if not sampler.mixes:
                raise UserError(
                    f"--mix is for runs of --architecture=style, and {values.run_dir} is of "
                    f"{loaded.config.generator or loaded.config.architecture}"
                )
            of_run.write_mix(out, sampler, mixed, label)
            return
        config = data.moved(loaded.config, loaded.data, values.dataset, values.data_dir)
        source = data.load(config)
        if kind == "nearest":
            of_run.write_nearest(
                out, sampler, source, data.load_held_out(config), values.seed, min(values.num, 100), label
            )
        else:
            of_run.write_game(out, sampler, source, values.seed, label)

    return write


def _write_ways(kind: str, values, out: pathlib.Path, loaded, sampler, label) -> None:
    """Writes the picture of OF_LATENTS: of those in --latents, else of the seeds'."""
    from tfgan_train.pictures import of_run
    from tfgan_train.runs.directions import Direction
    from tfgan_train.runs.walks import seeded

    given = _given(values, sampler, label, least=1 if kind == "direction" else 2) if values.latents else None
    if kind == "walk":
        stops = given or of_run.seeded_stops(sampler, values.seed, values.seconds, label)
        of_run.write_loop(out, sampler, stops, values.seconds)
    elif kind == "direction":
        direction, rows = Direction.parse(values.direction, loaded, sampler), min(values.num, MOST_STRIPS)
        if given and given.in_w and direction.kind != "w":
            raise UserError(f"--direction={values.direction} doesn't move w, which --latents holds; legal: sefa:N")
        start = given[:rows] if given else seeded(sampler, values.seed, rows, label)
        of_run.write_strips(out, sampler, direction, start, _strengths(values))
    elif given:
        if len(given) > MOST_ROWS:
            raise UserError(
                f"--latents={values.latents}: {len(given)} latents are too many rows; say --num={MOST_ROWS}"
            )
        of_run.write_between(out, sampler, given[:-1], given[1:])
    elif values.to_seed is not None:
        ends = (seeded(sampler, seed, of_run.WALK_ROWS, label) for seed in (values.seed, values.to_seed))
        of_run.write_between(out, sampler, *ends)
    else:
        of_run.write_walk(out, sampler, values.seed, label)


# Pictures of latents, which --latents can give instead of a seed.
OF_LATENTS = ("interpolate", "walk", "direction")
# What makes one picture of its own, and its endings.
SPECIAL = {
    "interpolate": (".png",),
    "walk": (".webp", ".gif", ".mp4"),
    "direction": (".png",),
    "mix": (".png",),
    "nearest": (".png",),
    "spot_the_fake": (".png",),
    "animate": (".webp", ".gif"),
}


def main():
    """The console script tfgan-sample."""
    command.run_binary("tfgan-sample", "draw pictures from a trained run", _define, _main, first=_first)


if __name__ == "__main__":
    main()
