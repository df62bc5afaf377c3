"""Features of real images, kept in the cache so that they are computed once."""

import numpy as np

from tfgan_train.data import reading
from tfgan_train.features.cache import cached
from tfgan_train.features.extractor import Extractor, extract


def features(extractor: Extractor, source, indices: np.ndarray, say, progress=lambda done: None):
    """(features [n, F], probabilities [n, K] or None) of these images of a Source.

    The cache's name has the network's key and the images' checksum in it, so other images or other
    weights are never mistaken for these.
    """

    def build():
        found, probabilities = extract(extractor, reading.images(source, indices), progress)
        return {"features": found} | ({} if probabilities is None else {"probabilities": probabilities})

    if extractor.name == "pixels":  # as quick to compute as to read
        found = build()
    else:
        found = cached(f"features-{extractor.key}-{reading.checksum(source, indices)[:24]}", build, say)
    return found["features"], found.get("probabilities")
