"""Reading a data Source in blocks, and telling one data set from another."""

import hashlib

import numpy as np

from tfgan_train.common.images import aligned_empty
from tfgan_train.data.source import blocks

HASHED = 2048  # images whose labels follow them in a checksum: runs have stored such ones


def images(source, indices: np.ndarray) -> np.ndarray:
    """uint8 [n, H, W, C] of these indices."""
    return labelled(source, indices)[0]


def labelled(source, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(uint8 [n, H, W, C], int32 [n]) of these indices, in their order."""
    parts = blocks(source, indices)
    first, numbers = source.read(next(parts, indices))
    pixels, labels = aligned_empty((len(indices), *source.image_shape), first.dtype), np.empty(len(indices), np.int32)
    pixels[: len(first)], labels[: len(first)], done = first, numbers, len(first)
    for block in parts:
        end = done + len(block)
        pixels[done:end], labels[done:end] = source.read(block)
        done = end
    return pixels, labels


def some(source, count: int, seed: int = 0) -> np.ndarray:
    """Up to `count` indices, drawn without replacement: a seed's first ones stay the same for every count."""
    return np.random.default_rng(seed).permutation(source.count)[:count]


def checksum(source, indices: np.ndarray) -> str:
    """SHA-256 (hexadecimal) of these images and labels, with their shape, number of classes and attributes' names."""
    facts = (source.image_shape, source.num_classes, len(indices), *source.attributes)
    digest = hashlib.sha256(repr(facts).encode())
    for start in range(0, len(indices), HASHED):
        numbers = []
        for block in blocks(source, indices[start : start + HASHED]):
            pixels, labels = source.read(block)
            digest.update(np.ascontiguousarray(pixels))
            numbers.append(labels)
        digest.update(np.concatenate(numbers))
    return digest.hexdigest()


FINGERPRINTED = 256  # images that a fingerprint looks at


def fingerprint(source) -> str:
    """Tells these data from others wherever they lie: a checksum of their size and of some images and labels."""
    indices = np.unique(np.linspace(0, source.count - 1, min(FINGERPRINTED, source.count)).astype(np.int64))
    return f"{source.count}-{checksum(source, indices)[:24]}"
