"""Stacked data: each channel through a classifier of the images that the channels are drawn from."""

import dataclasses

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.features import classifier
from tfgan_train.features.extractor import Extractor, Request


def build(request: Request) -> Extractor:
    """The channels' features side by side, and their probabilities too (see Extractor.channels).

    Raises:
      UserError: data whose channels are not pictures of their own.
    """
    parts = request.train.channel_source
    if parts is None or parts.image_shape[:2] != request.train.image_shape[:2]:
        raise UserError(
            f"--features=channels is for stacked digits of their own size, not for {request.train.name} "
            f"of {'x'.join(map(str, request.train.image_shape))}"
        )
    heldout = None if request.heldout is None else request.heldout.channel_source
    single = classifier.build(dataclasses.replace(request, train=parts, heldout=heldout))
    count = request.train.image_shape[-1]

    def run(images: np.ndarray):
        found = [single.run(np.ascontiguousarray(images[..., channel : channel + 1])) for channel in range(count)]
        return tuple(np.concatenate(arrays, axis=1) for arrays in zip(*found, strict=True))

    return Extractor(
        "channels",
        f"channels-{single.key}",
        "FD-channels",
        f"Each channel by itself. {single.note}",
        run,
        batch=single.batch,
        channels=count,
        facts=single.facts,
    )
