"""The table of what can be exported: one entry for each file, with the promise it must keep."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from export import onnx, saved_model, tflite
from export.generator import Generator
from tfgan_train.common.errors import UserError, nearest


@dataclasses.dataclass(frozen=True)
class Artefact:
    """One file (or folder) of an export.

    Attributes:
      path: its name in the export.
      loader: which of `export.isolated`'s loaders runs it.
      floor_db: lowest accepted peak signal-to-noise ratio of its images, whose range is 2.
      weight_bytes: bytes that it stores for each weight; 0 where it holds none.
      write: called with (generator, path, TFLite batches).
      dtype: of the z that its signatures take and the images that they give.
    """

    path: str
    loader: str
    floor_db: float
    weight_bytes: int
    write: Callable[[Generator, pathlib.Path, Sequence[int]], None]
    dtype: str = "float32"


def _tflite(number: str, path: str, floor_db: float, weight_bytes: int, dtype: str = "float32") -> tuple[Artefact]:
    def write(generator, file, batches):
        tflite.write(generator, file, number, batches, floor_db)

    return (Artefact(path, "tflite", floor_db, weight_bytes, write, dtype),)


FORMATS = {
    "saved_model": (
        Artefact(
            "saved_model", "saved_model", 100, 4, lambda generator, path, batches: saved_model.write(generator, path)
        ),
    ),
    "tflite": _tflite("tflite", "generator.tflite", 100, 4),
    "tflite_float16": _tflite("tflite_float16", "generator_float16.tflite", 60, 2),
    "tflite_dynamic": _tflite("tflite_dynamic", "generator_dynamic.tflite", 40, 1),
    "tflite_int8": _tflite("tflite_int8", "generator_int8.tflite", 30, 1, "int8"),
    "tflite_weight_int8": _tflite("tflite_weight_int8", "generator_weight_int8.tflite", 50, 1),
    "onnx": (
        Artefact(
            "generator.onnx", "onnx", 100, 4, lambda generator, path, batches: onnx.write_generator(generator, path)
        ),
        Artefact("sampler.onnx", "onnx", 100, 0, lambda generator, path, batches: onnx.write_sampler(generator, path)),
    ),
}
DEFAULT = ("saved_model", "tflite")


def parse(text: str) -> tuple[str, ...]:
    """The names in a --formats value, in the table's order.

    Raises:
      UserError: for an unknown name, with those that are near.
    """
    asked = [name.strip() for name in text.split(",") if name.strip()]
    if asked == ["all"]:
        return tuple(FORMATS)
    for name in asked:
        if name not in FORMATS:
            near = nearest(name, FORMATS)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise UserError(f"--formats: unknown format '{name}'; {hint}legal: {', '.join(FORMATS)}, or all")
    if not asked:
        raise UserError(f"--formats is empty; legal: {', '.join(FORMATS)}, or all")
    return tuple(name for name in FORMATS if name in asked)
