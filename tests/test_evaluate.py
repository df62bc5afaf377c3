"""The evaluate command on a small run and on images made elsewhere, in fresh processes and in this one."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests import data_fixtures, processes
from tfgan_train import Config, evaluate, train
from tfgan_train import data as datasets
from tfgan_train.common.errors import UserError
from tfgan_train.features import classifier
from tfgan_train.metrics import METRICS, frechet
from tfgan_train.score import table
from tfgan_train.score.during_training import QuickEval
from tfgan_train.score.evaluation import Evaluation

ROOT = pathlib.Path(__file__).resolve().parent.parent


def bars(seed, count):
    """12x12 images with one bright bar, whose place is the label, on noise; and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    images = rng.integers(0, 120, (count, 12, 12)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 * label : 3 * label + 3] = 220
    return images, labels


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data/ (IDX), run/ (two checkpoints) and cache/."""
    place = tmp_path_factory.mktemp("evaluate")
    (place / "data").mkdir()
    for split, seed, count in (("train", 0, 400), ("t10k", 1, 200)):
        images, labels = bars(seed, count)
        (place / "data" / f"{split}-images-idx3-ubyte").write_bytes(data_fixtures.idx_bytes(images))
        (place / "data" / f"{split}-labels-idx1-ubyte").write_bytes(data_fixtures.idx_bytes(labels))
    train(config(place, recipe="smoke", run_dir=str(place / "run"), steps=4, checkpoint_every=2, g_init="normal:0.2"))
    return place


def config(place, **changes):
    return Config(**(dict(dataset=f"idx:{place / 'data'}") | changes))


@pytest.fixture(autouse=True)
def quick_classifier(place, monkeypatch):
    monkeypatch.setenv("TFGAN_CACHE", str(place / "cache"))
    monkeypatch.setattr(classifier, "FEWEST_STEPS", 60)
    monkeypatch.setattr(classifier, "MOST_STEPS", 60)
    monkeypatch.chdir(place)


def environment(cache):
    return os.environ | {"TFGAN_CACHE": str(cache), "PYTHONPATH": str(ROOT)}


def run_here(monkeypatch, *arguments) -> int:
    """The command's exit status, run in this process."""
    monkeypatch.setattr(sys, "argv", ["evaluate", *arguments])
    with pytest.raises(SystemExit) as stopped:
        evaluate.main()
    return stopped.value.code or 0


