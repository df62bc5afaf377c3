"""Latents in an .npz file: z, and labels for a conditional run. The exports' `z` and `label` inputs take them as is."""

import pathlib
import zipfile

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import write_atomically
from tfgan_train.data.array_files import read_arrays
from tfgan_train.runs.walks import Latents


def write(path, z: np.ndarray, label: np.ndarray | None, **more: np.ndarray) -> pathlib.Path:
    """Writes z float32 [n, size], label int32 [n] where there is one, and further arrays."""
    arrays = {"z": z.astype(np.float32)} | ({} if label is None else {"label": label.astype(np.int32)}) | more

    def save(file):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)

    return write_atomically(path, save)


def read(path: str, flag: str, size: int, num_classes: int, label: int | None) -> Latents:
    """The latents of a file.

    Args:
      flag: how messages call it, e.g. "--latents=x.npz".
      size: columns of z that the run has.
      num_classes: its labels; 0 for an unconditional run, which gets no labels.
      label: for all rows, instead of the file's; None: the file's.

    Raises:
      UserError: it can't be read, holds no such array, or lacks the labels that the run needs.
    """
    arrays = read_arrays(path, flag)
    z = arrays.get("z")
    if z is None or z.ndim != 2 or z.dtype.kind != "f" or not len(z) or not np.isfinite(z).all():
        raise UserError(f"{flag} must hold finite float32 numbers z [n, {size}]; it holds {_described(arrays)}")
    if z.shape[1] != size:
        raise UserError(f"{flag} holds z of {z.shape[1]} columns, and this run's latents have {size}")
    z = z.astype(np.float32)
    if not num_classes:
        return Latents(z, None)
    if label is not None:
        return Latents(z, np.full(len(z), label, np.int32))
    found = arrays.get("label")
    if found is None:
        raise UserError(f"{flag} holds no labels, and the run is conditional; say --label")
    if found.shape != (len(z),) or found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= num_classes:
        raise UserError(f"{flag}: label must be {len(z)} whole numbers from 0 to {num_classes - 1}")
    return Latents(z, found.astype(np.int32))


def _described(arrays) -> str:
    return ", ".join(f"{name} {array.dtype} {list(array.shape)}" for name, array in arrays.items())
