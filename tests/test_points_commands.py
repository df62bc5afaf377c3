"""The commands on runs whose data are points: pictures, scores against a count of the test's own, refusals."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from export import main as export_main
from tests import binaries
from tfgan_train import Config, compare, evaluate, sample, train


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the runs ring2d and grid2d, of a few steps."""
    place = tmp_path_factory.mktemp("points")
    for dataset in ("ring2d", "grid2d"):
        train(
            Config(
                dataset=dataset,
                steps=3,
                batch_size=16,
                g_width=16,
                d_width=8,
                log_every=1,
                run_dir=str(place / dataset),
            )
        )
    return place


def _points(place, dataset, *arguments) -> np.ndarray:
    """What `sample` writes, in the mixture's own coordinates, float64 [n, 2]."""
    result = binaries.call(sample.main, f"--run_dir={place / dataset}", f"--out={place / 'x.npz'}", *arguments)
    assert result.status == 0, result.err
    with np.load(place / "x.npz") as file:
        images = file["images"]
    assert images.dtype == np.float32 and images.shape[1:] == (1, 1, 2) and np.abs(images).max() <= 1
    return images.astype(np.float64).reshape(-1, 2) * {"ring2d": 1.5, "grid2d": 5.0}[dataset]


def _near(dataset, points) -> np.ndarray:
    """bool [n, modes]: which points lie within three sigma of which mode, by the definitions of arXiv:1712.04086."""
    if dataset == "ring2d":
        modes, sigma = [np.exp(2j * np.pi * k / 8) for k in range(8)], 0.01
    else:
        modes, sigma = [complex(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)], 0.05
    return np.abs((points[:, 0] + 1j * points[:, 1])[:, None] - np.array(modes)) <= 3 * sigma


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["ring2d", "grid2d"])
def test_evaluate_counts_the_points_that_sample_draws(place, dataset):
    # The run's seed is another: an evaluation draws those of seed 0.
    near = _near(dataset, _points(place, dataset, "--num=2500", "--seed=0"))
    result = binaries.call(evaluate.main, f"--run_dir={place / dataset}")
    assert result.status == 0, result.err
    stored = json.loads((place / dataset / "eval" / "00000003.json").read_text())
    metrics = stored["metrics"]
    assert (stored["dataset"], stored["num"], stored["step"]) == (dataset, 2500, 3)
    assert metrics["modes"]["value"] == near.any(0).sum() and metrics["modes"]["details"]["of"] == near.shape[1]
    assert metrics["high_quality"]["value"] == pytest.approx(near.any(1).mean(), abs=1e-12)
    assert f"modes covered:         {near.any(0).sum()} of {near.shape[1]}" in result.out
    if dataset == "grid2d":  # So large a mesh is hit by anything.
        assert near.any(0).sum() > 1
    assert "Measured at step" in (place / dataset / "report.html").read_text()


def test_samples_are_a_seeds_own_and_all_of_a_number(place):
    many = _points(place, "ring2d", "--num=70", "--seed=3")
    np.testing.assert_array_equal(_points(place, "ring2d", "--num=5", "--seed=3"), many[:5])
    assert (
        len(np.unique(many, axis=0)) == 70 and (_points(place, "ring2d", "--num=70", "--seed=4") != many).all(1).any()
    )


def test_a_png_has_an_orange_dot_at_each_point(place):
    points = _points(place, "grid2d", "--num=40", "--seed=2") / 5.0
    assert (
        binaries.call(
            sample.main, f"--run_dir={place / 'grid2d'}", f"--out={place / 'x.png'}", "--num=40", "--seed=2"
        ).status
        == 0
    )
    picture = np.asarray(Image.open(place / "x.png")).astype(int)
    side = len(picture)
    orange = picture[..., 0] - picture[..., 2] > 60  # Neither white nor the grey of the mixture beneath.
    columns, rows = ((points * (1, -1) + 1) * side / 2).astype(int).clip(0, side - 1).T
    assert orange[rows, columns].all() and orange.sum() <= 40 * 16


@pytest.mark.parametrize(
    "binary, arguments, message",
    [
        (sample, ("--interpolate", "--out=PLACE/no.png"), "--interpolate is for pictures, and ring2d is points"),
        (sample, ("--nearest", "--out=PLACE/no.png"), "--nearest is for pictures, and ring2d is points"),
        (sample, ("--spot_the_fake", "--out=PLACE/no.png"), "--spot_the_fake is for pictures, and ring2d is points"),
        (sample, ("--out=PLACE/no/",), "--out=PLACE/no/: points of ring2d go into one .png or .npz"),
        (
            sample,
            ("--step=best", "--out=PLACE/no.png"),
            "--run_dir=PLACE/ring2d has no best checkpoint; runs on points keep none",
        ),
        (
            evaluate,
            ("--features=pixels",),
            "--features=pixels is for pictures; runs on points have --metrics=mixture_modes alone",
        ),
        (
            evaluate,
            ("--metrics=frechet",),
            "--metrics=frechet is for pictures; runs on points have --metrics=mixture_modes alone",
        ),
        (
            evaluate,
            ("--metrics=mixture_modes,swd",),
            "--metrics=swd is for pictures; runs on points have --metrics=mixture_modes alone",
        ),
        (evaluate, ("--parzen",), "--parzen is for pictures, and PLACE/ring2d draws points"),
        (evaluate, ("--linear_probe",), "--linear_probe is for pictures, and PLACE/ring2d draws points"),
        (evaluate, ("--inception_weights=x.pb",), "--inception_weights is for pictures, and PLACE/ring2d draws points"),
        (
            export_main,
            ("--out_dir=PLACE/no",),
            "--run_dir=PLACE/ring2d draws points of ring2d; only runs on pictures can be exported",
        ),
    ],
)
def test_what_is_for_pictures_is_refused_in_a_line(place, binary, arguments, message):
    result = binaries.call(
        binary.main, f"--run_dir={place / 'ring2d'}", *(one.replace("PLACE", str(place)) for one in arguments)
    )
    assert (result.status, result.err) == (2, f"error: {message.replace('PLACE', str(place))}\n")
    assert not (place / "no").exists() and not (place / "no.png").exists()


def test_images_are_not_scored_against_points(place):
    np.save(place / "x.npy", np.zeros((9, 28, 28), np.uint8))
    result = binaries.call(evaluate.main, f"--images={place / 'x.npy'}", "--dataset=ring2d")
    assert result.status == 2 and result.err.startswith(
        "error: --dataset=ring2d is points, and --images are compared with pictures"
    )
    assert result.err.count("\n") == 1


def test_runs_are_compared_by_their_modes(place):
    for dataset in ("ring2d", "grid2d"):
        assert binaries.call(evaluate.main, f"--run_dir={place / dataset}", "--num=500").status == 0
    result = binaries.call(compare.main, place / "ring2d", place / "grid2d", f"--out={place / 'c.html'}")
    assert result.status == 0, result.err
    with open(place / "c.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [_near(dataset, _points(place, dataset, "--num=500")) for dataset in ("ring2d", "grid2d")]
    assert [float(row["modes"]) for row in rows] == [near.any(0).sum() for near in expected]
    assert [float(row["high_quality"]) for row in rows] == pytest.approx([near.any(1).mean() for near in expected])
    assert "saw different data" in (place / "c.html").read_text()
