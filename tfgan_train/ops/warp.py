"""Affine resampling of images that can be differentiated any number of times."""

import tensorflow as tf


def warp(images: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
    """Each image moved, turned and stretched by an affine map of its own.

    A pixel is interpolated bilinearly between the four of `images` that lie round the place where it comes from. An
    image goes on beyond its border as its mirror image, whose axis is the outermost pixels' centre. Moves by whole
    pixels, mirrorings and right angles of a square are exact. The map itself gets no gradient.

    Args:
      images: float32 [n, H, W, C]; H, W and C are static.
      inverse: float32 [n, 3, 3]: (column, row, 1) of the result -> (column, row, 1) of `images`, in pixels from the
        image's centre, rows downwards.

    Returns:
      As `images`.
    """
    height, width, channels = images.shape[1:]
    count, size = tf.shape(images, tf.int64)[0], height * width
    across, down = tf.range(width, dtype=tf.float32), tf.range(height, dtype=tf.float32)
    columns, rows = tf.meshgrid(across - (width - 1) / 2, down - (height - 1) / 2)
    places = tf.stack([tf.reshape(columns, [-1]), tf.reshape(rows, [-1]), tf.ones([size])])
    from_columns, from_rows = tf.unstack(tf.stop_gradient(inverse)[:, :2] @ places, axis=1)
    left, right, to_right = _neighbours(from_columns + (width - 1) / 2, width)
    above, below, to_below = _neighbours(from_rows + (height - 1) / 2, height)
    above, below = above * width, below * width
    sources = tf.cast(tf.stack([above + left, above + right, below + left, below + right], -1), tf.int64)
    sources += (tf.range(count) * size)[:, tf.newaxis, tf.newaxis]
    to_above, to_left = 1.0 - to_below, 1.0 - to_right
    shares = tf.stack([to_above * to_left, to_above * to_right, to_below * to_left, to_below * to_right], -1)
    # As a product with a sparse matrix: its transpose, which is the gradient, costs no more.
    targets = tf.repeat(tf.range(count * size), 4)
    matrix = tf.SparseTensor(
        tf.stack([targets, tf.reshape(sources, [-1])], 1),
        tf.reshape(shares, [-1]),
        tf.stack([count * size, count * size]),
    )
    moved = tf.sparse.sparse_dense_matmul(matrix, tf.reshape(images, [-1, channels]))
    return tf.reshape(moved, tf.shape(images))


def _neighbours(places: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The pixels of a line before and behind each place, whole floats, and the share of the second."""
    last = size - 1.0
    if size > 1:  # A fold: from one end to the other and back.
        places = last - tf.abs(places - 2 * last * tf.floor(places / (2 * last)) - last)
    before = tf.clip_by_value(tf.floor(places), 0.0, last)
    return before, tf.minimum(before + 1.0, last), tf.clip_by_value(places - before, 0.0, 1.0)
