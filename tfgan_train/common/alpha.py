"""Pictures with transparency, and any number of channels as pictures that can be looked at; numpy only.

Inside, four channels are red, green, blue and alpha, the colours premultiplied by alpha (Porter & Duff 1984,
"Compositing Digital Images"): what nobody sees has no colour, so networks needn't learn it, and resizing and
averages leave no fringes. Files and Python callers get straight alpha, as PNG has it.
"""

import numpy as np

GREY = 128  # the ground on which features see transparent pictures
_SQUARE, _LIGHT, _DARK = 8, 255, 204  # of the chequered ground


def has_alpha(images: np.ndarray) -> bool:
    """Whether these are uint8 [..., 4]."""
    return images.shape[-1] == 4 and images.dtype == np.uint8


def premultiplied(images: np.ndarray) -> np.ndarray:
    """Straight uint8 [..., 4] -> premultiplied, rounded."""
    return np.concatenate([_scaled(images[..., :3], images[..., 3:]), images[..., 3:]], axis=-1)


def straight(images: np.ndarray) -> np.ndarray:
    """Premultiplied uint8 [..., 4] -> straight; black where alpha is 0. Colours above alpha become 255."""
    alpha = images[..., 3:].astype(np.uint32)
    colours = (images[..., :3] * np.uint32(255) + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.where(alpha > 0, np.minimum(colours, 255), 0), alpha], axis=-1).astype(np.uint8)


def over(images: np.ndarray, ground) -> np.ndarray:
    """Premultiplied uint8 [..., 4] over a ground, a grey level or uint8 [..., 1 or 3] -> uint8 [..., 3]."""
    beneath = _scaled(np.asarray(ground, np.uint8), 255 - images[..., 3:])
    return np.minimum(images[..., :3].astype(np.uint16) + beneath, 255).astype(np.uint8)


def shown(images: np.ndarray) -> np.ndarray:
    """uint8 [..., H, W, C] -> uint8 [..., H, W, 1 or 3] to look at.

    Transparent pictures lie on a chequered ground. Of two channels the first is shown as grey, of five and more the
    first three as red, green and blue.
    """
    channels = images.shape[-1]
    if channels in (1, 3):
        return images
    if channels == 4:
        return over(images, chequered(*images.shape[-3:-1]))
    return images[..., :1] if channels == 2 else images[..., :3]


def chequered(height: int, width: int) -> np.ndarray:
    """uint8 [height, width, 1]: light and dark squares, as picture editors show transparency."""
    odd = np.add.outer(np.arange(height) // _SQUARE, np.arange(width) // _SQUARE) % 2
    return np.where(odd, _DARK, _LIGHT).astype(np.uint8)[..., np.newaxis]


def _scaled(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """values * by / 255, rounded."""
    return ((values.astype(np.uint16) * by + 127) // 255).astype(np.uint8)
