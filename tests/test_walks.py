"""Walks, truncation and mixed labels: paths against float64 geometry, pictures against those of plain samples."""

import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import binaries
from tests.tiny import config, facts
from tfgan_train import load, sample
from tfgan_train.models import build_generator
from tfgan_train.pictures import grid
from tfgan_train.runs import paths, walks
from tfgan_train.runs.sampler import Sampler

STORED = pathlib.Path(__file__).parent / "stored_run"


@pytest.fixture(scope="module")
def run():
    return load(STORED)


def _sample(out, *arguments):
    return binaries.call(sample.main, f"--run_dir={STORED}", f"--out={out}", *arguments)


def test_between_normal_latents_leads_along_the_great_circle():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    b *= np.linalg.norm(a) / np.linalg.norm(b)
    found = paths.between(a, b, np.linspace(0, 1, 5)[:, None], normal=True)
    # Independent: turn a towards the part of b that is at a right angle to it.
    u = a / np.linalg.norm(a)
    v = b - (b @ u) * u
    v /= np.linalg.norm(v)
    angle = np.arctan2(b @ v, b @ u)
    expected = [np.linalg.norm(a) * (np.cos(t * angle) * u + np.sin(t * angle) * v) for t in np.linspace(0, 1, 5)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    straight = paths.between(a, b, np.array([0.25]), normal=False)
    np.testing.assert_allclose(straight, a + 0.25 * (b - a))


@pytest.mark.parametrize("normal", [True, False])
def test_a_loop_is_closed_and_of_constant_speed(normal):
    stops = np.random.default_rng(1).normal(size=(4, 30))
    points, places = paths.loop(stops, 200, normal)
    assert points.shape == (200, 30) and places[0] == 0 and (np.diff(places) > 0).all() and places[-1] < 4
    following = np.roll(points, -1, 0)
    if normal:
        np.testing.assert_allclose(np.linalg.norm(points, axis=1), np.linalg.norm(stops, axis=1).mean(), rtol=1e-9)
        cosine = np.sum(points * following, 1) / np.linalg.norm(points, axis=1) / np.linalg.norm(following, axis=1)
        steps = np.arccos(cosine)
    else:
        steps = np.linalg.norm(following - points, axis=1)
    corner = np.floor(places) != np.floor(np.append(places[1:], 4.0))
    assert corner.sum() == 4
    np.testing.assert_allclose(steps[~corner], steps.max(), rtol=1e-6)
    assert (steps[corner] <= steps.max() + 1e-9).all()


def test_truncation_scales_latents_and_never_codes():
    settings = config(code_continuous=1)
    generator = build_generator(settings, facts())
    whole, half = (Sampler(generator, settings, facts(), truncation=value) for value in (1.0, 0.5))
    z, scaled = whole.latents(3, tf.range(5)).numpy(), half.latents(3, tf.range(5)).numpy()
    np.testing.assert_array_equal(scaled[:, :6], np.float32(0.5) * z[:, :6])
    np.testing.assert_array_equal(scaled[:, 6], z[:, 6])
    np.testing.assert_array_equal(half.images(5, 3), whole.at(tf.constant(scaled)).numpy())


@pytest.mark.parametrize(
    "changes", [{}, {"architecture": "resnet"}, {"architecture": "style", "g_init": "normal:0.02"}]
)
def test_labels_mix_by_weights(changes):
    settings = config(conditional=True, **{"d_norm": "none"} | changes)
    generator = build_generator(settings, facts())
    z, label = tf.random.stateless_normal([3, 6], [1, 2]), tf.constant([0, 2, 1])
    by_number, by_weight = generator(z, label), generator(z, tf.one_hot(label, 3))
    np.testing.assert_allclose(by_number, by_weight, atol=1e-6)


def _tiles(path, count, columns):
    return grid.tiles(grid.read_png(path), count, (16, 16, 1), columns)


def test_rows_lead_from_one_seed_to_another(run, tmp_path):
    assert _sample(tmp_path / "x.png", "--interpolate", "--seed=3", "--to_seed=9", "--label=2").status == 0
    tiles = _tiles(tmp_path / "x.png", 80, 10).reshape(8, 10, 16, 16, 1).astype(int)
    assert np.abs(tiles[:, 0] - run.generate(8, seed=3, label=2)).max() <= 1
    assert np.abs(tiles[:, -1] - run.generate(8, seed=9, label=2)).max() <= 1


def test_a_walk_goes_through_the_labels_and_repeats_itself(run, tmp_path):
    assert _sample(tmp_path / "x.gif", "--walk", "--seconds=1", "--seed=3").status == 0
    with Image.open(tmp_path / "x.gif") as image:
        assert (image.info["loop"], image.info["duration"]) == (0, 40)
        assert image.size == (192, 192)
        # Pillow joins frames that are equal.
        total = 0
        for frame in range(image.n_frames):
            image.seek(frame)
            total += image.info["duration"]
    assert total == 1000
    sampler = run._sampler(1.0, {})
    stops = walks.seeded(sampler, 3, 4)
    stops = walks.Latents(stops.values, np.arange(4))
    frames = np.concatenate(list(walks.closed_walk(sampler, stops, 40)))
    assert frames.shape == (40, 16, 16, 1)
    radius = np.linalg.norm(stops.values, axis=1)
    first = sampler.at(tf.constant(stops.values[:1] / radius[0] * radius.mean()), tf.constant([0])).numpy()
    assert np.abs(frames[0].astype(int) - first[0]).max() <= 1


@pytest.fixture
def kept(tmp_path):
    """A file of three latents and their labels, and what a plain sample draws of them: int [3, 16, 16, 1]."""
    z = np.random.default_rng(2).normal(size=(3, 8)).astype(np.float32)
    z *= 3 / np.linalg.norm(z, axis=1, keepdims=True)
    np.savez(tmp_path / "z.npz", z=z, label=np.array([4, 0, 9]))
    assert _sample(tmp_path / "x.npz", f"--latents={tmp_path / 'z.npz'}").status == 0
    return tmp_path / "z.npz", np.load(tmp_path / "x.npz")["images"].astype(int)


def test_rows_lead_from_each_latent_of_a_file_to_the_next(run, kept, tmp_path):
    path, images = kept
    assert _sample(tmp_path / "x.png", "--interpolate", f"--latents={path}").status == 0
    tiles = _tiles(tmp_path / "x.png", 20, 10).reshape(2, 10, 16, 16, 1).astype(int)
    assert np.abs(tiles[:, 0] - images[:2]).max() <= 1 and np.abs(tiles[:, -1] - images[1:]).max() <= 1
    # A third of the way: on the sphere of both, a third of the angle away from the first.
    a, b = np.load(path)["z"][:2].astype(np.float64)
    angle = np.arccos(a @ b / 9)
    aside = b - (a @ b) / 9 * a
    z = np.cos(angle / 3) * a + np.sin(angle / 3) * 3 * aside / np.linalg.norm(aside)
    weights = np.float32(2 * np.eye(10)[4] + np.eye(10)[0]) / 3
    expected = run._sampler(1.0, {}).at(tf.constant(z[None], tf.float32), tf.constant(weights[None])).numpy()
    assert np.abs(tiles[0, 3] - expected[0]).max() <= 1


def test_a_loop_begins_at_the_first_latent_of_a_file_and_has_its_label(kept, tmp_path):
    path, images = kept
    assert _sample(tmp_path / "x.gif", "--walk", "--seconds=1", f"--latents={path}").status == 0
    with Image.open(tmp_path / "x.gif") as image:
        first = np.asarray(image.convert("L").resize((16, 16), Image.Resampling.BOX)).astype(int)
    assert np.abs(first - images[0, ..., 0]).max() <= 8  # a GIF's palette


def test_given_latents_are_moved_along_a_direction(kept, tmp_path):
    path, images = kept
    arguments = ("--direction=sefa:1", "--strengths=0,2", f"--latents={path}", "--num=2")
    assert _sample(tmp_path / "x.png", *arguments).status == 0
    tiles = _tiles(tmp_path / "x.png", 18, 9).reshape(2, 9, 16, 16, 1).astype(int)
    assert np.abs(tiles[:, 0] - images[:2]).max() <= 1 and (tiles[:, 0] != tiles[:, -1]).any()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--interpolate", "--num=1"], "a way needs at least 2 latents, and there is 1"),
        (["--interpolate", "--to_seed=3"], "says what is drawn; leave out --to_seed"),
        (["--nearest"], "says what is drawn; leave out --nearest"),
        (["--interpolate", "--latents=zeros.npz"], "no great circle leads through a z whose numbers are all 0"),
        (["--interpolate", "--latents=many.npz"], "1001 latents are too many rows; say --num=1000"),
        (["--interpolate", "--latents=short.npz"], "short.npz holds z of 5 columns, and this run's latents have 8"),
    ],
)
def test_latents_without_a_way_are_said_in_a_line(arguments, said, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, z in (("zeros", np.zeros((2, 8))), ("many", np.ones((1001, 8))), ("short", np.ones((2, 5)))):
        np.savez(f"{name}.npz", z=z, label=np.zeros(len(z), int))
    result = _sample("y.png", f"--latents={kept[0]}", *arguments)
    assert result.status == 2 and said in result.err and result.err.count("\n") == 1, result.err
    assert not (tmp_path / "y.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--walk", "--seconds=0"], "--seconds=0.0 must be from 1 to 600"),
        (["--seconds=3"], "--seconds goes with --walk"),
        (["--to_seed=3"], "--to_seed goes with --interpolate"),
        (["--walk", "--interpolate"], "are different pictures"),
        (["--walk"], "end it in .webp or .gif or .mp4"),
    ],
)
def test_what_cant_be_is_said_in_a_line(arguments, said, tmp_path):
    result = _sample(tmp_path / "x.png", *arguments)
    assert result.status == 2 and said in result.err and result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_its_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    result = _sample(tmp_path / "x.mp4", "--walk", "--seconds=1")
    assert result.status == 2 and "pip install 'tfgan-train[video]'" in result.err and result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
