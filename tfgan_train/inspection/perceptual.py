"""A perceptual hash, and the pairs of pictures whose hashes are near, without comparing all pairs."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from tfgan_train.common import alpha

THUMB = 16  # side of the grey miniature that confirms a pair
SURE_BITS = 7  # of 64; pictures whose hashes differ in no more are always compared further
MOST_BITS = 16  # pictures whose hashes differ in more never are
_NEAR_SHARE = 0.03  # of the miniatures' energy may differ, once brightness and contrast are taken out
_FLAT = 2.0  # grey levels; a picture that varies less is blank, and its hash is noise
_SIDE = 32
_BANDS, _BAND_BITS = 4, 16
_MOST_IN_BUCKET = 512  # of a bucket that half the data share, each picture is compared with its next ones only
_PAIRS_AT_ONCE = 4_000_000

_rows = np.arange(1, 9)[:, None]
_DCT = np.cos(np.pi * _rows * (2 * np.arange(_SIDE)[None] + 1) / (2 * _SIDE)).astype(np.float32)  # DCT-II without DC
# By rising frequency: the first of the bands that are looked up is the least changed by compression and blur.
_ORDER = np.argsort(np.add.outer(np.arange(8), np.arange(8)).ravel(), kind="stable")
_BIT = np.empty(64, np.uint64)
_BIT[_ORDER] = np.uint64(1) << np.arange(64, dtype=np.uint64)


def signature(pixels: np.ndarray) -> tuple[int, np.ndarray]:
    """(64-bit hash, grey miniature uint8 [THUMB, THUMB]) of uint8 [H, W, C].

    The hash is pHash's (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"):
    which of the 64 lowest frequencies of the 32x32 picture's DCT lie above their median. It stays nearly the
    same under resizing, compression and changes of brightness.
    """
    grey = Image.fromarray(_grey(pixels)).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    spectrum = (_DCT @ np.asarray(grey, np.float32) @ _DCT.T).ravel()
    bits = spectrum > np.median(spectrum)
    return int(_BIT[bits].sum()), np.asarray(grey).reshape(THUMB, 2, THUMB, 2).mean((1, 3)).astype(np.uint8)


def _grey(pixels: np.ndarray) -> np.ndarray:
    channels = pixels.shape[2]
    if channels == 1:
        return pixels[..., 0]
    colours = alpha.over(pixels, alpha.GREY) if channels == 4 else pixels
    return colours.mean(-1).astype(np.uint8)


def blank(thumbs: np.ndarray) -> np.ndarray:
    """bool [n]: which pictures of these miniatures, uint8 [n, THUMB, THUMB], have one colour."""
    return thumbs.reshape(-1, THUMB * THUMB).std(1) < _FLAT


def near_pairs(hashes: np.ndarray, thumbs: np.ndarray) -> np.ndarray:
    """Pairs of pictures that look alike.

    Two hashes that differ in at most SURE_BITS agree up to one bit in one of four bands of 16, so it is enough to
    look each band up in a sorted list, with each of its bits flipped: for N pictures about N log N + N^2 / 2000
    comparisons of integers, and fewer where a bucket overflows. Miniatures confirm what the hashes propose.

    Args:
      hashes: uint64 [n].
      thumbs: uint8 [n, THUMB, THUMB].

    Returns:
      int64 [m, 2], the first index below the second, sorted and each pair once.
    """
    chosen = np.flatnonzero(~blank(thumbs))
    # Equal hashes would fill buckets: their pictures are chained, each with the next, and one stands for them.
    order = chosen[np.argsort(hashes[chosen], kind="stable")]
    found = [_confirmed(hashes, thumbs, np.stack([order[:-1], order[1:]], 1))] if len(order) > 1 else []
    distinct = order[np.unique(hashes[order], return_index=True)[1]]
    for band in range(_BANDS):
        for pairs in _proposed(hashes, distinct, band):
            found.append(_confirmed(hashes, thumbs, pairs))
    if not found:
        return np.zeros((0, 2), np.int64)
    return np.unique(np.sort(np.concatenate(found), 1), axis=0)


def _proposed(hashes: np.ndarray, chosen: np.ndarray, band: int) -> Iterator[np.ndarray]:
    """Pairs of `chosen` whose bands agree up to one bit, in blocks."""
    keys = (hashes[chosen] >> np.uint64(band * _BAND_BITS)).astype(np.uint16)
    order = np.argsort(keys, kind="stable")
    chosen, keys = chosen[order], keys[order]
    places = np.arange(len(keys))
    for flip in [0, *(1 << bit for bit in range(_BAND_BITS))]:
        wanted = keys ^ np.uint16(flip)
        begin, end = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
        begin = np.maximum(begin, places + 1)  # Each pair once.
        counts = np.clip(end - begin, 0, _MOST_IN_BUCKET)
        blocks = np.searchsorted(np.cumsum(counts), np.arange(_PAIRS_AT_ONCE, counts.sum(), _PAIRS_AT_ONCE))
        for part in np.split(places, blocks):
            first = np.repeat(part, counts[part])
            inside = np.arange(len(first)) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
            yield np.stack([chosen[first], chosen[begin[first] + inside]], 1)


def _confirmed(hashes: np.ndarray, thumbs: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    apart = np.bitwise_xor(hashes[pairs[:, 0]], hashes[pairs[:, 1]])
    pairs = pairs[_ones(apart) <= MOST_BITS]
    one, other = (_normalised(thumbs[pairs[:, side]]) for side in (0, 1))
    return pairs[np.square(one - other).sum(1) < 2 * _NEAR_SHARE]


def _normalised(thumbs: np.ndarray) -> np.ndarray:
    """float32 [n, THUMB * THUMB] of mean 0 and length 1."""
    flat = thumbs.reshape(-1, THUMB * THUMB).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def _ones(values: np.ndarray) -> np.ndarray:
    """How many bits of each uint64 are set, counted in pairs, fours and bytes at once."""
    twos = values - ((values >> np.uint64(1)) & np.uint64(0x5555555555555555))
    fours = (twos & np.uint64(0x3333333333333333)) + ((twos >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bytes_ = (fours + (fours >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (bytes_ * np.uint64(0x0101010101010101)) >> np.uint64(56)
