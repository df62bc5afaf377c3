"""`glyphs`: the letters A-J drawn from fonts on this machine, in the manner of notMNIST.

notMNIST (Y. Bulatov, 2011) is ten letters from many fonts, 28x28, white on black. The same
can be drawn anywhere: Pillow brings one font, and each image is slanted, turned and stretched
at random, so that one font is enough to learn from.
"""

import functools
import math
import os
import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfgan_train.data import source

LETTERS = "ABCDEFGHIJ"
COUNTS = {"train": 18_000, "test": 2_000}

_SIDE = 28
_DETAIL = 3  # drawn this many times larger and then averaged
_EM = 96  # size in pixels at which a font's letters are drawn before they are bent
_STROKES = (0, 3)  # extra thickness in those pixels: a regular and a bold cut of every font
_MOST_FONTS = 100
_KEY = 20110908  # any number; another one is another data set
# Range of the turn (radians), shear, stretch, share of the image filled, and shifts.
_LEAST = np.array([-0.14, -0.2, 0.85, 0.75, -0.03, -0.03])
_MOST = np.array([0.14, 0.2, 1.15, 0.97, 0.03, 0.03])
_FOLDERS = {
    "win32": (r"C:\Windows\Fonts",),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "linux": ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),
}


def load(config, split: str) -> source.Source:
    """18,000 training and 2,000 test images 28x28x1, white on black, labels A to J.

    Image number i is a function of i and of the fonts alone. The splits are different draws from the same fonts.

    Raises:
      NoSuchSplit: for other splits than "train" and "test".
    """
    del config  # Drawn letters have no options.
    if split not in COUNTS:
        raise source.NoSuchSplit(f"glyphs has no {split} split; legal: {', '.join(COUNTS)}")
    first = 0 if split == "train" else COUNTS["train"]

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.asarray(indices) + first
        images = np.empty((len(numbers), _SIDE, _SIDE, 1), np.uint8)
        for place, number in enumerate(numbers.tolist()):
            images[place, ..., 0] = _draw(number)
        return images, (numbers % len(LETTERS)).astype(np.int32)

    fonts = len(_fonts())
    note = f"letters drawn from {fonts} font{'s' if fonts > 1 else ''} found on this machine"
    return source.Source("glyphs", COUNTS[split], (_SIDE, _SIDE, 1), len(LETTERS), tuple(LETTERS), read, notes=(note,))


def _draw(number: int) -> np.ndarray:
    """uint8 [28, 28]: the letter number % 10, in the font and bend that its draws say."""
    draws = _draws()[number]
    font, stroke = (int(share * len(choices)) for share, choices in zip(draws[:2], (_fonts(), _STROKES), strict=True))
    mask = _fonts()[font][stroke][number % len(LETTERS)]

    angle, shear, stretch, fill, right, down = _LEAST + draws[2:] * (_MOST - _LEAST)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    bend = turn @ np.array([[stretch, shear], [0.0, 1.0 / stretch]])
    # Scale so that the bent letter's box fills that share of the image, as notMNIST's do.
    box = np.abs(bend) @ np.array(mask.size)
    canvas = _SIDE * _DETAIL
    bend *= fill * canvas / box.max()
    # Pillow wants the map from the canvas back to the mask.
    back = np.linalg.inv(bend)
    centre = np.array(mask.size) / 2 - back @ (canvas / 2 + canvas * np.array([right, down]))
    drawn = mask.transform(
        (canvas, canvas), Image.Transform.AFFINE, (*back[0], centre[0], *back[1], centre[1]), Image.Resampling.BILINEAR
    )
    return np.asarray(drawn.reduce(_DETAIL))


@functools.cache
def _draws() -> np.ndarray:
    """float64 [images, 8] in [0, 1): each image's font, stroke, and the six numbers of its bend."""
    return np.random.Generator(np.random.Philox(key=_KEY)).random((sum(COUNTS.values()), 2 + len(_LEAST)))


@functools.cache
def _fonts() -> tuple[tuple[tuple[Image.Image, ...], ...], ...]:
    """Cropped letter masks [font][stroke][letter] of every usable font, Pillow's own first.

    Files are visited in the order of their names, so that one machine always gives one list.
    """
    fonts = [_masks(ImageFont.load_default(_EM))]
    seen = {_fingerprint(fonts[0])}
    for path in _font_files():
        try:
            masks = _masks(ImageFont.truetype(path, _EM))
        except (OSError, ValueError):
            continue  # A font that FreeType can't open is no font for us; there are others.
        # A machine has the same font under several names, and fonts without these letters.
        if masks and _fingerprint(masks) not in seen:
            seen.add(_fingerprint(masks))
            fonts.append(masks)
        if len(fonts) == _MOST_FONTS:
            break
    return tuple(fonts)


def _font_files() -> list[str]:
    folders = _FOLDERS.get(sys.platform, _FOLDERS["linux"])
    found = [
        path
        for folder in folders
        for path in pathlib.Path(os.path.expanduser(folder)).rglob("*")
        if path.suffix.lower() in (".ttf", ".otf")
    ]
    return sorted(map(str, found), key=lambda path: (os.path.basename(path), path))


def _masks(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> tuple[tuple[Image.Image, ...], ...]:
    """Masks [stroke][letter], or () for a font that does not have ten different letters."""
    masks = tuple(tuple(_mask(font, letter, stroke) for letter in LETTERS) for stroke in _STROKES)
    plain = [_pixels(mask) for mask in masks[0]]
    missing = _pixels(_mask(font, "\U0010fffd", _STROKES[0]))  # A private code: drawn as "no such letter".
    usable = len(set(plain)) == len(LETTERS) and missing not in plain and all(min(mask.size) > 1 for mask in masks[0])
    return masks if usable else ()


def _mask(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, letter: str, stroke: int) -> Image.Image:
    """The letter in white on black ("L"), cropped to its ink; 1x1 for a letter without ink."""
    image = Image.new("L", (3 * _EM, 3 * _EM))
    ImageDraw.Draw(image).text((_EM, _EM // 2), letter, fill=255, font=font, stroke_width=stroke)
    return image.crop(image.getbbox() or (0, 0, 1, 1))


def _pixels(mask: Image.Image) -> tuple:
    return mask.size, mask.tobytes()


def _fingerprint(masks) -> tuple:
    return tuple(_pixels(mask) for mask in masks[0])
