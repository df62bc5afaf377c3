"""Animations are read back with Pillow: frames, their order, times and sizes."""

import time

import numpy as np
import pytest
from PIL import Image, features

from tests import needs
from tfgan_train.pictures import animation, grid


def _grids(folder, count, side=40):
    """Grey pictures that get brighter."""
    paths = []
    for index in range(count):
        level = round(40 + 200 * index / max(1, count - 1))
        paths.append(grid.save_png(folder / f"step-{index:08d}.png", np.full((side, side, 1), level, np.uint8)))
    return paths


def _frames(path):
    """(mean grey, milliseconds) of each frame."""
    found = []
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            found.append((float(np.asarray(image.convert("L"))[:30].mean()), image.info["duration"]))
    return found


@pytest.mark.parametrize("webp", [True, False])
def test_frames_run_from_early_to_late_and_the_last_is_held(tmp_path, monkeypatch, webp):
    if webp and not features.check("webp"):
        needs.missing("a Pillow that can write WebP")
    monkeypatch.setattr(features, "check", lambda name: webp)
    out = animation.write_animation(_grids(tmp_path, 10), tmp_path / "progress.webp", seconds=2.0)
    assert out.name == ("progress.webp" if webp else "progress.gif")
    levels, durations = zip(*_frames(out), strict=True)
    np.testing.assert_allclose(levels, np.linspace(40, 240, 10), atol=6)
    assert durations[:-1] == (200,) * 9 and durations[-1] == 2000
    assert not list(tmp_path.glob(".*"))


def test_one_picture_is_enough(tmp_path):
    out = animation.write_animation(_grids(tmp_path, 1), tmp_path / "progress.webp", ["step 0"])
    with Image.open(out) as image:
        assert image.size == (40, 40 + 22)


def test_many_pictures_are_thinned_evenly_and_keep_first_and_last(tmp_path):
    # Captions, because the encoder folds frames that hardly differ into one.
    out = animation.write_animation(_grids(tmp_path, 150), tmp_path / "progress.webp", [f"{n}" for n in range(150)])
    levels = [level for level, _ in _frames(out)]
    assert len(levels) == animation.MAX_FRAMES
    # … and keeps parts of a frame that hardly differ from the one before.
    np.testing.assert_allclose(levels, np.linspace(40, 240, animation.MAX_FRAMES), atol=25)


def test_captions_change_with_the_picture(tmp_path):
    paths = _grids(tmp_path, 1) * 2
    plain = animation.write_animation(paths, tmp_path / "plain.webp", ["step 1", "step 1"])
    other = animation.write_animation(paths, tmp_path / "other.webp", ["step 1", "step 2"])
    with Image.open(plain) as image:
        # An encoder may fold a repeated frame into one.
        assert image.n_frames <= 2
    with Image.open(other) as image:
        assert image.n_frames == 2


def test_large_grids_are_made_smaller_and_different_sizes_share_one_frame(tmp_path):
    paths = [
        grid.save_png(tmp_path / "a.png", np.full((900, 1800, 3), 90, np.uint8)),
        grid.save_png(tmp_path / "b.png", np.full((300, 300, 1), 90, np.uint8)),
    ]
    with Image.open(animation.write_animation(paths, tmp_path / "p.webp")) as image:
        assert image.size == (640, 320)


@pytest.mark.perf
def test_forty_digit_grids_take_less_than_two_seconds(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), np.uint8)
    paths = [grid.save_png(tmp_path / f"{index}.png", grid.grid(np.roll(noise, index, 0))) for index in range(40)]
    start = time.process_time()
    animation.write_animation(paths, tmp_path / "p.webp", ["step"] * 40)
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(
    "count,wanted,expected",
    [(3, 5, [0, 1, 2]), (5, 5, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (101, 5, [0, 25, 50, 75, 100])],
)
def test_evenly(count, wanted, expected):
    assert animation.evenly(count, wanted) == expected


def test_strips_stack_the_chosen_rows_early_at_the_top(tmp_path):
    paths = _grids(tmp_path, 100, side=20)
    picture = animation.strips(paths, [f"{index:,}" for index in range(100)])
    assert picture.shape[0] == 20 * animation.MAX_STRIPS
    levels = picture[10::20, -1, 0].astype(int)
    assert levels[0] == 40 and levels[-1] == 240 and (np.diff(levels) > 0).all()
