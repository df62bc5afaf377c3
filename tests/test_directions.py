"""Directions: SeFa's against a singular value decomposition, strips against plain samples."""

import pathlib
import types

import numpy as np
import pytest

from tests import binaries
from tests.tiny import config, facts
from tfgan_train import UserError, load, sample
from tfgan_train.models import build_generator
from tfgan_train.models.variables import named
from tfgan_train.pictures import grid, of_run
from tfgan_train.report import galleries
from tfgan_train.runs.directions import Direction, principal, strips
from tfgan_train.runs.sampler import Sampler
from tfgan_train.runs.walks import seeded

STORED = pathlib.Path(__file__).parent / "stored_run"
STRENGTHS = 9


def _strip(tmp_path, *arguments):
    result = binaries.call(sample.main, f"--run_dir={STORED}", f"--out={tmp_path / 'x.png'}", *arguments)
    assert result.status == 0, result.err
    tiles = grid.tiles(grid.read_png(tmp_path / "x.png"), 6 * STRENGTHS, (16, 16, 1), STRENGTHS)
    return tiles.reshape(6, STRENGTHS, 16, 16, 1).astype(int)


@pytest.mark.parametrize(
    ("architecture", "first"),
    [("dcgan", "stage0/base/kernel"), ("mlp", "hidden0/dense0/kernel"), ("resnet", "base/kernel")],
)
def test_principal_directions_are_the_first_layers_left_singular_vectors(architecture, first):
    settings = config(architecture=architecture, conditional=True, d_norm="none")
    generator = build_generator(settings, facts())
    weights = named(generator)[first].numpy()[:6].astype(np.float64)
    found = principal(generator, 6)
    expected = np.linalg.svd(weights)[0].T
    assert found.shape == (6, 6)
    rank = np.linalg.matrix_rank(weights)  # Beyond it any basis is as good.
    np.testing.assert_allclose(np.abs(np.sum(found * expected, 1))[:rank], 1, atol=1e-5)
    np.testing.assert_allclose(found @ found.T, np.eye(6), atol=1e-5)


def test_directions_of_styles_are_those_of_all_affine_layers():
    settings = config(architecture="style", d_norm="none", g_init="normal:0.02")
    generator = build_generator(settings, facts())
    found = principal(generator, 6)
    kernels = [v.numpy() for name, v in named(generator).items() if name.endswith("affine/kernel")]
    expected = np.linalg.svd(np.concatenate(kernels, 1).astype(np.float64))[0].T
    np.testing.assert_allclose(np.abs(np.sum(found * expected, 1)), 1, atol=1e-5)
    sampler = Sampler(generator, settings, facts())
    start = seeded(sampler, 2, 3)
    images = strips(sampler, Direction("w", found[0]), start, np.array([-3.0, 0.0, 3.0])).reshape(3, 3, 16, 16, 1)
    assert np.abs(images[:, 1].astype(int) - sampler.images(3, 2)).max() <= 1
    assert (images[:, 0] != images[:, 2]).any()


def test_a_strip_along_sefa_has_the_samples_in_its_middle(tmp_path):
    tiles = _strip(tmp_path, "--direction=sefa:1", "--strengths=-3,3", "--seed=5")
    assert np.abs(tiles[:, 4] - load(STORED).generate(6, seed=5)).max() <= 1
    assert (tiles[:, 0] != tiles[:, 8]).any(axis=(1, 2, 3)).all()


def test_a_strip_between_labels_begins_and_ends_with_them(tmp_path):
    tiles, run = _strip(tmp_path, "--direction=label:3,7", "--seed=5"), load(STORED)
    assert np.abs(tiles[:, 0] - run.generate(6, seed=5, label=3)).max() <= 1
    assert np.abs(tiles[:, 8] - run.generate(6, seed=5, label=7)).max() <= 1


