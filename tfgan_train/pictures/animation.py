"""Pictures of a run's course: an animation of the grids, and the strips of fixed latents."""

import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, features

from tfgan_train.common import files
from tfgan_train.common.images import to_image
from tfgan_train.pictures import grid

MAX_FRAMES = 60
MAX_SIDE = 640  # pixels; larger grids are made smaller, which bounds time and file size
MAX_STRIPS = 40
HOLD_SECONDS = 2.0
_WEBP = {"quality": 70, "method": 0, "minimize_size": False}


def evenly(count: int, wanted: int) -> list[int]:
    """At most `wanted` of the indices 0..count-1, evenly spread, first and last among them."""
    if count <= wanted:
        return list(range(count))
    return [round(index) for index in np.linspace(0, count - 1, wanted)]


def write_animation(
    png_paths: Sequence, out, captions: Sequence[str] | None = None, seconds: float = 8.0
) -> pathlib.Path:
    """Writes the pictures, early to late, as a looping animation that holds the last one.

    At most MAX_FRAMES pictures are used, evenly chosen, and one is in memory at a time.

    Args:
      png_paths: the pictures' files in order, at least one.
      out: the file to write, "….webp" or "….gif"; where this Pillow can't write WebP the suffix becomes ".gif".
      captions: a text under each picture, such as its step.
      seconds: the time from the first picture to the last, before it is held.

    Returns:
      The file written, whole or not at all.
    """
    out = pathlib.Path(out)
    kind = "WEBP" if out.suffix != ".gif" and features.check("webp") else "GIF"
    out = out.with_suffix("." + kind.lower())
    chosen = evenly(len(png_paths), MAX_FRAMES)
    size = _frame_size([png_paths[index] for index in chosen])
    frames = (_frame(png_paths[index], size, captions[index] if captions else None) for index in chosen)
    first = next(frames)
    durations = [max(20, round(1000 * seconds / len(chosen)))] * len(chosen)
    durations[-1] = round(1000 * HOLD_SECONDS)
    # Pillow asks for at least one more duration than it has frames when there is but one.
    options = {
        "save_all": True,
        "append_images": frames,
        "loop": 0,
        "duration": durations if len(chosen) > 1 else durations[0],
    }
    if kind == "WEBP":
        options |= _WEBP
    return files.write_atomically(out, lambda file: first.save(file, kind, **options))


def strips(png_paths: Sequence, captions: Sequence[str]) -> np.ndarray:
    """Puts one-row pictures of the same fixed latents one below the other.

    Each column then shows one latent and each row one step (or epoch), early at the top: the
    third article's picture. At most MAX_STRIPS rows are used, evenly chosen.

    Args:
      png_paths: the rows' files in order, at least one.
      captions: a text at the left of each row.

    Returns:
      uint8 [h, w, C].
    """
    chosen = evenly(len(png_paths), MAX_STRIPS)
    return grid.captioned_rows(
        [grid.read_picture(png_paths[index]) for index in chosen], [captions[index] for index in chosen]
    )


def _frame_size(paths: Sequence) -> tuple[int, int]:
    """Width and height that hold every picture, within MAX_SIDE."""
    sizes = []
    for path in paths:
        with Image.open(path) as image:  # reads the header alone
            sizes.append(image.size)
    width, height = (max(side) for side in zip(*sizes, strict=True))
    shrink = min(1.0, MAX_SIDE / max(width, height))
    return round(width * shrink), round(height * shrink)


def _frame(path, size: tuple[int, int], caption: str | None) -> Image.Image:
    with Image.open(path) as image:
        plain = image.convert("RGB")
    plain.thumbnail(size, Image.Resampling.LANCZOS)
    frame = Image.new("RGB", size, (grid.BACKGROUND,) * 3)
    frame.paste(plain)
    return frame if caption is None else to_image(grid.captioned(np.asarray(frame), caption))
