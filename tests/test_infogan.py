"""InfoGAN's codes: their columns of z, the information in both losses, what commands make of them."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import binaries, tiny
from tfgan_train import Config, UserError, load, sample, train
from tfgan_train.models import build_generator
from tfgan_train.models.layers import WATCHED
from tfgan_train.models.variables import trainable
from tfgan_train.objective.information import code_terms, continuous_error, information_bound
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.pictures import grid
from tfgan_train.training.step_inputs import TRAINING_STREAM
from tfgan_train.training.step_metrics import columns
from tfgan_train.training.validation import validate

SPACE = LatentSpace(5, "normal", (3, 4), 2)
CODES = dict(code_categories="3,4", code_continuous=2, architecture="mlp", d_norm="none", g_norm="none")
SGD = dict(d_optimizer="sgd", g_optimizer="sgd")


def test_a_row_is_noise_then_one_hot_columns_then_numbers():
    z = SPACE.draw(7, range(20_000)).numpy()
    assert z.shape == (20_000, SPACE.size) == (20_000, 14)
    assert [(code.name, code.first, code.size) for code in SPACE.codes] == [
        ("c0", 5, 3),
        ("c1", 8, 4),
        ("u0", 12, 1),
        ("u1", 13, 1),
    ]
    first, second, numbers = z[:, 5:8], z[:, 8:12], z[:, 12:]
    for one_hot in (first, second):
        assert set(np.unique(one_hot)) == {0.0, 1.0} and (one_hot.sum(1) == 1).all()
        np.testing.assert_allclose(one_hot.mean(0), 1 / one_hot.shape[1], atol=0.015)
    # Independent of each other and of the noise.
    pairs = np.einsum("na,nb->ab", first, second) / len(z)
    np.testing.assert_allclose(pairs, 1 / 12, atol=0.01)
    assert np.abs(numbers).max() < 1 and abs(numbers.var() - 1 / 3) < 0.01
    correlations = np.corrcoef(np.concatenate([z[:, :5], first[:, :2], second[:, :3], numbers], 1).T)
    blocks = [(0, 5), (5, 7), (7, 10), (10, 11), (11, 12)]
    for (a, b), (c, d) in itertools.combinations(blocks, 2):
        assert np.abs(correlations[a:b, c:d]).max() < 0.04


def test_truncation_leaves_the_code_and_noise_is_that_of_a_run_without():
    z = SPACE.draw(7, range(50)).numpy()
    half = SPACE.draw(7, range(50), truncation=0.5).numpy()
    np.testing.assert_allclose(half[:, :5], z[:, :5] / 2)
    np.testing.assert_array_equal(half[:, 5:], z[:, 5:])
    np.testing.assert_array_equal(LatentSpace(5).draw(7, range(50)), z[:, :5])
    assert (SPACE.draw(7, range(50), TRAINING_STREAM).numpy()[:, 5:] != z[:, 5:]).any(0).all()


def test_fixed_codes_alone_change():
    z = SPACE.draw(7, range(6))
    found = SPACE.fixed(z, SPACE.parse("c1=2, u0=-1.5")).numpy()
    expected = z.numpy()
    expected[:, 8:12], expected[:, 12] = [0, 0, 1, 0], -1.5
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "text, message",
    [
        ("c2=1", "unknown code 'c2'; did you mean c1 or c0"),
        ("c0=3", "c0=3 is no category; legal: 0 to 2"),
        ("c0=1.5", "c0=1.5 is no category"),
        ("u0=3", "u0=3 is out of range; legal: -2 to 2"),
        ("u0=x", "u0=x is out of range"),
        ("c0", "'c0' is not NAME=VALUE"),
        ("u0=1,u0=0", "u0 stands in it twice"),
    ],
)
def test_a_code_that_the_model_has_not_is_one_line(text, message):
    with pytest.raises(UserError, match="^--code=") as caught:
        SPACE.parse(text)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UserError, match="this run has no codes"):
        LatentSpace(5).parse(text)


@pytest.mark.parametrize("sizes", ["1", "10,", "ten", "2000", "10;10", "-3"])
def test_bad_sizes_are_one_line(sizes):
    with pytest.raises(UserError, match="--code_categories=.*each from 2 to 1000"):
        validate(Config(steps=5, code_categories=sizes))


def test_terms_are_those_of_the_paper():
    random = np.random.default_rng(0)
    code = SPACE.draw(1, range(9)).numpy()[:, 5:].astype(np.float64)
    outputs = random.normal(size=(9, 9))
    softmax = [np.exp(part) / np.exp(part).sum(1, keepdims=True) for part in (outputs[:, :3], outputs[:, 3:7])]
    expected = -sum(
        np.log((part * one_hot).sum(1)) for part, one_hot in zip(softmax, (code[:, :3], code[:, 3:7]), strict=True)
    )
    off = outputs[:, 7:] - code[:, 7:]
    density = np.exp(-(off**2) / 2) / math.sqrt(2 * math.pi)
    args = [tf.constant(value, tf.float32) for value in (outputs, code)]
    categorical, continuous = code_terms(*args, (3, 4))
    np.testing.assert_allclose(categorical, expected, rtol=1e-5)
    np.testing.assert_allclose(continuous, -np.log(density).sum(1), rtol=1e-5)
    np.testing.assert_allclose(information_bound(categorical, (3, 4)), math.log(12) - expected, rtol=1e-4)
    np.testing.assert_allclose(continuous_error(*args, (3, 4)), (off**2).mean(1), rtol=1e-5)


def _q(training, features) -> np.ndarray:
    """Q's outputs in float64, from its own weights."""
    w0, b0, w1, b1 = (variable.numpy().astype(np.float64) for variable in training.gan.heads["code_head"].variables)
    hidden = features @ w0 + b0
    return np.where(hidden > 0, hidden, 0.2 * hidden) @ w1 + b1


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_a_step_moves_q_by_d_s_rate(update, eagerly):
    """SGD of rate 1: Q's last bias moves by minus the gradient of lambda -log Q(c|x), here in closed form."""
    training = tiny.Training(**CODES, update=update, **SGD, d_lr=1.0, g_lr=1e-3, code_continuous_weight=0.25)
    gan, space = training.gan, LatentSpace.of(training.config)
    z = space.draw(training.config.seed, range(12), TRAINING_STREAM)
    fake = gan.generator(z, None, training=WATCHED)
    features = gan.discriminator.logits_and_features(fake, None, training=WATCHED)[1].numpy().astype(np.float64)
    outputs, code = _q(training, features), z.numpy()[:, space.noise :].astype(np.float64)
    softmax = np.concatenate(
        [np.exp(part) / np.exp(part).sum(1, keepdims=True) for part in (outputs[:, :3], outputs[:, 3:7])], 1
    )
    slope = np.concatenate([softmax - code[:, :7], 0.25 * (outputs[:, 7:] - code[:, 7:])], 1).mean(0)
    bias = gan.heads["code_head"].variables[-1]
    before = bias.numpy()
    training.run()
    np.testing.assert_allclose(bias.numpy() - before, -slope, atol=1e-5)
    assert len(columns(training.config)) == len(set(columns(training.config)))