def test_a_direction_between_sets_of_latents_is_the_difference_of_their_means(tmp_path):
    rng = np.random.default_rng(0)
    sets = rng.normal(size=(2, 5, 8)).astype(np.float32)
    for name, z in zip("ab", sets, strict=True):
        np.savez(tmp_path / f"{name}.npz", z=z)
    loaded = load(STORED).loaded
    sampler = Sampler(loaded.generator, loaded.config, loaded.data)
    found = Direction.parse(f"latents:{tmp_path / 'a.npz'},{tmp_path / 'b.npz'}", loaded, sampler)
    np.testing.assert_allclose(found.vector, (sets[1] - sets[0]).mean(0), rtol=1e-5)


def test_a_direction_between_sets_of_w_is_one_of_w(tmp_path):
    settings = config(architecture="style", g_init="normal:0.02", d_norm="none")
    sampler = Sampler(build_generator(settings, facts()), settings, facts())
    sets = np.random.default_rng(0).normal(size=(2, 5, sampler.w_size)).astype(np.float32)
    for name, w in zip("ab", sets, strict=True):
        np.savez(tmp_path / f"{name}.npz", w=w)
    np.savez(tmp_path / "z.npz", z=np.zeros([2, sampler.space.size], np.float32))
    found = Direction.parse(f"latents:{tmp_path}/a.npz,{tmp_path}/b.npz", None, sampler)
    np.testing.assert_allclose(found.vector, (sets[1] - sets[0]).mean(0), rtol=1e-5)
    assert found.kind == "w"
    with pytest.raises(UserError, match="one file holds w and the other z"):
        Direction.parse(f"latents:{tmp_path}/a.npz,{tmp_path}/z.npz", None, sampler)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--direction=smile"], "is none of sefa:N, label:FROM,TO"),
        (["--direction=sefa:9"], "legal: sefa:1 to sefa:8"),
        (["--direction=label:3,12"], "label=12 is not one of"),
        (["--direction=latents:no.npz,no.npz"], "no.npz is no file"),
        (["--direction=latents:bad.npz,bad.npz"], "bad.npz holds z of 4 columns, and this run's latents have 8"),
        (["--direction=sefa:1", "--strengths=3"], "--strengths=3 is not two numbers"),
        (["--strengths=-1,1"], "--strengths goes with --direction"),
    ],
)
def test_what_the_run_hasnt_is_said_in_a_line(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("bad.npz", z=np.zeros([3, 4], np.float32))
    result = binaries.call(sample.main, f"--run_dir={STORED}", f"--out={tmp_path / 'x.png'}", *arguments)
    assert result.status == 2 and said in result.err and result.err.count("\n") == 1, result.err
    assert not (tmp_path / "x.png").exists()


def test_the_report_of_styles_shows_the_first_directions(tmp_path):
    settings = config(architecture="style", g_init="normal:0.02", d_norm="none")
    sampler = Sampler(generator := build_generator(settings, facts()), settings, facts())
    of_run.write_directions(path := tmp_path / "directions.png", sampler, 3)
    tiles = grid.tiles(grid.read_png(path), 5 * STRENGTHS, (16, 16, 1), STRENGTHS).reshape(5, STRENGTHS, 16, 16, 1)
    z = sampler.latents(3, [0])
    values, vectors = np.linalg.eigh(generator.style_matrix() @ generator.style_matrix().T)
    w = generator.styles(z) + 2 * vectors[:, -1] * np.sign(vectors[np.abs(vectors[:, -1]).argmax(), -1])
    expected = np.clip(np.rint((generator.images([w] * generator.latents).numpy() + 1) * 127.5), 0, 255)
    assert np.abs(tiles[0, -1].astype(int) - expected[0]).max() <= 1 and values[-1] > values[-2]
    for row in tiles:
        assert np.abs(row[STRENGTHS // 2].astype(int) - sampler.images(1, 3)[0]).max() <= 1
    section = galleries.directions(types.SimpleNamespace(picture=lambda name: tmp_path / name))
    assert "data:image/" in section and "SeFa" in section
