"""The doctor on real runs: it speaks of those that are made to fail and is silent about healthy ones."""

import pytest

from tfgan_train import Config, UserError, train
from tfgan_train.runs.rows import read_rows

pytestmark = pytest.mark.slow

# Half the recipes' widths, so that it takes seconds.
SHORT = dict(dataset="mnist10k", steps=1200, log_every=50, checkpoint_every=5000, g_width=64, d_width=64)


def _signs(tmp_path, **settings) -> set[str]:
    train(Config(**SHORT | settings | {"run_dir": str(tmp_path / "run")}))
    return {row["sign"] for row in read_rows(tmp_path / "run" / "metrics.jsonl") if row["kind"] == "doctor"}


def test_three_layers_with_momentum_collapse(tmp_path):
    assert "mode_collapse" in _signs(tmp_path, recipe="deep_mlp")


def test_a_generator_that_hardly_learns_is_overpowered(tmp_path):
    assert "d_overpowers_g" in _signs(tmp_path, recipe="vanilla_mlp", d_lr=1e-2, g_lr=1e-6, steps=900)


def test_a_generator_that_gives_a_constant_has_collapsed(tmp_path):
    """Weights of 1e-6 that never move: the same grey image from every latent."""
    assert "mode_collapse" in _signs(tmp_path, recipe="vanilla_mlp", g_init="normal:1e-6", g_lr=1e-12)


def test_rates_far_too_high_end_the_run_by_name(tmp_path):
    with pytest.raises(UserError, match=r"^step \d+: \w+ is (nan|-?inf); training stopped"):
        train(Config(**SHORT | dict(recipe="deep_mlp", g_lr=3.0, d_lr=3.0, run_dir=str(tmp_path / "run"))))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_healthy_run_is_left_in_peace(tmp_path, seed):
    assert _signs(tmp_path, recipe="vanilla_mlp", seed=seed) == set()
