"""The training image nearest to each sample, to show that G doesn't memorise; arrays only."""

import numpy as np

from tfgan_train.common.alpha import shown
from tfgan_train.metrics import distances as row_distances
from tfgan_train.pictures import grid


def nearest(samples: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest training image of each sample by pixel distance, in bounded memory.

    Squared distances between pixels are whole numbers, and the search's float64 errors are far
    below 1: what is found is nearest in truth, and a copy is at exactly 0.

    Args:
      samples: uint8 [n, ...].
      train: uint8 [N, ...], N >= 1, of the same image shape.

    Returns:
      indices int64 [n] into `train`, and L2 distances float64 [n] in units of 0..255.

    Raises:
      ValueError: where the images differ in shape or `train` is empty.
    """
    if samples.shape[1:] != train.shape[1:] or not len(train):
        raise ValueError(f"no images {samples.shape[1:]} to search among train {train.shape}")
    found, indices = row_distances.nearest(samples.reshape(len(samples), -1), train.reshape(len(train), -1))
    return indices, found


def pairwise_distance(images: np.ndarray) -> float:
    """Mean L2 distance, in units of 0..255, between two different ones of uint8 [n >= 2, ...].

    Against the same figure of as many real images it tells a collapsed generator, whose
    samples look alike, from a varied one.
    """
    if len(images) < 2:
        raise ValueError(f"a distance between images needs two of them, got {len(images)}")
    flat = images.reshape(len(images), -1).astype(np.float64)
    norms = np.einsum("ij,ij->i", flat, flat)
    # Whole numbers below 2^53: no rounding, so an image is at exactly 0 from itself.
    squares = norms[:, None] + norms - 2.0 * (flat @ flat.T)
    # Of points, which are no whole numbers, rounding may leave a little below 0.
    return float(np.sqrt(np.maximum(squares, 0.0)).sum() / (len(images) * (len(images) - 1)))


def class_distances(images: np.ndarray, labels: np.ndarray, num_classes: int) -> list[float | None]:
    """`pairwise_distance` of each label's images; None where it has fewer than two."""
    groups = [images[labels == label] for label in range(num_classes)]
    return [pairwise_distance(group) if len(group) > 1 else None for group in groups]


def pair_picture(samples: np.ndarray, train: np.ndarray, indices: np.ndarray, pairs_per_row: int = 6) -> np.ndarray:
    """Each sample (left) beside its nearest training image (right).

    Args:
      samples: uint8 [n, H, W, C].
      train: uint8 [N, H, W, C].
      indices: [n] into `train`, from `nearest`.
      pairs_per_row: pairs side by side.

    Returns:
      uint8 [h, w, 1 or 3].
    """
    samples, train = shown(samples), shown(train[indices])
    scale = grid.viewing_scale(*samples.shape[1:3])
    gap = np.full((*samples.shape[:2], 1, samples.shape[3]), grid.BACKGROUND, np.uint8)
    pairs = np.concatenate([samples, gap, train], axis=2)
    return grid.grid(pairs, min(pairs_per_row, len(pairs)), padding=8, scale=scale)


def facts(
    indices: np.ndarray, distances: np.ndarray, train_count: int, held_out_distances: np.ndarray | None = None
) -> dict:
    """What samples/nearest.json keeps beside the pair picture.

    Args:
      indices, distances: from `nearest`.
      train_count: training images searched.
      held_out_distances: the same distances for real images that were not trained on;
        samples that were copied lie far nearer to the training images than these do.
    """
    found = {
        "metric": "L2 of pixels, 0..255",
        "train_count": int(train_count),
        "indices": [int(index) for index in indices],
        "distances": [round(float(distance), 2) for distance in distances],
        "smallest": float(np.min(distances)),
        "median": float(np.median(distances)),
        "exact_copies": int(np.sum(np.asarray(distances) == 0)),
    }
    if held_out_distances is not None:
        found["held_out_median"] = float(np.median(held_out_distances))
    return found
