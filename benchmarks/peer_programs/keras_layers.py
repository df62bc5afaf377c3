"""The tasks' networks in stock Keras layers, and their data in tf.data, for the two peers that use them."""

import clock
import keras
import numpy as np
import tensorflow as tf


def layer(kind, *how):
    layers = keras.layers
    match kind:
        case "dense":
            return layers.Dense(*how)
        case "reshape":
            return layers.Reshape(*how)
        case "up":
            return layers.Conv2DTranspose(how[0], how[1], how[2], padding="same", use_bias=False)
        case "down":
            return layers.Conv2D(how[0], how[1], how[2], padding="same")
        case "norm":
            return layers.BatchNormalization()
        case "relu" | "tanh" | "sigmoid":
            return layers.Activation(kind)
        case "leaky":
            return layers.LeakyReLU(negative_slope=how[0])
        case "dropout":
            return layers.Dropout(*how)
        case "flatten":
            return layers.Flatten()
    raise ValueError(kind)


def model(description, inputs) -> keras.Model:
    return keras.Sequential([keras.Input(inputs), *(layer(*one) for one in description)])


def latents(task):
    shape = [task.batch, task.latent]
    return tf.random.uniform(shape, -1, 1) if task.uniform_z else tf.random.normal(shape)


def dataset(task) -> tf.data.Dataset:
    """float32 images in batches, as the tutorial makes them: the whole set in memory, shuffled."""
    images = (
        np.random.default_rng(1)
        .uniform(-1, 1, [clock.IMAGES if task.image[0] < 64 else 4000, *task.image])
        .astype(np.float32)
    )
    return (
        tf.data.Dataset.from_tensor_slices(images)
        .shuffle(len(images))
        .batch(task.batch, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
