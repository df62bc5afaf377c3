"""Points of the plane as a picture: generated ones over real ones."""

import numpy as np
from PIL import Image, ImageDraw

SIDE = 512
_FINE = 2  # drawn so many times larger and then shrunk, which smooths the dots
_GROUND, _REAL, _FAKE = (255, 255, 255), (178, 187, 200), (204, 72, 8)
_REAL_RADIUS, _FAKE_RADIUS = 3.0, 2.2


def scatter(fake: np.ndarray, real: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Draws `fake` (orange) over `real` (grey).

    Args:
      fake, real: [n, 2] in [-1, 1]: x to the right, y upwards.
      side: of the picture, in pixels.

    Returns:
      uint8 [side, side, 3].
    """
    image = Image.new("RGB", (side * _FINE, side * _FINE), _GROUND)
    pen = ImageDraw.Draw(image)
    for points, colour, radius in ((real, _REAL, _REAL_RADIUS), (fake, _FAKE, _FAKE_RADIUS)):
        for x, y in (np.asarray(points, np.float64) * (1, -1) + 1) * (side * _FINE / 2):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return np.asarray(image.reduce(_FINE))
