"""Data that are points of the plane instead of pictures: how to tell them, and their scale; numpy only.

A point travels as an image of one pixel and two channels, float32 [n, 1, 1, 2] in [-1, 1].
"""
import numpy as np

SHAPE = (1, 1, 2)
# Dataset -> the coordinate that becomes 1: the outermost modes lie well inside of what tanh reaches.
EXTENT = {"ring2d": 1.5, "grid2d": 5.0}


def are_points(image_shape) -> bool:
    """Whether data of this shape are points; pictures have one channel or three."""
    return tuple(image_shape) == SHAPE


def to_plane(images: np.ndarray, dataset: str) -> np.ndarray:
    """float32 [n, 1, 1, 2] in [-1, 1] -> points [n, 2] in the mixture's own coordinates."""
    return images.reshape(-1, 2) * EXTENT[dataset]


def from_plane(points: np.ndarray, dataset: str) -> np.ndarray:
    """Points [n, 2] in the mixture's own coordinates -> float32 [n, 1, 1, 2]; what lies beyond is clipped."""
    return np.clip(points / EXTENT[dataset], -1.0, 1.0).astype(np.float32).reshape(-1, *SHAPE)
