"""Random flips and shifts of real images, as a data set that has each picture in many places would have them."""

import tensorflow as tf

from tfgan_train.ops.random import Draw


def flip_crop(images: tf.Tensor, flip: bool, padding: int, draw: Draw) -> tf.Tensor:
    """Each image mirrored with probability 1/2, and shifted by up to `padding` pixels each way.

    A shifted image is cut from the image that is continued by reflection at its border.

    Args:
      images: [n, H, W, C]; H and W are static.
      flip: whether to mirror left and right.
      padding: pixels, less than H and W; 0: no shift.
      draw: of this step and these images.

    Returns:
      As `images`; every pixel is one of theirs.
    """
    if flip:
        mirrored = draw.child("mirror").bernoulli((), 0.5)
        images = tf.where(mirrored[:, tf.newaxis, tf.newaxis, tf.newaxis], tf.reverse(images, [2]), images)
    if padding:
        height, width = images.shape[1:3]
        images = tf.pad(images, [[0, 0], [padding, padding], [padding, padding], [0, 0]], "REFLECT")
        corner = draw.child("crop").integers((2,), 0, 2 * padding + 1)
        images = tf.gather(images, corner[:, :1] + tf.range(height), axis=1, batch_dims=1)
        images = tf.gather(images, corner[:, 1:] + tf.range(width), axis=2, batch_dims=1)
    return images
