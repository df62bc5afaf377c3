"""Whatever a user gets wrong is told in one line that names it, with exit status 2, and nothing is lost."""

import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests import binaries, data_fixtures, exporting
from tfgan_train import main, sample
from tfgan_train.common.files import write_json
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir
from tfgan_train.training.start import lock

pytestmark = pytest.mark.slow

SMOKE = ["--recipe=smoke", "--train_examples=100"]


def _write(path, content) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _edit_config(run, **changes):
    stored = json.loads((run / "config.json").read_text())
    for name, value in changes.items():
        (stored["config"] if name in stored["config"] else stored)[name] = value
    write_json(run / "config.json", stored)


def _damage_checkpoints(run):
    for folder in (run / "checkpoints").iterdir():
        os.truncate(folder / "weights.data-00000-of-00001", 10)


def _scribble(run):
    _edit_config(run, run_dir=str(run))  # where it is, as resuming it would write
    _write(run / "metrics.jsonl", '{"kind": "train", "st\n')


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with runs and data of all the kinds that the cases need."""
    root = tmp_path_factory.mktemp("place")
    images = data_fixtures.random_images(20)
    (root / "empty").mkdir()
    _write(root / "one" / "a.png", data_fixtures.png(images[0]))
    for i in range(20):
        _write(root / "blank" / f"{i}.png", b"")
        _write(root / "pictures" / f"{i}.png", data_fixtures.png(images[i]))
    _write(root / "mixed" / "a.png", data_fixtures.png(images[0]))
    _write(root / "mixed" / "b.png", data_fixtures.png(data_fixtures.random_images(1, 9, 8)[0]))
    whole = data_fixtures.idx_bytes(images[..., 0])
    _write(root / "cut" / "train-images-idx3-ubyte", whole[:-5])
    _write(root / "magic" / "train-images-idx3-ubyte", b"\0\0\x0d\x03" + whole[4:])
    _write(root / "file", "not a folder")
    _write(root / "letters" / "to_a_friend.txt", "dear")
    _write(root / "bad.flags", "--stepz=3\n")
    for name, damage in {
        "run": lambda run: None,
        "unfinished": _damage_checkpoints,
        "emptied": lambda run: _write(run / "config.json", ""),
        "newer": lambda run: _edit_config(run, format=2),
        "shrunk": lambda run: _edit_config(
            run, data={**json.loads((run / "config.json").read_text())["data"], "count": 99}
        ),
        "misfit": lambda run: _edit_config(run, g_width=5),
        "mistyped": lambda run: _edit_config(run, g_width="wide"),
        "scribbled": _scribble,
    }.items():
        damage(pathlib.Path(shutil.copytree(exporting.run("dcgan"), root / name)))
    shutil.copytree(exporting.run("mlp"), root / "plain")
    return root


# (arguments, what the line must say); PLACE is the folder above. Without --run_dir: a new run of the smoke recipe.
TRAINING = [
    # data
    (["--dataset=mnst"], "--dataset=mnst .*did you mean mnist"),
    (["--dataset="], "--dataset= .*legal: mnist"),
    (["--dataset=PLACE/pictures"], "write folder:PLACE/pictures"),
    (["--dataset=folder:PLACE/empty"], "no images under PLACE/empty.*[.]png"),
    (["--dataset=folder:PLACE/one"], "only one readable image; at least 2"),
    (["--dataset=folder:PLACE/nowhere"], "PLACE/nowhere is not a folder"),
    (["--dataset=folder:PLACE/blank"], "20 of 20 images can't be read .*0.png.*--max_bad_fraction"),
    (["--dataset=folder:PLACE/mixed"], "differ in size .*give --image_size"),
    (["--dataset=idx:PLACE/cut"], "train-images-idx3-ubyte should hold 1280 values .*holds 1275"),
    (["--dataset=idx:PLACE/magic"], "magic number 0x00000d03; legal: 0x00000803"),
    (["--dataset=idx:PLACE/empty"], "no IDX images in PLACE/empty"),
    (["--dataset=tfds:nosuchthing"], "nosuchthing"),
    (["--train_examples=1000000"], "--train_examples=1000000 is more than the 10000"),
    (["--train_examples=11"], "--batch_size=12 is more than the 11 images"),
    (["--dataset=folder:PLACE/pictures", "--conditional"], "--conditional needs labelled data"),
    (["--image_size=big"], "--image_size=big"),
    (["--image_size=6"], "--architecture=dcgan wants images of at least 8 pixels a side, not 6x6"),
    (["--g_depth=9"], "--g_depth=9: 28x28 images can be halved"),
    # flags
    (["--stepz=3"], "unknown flag '--stepz'; did you mean --steps"),
    (["--recipe=smok"], "--recipe=smok: no such recipe.*smoke"),
    (["--flagfile=PLACE/nowhere.flags"], "PLACE/nowhere.flags"),
    (["--flagfile=PLACE/bad.flags"], "unknown flag '--stepz'; did you mean --steps"),
    (["steps=3"], "'steps=3' is not a flag; flags look like --name=value"),
    (["--steps=many"], "--steps.*many"),
    (["--steps=0"], "give --steps or --epochs, above 0"),
    (["--steps=5", "--epochs=1"], "--steps and --epochs"),
    (["--epochs=inf"], "--epochs=inf"),
    (["--g_lr=-0.1"], "--g_lr=-0.1 must be above 0"),
    (["--g_lr=fast"], "--g_lr.*fast"),
    (["--seed=-1"], "--seed=-1 must be from 0"),
    (["--checkpoint_every=0"], "--checkpoint_every=0 must be at least 1"),
    (["--loss=hing"], "--loss: 'hing'; did you mean hinge"),
    (["--loss=wasserstein"], "--loss=wasserstein needs --weight_clip"),
    (["--penalty=wgan_gp"], "--penalty=wgan_gp.*--d_norm=layer"),
    (["--precision=int8"], "--precision: 'int8'.*float16"),
    (["--augment=cutot"], "--augment: 'cutot'; did you mean cutout"),
    (["--dataset=ring2d", "--augment=ada"], "--augment=ada is for pictures, and ring2d is points; leave it out"),
    (["--g_activation=rellu"], "--g_activation: .*relu"),
    (["--devices=gpu:2"], "--devices=gpu:2: TensorFlow sees 0 GPUs"),
    (["--devices=two"], "--devices=two is not auto, cpu:N or gpu:N"),
    # where to train
    (["--run_dir=PLACE/file"], "--run_dir=PLACE/file is a file"),
    (["--recipe=smoke", "--run_dir=PLACE/file/below"], "--run_dir=PLACE/file/below can't be written: Not a directory"),
    (["--recipe=smoke", "--run_dir=/proc/run"], "--run_dir=/proc/run can't be written"),
    (["--run_dir=PLACE/" + 300 * "x"], "x can't be (read|written): File name too long"),
    (["--run_dir=PLACE/letters"], "--run_dir=PLACE/letters is not empty and holds no run"),
    (["--run_dir=PLACE/run", "--g_lr=0.5"], "--g_lr=0.5, but the run in PLACE/run was begun with 0.0002; leave it out"),
    (["--run_dir=PLACE/run", "--dataset=glyphs"], "--dataset=glyphs, but the run in PLACE/run was begun with mnist10k"),
    (["--run_dir=PLACE/emptied"], "PLACE/emptied/config.json is damaged"),
    (["--run_dir=PLACE/newer"], "PLACE/newer/config.json: it is of format 2, and this version reads 1"),
    (["--run_dir=PLACE/mistyped"], "PLACE/mistyped/config.json: --g_width=wide is not a whole number"),
    (["--run_dir=PLACE/shrunk"], "gives 200 images .*begun on 99"),
    (["--run_dir=PLACE/misfit"], "PLACE/misfit/checkpoints/00000003 doesn't fit the run's networks"),
]
SAMPLING = [
    ([], "--run_dir is needed: the run to draw from"),
    (["--run_dir=PLACE/nowhere"], "--run_dir=PLACE/nowhere: no run there"),
    (["--run_dir=PLACE/letters"], "--run_dir=PLACE/letters: no run there"),
    (["--run_dir=PLACE/file"], "--run_dir=PLACE/file: no run there"),
    (["--run_dir=PLACE/emptied"], "PLACE/emptied/config.json is damaged"),
    (["--run_dir=PLACE/unfinished"], "--run_dir=PLACE/unfinished holds no intact checkpoint"),
    (["--run_dir=PLACE/misfit"], "doesn't fit the run's networks"),
    (["--run_dir=PLACE/run", "--num=0"], "--num=0 must be at least 1"),
    (["--run_dir=PLACE/run", "--num=few"], "--num.*few"),
    (["--run_dir=PLACE/run", "--num=10001"], "--num=10001 is too many for one picture"),
    (["--run_dir=PLACE/run", "--seed=4294967296"], "--seed=4294967296 must be from -2147483648 to 2147483647"),
    (["--run_dir=PLACE/run", "--out=x.jpg"], "--out=x.jpg ends in none of .png, .npz, /"),
    (
        ["--run_dir=PLACE/run", "--out=PLACE/file/x.png"],
        "--out=PLACE/file/x.png can't be written: (Not a directory|File exists)",
    ),
    (["--run_dir=PLACE/run", "--out=PLACE/file/"], "--out=PLACE/file/ can't be written"),
    (["--run_dir=PLACE/run", "--label=10"], "--label=10 is not one of mnist10k's labels: 0 to 9"),
    (["--run_dir=PLACE/run", "--label=seven"], "--label=seven"),
    (["--run_dir=PLACE/run", "--label=²"], "--label=²"),
    (["--run_dir=PLACE/plain", "--label=1"], "--label=1: PLACE/plain was not trained with --conditional"),
    (["--run_dir=PLACE/run", "--step=77"], "--step=77: .*there are: 2, 3"),
    (["--run_dir=PLACE/run", "--step=newest"], "--step=newest is neither a checkpoint's step nor best nor last"),
    (["--run_dir=PLACE/run", "--step=²"], "--step=² is neither"),
    (["--run_dir=PLACE/run", "--step=best"], "no best checkpoint"),
    (["--run_dir=PLACE/run", "--interpolate", "--out=x.npz"], "--interpolate makes one picture; end it in .png"),
    (["--run_dir=PLACE/run", "--truncation=1.5"], "--truncation=1.5 must be from 0 to 1"),
    (["--run_dir=PLACE/run", "--truncation=nan"], "--truncation=nan must be from 0 to 1"),
    (["--run_dir=PLACE/run", "--mix=1,2"], "--mix is for runs of --architecture=style"),
    (["--run_dir=PLACE/run", "--mix=1,x"], "--mix=1,x must be two seeds"),
    (["--run_dir=PLACE/run", "--interpolate", "--nearest"], "ask for one of them"),
    (["--run_dir=PLACE/run", "--nmu=3"], "unknown flag '--nmu'; did you mean --num"),
]


def _tree(root) -> dict:
    """Every file below, but locks, with its content."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name != ".lock"}


