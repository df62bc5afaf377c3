"""Transparent pictures from training to samples and scores, by the commands."""

import numpy as np
import pytest
from PIL import Image

from tests import binaries
from tests.test_alpha import sprite
from tfgan_train import Config, evaluate, sample, train

SMALL = dict(recipe="smoke", steps=3, g_width=4, d_width=4, latent_dim=9, g_init="normal:0.2", batch_size=8)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sprites(tmp_path_factory):
    """A run on 40 transparent pictures, neither square nor of a power of two."""
    folder = tmp_path_factory.mktemp("sprites")
    run_dir = tmp_path_factory.mktemp("run") / "of"
    for number in range(40):
        sprite(number, 44).resize((44, 30)).save(folder / f"{number}.png")
    return train(Config(dataset=f"folder:{folder}", channels=4, run_dir=str(run_dir), **SMALL))


def done(command, *arguments) -> str:
    """What the command prints."""
    result = binaries.call(command.main, *arguments)
    assert result.status == 0, result.err
    return result.out


def test_samples_have_straight_alpha(sprites, tmp_path):
    drawn = sprites.generate(4, seed=5)
    assert drawn.shape == (4, 30, 44, 4) and (drawn[..., 3] < 255).any()
    done(sample, f"--run_dir={sprites.run_dir}", "--num=4", "--seed=5", f"--out={tmp_path}/one/")
    with Image.open(tmp_path / "one/2.png") as picture:
        assert picture.mode == "RGBA"
        np.testing.assert_array_equal(picture, drawn[2])
    done(sample, f"--run_dir={sprites.run_dir}", "--num=4", "--seed=5", f"--out={tmp_path}/x.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npz")["images"], drawn)
    for picture in ("grid", "nearest", "interpolate", "spot_the_fake"):
        flags = [] if picture == "grid" else [f"--{picture}"]
        done(sample, f"--run_dir={sprites.run_dir}", "--num=24", *flags, f"--out={tmp_path}/{picture}.png")
        with Image.open(tmp_path / f"{picture}.png") as shown:
            assert shown.mode == "RGB"


def test_what_is_sampled_is_scored_alike(sprites, tmp_path):
    score = done(evaluate, f"--run_dir={sprites.run_dir}", "--num=30", "--features=pixels")
    done(sample, f"--run_dir={sprites.run_dir}", "--num=30", f"--out={tmp_path}/x.npz")
    again = done(
        evaluate, f"--images={tmp_path}/x.npz", f"--dataset={sprites.config.dataset}", "--channels=4",
        "--num=30", "--features=pixels",
    )  # fmt: skip
    assert "FD-pixels" in score and "FD-pixels" in again
