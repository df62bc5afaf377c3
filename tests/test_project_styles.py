"""The w of given pictures: found through a generator of styles, kept in a file, walked and moved."""

import re

import numpy as np
import pytest
import tensorflow as tf

from tests import binaries, exporting, tiny
from tfgan_train import models, project, sample
from tfgan_train.common.errors import UserError
from tfgan_train.runs import latents_file
from tfgan_train.runs.directions import Direction, strips
from tfgan_train.runs.sampler import Sampler
from tfgan_train.runs.walks import Latents, closed_walk, drawn, walk_between
from tfgan_train.steering import inversion, spaces

SHAPE = (16, 16, 1)


def _sampler(**changes) -> Sampler:
    config = tiny.config(SHAPE, architecture="style", d_norm="none", **changes)
    return Sampler(models.build_generator(config, tiny.facts(SHAPE)), config, tiny.facts(SHAPE))


@pytest.fixture(scope="module")
def labelled() -> Sampler:
    """A sampler of three labels, whose averages of w are those of its samples."""
    sampler = _sampler(conditional=True)
    for label in range(3):
        w = sampler.styles(*_of_seed(sampler, 500, label))
        average = sampler.generator.mapping.average
        average.assign(tf.tensor_scatter_nd_update(average, [[label]], [w.mean(0)]))
    return sampler


def _of_seed(sampler, count, label=None, seed=7):
    labels = sampler.labels(seed, tf.range(count), label)
    return sampler.latents(seed, tf.range(count)).numpy(), None if labels is None else labels.numpy()


@pytest.fixture(scope="module")
def found(labelled) -> inversion.Found:
    """What is found for ten pictures of another seed."""
    inverter = inversion.Inverter(labelled, SHAPE, restarts=4, steps=200)
    return inverter.run(labelled.images(10, 123), 0, None, lambda done: None)


def test_the_w_of_generated_pictures_are_found_back(labelled, found):
    images, w = labelled.images(10, 123), labelled.styles(*_of_seed(labelled, 10, seed=123))
    assert found.latents.in_w and found.latents.values.shape == w.shape == (10, 6)
    spread = labelled.styles(*_of_seed(labelled, 500)).std(0)
    assert np.abs((found.latents.values - w) / spread).max() < 0.1
    # Each is nearer to its own picture than any other picture is.
    distances = np.linalg.norm((found.images[:, None].astype(float) - images[None]).reshape(10, 10, -1), axis=-1)
    others = np.linalg.norm((images[:, None].astype(float) - images[None]).reshape(10, 10, -1), axis=-1)
    assert (np.diag(distances) < np.where(np.eye(10), np.inf, others).min(1) / 10).all()


def test_a_search_starts_from_the_average_of_a_label(labelled):
    candidates = spaces.of_sampler(labelled).candidates(0, None)
    assert candidates.averages == 3
    typical = Sampler(labelled.generator, labelled.generator.config, tiny.facts(SHAPE), truncation=0.0)
    for label in range(3):
        assert np.abs(candidates.images[label].astype(int) - typical.images(1, 0, label)[0]).max() <= 1
    # With one start alone it is that of the nearest average.
    starts = inversion._starts(candidates.images[[2, 0]], candidates, 1)
    np.testing.assert_array_equal(starts, [[2], [0]])
    only = spaces.of_sampler(labelled).candidates(0, 1)
    assert only.averages == 1
    np.testing.assert_array_equal(only.images[0], candidates.images[1])


def test_w_stays_among_those_that_are_drawn(labelled):
    space = spaces.of_sampler(labelled)
    w = labelled.styles(*_of_seed(labelled, spaces.CANDIDATES, seed=0)).astype(np.float64)
    inverse = np.linalg.inv(np.cov(w.T))

    def distance(values):  # Mahalanobis
        values = values - w.mean(0)
        return np.sqrt(np.einsum("ni,ij,nj->n", values, inverse, values))

    far = space.latents(space.kept(tf.random.stateless_normal([5, 6], [1, 2], stddev=100.0)).numpy(), None)
    np.testing.assert_allclose(distance(far.values), distance(w).max(), rtol=1e-2)
    near = tf.random.stateless_normal([5, 6], [1, 2], stddev=0.1)
    np.testing.assert_allclose(space.kept(near), near, rtol=1e-6)