def _assert_one_line(result, said, place):
    assert result.status == 2, (result.out, result.err)
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and result.err.splitlines()[-1] == errors[0], result.err
    assert "Traceback" not in result.err and not result.out
    assert re.search(said.replace("PLACE", re.escape(str(place))), errors[0]), errors[0]
    assert not re.search(r"\bat 0x|Error\(|Errno|\[Op:", errors[0]), errors[0]


def _ids(cases):
    return [" ".join(arguments)[:60] or "nothing" for arguments, _ in cases]


def _filled_in(arguments, place):
    return [argument.replace("PLACE", str(place)) for argument in arguments]


@pytest.mark.parametrize("arguments, said", TRAINING, ids=_ids(TRAINING))
def test_training_refuses(arguments, said, place, monkeypatch):
    monkeypatch.chdir(place)
    before = _tree(place)
    new = (
        []
        if "--run_dir" in arguments[-1] or "--run_dir" in arguments[0]
        else ["--recipe=smoke", f"--run_dir={place}/new"]
    )
    result = binaries.call(main.main, *new, *_filled_in(arguments, place))
    _assert_one_line(result, said, place)
    assert _tree(place) == before and not (place / "new").exists()


@pytest.mark.parametrize("arguments, said", SAMPLING, ids=_ids(SAMPLING))
def test_sampling_refuses(arguments, said, place, monkeypatch):
    monkeypatch.chdir(place)
    before = _tree(place)
    _assert_one_line(binaries.call(sample.main, *_filled_in(arguments, place)), said, place)
    assert _tree(place) == before


