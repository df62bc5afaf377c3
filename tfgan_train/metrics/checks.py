"""What every metric asks of its arrays, said in one plain line when it is not so."""

import numpy as np

from tfgan_train.common.errors import UserError


def enough(count: int, minimum: int, what: str) -> None:
    """Raises UserError when there are fewer than `minimum` of `what`."""
    if count < minimum:
        raise UserError(f"{what}: {count} are too few, at least {minimum} are needed (--num)")


def pair(real: np.ndarray, fake: np.ndarray, minimum: int) -> None:
    """Real and fake rows [n, F], [m, F]: same width, finite, at least `minimum` each."""
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise UserError(f"features of real and fake images differ in shape: {real.shape} and {fake.shape}")
    enough(len(real), minimum, "real images")
    enough(len(fake), minimum, "generated images")
    for name, rows in (("real", real), ("generated", fake)):
        if not np.isfinite(rows).all():
            raise UserError(f"the {name} images' features are not finite: a network gave NaN or infinity")


def image_pair(real: np.ndarray, fake: np.ndarray, minimum: int) -> None:
    """uint8 images [n, H, W, C] of one shape, at least `minimum` each."""
    for name, images in (("real", real), ("generated", fake)):
        if images.ndim != 4 or images.dtype != np.uint8:
            raise UserError(f"{name} images must be uint8 [n, H, W, C], not {images.dtype} {images.shape}")
    if real.shape[1:] != fake.shape[1:]:
        raise UserError(f"generated images are {_size(fake)}, the data's are {_size(real)}")
    enough(len(real), minimum, "real images")
    enough(len(fake), minimum, "generated images")


def _size(images):
    return "x".join(map(str, images.shape[1:]))