def test_a_file_keeps_w_and_pictures_are_drawn_of_it_again(labelled, found, tmp_path):
    latents_file.write(tmp_path / "w.npz", found.latents)
    again = latents_file.read(str(tmp_path / "w.npz"), "--latents=w.npz", labelled, None)
    assert again.in_w and again.label is None
    np.testing.assert_array_equal(again.values, found.latents.values)
    np.testing.assert_array_equal(np.concatenate(list(drawn(labelled, again))), found.images)


def test_ways_through_w_are_straight(labelled, found):
    given = found.latents[:3]
    rows = walk_between(labelled, given[:-1], given[1:], 5).reshape(2, 5, *SHAPE).astype(int)
    middle = Latents((given.values[:-1] + given.values[1:]) / 2, None, in_w=True)
    assert np.abs(rows[:, 2] - np.concatenate(list(drawn(labelled, middle)))).max() <= 1
    frames = np.concatenate(list(closed_walk(labelled, given, 30))).astype(int)
    assert len(frames) == 30 and np.abs(frames[0] - found.images[0]).max() <= 1


def test_found_w_are_moved_along_a_direction_of_w(labelled, found):
    vector = np.eye(6, dtype=np.float32)[2]
    given = found.latents[:2]
    images = strips(labelled, Direction("w", vector), given, np.array([0.0, 1.5])).reshape(2, 2, *SHAPE).astype(int)
    moved = Latents(given.values + 1.5 * vector, None, in_w=True)
    assert np.abs(images[:, 0] - found.images[:2]).max() <= 1
    assert np.abs(images[:, 1] - np.concatenate(list(drawn(labelled, moved)))).max() <= 1


@pytest.mark.parametrize(
    ("arrays", "label", "said"),
    [
        ({"w": np.ones((2, 5))}, None, "holds w of 5 columns, and this run's latents have 6"),
        ({"w": np.full((2, 6), np.nan)}, None, r"must hold finite float32 numbers w \[n, 6\]; it holds w float64"),
        ({"w": np.ones((2, 6))}, 1, "holds w, and a label is in it already; leave out --label"),
        ({"x": np.ones((2, 6))}, None, r"must hold finite float32 numbers z \[n, 6\]; it holds x float64"),
    ],
)
def test_w_that_does_not_fit_is_refused(labelled, tmp_path, arrays, label, said):
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(UserError) as caught:
        latents_file.read(str(tmp_path / "w.npz"), "--latents=w.npz", labelled, label)
    assert re.search(said, str(caught.value)) and "\n" not in str(caught.value)


@pytest.mark.export
def test_project_writes_w_which_sample_and_an_export_draw(tmp_path):
    run, npz = exporting.run("style"), tmp_path / "out" / "latents.npz"
    arguments = (f"--run_dir={run}", "--num=3", "--seed=5", f"--out={tmp_path / 'given.npz'}")
    assert binaries.call(sample.main, *arguments).status == 0
    options = ("--restarts=2", "--iterations=20", f"--images={tmp_path / 'given.npz'}", f"--out={tmp_path / 'out'}")
    result = binaries.call(project.main, f"--run_dir={run}", *options)
    assert result.status == 0, result.err
    arguments = (f"--run_dir={run}", f"--latents={npz}", f"--out={tmp_path / 'again.npz'}")
    assert binaries.call(sample.main, *arguments).status == 0
    with np.load(npz) as stored:
        assert set(stored.files) == {"w", "distance"}
        w = tf.constant(stored["w"])
    images = np.load(tmp_path / "again.npz")["images"]
    call = tf.saved_model.load(str(exporting.exported("style") / "saved_model")).signatures["from_w"]
    assert np.abs(np.rint((call(w=w)["images"].numpy() + 1) * 127.5) - images).max() <= 1
    result = binaries.call(sample.main, *arguments[:2], "--direction=label:1,2", f"--out={tmp_path / 'x.png'}")
    assert result.status == 2 and "doesn't move w, which --latents holds; legal: sefa:N" in result.err