@pytest.mark.parametrize(
    "module, arguments, said",
    [
        ("main", ["--recipe=smoke", "--dataset=mnst"], "did you mean mnist"),
        (
            "main",
            ["--recipe=smoke", "--run_dir=PLACE/new", "--devices=cpu:5"],
            "--batch_size=12 can't be shared evenly by 5 devices",
        ),
        ("sample", ["--run_dir=PLACE/nowhere"], "no run there"),
    ],
)
def test_a_process_of_its_own_says_nothing_else(module, arguments, said, place):
    done = subprocess.run(
        [sys.executable, "-m", f"tfgan_train.{module}", *_filled_in(arguments, place)],
        capture_output=True,
        text=True,
        cwd=exporting.ROOT,
        env={name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"},
    )
    _assert_one_line(binaries.Result(done.returncode, done.stdout, done.stderr), said, place)
    assert len(done.stderr.splitlines()) == 1


def test_two_processes_cannot_train_in_one_directory(place):
    with lock(RunDir(place / "run")):
        result = binaries.call(main.main, "--steps=4", f"--run_dir={place}/run")
    _assert_one_line(result, "another process is training there", place)


# --- a full disk, as a limit to the size of files: for the writer it is the same error at the same place


@pytest.fixture
def limit():
    """Sets how large a file may become."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_at_a_checkpoint_costs_what_came_after_the_last(limit, tmp_path):
    flags = [*SMOKE, "--g_width=24", "--d_width=24", f"--run_dir={tmp_path}/run"]
    assert binaries.call(main.main, *flags, "--steps=4").status == 0
    folder = RunDir(tmp_path / "run").checkpoints_dir
    limit((folder / "00000004" / "weights.data-00000-of-00001").stat().st_size - 1000)
    _assert_one_line(
        binaries.call(main.main, *flags, "--steps=8"),
        "can't write the checkpoint of step 8 .*earlier checkpoints are kept",
        tmp_path,
    )
    assert [one.step for one in checkpoints.intact(folder)] == [4]
    assert os.listdir(folder) == ["00000004"]
    limit(resource.RLIM_INFINITY)
    result = binaries.call(main.main, *flags, "--steps=8")
    assert result.status == 0 and "resuming" in result.err and "at step 4 of 8" in result.err
    steps = [
        json.loads(line)["step"]
        for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
        if '"train"' in line
    ]
    assert steps == [2, 4, 6, 8]


@pytest.mark.parametrize("size", [500, 6000])
def test_a_disk_that_is_full_elsewhere_is_said_too(size, limit, tmp_path):
    """At config.json, and at the first pictures."""
    limit(size)
    result = binaries.call(main.main, *SMOKE, f"--run_dir={tmp_path}/run")
    _assert_one_line(result, f"--run_dir={tmp_path}/run can't be written: .*File too large", tmp_path)
    limit(resource.RLIM_INFINITY)
    assert binaries.call(main.main, *SMOKE, f"--run_dir={tmp_path}/run").status == 0


# --- what looks wrong and isn't


def test_odd_pictures_are_read_and_broken_ones_reported(tmp_path):
    """Palette, CMYK, 16 bits, transparency; 1 in 100 may be damaged, and the run's record names it."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    grey = Image.fromarray(rng.integers(0, 256, (16, 16), np.uint8))
    grey.convert("P").save(folder / "palette.png")
    grey.convert("LA").save(folder / "alpha.png")
    grey.convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(rng.integers(0, 65536, (16, 16), np.uint16)).save(folder / "deep.png")
    grey.save(folder / "grey.bmp")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = binaries.call(
        main.main,
        "--recipe=smoke",
        f"--dataset=folder:{folder}",
        "--max_bad_fraction=0.2",
        "--batch_size=4",
        "--steps=1",
        f"--run_dir={tmp_path}/run",
    )
    assert result.status == 0, result.err
    data = json.loads((tmp_path / "run" / "config.json").read_text())["data"]
    assert data["count"] == 5 and [file for file, _ in data["skipped"]] == ["broken.png"]


def test_a_run_without_any_intact_checkpoint_begins_again_with_a_warning(tmp_path):
    run = pathlib.Path(shutil.copytree(exporting.run("mlp"), tmp_path / "run"))
    expected = {path.name: path.read_bytes() for path in (run / "samples").glob("st*.png")}
    _damage_checkpoints(run)
    result = binaries.call(main.main, f"--run_dir={run}", "--devices=auto")
    assert result.status == 0, result.err
    assert result.err.count("is cut short or damaged") == 2 and "at step 0 of 3" in result.err
    assert {path.name: path.read_bytes() for path in (run / "samples").glob("st*.png")} == expected
