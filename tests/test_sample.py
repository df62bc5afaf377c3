"""Pictures from a run's directory alone: the same seed gives the same bytes, whoever asks."""

import concurrent.futures
import json
import pathlib
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from tests import binaries, exporting, processes
from tfgan_train import load, sample
from tfgan_train.ops.latents import labels, latents
from tfgan_train.pictures import grid
from tfgan_train.runs.sampler import BATCH


@pytest.fixture(scope="module")
def conditional():
    return exporting.run("dcgan")


@pytest.fixture(scope="module")
def plain():
    return exporting.run("mlp")


def _draw(run, out, *arguments):
    """What `sample` writes to `out`, which must succeed: an .npz's images or a picture."""
    result = binaries.call(sample.main, f"--run_dir={run}", f"--out={out}", *arguments)
    assert result.status == 0, result.err
    assert str(out) in result.out
    if str(out).endswith(".npz"):
        with np.load(out) as file:
            assert file.files == ["images"]
            return file["images"]
    return np.asarray(Image.open(out)) if pathlib.Path(out).is_file() else None


@pytest.mark.slow
def test_two_fresh_processes_write_the_same_bytes(conditional, tmp_path):
    def process(name):
        processes.run(
            [
                sys.executable,
                "-m",
                "tfgan_train.sample",
                f"--run_dir={conditional}",
                "--num=70",
                "--seed=7",
                f"--out={tmp_path / name}.npz",
            ],
            check=True,
            cwd=exporting.ROOT,
            capture_output=True,
        )

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(process, ("a", "b")))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    # And Python callers get them too.
    with np.load(tmp_path / "a.npz") as file:
        np.testing.assert_array_equal(file["images"], load(conditional).generate(70, seed=7))


def test_an_npz_of_any_number_holds_uint8(plain, tmp_path):
    for num in (1, BATCH, BATCH + 1):
        images = _draw(plain, tmp_path / "x.npz", f"--num={num}")
        assert images.shape == (num, 28, 28, 1) and images.dtype == np.uint8
    assert images.std() > 1


def test_truncation_multiplies_z_here_and_from_python(conditional, tmp_path):
    """A style generator's acts on w: tests/test_style.py."""
    images = _draw(conditional, tmp_path / "x.npz", "--num=3", "--seed=3", "--truncation=0.5", "--label=4")
    run = load(conditional)
    np.testing.assert_array_equal(run.generate(3, 3, 4, truncation=0.5), images)
    drawn = run.loaded.generator(latents(3, range(3), 9) * 0.5, np.full(3, 4, np.int32))
    assert np.abs(images - np.round((drawn.numpy() + 1) * 127.5)).max() <= 1
    assert (images != _draw(conditional, tmp_path / "x.npz", "--num=3", "--seed=3", "--label=4")).any()


def test_an_image_depends_on_its_place_and_seed_alone(conditional, tmp_path):
    many = _draw(conditional, tmp_path / "x.npz", "--num=70", "--seed=3")
    np.testing.assert_array_equal(_draw(conditional, tmp_path / "x.npz", "--num=5", "--seed=3"), many[:5])
    assert (_draw(conditional, tmp_path / "x.npz", "--num=70", "--seed=4") != many).any(axis=(1, 2, 3)).all()
    assert len({image.tobytes() for image in many}) == 70
    negative = _draw(conditional, tmp_path / "x.npz", "--num=2", "--seed=-5")
    assert (negative != many[:2]).any()


def test_a_grid_and_a_folder_show_the_images_of_the_npz(conditional, tmp_path):
    images = _draw(conditional, tmp_path / "x.npz", "--num=11", "--seed=2")
    picture = _draw(conditional, tmp_path / "new" / "x.png", "--num=11", "--seed=2")
    np.testing.assert_array_equal(picture, grid.grid(images)[..., 0])
    _draw(conditional, f"{tmp_path}/single/", "--num=11", "--seed=2")
    files = sorted((tmp_path / "single").iterdir())
    assert [file.name for file in files] == [f"{i:02d}.png" for i in range(11)]
    np.testing.assert_array_equal([np.asarray(Image.open(file)) for file in files], images[..., 0])


