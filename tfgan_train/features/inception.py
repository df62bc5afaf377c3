"""Inception features: the 2015 network from a file, or Keras' InceptionV3 where it can be had."""

import os
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import sha256
from tfgan_train.features.extractor import Extractor, Request
from tfgan_train.features.inception_2015 import FromGraph, FromTorch
from tfgan_train.pretrained.folded import colour

KERAS_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
READERS: dict[str, Any] = {".pb": FromGraph, ".pth": FromTorch, ".pt": FromTorch}


def build(request: Request) -> Extractor:
    """2,048 features of the network in --inception_weights, or of Keras' if none is named.

    Raises:
      UserError: no such file, another kind of file, or Keras' weights can't be had.
    """
    if request.inception_weights:
        return _from_file(request.inception_weights)
    return _from_keras()


def _from_file(path: str) -> Extractor:
    reader = READERS.get(pathlib.Path(path).suffix)
    if reader is None or not os.path.isfile(path):
        raise UserError(
            f"--inception_weights={path}: name classify_image_graph_def.pb of December 2015, or "
            "its PyTorch port *inception-2015-12-05-6726825d.pth"
        )
    return Extractor(
        "inception",
        f"inception-2015-{sha256(path)[:16]}",
        "FID",
        "Features of the 2015 Inception network with its own resize and range: FID, KID and Inception Score "
        "are comparable with published figures that used as many samples and the same reference images.",
        reader(path).run,
        batch=32,
    )


def keras_weights() -> pathlib.Path:
    """Where Keras keeps its InceptionV3 weights once they were downloaded."""
    return pathlib.Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")) / "models" / KERAS_FILE


def _from_keras() -> Extractor:
    try:
        model = tf.keras.applications.InceptionV3(include_top=False, pooling="avg", weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise UserError(
            "--features=inception: Keras' InceptionV3 weights can't be downloaded here "
            f"({str(error).splitlines()[0][:120]}); name the 2015 network with --inception_weights=FILE, "
            "or use --features=efficientnet or classifier"
        ) from error

    @tf.function(reduce_retracing=True, autograph=False)
    def forward(images):
        x = tf.image.resize(tf.cast(images, tf.float32), (299, 299))
        return model(x / 127.5 - 1.0, training=False)

    def run(images: np.ndarray):
        return forward(tf.constant(colour(images))).numpy(), None

    return Extractor(
        "inception",
        f"inception-keras-{sha256(keras_weights())[:16]}",
        "FD-InceptionV3",
        "Keras' InceptionV3 was trained anew and is not the 2015 network: its Frechet distance is not FID and can't be "
        "compared with published ones; for that name the 2015 network with --inception_weights=FILE.",
        run,
        batch=32,
    )
