"""Runs and exports for the tests of export/, each made once by one of pytest's processes, for all of them."""

import fcntl
import functools
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests import needs, processes
from tfgan_train import Config, train
from tfgan_train.data import load as load_data

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Wider initial weights than usual: a net of a few steps then draws more than flat grey.
SMALL = dict(recipe="smoke", steps=3, latent_dim=9, g_init="normal:0.2", checkpoint_every=2, sample_every=3)
RUNS = {  # those that take longest at the end
    "dcgan": dict(dataset="mnist10k", train_examples=200, conditional=True),
    "mlp": dict(dataset="mnist10k", train_examples=200, architecture="mlp", g_width=32, latent_distribution="uniform"),
    "attributes": dict(dataset="folder:", attributes="attributes.csv", g_init="normal:0.15", g_depth=1),
    "odd": dict(
        dataset="folder:",
        g_width=3,
        g_depth=1,
        g_init="normal:0.15",
        precision="bfloat16",
        latent_dim=4,
        code_categories="3",
        code_continuous=2,
    ),
    "resnet": dict(
        dataset="mnist10k", train_examples=200, conditional=True, architecture="resnet", g_init="glorot", g_depth=1
    ),
    "style": dict(
        dataset="mnist10k",
        train_examples=200,
        conditional=True,
        architecture="style",
        g_width=8,
        g_init=None,
    ),
}
# A file of tests that begins with other ones needn't wait while another process makes them.
BACKWARDS, FROM_THE_MIDDLE = list(RUNS)[::-1], list(RUNS)[2:] + list(RUNS)[:2]


def folder() -> pathlib.Path:
    """A folder that lives as long as the tests."""
    return pathlib.Path(os.environ["TFGAN_TESTS_FOLDER"])


def _once(make: Callable[[str, pathlib.Path], None]) -> Callable[[str], pathlib.Path]:
    """The path of what `make` made of a kind; the first process that asks makes it, and the others wait."""

    @functools.cache
    def made(kind: str) -> pathlib.Path:
        path = folder() / f"{make.__name__}_{kind}"
        with open(f"{path}.made", "a+") as note:
            fcntl.flock(note, fcntl.LOCK_EX)
            if not os.path.getsize(note.name):
                shutil.rmtree(path, ignore_errors=True)  # of an attempt that failed
                make(kind, path)
                note.write("made")
        return path

    return functools.update_wrapper(made, make)


@_once
def run(kind: str, path: pathlib.Path) -> None:
    """A run of RUNS, trained for three steps: "odd" draws colour images by codes, "mlp" was trained on two replicas."""
    settings = {name: value for name, value in (SMALL | RUNS[kind]).items() if value is not None}
    if kind == "odd":
        settings["dataset"] = f"folder:{_colour_images()}"
    if kind == "attributes":
        settings["dataset"] = f"folder:{_digits_with_attributes()}"
    if kind == "mlp":  # Logical devices can be made only in a process that has not used TensorFlow yet.
        flags = (f"--{name}={value}" for name, value in settings.items())
        done = command(*flags, f"--run_dir={path}", "--devices=cpu:2", module="tfgan_train.main")
        assert done.returncode == 0, done.stderr
    else:
        train(Config(run_dir=str(path), **settings))


@_once
def exported(kind: str, path: pathlib.Path) -> None:
    """The run exported in all formats whose packages are installed, by the command."""
    done = command(f"--run_dir={run(kind)}", f"--out_dir={path}", f"--formats={','.join(formats())}")
    assert done.returncode == 0, done.stderr


def formats() -> list[str]:
    """All formats, less those whose extra is not installed; really all where everything is required."""
    from export.extras import NEEDS
    from export.formats import FORMATS

    if os.environ.get(needs.REQUIRE_ALL):
        return list(FORMATS)
    return [
        name for name in FORMATS if all(importlib.util.find_spec(module) for module in NEEDS.get(name, ("", ()))[1])
    ]


def command(*arguments: str, module: str = "export.main") -> subprocess.CompletedProcess:
    """Runs one of the package's commands in a process of its own."""
    return python("-m", module, *arguments)


def python(*arguments, **environment: str) -> subprocess.CompletedProcess:
    """Runs Python in the project's folder; `environment` adds variables."""
    return processes.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | environment,
    )


def _digits_with_attributes() -> pathlib.Path:
    """200 digits with a table of what they are: even, five or more, with a loop."""
    path = folder() / "digits"
    path.mkdir(exist_ok=True)
    images, labels = load_data(Config(dataset="mnist10k", train_examples=200)).read(np.arange(200))
    lines = ["file,even,five_up,loop"]
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image[..., 0]).save(path / f"{i:03d}.png")
        lines.append(f"{i:03d}.png,{int(label % 2 == 0)},{int(label >= 5)},{int(label in (0, 6, 8, 9))}")
    (path / "attributes.csv").write_text("\n".join(lines))
    return path


def _colour_images() -> pathlib.Path:
    path = folder() / "colour"
    path.mkdir(exist_ok=True)
    rows, columns = np.mgrid[:96, :64]
    for i in range(32):
        picture = np.stack([rows + 9 * i, columns * 3, rows + columns], -1).astype(np.uint8)
        Image.fromarray(picture).save(path / f"{i}.png")
    return path
