"""Pixels as features: needs nothing, says little about what is in the image."""

from tfgan_train.features.extractor import Extractor, Request
from tfgan_train.metrics.pixels import as_rows

SIDE = 16  # at most 16 x 16 x C numbers, which 10,000 samples can estimate a covariance of


def build(request: Request) -> Extractor:
    """Mean pixels over blocks, no side above 16, in [0, 1]."""
    return Extractor(
        "pixels",
        f"pixels-{SIDE}",
        "FD-pixels",
        "Pixel features see colours and coarse shapes only; compare figures only with "
        "others of the same data, features and number of samples.",
        lambda images: (as_rows(images, SIDE), None),
    )
