"""Pictures of a run's course: an animation of the grids, and the strips of fixed latents."""

import pathlib
import tempfile
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, features

from tfgan_train.common import files
from tfgan_train.common.alpha import shown
from tfgan_train.common.errors import UserError
from tfgan_train.common.images import to_image
from tfgan_train.pictures import grid

MAX_FRAMES = 60
MAX_SIDE = 640  # pixels; larger grids are made smaller, which bounds time and file size
MAX_STRIPS = 40
HOLD_SECONDS = 2.0
LOOP_SIDE = 192  # pixels that a loop's frames have at least
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


def write_loop(frames: Iterable[np.ndarray], out, seconds: float, count: int) -> pathlib.Path:
    """Writes images as an endless animation whose last frame is followed by its first.

    Args:
      frames: uint8 [H, W, C], one at a time.
      out: the file to write: "….webp", "….gif" or "….mp4".
      seconds: how long a round takes.
      count: how many frames there are.

    Returns:
      The file written, whole or not at all.

    Raises:
      UserError: an .mp4 without its package.
    """
    out = pathlib.Path(out)
    pictures = (_large(frame) for frame in frames)
    if out.suffix.lower() == ".mp4":
        return _write_video(pictures, out, count / seconds)
    kind = out.suffix.lower().removeprefix(".").upper()
    images = (to_image(picture) for picture in pictures)
    first = next(images)
    options = {"save_all": True, "append_images": images, "loop": 0, "duration": round(1000 * seconds / count)}
    if kind == "WEBP":
        options |= _WEBP
    return files.write_atomically(out, lambda file: first.save(file, kind, **options))


def _large(image: np.ndarray) -> np.ndarray:
    """A frame of at least LOOP_SIDE pixels on its longer side, as a page can show it."""
    factor = max(1, -(-LOOP_SIDE // max(image.shape[:2])))
    return grid.upscale(shown(image), factor)


def _write_video(pictures: Iterable[np.ndarray], out: pathlib.Path, rate: float) -> pathlib.Path:
    try:
        import imageio_ffmpeg
    except ModuleNotFoundError:
        raise UserError(f"--out={out}: .mp4 needs ffmpeg: pip install 'tfgan-train[video]'") from None
    with tempfile.TemporaryDirectory() as folder:
        beside = pathlib.Path(folder) / "video.mp4"
        writer = None
        for picture in pictures:
            frame = np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
            if writer is None:
                size = (frame.shape[1], frame.shape[0])
                writer = imageio_ffmpeg.write_frames(str(beside), size, fps=rate, macro_block_size=2)
                writer.send(None)
            writer.send(frame)
        if writer is not None:
            writer.close()
        return files.write_atomically(out, beside.read_bytes())


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
