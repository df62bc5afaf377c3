"""Latents of given pictures: found through the generator, kept in a file, drawn again."""

import json
import pathlib
import re

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from PIL import Image

from tests import binaries, exporting, tiny
from tfgan_train import project, sample
from tfgan_train.common.images import to_uint8
from tfgan_train.runs import latents_file
from tfgan_train.runs.sampler import Sampler
from tfgan_train.runs.walks import Latents
from tfgan_train.steering import inversion, spaces

STORED = pathlib.Path(__file__).parent / "stored_run"
SHAPE = (8, 8, 1)


def _generator(size: int, code: int = 0):
    """A smooth generator whose images tell their latents and labels: fixed random patterns, added up."""
    random = np.random.default_rng(1)
    patterns = tf.constant(random.normal(0, 0.3, (size + code, 64)), tf.float32)
    of_labels = tf.constant(random.normal(0, 0.6, (3, 64)), tf.float32)

    def call(z, label, training=False):
        del training
        added = z @ patterns + (0.0 if label is None else tf.gather(of_labels, label))
        return tf.reshape(tf.tanh(added), [-1, *SHAPE])

    return call


def _sampler(**changes) -> Sampler:
    config = tiny.config(latent_dim=4, **changes)
    generator = _generator(4, 2 + 1 if config.code_categories else 0)
    return Sampler(generator, config, tiny.facts(SHAPE))


@pytest.mark.parametrize(
    "changes",
    [{}, {"conditional": True}, {"latent_distribution": "uniform"}, {"code_categories": "2", "code_continuous": 1}],
    ids=lambda changes: next(iter(changes), "normal"),
)
def test_latents_of_generated_pictures_are_found_back(changes):
    sampler = _sampler(**changes)
    images, indices = sampler.images(10, 123), tf.range(10)
    inverter = inversion.Inverter(sampler, SHAPE, restarts=8, steps=200)
    told: list[int] = []
    found = inverter.run(images, 0, None, told.append)
    np.testing.assert_allclose(found.latents.values, sampler.latents(123, indices), atol=0.05)
    if sampler.conditional:
        np.testing.assert_array_equal(found.latents.label, sampler.labels(123, indices))
    assert inversion.pixel_distances(images, found.images).max() < 0.01 * 255 * 8
    assert told == list(range(1, inverter.calls(10) + 1))


def test_a_pictures_latents_do_not_depend_on_those_beside_it():
    sampler = _sampler(conditional=True)
    images = sampler.images(9, 5)
    inverter = inversion.Inverter(sampler, SHAPE, restarts=8, steps=20)
    together, alone = (inverter.run(some, 0, 1, lambda done: None).latents for some in (images, images[8:]))
    np.testing.assert_allclose(together.values[8:], alone.values, atol=1e-5)
    assert set(together.label) == {1}  # which was asked for


def test_latents_stay_where_the_runs_own_lie():
    for columns in (4, 100):
        expected = np.sqrt(scipy.stats.chi2.ppf(0.9999, columns))
        assert spaces.longest(columns) == pytest.approx(expected, rel=0.02)
    for changes in ({}, {"latent_distribution": "uniform"}):
        sampler = _sampler(**changes)
        beyond = to_uint8(sampler.generator(6 * sampler.latents(3, range(4)), None))
        z = inversion.Inverter(sampler, SHAPE, 2, 60).run(beyond, 0, None, lambda done: None).latents.values
        size = np.linalg.norm(z, axis=1) / spaces.longest(4) if sampler.normal else np.abs(z).max(1)
        assert size.max() == pytest.approx(1, abs=1e-5)


@pytest.fixture(scope="module")
def projected(tmp_path_factory):
    """Pictures of a stored run's own, and the folder that `project` made of them."""
    folder = tmp_path_factory.mktemp("projected")
    arguments = (f"--run_dir={STORED}", "--num=3", "--seed=5", f"--out={folder / 'given.npz'}")
    assert binaries.call(sample.main, *arguments).status == 0
    result = _project(f"--images={folder / 'given.npz'}", f"--out={folder / 'out'}")
    assert result.status == 0 and "s each" in result.out, result.err
    return folder


def _project(*arguments):
    return binaries.call(project.main, f"--run_dir={STORED}", "--restarts=2", "--iterations=3", *arguments)