def test_a_label_can_be_asked_for_by_number_or_name(conditional, tmp_path):
    run = shutil.copytree(conditional, tmp_path / "run")
    stored = json.loads((run / "config.json").read_text())
    stored["data"]["label_names"] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    (run / "config.json").write_text(json.dumps(stored))
    by_number, by_name, other, drawn = (
        _draw(run, tmp_path / "x.npz", "--num=30", *arguments)
        for arguments in (["--label=3"], ["--label=three"], ["--label=4"], [])
    )
    np.testing.assert_array_equal(by_number, by_name)
    assert (by_number != other).any(axis=(1, 2, 3)).all()
    # Without a label each image has its own, from the seed.
    own = labels(0, np.arange(30), 10).numpy()
    assert len(set(own)) > 5
    np.testing.assert_array_equal(drawn[own == 3], by_number[own == 3])
    np.testing.assert_array_equal(drawn[own == 4], other[own == 4])


def test_a_run_that_was_moved_and_whose_data_are_gone_still_draws(conditional, tmp_path):
    expected = _draw(conditional, tmp_path / "x.npz", "--num=3")
    moved = pathlib.Path(shutil.copytree(conditional, tmp_path / "elsewhere" / "moved"))
    stored = json.loads((moved / "config.json").read_text())
    stored["config"] |= {
        "dataset": "folder:/nowhere",
        "run_dir": "/nowhere",
        "data_dir": "/nowhere",
        "recipe": "unheard_of",
    }
    (moved / "config.json").write_text(json.dumps(stored))
    for name in ("metrics.jsonl", "report.html", "progress.webp"):
        (moved / name).unlink(missing_ok=True)
    np.testing.assert_array_equal(_draw(moved, tmp_path / "x.npz", "--num=3"), expected)


def test_an_earlier_checkpoint_can_be_asked_for(plain, tmp_path):
    newest, third, second = (
        _draw(plain, tmp_path / "x.npz", "--num=3", *arguments) for arguments in ([], ["--step=3"], ["--step=2"])
    )
    np.testing.assert_array_equal(newest, third)
    assert (second != third).any()


def test_rows_of_an_interpolation_lead_from_one_sample_to_another(plain, tmp_path):
    picture = _draw(plain, tmp_path / "x.png", "--interpolate", "--seed=5")
    ends = load(plain).generate(16, seed=5)
    rows, columns, side = 8, 10, 2 * 28
    cells = picture[2:].reshape(rows, side + 2, -1)[:, :side, 2:].reshape(rows, side, columns, side + 2)[:, :, :, :side]
    images = cells.transpose(0, 2, 1, 3)[:, :, ::2, ::2].astype(int)
    for column, expected in ((0, ends[:8]), (9, ends[8:])):
        assert np.abs(images[:, column] - expected[..., 0]).max() <= 1
    # Each step is a part of the way.
    way = np.linalg.norm((images[:, -1] - images[:, 0]).reshape(rows, -1), axis=1)
    steps = np.linalg.norm(np.diff(images, axis=1).reshape(rows, columns - 1, -1), axis=2)
    assert (steps.max(1) < 0.6 * way).all()


@pytest.mark.slow
def test_half_precision_runs_are_drawn_in_float32(tmp_path):
    images = _draw(exporting.run("odd"), tmp_path / "x.npz", "--num=3")
    assert images.shape == (3, 96, 64, 3) and len(np.unique(images)) > 50


def test_what_python_callers_get_wrong_is_said_too(conditional, plain):
    from tfgan_train import UserError

    with pytest.raises(UserError, match="--label=11"):
        load(conditional).generate(1, label=11)
    with pytest.raises(UserError, match="not trained with --conditional"):
        load(plain).generate(1, label=1)
    with pytest.raises(UserError, match="num=0"):
        load(plain).generate(0)
