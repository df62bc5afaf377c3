"""The game "spot the fake": real images and samples in one grid, and the key to it."""

import numpy as np

from tfgan_train.pictures import grid

_PADDING = 4


def make_game(
    real: np.ndarray, fake: np.ndarray, seed: int, rows: int = 6, columns: int = 6, fake_share: float = 1 / 3
) -> tuple[np.ndarray, dict]:
    """Mixes real and fake images into a grid.

    Args:
      real: uint8 [n, H, W, C]; as many as the grid has real places are taken, at random.
      fake: uint8 [m, H, W, C], likewise.
      seed: of the choice and the places; the same seed gives the same game.
      rows, columns: the grid; its count times `fake_share`, rounded, is how many are fake.

    Returns:
      The picture, uint8 [h, w, C], and its key: {"rows", "columns", "fake": ascending
      indices row by row, "tile_height", "tile_width", "padding": in the picture's pixels,
      "seed"}.

    Raises:
      ValueError: where there are too few images, or the game has no fake or no real place.
    """
    count = rows * columns
    fakes = round(count * fake_share)
    if not 0 < fakes < count:
        raise ValueError(f"{rows} x {columns} places with {fakes} fakes are no game")
    if len(real) < count - fakes or len(fake) < fakes:
        raise ValueError(f"needs {count - fakes} real and {fakes} fake images, got {len(real)} and {len(fake)}")
    random = np.random.default_rng(seed)
    places = np.sort(random.choice(count, fakes, replace=False))
    is_fake = np.zeros(count, bool)
    is_fake[places] = True
    images = np.empty((count, *real.shape[1:]), np.uint8)
    images[is_fake] = fake[random.choice(len(fake), fakes, replace=False)]
    images[~is_fake] = real[random.choice(len(real), count - fakes, replace=False)]
    scale = grid.viewing_scale(*real.shape[1:3])
    key = {
        "rows": rows,
        "columns": columns,
        "fake": [int(place) for place in places],
        "tile_height": real.shape[1] * scale,
        "tile_width": real.shape[2] * scale,
        "padding": _PADDING,
        "seed": seed,
    }
    return grid.grid(images, columns, _PADDING, scale=scale), key