def test_what_is_written_says_what_was_found(projected):
    facts = json.loads((projected / "out" / "distances.json").read_text())
    given = np.load(projected / "given.npz")["images"].astype(float)
    for options in ([], ["--num=2"]):
        result = binaries.call(
            sample.main,
            *(f"--run_dir={STORED}", f"--latents={projected / 'out' / 'latents.npz'}", *options),
            f"--out={projected / 'again.npz'}",
        )
        assert result.status == 0, result.err
        again = np.load(projected / "again.npz")["images"].astype(float)
        distances = [row["distance"] for row in facts["pictures"]]
        expected = np.linalg.norm((given[: len(again)] - again).reshape(len(again), -1), axis=1)
        np.testing.assert_allclose(expected, distances[: len(again)], atol=0.01)
    assert len(again) == 2
    picture = Image.open(projected / "out" / "reconstructions.png")
    assert picture.width > 2 * 16 * 4  # 16x16 pixels, enlarged, two beside each other


def test_picture_files_are_brought_to_the_runs_size(projected, tmp_path):
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(tmp_path / "b.png")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "a.png")
    for number, images in enumerate((tmp_path, f"{tmp_path}/a.png,{tmp_path}/b*")):
        result = _project(f"--images={images}", f"--out={tmp_path / str(number)}", "--label=3")
        assert result.status == 0, result.err
        rows = json.loads((tmp_path / str(number) / "distances.json").read_text())["pictures"]
        assert [(row["name"], row["label"]) for row in rows] == [("a.png", 3), ("b.png", 3)]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--images=nowhere.png"], "no file nowhere.png"),
        (["--images={}/text.png"], "not a PNG"),
        (["--images={}/large.npz"], r"holds images \[28, 28, 1\], and the run draws \[16, 16, 1\]"),
        (["--images={}"], "no pictures in that folder"),
        (["--images={}/given.npz", "--label=11"], "--label=11"),
        (["--images={}/given.npz", "--restarts=0"], "--restarts=0 is out of range; legal: 1 to 64"),
        (["--images={}/given.npz", "--out={}/given.npz"], "is a file; name a folder"),
        (["--images={}/given.npz", "--step=5"], "no intact checkpoint of that step"),
    ],
)
def test_what_cannot_be_projected_is_said_in_one_line(projected, tmp_path, arguments, message):
    (tmp_path / "folder").mkdir()
    np.savez(projected / "large.npz", images=np.zeros((2, 28, 28, 1), np.uint8))
    (projected / "text.png").write_text("no picture")
    place = tmp_path / "folder" if arguments == ["--images={}"] else projected
    out = [f"--out={tmp_path / 'out'}"]
    result = _project(*out, *(argument.format(place) for argument in arguments))
    assert result.status == 2 and len(result.err.splitlines()) == 1, result.err
    assert re.search(message, result.err), result.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"z": np.zeros((2, 5), np.float32)}, "5 columns, and this run's latents have 8"),
        ({"z": np.zeros((2, 8), np.float32)}, "holds no labels, and the run is conditional; say --label"),
        ({"z": np.zeros((2, 8), np.float32), "label": np.array([0, 10])}, "whole numbers from 0 to 9"),
        ({"w": np.zeros((2, 8), np.float32)}, r"holds w, which this run's generator hasn't; legal: z \[n, 8\]"),
        ({"images": np.zeros((2, 8))}, r"must hold finite float32 numbers z \[n, 8\]; it holds images"),
    ],
)
def test_latents_that_do_not_fit_the_run_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "z.npz", **arrays)
    result = binaries.call(
        sample.main, f"--run_dir={STORED}", f"--latents={tmp_path / 'z.npz'}", f"--out={tmp_path / 'x.png'}"
    )
    assert result.status == 2 and len(result.err.splitlines()) == 1
    assert re.search(message, result.err), result.err
    assert not (tmp_path / "x.png").exists()


@pytest.mark.export
def test_an_exported_file_takes_latents_as_they_are_kept(tmp_path):
    run = exporting.run("dcgan")
    given = Latents(np.random.default_rng(0).normal(size=(3, 9)), np.array([4, 0, 9]))
    latents_file.write(tmp_path / "z.npz", given)
    result = binaries.call(
        sample.main, f"--run_dir={run}", f"--latents={tmp_path / 'z.npz'}", f"--out={tmp_path / 'x.npz'}"
    )
    assert result.status == 0, result.err
    with np.load(tmp_path / "z.npz") as stored:
        inputs = {name: tf.constant(stored[name]) for name in ("z", "label")}
    call = tf.saved_model.load(str(exporting.exported("dcgan") / "saved_model")).signatures["serving_default"]
    images = np.rint((call(**inputs)["images"].numpy() + 1) * 127.5)
    assert np.abs(images - np.load(tmp_path / "x.npz")["images"]).max() <= 1
