"""Latents in an .npz file: z, with labels for a conditional run, or w of a generator of styles.

The exports' `z` and `label` inputs take the first as they are.
"""

import os
import pathlib
import zipfile

import numpy as np

from tfgan_train.common.array_files import read_arrays
from tfgan_train.common.errors import UserError
from tfgan_train.common.files import write_atomically
from tfgan_train.runs.sampler import Sampler
from tfgan_train.runs.walks import Latents


def write(path, latents: Latents, **more: np.ndarray) -> pathlib.Path:
    """Writes z or w float32 [n, size], label int32 [n] where there is one, and further arrays."""
    arrays = {"w" if latents.in_w else "z": latents.values.astype(np.float32)} | more
    if latents.label is not None:
        arrays["label"] = latents.label.astype(np.int32)

    def save(file):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)

    return write_atomically(path, save)


def read(path: str, flag: str, sampler: Sampler, label: int | None) -> Latents:
    """The latents of a file: its w where the sampler's generator has w and the file too, else its z.

    Args:
      flag: how messages call it, e.g. "--latents=x.npz".
      label: for all rows, instead of the file's; None: the file's.

    Raises:
      UserError: it can't be read, holds no such array, or lacks the labels that the run needs.
    """
    arrays = read_arrays(path, flag)
    values, in_w = _values(arrays, flag, sampler)
    if in_w and label is not None:
        raise UserError(f"{flag} holds w, and a label is in it already; leave out --label")
    if in_w or not sampler.conditional:
        return Latents(values, None, in_w)
    if label is not None:
        return Latents(values, np.full(len(values), label, np.int32))
    found, last = arrays.get("label"), sampler.last_label
    if found is None:
        raise UserError(f"{flag} holds no labels, and the run is conditional; say --label")
    if found.shape != (len(values),) or found.dtype.kind not in "iu" or found.min() < 0 or found.max() > last:
        raise UserError(f"{flag}: label must be {len(values)} whole numbers from 0 to {last}")
    return Latents(values, found.astype(np.int32))


def mean(path: str, flag: str, sampler: Sampler) -> tuple[np.ndarray, bool]:
    """The mean of a file's z, or w, float32 [size], and whether it is of w; labels don't matter. Raises as `read`."""
    values, in_w = _values(read_arrays(os.path.expanduser(path), flag), flag, sampler)
    return values.mean(0), in_w


def _values(arrays, flag: str, sampler: Sampler) -> tuple[np.ndarray, bool]:
    in_w = "w" in arrays and ("z" not in arrays or sampler.w_size > 0)
    if in_w and not sampler.w_size:
        raise UserError(f"{flag} holds w, which this run's generator hasn't; legal: z [n, {sampler.space.size}]")
    return _numbers(arrays, "w" if in_w else "z", sampler.w_size if in_w else sampler.space.size, flag), in_w


def _numbers(arrays, name: str, size: int, flag: str) -> np.ndarray:
    values = arrays.get(name)
    good = values is not None and values.ndim == 2 and values.dtype.kind == "f" and len(values)
    if not good or not np.isfinite(values).all():
        raise UserError(f"{flag} must hold finite float32 numbers {name} [n, {size}]; it holds {_described(arrays)}")
    if values.shape[1] != size:
        raise UserError(f"{flag} holds {name} of {values.shape[1]} columns, and this run's latents have {size}")
    return values.astype(np.float32)


def _described(arrays) -> str:
    return ", ".join(f"{name} {array.dtype} {list(array.shape)}" for name, array in arrays.items())
