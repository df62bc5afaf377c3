"""A user's module: plain Keras networks for 16x16 grey images and latents of 6; knows nothing of this package."""

import keras
from keras import layers


def generator():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(4 * 4 * 8, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(0.2),
            layers.Reshape((4, 4, 8)),
            layers.Conv2DTranspose(8, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Dropout(0.2),
            layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh"),
        ]
    )


def discriminator(spatial_dropout=0.1):
    images = keras.Input((16, 16, 1))
    x = layers.Conv2D(8, 5, strides=2, padding="same")(images)
    x = layers.LeakyReLU(0.2)(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Conv2D(8, 5, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(0.2)(x)
    x = layers.SpatialDropout2D(spatial_dropout)(x)
    return keras.Model(images, layers.Dense(1)(layers.Flatten()(x)))


def smooth_discriminator():
    """For gradient penalties: no layer mixes a batch."""
    return keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(8, 5, strides=2, padding="same", activation="swish"),
            layers.LayerNormalization(),
            layers.Flatten(),
            layers.Dense(12, activation="swish", name="features"),
            layers.Dense(1),
        ]
    )


class LabelledGenerator(keras.Model):
    """Takes z and the label as two arguments."""

    def __init__(self):
        super().__init__()
        self.embedding = layers.Embedding(3, 5)
        self.hidden = layers.Dense(20, activation="relu")
        self.pixels = layers.Dense(256, activation="tanh")

    def call(self, z, label, training=False):
        x = keras.ops.concatenate([z, self.embedding(label)], -1)
        return keras.ops.reshape(self.pixels(self.hidden(x)), (-1, 16, 16, 1))


def labelled_discriminator():
    """A functional model of two inputs."""
    images, label = keras.Input((16, 16, 1)), keras.Input((), dtype="int32")
    x = layers.Dense(16, activation="relu")(layers.Flatten()(images))
    x = layers.Concatenate()([x, layers.Embedding(3, 4)(label)])
    return keras.Model([images, label], layers.Dense(1)(x))
