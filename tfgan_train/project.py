"""Finds the latents of pictures: `python -m tfgan_train.project --run_dir=RUN --images=FILES --out=DIR`."""

import pathlib
import time

from tfgan_train.common.errors import UserError
from tfgan_train.config import command

MOST_RESTARTS, MOST_STEPS = 64, 100_000


def _define(values):
    command.define(values, "string", "run_dir", None, "the run whose generator is to draw the pictures")
    command.define_step(values)
    command.define(
        values, "string", "images", None, "picture files (commas or * for several), a folder, or a .npz or .npy file"
    )
    command.define(values, "string", "out", None, "a folder for reconstructions.png, latents.npz and distances.json")
    command.define(values, "integer", "num", 64, "at most so many pictures, the first ones")
    command.define(values, "string", "label", None, "of all pictures (number or name); by default it is looked for too")
    command.define(values, "integer", "restarts", 8, "starts for each picture; the best end is kept")
    command.define(values, "integer", "iterations", 200, "steps of gradient descent from each start")
    command.define(values, "integer", "seed", 0, "which samples the starts are chosen from")


def _first(values):
    from tfgan_train.runs.directory import RunDir

    command.require(values, "run_dir", "images", "out")
    RunDir(values.run_dir).read()


def _main(values):
    for name, most in (("num", MOST_STEPS), ("restarts", MOST_RESTARTS), ("iterations", MOST_STEPS)):
        if not 1 <= values[name].value <= most:
            raise UserError(f"--{name}={values[name].value} is out of range; legal: 1 to {most}")
    command.check_seed(values)
    out = pathlib.Path(values.out)
    _check_place(out)
    from tfgan_train.common.images import are_points
    from tfgan_train.common.terminal import Countdown
    from tfgan_train.runs.directory import RunDir, load_run
    from tfgan_train.runs.sampler import Sampler
    from tfgan_train.steering import given_pictures, inversion, projection

    data = RunDir(values.run_dir).read()[1]
    if are_points(data.image_shape):
        raise UserError(f"--run_dir={values.run_dir} draws points of {data.name}; only pictures have latents to find")
    images, names = given_pictures.read(values.images, data.image_shape, values.num)
    loaded = load_run(values.run_dir, command.checkpoint_step(values.step))
    label = loaded.label_index(values.label)
    sampler = Sampler(loaded.generator, loaded.config, loaded.data)
    inverter = inversion.Inverter(sampler, data.image_shape, values.restarts, values.iterations)
    begin = time.monotonic()
    countdown = Countdown(f"projecting {len(images)} pictures", inverter.calls(len(images)))
    found = inverter.run(images, values.seed, label, countdown)
    seconds = (time.monotonic() - begin) / len(images)
    about = {"run": str(values.run_dir), "step": loaded.step, "restarts": values.restarts}
    about |= {"iterations": values.iterations, "seconds_per_picture": round(seconds, 2)}
    median = projection.write(out, images, names, found, about)
    print(
        f"{out}: {len(images)} pictures by step {loaded.step:,} of {values.run_dir}, {seconds:.1f} s each; "
        f"median distance {median:.0f} (L2 of pixels, 0..255)"
    )


def _check_place(out: pathlib.Path) -> None:
    from tfgan_train.runs.own_files import refuse_others_files, refuse_own_files
    from tfgan_train.steering.projection import DISTANCES, FILES

    if out.exists() and not out.is_dir():
        raise UserError(f"--out={out} is a file; name a folder")
    refuse_own_files(f"--out={out}", *(out / name for name in FILES))
    refuse_others_files(f"--out={out}", out / DISTANCES, lambda stored: "pictures" in stored)


def main():
    """The console script tfgan-project."""
    command.run_binary("tfgan-project", "find the latents of pictures", _define, _main, first=_first)


if __name__ == "__main__":
    main()
