"""Ways between latents: arcs of the sphere for normal ones, straight lines for uniform ones; arrays only."""

import numpy as np

FEWEST, PER_SECOND = 3, 4  # latents that a loop visits: at least, and at most in a second of it


def between(first: np.ndarray, last: np.ndarray, share: np.ndarray, normal: bool) -> np.ndarray:
    """Points between two latents, float [..., n].

    Args:
      first, last: [..., n].
      share: of the way, [..., 1]; 0 gives `first`, 1 `last`.
      normal: along the great circle, since normal latents' lengths are all alike (White 2016, arXiv:1609.04468:
        (sin((1 - t) a) first + sin(t a) last) / sin a, with a the angle between both); else in a straight line.
    """
    if not normal:
        return (1 - share) * first + share * last
    cosine = np.sum(first * last, -1, keepdims=True) / (
        np.linalg.norm(first, axis=-1, keepdims=True) * np.linalg.norm(last, axis=-1, keepdims=True)
    )
    angle = np.arccos(np.clip(cosine, -0.9999, 0.9999))
    return (np.sin((1 - share) * angle) * first + np.sin(share * angle) * last) / np.sin(angle)


def loop(stops: np.ndarray, frames: int, normal: bool) -> tuple[np.ndarray, np.ndarray]:
    """A closed way through latents at constant speed: the last frame is one step before the first.

    Normal latents are brought to their mean length first, so that the way stays on one sphere.

    Args:
      stops: [k, n], k >= 2.
      frames: how many points.
      normal: as in `between`; the speed is then that of the angle.

    Returns:
      (points [frames, n], places [frames]): a place of 2.25 is a quarter of the way from stop 2 to the next.
    """
    if normal:
        lengths = np.linalg.norm(stops, axis=1, keepdims=True)
        stops = stops / lengths * lengths.mean()
    nexts = np.roll(stops, -1, 0)
    if normal:
        cosines = np.sum(stops * nexts, 1) / (np.linalg.norm(stops, axis=1) * np.linalg.norm(nexts, axis=1))
        parts = np.arccos(np.clip(cosines, -1, 1))
    else:
        parts = np.linalg.norm(nexts - stops, axis=1)
    ends = np.concatenate([[0.0], np.cumsum(parts)])
    places = np.interp(np.arange(frames) * ends[-1] / frames, ends, np.arange(len(ends)))
    index = np.minimum(places.astype(int), len(stops) - 1)
    share = (places - index)[:, None]
    return between(stops[index], nexts[index], share, normal), places


def stops_of(seconds: float, num_classes: int) -> int:
    """How many latents a loop visits: about one a second, or as many as there are labels within PER_SECOND."""
    return max(FEWEST, round(seconds), min(num_classes, int(PER_SECOND * seconds)))
