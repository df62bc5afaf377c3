"""Convolutions with batch normalisation folded in, from a PyTorch state dict."""

import numpy as np
import tensorflow as tf

from tfgan_train.common import alpha
from tfgan_train.common.errors import UserError


def convolution(weights: dict, conv: str, norm: str, epsilon: float, depthwise: bool = False):
    """(kernel in TensorFlow's layout, bias [out]) of a convolution without bias and its normalisation.

    Args:
      weights: name -> array; `conv`.weight is OIHW.
      conv, norm: the prefixes of the convolution and of the batch normalisation.
      depthwise: give [h, w, channels, 1] instead of [h, w, in, out].

    Raises:
      KeyError: a weight is missing.
    """
    scale = weights[norm + ".weight"] / np.sqrt(weights[norm + ".running_var"] + epsilon)
    kernel = weights[conv + ".weight"] * scale[:, None, None, None]
    bias = weights[norm + ".bias"] - weights[norm + ".running_mean"] * scale
    order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
    return tf.constant(kernel.transpose(order), tf.float32), tf.constant(bias, tf.float32)


def colour(images: np.ndarray) -> np.ndarray:
    """uint8 [n, H, W, C] -> [n, H, W, 3]; grey is repeated, and transparent pictures lie on grey.

    Raises:
      UserError: for channels that are no colours.
    """
    if images.shape[3] not in (1, 3, 4):
        raise UserError(
            f"pictures of {images.shape[3]} channels have no ImageNet features; use --features=pixels or classifier"
        )
    if alpha.has_alpha(images):
        return alpha.over(images, alpha.GREY)
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images
