"""Files that hold many images: a grid in one PNG, an .npz, a folder of PNGs. Their endings say which."""

import io
import os
import pathlib
import zipfile

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import write_atomically

MOST_IN_A_GRID = 10_000


def points_writer(out: str, special: list[str], data):
    """The function that writes --out for a run on points: a scatter plot or an .npz."""
    if special:
        raise UserError(f"--{special[0]} is for pictures, and {data.name} is points")
    if pathlib.Path(out).suffix.lower() == ".npz":
        return _write_npz
    if pathlib.Path(out).suffix.lower() != ".png":
        raise UserError(f"--out={out}: points of {data.name} go into one .png or .npz")

    def write(out, batches, num):
        from tfgan_train.pictures import grid, training_samples

        grid.save_png(out, training_samples.picture_of(np.concatenate(list(batches)), data))

    return write


def writer(out: str):
    """The function that writes --out, by its ending."""
    ending = "/" if out.endswith(("/", os.sep)) or pathlib.Path(out).is_dir() else pathlib.Path(out).suffix.lower()
    if ending not in WRITERS:
        raise UserError(f"--out={out} ends in none of {', '.join(WRITERS)}")
    return WRITERS[ending]


def _write_grid(out, batches, num):
    from tfgan_train.pictures import grid

    if num > MOST_IN_A_GRID:
        raise UserError(
            f"--num={num} is too many for one picture (at most {MOST_IN_A_GRID}); write an .npz or a folder/"
        )
    grid.save_png(out, grid.grid(np.concatenate(list(batches))))


def _write_npz(out, batches, num):
    """Streams the images into the file, so that only a batch is in memory."""
    from tfgan_train.common import alpha

    def write(file):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            with archive.open("images.npy", "w", force_zip64=True) as member:
                for i, batch in enumerate(batches):
                    batch = alpha.straight(batch) if alpha.has_alpha(batch) else batch
                    if i == 0:
                        header = {
                            "descr": np.lib.format.dtype_to_descr(batch.dtype),
                            "fortran_order": False,
                            "shape": (num, *batch.shape[1:]),
                        }
                        np.lib.format.write_array_header_1_0(member, header)
                    member.write(np.ascontiguousarray(batch).tobytes())

    write_atomically(out, write)


def _write_folder(out, batches, num):
    from tfgan_train.common.images import to_image

    digits = len(str(num - 1))
    count = 0
    for batch in batches:
        for image in batch:
            png = io.BytesIO()
            to_image(image).save(png, "PNG")
            write_atomically(out / f"{count:0{digits}d}.png", png.getvalue())
            count += 1


WRITERS = {".png": _write_grid, ".npz": _write_npz, "/": _write_folder}