def test_run_is_scored_kept_and_shown(place):
    done = processes.run(
        [
            sys.executable,
            "-m",
            "tfgan_train.evaluate",
            "--run_dir=run",
            "--all",
            "--num=150",
            "--features=pixels",
            "--linear_probe",
            "--parzen",
        ],
        cwd=place,
        env=environment(place / "cache"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    first, last = (json.loads((place / "run" / "eval" / f"{step:08d}.json").read_text()) for step in (2, 4))
    assert (first["step"], last["step"], last["reference"]) == (2, 4, {"split": "held-out", "images": 150})
    wanted = {
        "fd",
        "fd_infinity",
        "kd",
        "precision",
        "recall",
        "density",
        "coverage",
        "swd",
        "ms_ssim",
        "memorisation",
        "copied_share",
        "parzen",
        "d_accuracy",
        "d_gap",
        "probe_discriminator",
        "probe_pixels",
    }
    assert wanted == set(last["metrics"])
    for name, figure in last["metrics"].items():
        assert figure["name"] == name and figure["n"] > 0 and figure["spread"] is not None and figure["spread_kind"]
        assert name in done.stdout
    real = last["metrics"]["precision"]["real"]
    assert 0.7 < real <= 1 and last["metrics"]["precision"]["value"] < real  # 4 steps don't make a generator
    assert last["metrics"]["fd"]["value"] > 5 * last["metrics"]["fd"]["real"]
    assert last["metrics"]["probe_pixels"]["value"] > 0.95
    by_chance = {
        name: last["metrics"][name]["real"] for name in ("memorisation", "copied_share", "d_accuracy", "d_gap")
    }
    assert by_chance == {"memorisation": 0, "copied_share": 0, "d_accuracy": 0.5, "d_gap": 0}
    assert "Not computed: class_kl (needs features with classes" in done.stdout
    page = (place / "run" / "report.html").read_text()
    assert "Measured at step" in page and "precision" in page
    assert not list((place / "run" / "eval").glob(".*"))


def test_same_checkpoint_gives_the_same_figures(place, monkeypatch):
    two = []
    for _ in range(2):
        assert (
            run_here(
                monkeypatch,
                "--run_dir=run",
                "--num=100",
                "--features=pixels",
                "--metrics=frechet,swd,ms_ssim,discriminator",
            )
            == 0
        )
        two.append(json.loads((place / "run" / "eval" / "00000004.json").read_text())["metrics"])
    assert two[0] == two[1] and "d_gap" in two[0]


def test_interrupted_evaluation_leaves_nothing_half_written(place):
    path = place / "run" / "eval" / "00000002.json"
    path.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tfgan_train.evaluate", "--run_dir=run", "--step=2", "--num=200"],
        cwd=place,
        env=environment(place / "cache2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        if "training a classifier" in line or "right on" in line:
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not path.exists()
    assert all(
        found.suffix in (".cache", ".lock") for found in (place / "cache2").iterdir() if not found.name.startswith(".")
    )


def test_images_made_elsewhere(place, monkeypatch):
    """Real images of the other split score as the data do; a folder and an array score alike."""
    images, _ = bars(2, 200)
    np.savez(place / "new.npz", images=images)
    (place / "pictures").mkdir()
    for i, image in enumerate(images):
        (place / "pictures" / f"{i:04d}.png").write_bytes(data_fixtures.png(image[..., None]))
    found = []
    for source in ("new.npz", "pictures"):
        assert (
            run_here(
                monkeypatch,
                f"--images={source}",
                "--dataset=idx:data",
                "--num=200",
                "--features=pixels",
                "--metrics=frechet,manifold,memorisation",
                "--out=scores.json",
            )
            == 0
        )
        found.append(json.loads((place / "scores.json").read_text())["metrics"])
    assert found[0] == found[1]
    assert abs(found[0]["fd_infinity"]["value"]) < 4 * found[0]["fd_infinity"]["spread"] + 0.05
    assert found[0]["precision"]["value"] == pytest.approx(found[0]["precision"]["real"], abs=0.1)
    assert found[0]["memorisation"]["details"]["copies"] is False


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "name one of --run_dir=RUN and --images"),
        (("--run_dir=nowhere",), "--run_dir=nowhere: no run there"),
        (("--run_dir=run", "--metrics=frechett"), "did you mean frechet"),
        (("--run_dir=run", "--features=nonsense"), "unknown value of --features"),
        (("--run_dir=run", "--step=3"), "no intact checkpoint of that step"),
        (("--run_dir=run", "--num=2"), "must be at least 8"),
        (("--run_dir=run", "--features=inception", "--inception_weights=none.pb"), "name classify_image_graph_def.pb"),
        (
            ("--run_dir=run", "--metrics=class_kl", "--features=pixels", "--num=50"),
            "--metrics=class_kl: needs features with classes",
        ),
        (("--images=none.npz", "--dataset=idx:data"), "must be a folder of images, or a .npz or .npy file"),
        (("--images=bad.npz", "--dataset=idx:data"), "can't be read"),
        (("--images=float.npy", "--dataset=idx:data"), "it holds float32 [9, 12, 12]"),
        (
            ("--images=large.npy", "--dataset=idx:data", "--features=pixels"),
            "generated images are 20x20x1, the data's are 12x12x1",
        ),
        (("--images=few.npy", "--dataset=idx:data", "--features=pixels", "--metrics=frechet"), "3 are too few"),
    ],
)
def test_mistakes_are_said_in_a_line(place, arguments, message, capsys, monkeypatch):
    (place / "bad.npz").write_bytes(b"PK not really")
    np.save(place / "float.npy", np.zeros((9, 12, 12), np.float32))
    np.save(place / "large.npy", np.zeros((9, 20, 20), np.uint8))
    np.save(place / "few.npy", np.zeros((3, 12, 12), np.uint8))
    assert run_here(monkeypatch, *arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert message in said[-1] and said[-1].startswith("error: ")


def test_classifier_features_answer_to_corruptions(place):
    """Dropped classes, noise and copies each move the figures that are made to see them."""
    said = []
    evaluation = Evaluation(config(place), num=200, say=said.append)
    assert evaluation.extractor.name == "classifier" and any("right on 200 images" in line for line in said)
    fresh, labels = bars(3, 200)
    noisy = np.clip(fresh.astype(int) + np.random.default_rng(0).normal(0, 60, fresh.shape), 0, 255).astype(np.uint8)
    figures = {}
    for kind, images in (
        ("fresh", fresh),
        ("dropped", np.resize(fresh[labels < 3], fresh.shape)),
        ("noisy", noisy),
        ("copies", bars(0, 400)[0][:200]),
    ):
        scores = evaluation.score(images[..., None], ["frechet", "manifold", "class_kl", "memorisation"])
        figures[kind] = {one.result.name: one.result for one in scores.figures}
    assert any(note.startswith("Classes (data's share): 0 ") for note in table.notes(scores, evaluation))

    def value(kind, name):
        return figures[kind][name].value

    assert value("dropped", "class_kl") > 0.2 > 0.05 > value("fresh", "class_kl")
    assert min(value("dropped", "fd"), value("noisy", "fd")) > 2 * value("fresh", "fd")
    assert value("dropped", "recall") < value("fresh", "recall") - 0.1
    assert [figures[kind]["memorisation"].details["copies"] for kind in figures] == [False, False, False, True]


def test_real_figures_are_computed_once(place, monkeypatch):
    evaluation = Evaluation(config(place), num=100, features="pixels", say=lambda text: None)
    images = bars(4, 100)[0][..., None]
    first = evaluation.score(images, ["frechet"])
    calls = []
    measure = frechet.measure
    monkeypatch.setattr(frechet, "measure", lambda *a: calls.append(1) or measure(*a))
    again = Evaluation(config(place), num=100, features="pixels", say=lambda text: None).score(images, ["frechet"])
    assert [one.to_json() for one in again.figures] == [one.to_json() for one in first.figures]
    assert len(calls) == 1  # of the generated images only


def test_data_without_labels_or_held_out_images(place):
    """The default set leaves out what it can't compute, and says so; the reference is the training data."""
    images = bars(5, 60)[0]
    folder = place / "plain"
    folder.mkdir()
    for i, image in enumerate(images):
        (folder / f"{i}.png").write_bytes(data_fixtures.png(image[..., None]))
    evaluation = Evaluation(Config(dataset=f"folder:{folder}"), num=50, features="pixels", say=lambda text: None)
    scores = evaluation.score(bars(6, 50)[0][..., None])
    assert evaluation.split == "training"
    assert {"fd", "kd", "precision", "swd", "ms_ssim"} <= {one.result.name for one in scores.figures}
    assert "it has no held-out images" in table.notes(scores, evaluation)[0]
    assert {"class_kl", "classifier_score", "memorisation", "discriminator"} <= dict(scores.left_out).keys()
    assert all(one.real is None for one in scores.figures)  # nothing to compare the data with


def test_quick_eval_agrees_with_the_whole_one(place):
    source, heldout = datasets.load(config(place), "train"), datasets.load_held_out(config(place))
    quick = QuickEval(source, heldout, num=200, say=lambda text: None)
    images = bars(7, 200)[0][..., None]
    figures = quick(images)
    assert quick.num == 200 and quick.fd_name == "FD-classifier"
    scores = Evaluation(config(place), num=200, say=lambda text: None).score(
        images, ["frechet", "kernel", "manifold", "class_kl"]
    )
    whole = {one.result.name: one.result.value for one in scores.figures if one.result.name != "fd_infinity"}
    assert figures == pytest.approx(whole, rel=1e-9)
    with pytest.raises(UserError, match="20x20x1"):
        quick(np.zeros((50, 20, 20, 1), np.uint8))


def test_every_metric_says_what_it_is():
    for name, metric in METRICS.items():
        assert metric.about and metric.needs, name
