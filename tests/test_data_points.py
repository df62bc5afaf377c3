"""ring2d and grid2d: the mixtures as published, trained, drawn, sampled, scored; and what points are refused for."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tfgan_train
from tests import tiny
from tfgan_train import data
from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import Config
from tfgan_train.data.points import from_plane, grid_means, ring_means, to_plane
from tfgan_train.metrics.modes import CEILING, mixture_modes
from tfgan_train.pictures.scatter import scatter
from tfgan_train.runs.directory import load_run
from tfgan_train.score import points
from tfgan_train.training.step import TrainStep
from tfgan_train.training.validation import validate_with_data


@pytest.mark.parametrize("name,means,sigma", [("ring2d", ring_means(), 0.01), ("grid2d", grid_means(), 0.05)])
def test_data_are_the_published_mixture(name, means, sigma):
    source = data.load(Config(dataset=name))
    images, _ = source.read(np.arange(source.count))
    assert images.dtype == np.float32 and images.shape == (100_000, 1, 1, 2) and np.abs(images).max() < 0.9
    points = to_plane(images, name)
    offset = points[:, None] - means
    mode = np.linalg.norm(offset, axis=-1).argmin(1)
    counts = np.bincount(mode, minlength=len(means))
    assert np.abs(counts / (1e5 / len(means)) - 1).max() < 0.1
    assert (offset[np.arange(len(points)), mode]).std() == pytest.approx(sigma, rel=0.01)
    modes, quality = mixture_modes(points[:2500], means, sigma)
    assert modes.value == len(means) and quality.value == pytest.approx(CEILING, abs=0.01)
    held = data.load_held_out(Config(dataset=name))
    assert not np.isin(held.read(np.arange(100))[0][:, 0, 0, 0], images[:, 0, 0, 0]).all()


def test_scale_goes_there_and_back():
    points = np.array([[0.3, -1.0], [4.0, -4.0]])
    np.testing.assert_allclose(to_plane(from_plane(points, "grid2d"), "grid2d"), points, atol=1e-6)


def test_scatter_has_each_point_where_it_lies():
    picture = scatter(np.array([[0.5, 0.5]]), np.array([[-0.5, -0.5]]), side=100).astype(int)
    assert (picture[25, 75] == (204, 72, 8)).all() and (picture[75, 25] == (178, 187, 200)).all()
    assert (picture[75, 75] == 255).all()


def test_step_takes_float_batches_as_they_are():
    """A discriminator that is a plain sum: its mean logit on reals is the mean of the numbers given."""
    training = tiny.Training(shape=(1, 1, 2), architecture="mlp", g_norm="none", d_norm="none", d_depth=1)
    points = np.random.default_rng(0).uniform(-1, 1, (tiny.EXAMPLES, 1, 1, 2)).astype(np.float32)
    expected = training.gan.discriminator(points[:12], training=False).numpy().mean()
    step = TrainStep(training.config, training.gan, tf.distribute.get_strategy(), points, training.labels, 4.0)
    row = dict(zip(tiny.METRICS, step.run(tiny.indices(training.config, 1), False).numpy()[0], strict=True))
    assert row["real_logits"] == pytest.approx(expected, abs=1e-6)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "ring"
    return tfgan_train.train(
        Config(dataset="ring2d", steps=4, batch_size=16, g_width=8, d_width=8, log_every=2, run_dir=str(path))
    )


def test_run_draws_scatter_plots_and_float_samples(run):
    names = {path.name for path in (run.run_dir / "samples").iterdir()}
    assert {"real.png", "step-00000004.png"} <= names
    assert not any(name.startswith(("strip", "nearest", "spot", "interpolation")) for name in names)
    samples = run.generate(70, seed=3)
    assert samples.dtype == np.float32 and samples.shape == (70, 1, 1, 2) and np.abs(samples).max() <= 1
    assert "100,000 points of the plane" in (run.run_dir / "report.html").read_text()
    rows = [json.loads(line) for line in (run.run_dir / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(row["pairwise_distance"]) for row in rows if row["kind"] == "samples")


def test_score_counts_what_the_generator_draws(run):
    loaded = load_run(run.run_dir)
    modes, quality = points.score(loaded, 500)
    drawn = run.generate(500, seed=0).reshape(-1, 2) * 1.5
    near = np.linalg.norm(drawn[:, None] - ring_means(), axis=-1) <= 0.03
    assert modes.value == near.any(0).sum() and quality.value == pytest.approx(near.any(1).mean())
    for names, features in ((["frechet"], ""), ([], "pixels")):
        with pytest.raises(UserError, match="is for pictures"):
            points.check_names(names, features)


def test_what_is_for_pictures_is_refused():
    with pytest.raises(UserError, match="leave out --image_size"):
        data.load(Config(dataset="ring2d", image_size="8"))
    with pytest.raises(UserError, match="--eval_every is for pictures"):
        validate_with_data(Config(dataset="ring2d", eval_every=5), data.load(Config(dataset="ring2d")), 1)
    with pytest.raises(UserError, match="try mlp"):
        validate_with_data(Config(dataset="ring2d", architecture="dcgan"), data.load(Config(dataset="ring2d")), 1)