def test_g_s_loss_has_the_information_with_its_weight(eagerly):
    """SGD of rate 1: G moves by minus the gradient of its adversarial loss - lambda log Q(c|x)."""
    training = tiny.Training(**CODES | {"code_continuous": 0}, code_weight=3.0, **SGD, g_lr=1.0, update="simultaneous")
    gan, space = training.gan, LatentSpace.of(training.config)
    z = space.draw(training.config.seed, range(12), TRAINING_STREAM)
    with tf.GradientTape() as tape:
        fake = gan.generator(z, None, training=WATCHED)
        logits, features = gan.discriminator.logits_and_features(fake, None, training=WATCHED)
        outputs = gan.heads["code_head"](features)
        known = sum(
            tf.reduce_sum(tf.math.log_softmax(outputs[:, a:b]) * z[:, space.noise + a : space.noise + b], 1)
            for a, b in ((0, 3), (3, 7))
        )
        loss = tf.reduce_mean(tf.math.softplus(-logits) - 3.0 * known)
    weights = trainable(gan.generator)
    expected = [weight - slope for weight, slope in zip(weights, tape.gradient(loss, weights), strict=True)]
    training.run()
    for weight, value in zip(weights, expected, strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-5)


@pytest.mark.parametrize("architecture", ["mlp", "dcgan", "style"])
def test_g_takes_its_code_times_the_scale(architecture, eagerly):
    codes = dict(architecture=architecture, code_categories="3", code_continuous=1, g_width=4)
    one, seven = (build_generator(tiny.config(code_scale=scale, **codes), tiny.facts()) for scale in (1.0, 7.0))
    for mine, others in zip(one.variables, seven.variables, strict=True):
        others.assign(mine)
    z = np.random.default_rng(0).normal(size=[5, 10]).astype(np.float32)
    louder = np.concatenate([z[:, :6], 7 * z[:, 6:]], 1)
    np.testing.assert_array_equal(seven(tf.constant(z)), one(tf.constant(louder)))
    assert not np.array_equal(one(tf.constant(z)), one(tf.constant(louder)))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("codes") / "run"
    settings = dict(recipe="smoke", steps=2, train_examples=100, batch_size=8, image_size="12", g_init="normal:0.2")
    train(Config(dataset="mnist10k", run_dir=str(path), **settings, latent_dim=5, **CODES))
    return path


def test_a_run_shows_a_walk_over_each_code(run):
    rows, columns, side = 4, 10, grid.viewing_scale(12, 12) * 12 + 2
    assert Image.open(run / "samples" / "codes.png").size == (columns * side + 2, rows * side + 2)
    page = (run / "report.html").read_text()
    assert "Along each code" in page and "c0 through its 3 categories" in page and "u1 from -1 to 1" in page


def _pairs(code):
    return [part.split("=") for part in code.split(",")]


@pytest.mark.parametrize("code", ["c1=3", "u1=0.5,c0=0"])
def test_sample_fixes_codes(run, tmp_path, code):
    from tfgan_train.runs.directory import load_run

    out = tmp_path / "drawn.npz"
    result = binaries.call(sample.main, f"--run_dir={run}", f"--out={out}", f"--code={code}", "--num=5", "--seed=3")
    assert result.status == 0, result.err
    loaded = load_run(run)
    space = LatentSpace.of(loaded.config)
    z = space.draw(3, range(5)).numpy()
    for name, value in _pairs(code):
        found = next(one for one in space.codes if one.name == name)
        z[:, found.first : found.first + found.size] = (
            np.eye(found.size)[int(value)] if found.categorical else float(value)
        )
    expected = np.rint(np.clip((loaded.generator(z).numpy() + 1) * 127.5, 0, 255))
    with np.load(out) as file:
        assert np.abs(file["images"].astype(int) - expected).max() <= 1
        values = {name: float(value) if name[0] == "u" else int(value) for name, value in _pairs(code)}
        np.testing.assert_array_equal(load(run).generate(5, 3, code=values), file["images"])
    refused = binaries.call(sample.main, f"--run_dir={run}", f"--out={out}", "--code=c9=1")
    assert refused.status == 2 and refused.err.count("\n") == 1 and "unknown code 'c9'" in refused.err
