"""Files appear whole or not at all; pixels outside and inside."""

import errno
import hashlib
import os

import numpy as np
import pytest

from tfgan_train.common.files import sha256, write_atomically, write_json
from tfgan_train.common.images import to_float, to_uint8


@pytest.mark.parametrize(
    "content, stored", [(b"\0\xff", b"\0\xff"), ("ü", "ü".encode()), (lambda file: file.write(b"x"), b"x")]
)
def test_contents(tmp_path, content, stored):
    path = write_atomically(tmp_path / "new" / "folder" / "file", content)
    assert path.read_bytes() == stored
    assert sha256(path) == hashlib.sha256(stored).hexdigest()
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    write_atomically(tmp_path / "file", "old")

    def fail(file):
        file.write(b"half of the ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "file", fail)
    assert os.listdir(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "old"


def test_while_it_is_written_the_old_file_stands(tmp_path):
    write_atomically(tmp_path / "file", "old")
    write_atomically(tmp_path / "file", lambda file: file.write((tmp_path / "file").read_bytes() + b" and new"))
    assert (tmp_path / "file").read_text() == "old and new"


def test_json_ends_in_a_newline(tmp_path):
    assert write_json(tmp_path / "file", {"a": [1, "ü"]}).read_text().endswith("}\n")


def test_pixels_go_round_and_values_beyond_are_clipped():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    inside = to_float(pixels)
    assert inside.dtype == np.float32 and (inside.min(), inside.max()) == (-1, 1)
    np.testing.assert_array_equal(to_uint8(inside), pixels)
    np.testing.assert_array_equal(to_uint8(np.array([-3.0, 0.0, 1.001, 7.0])), [0, 128, 255, 255])


def test_a_folder_in_the_files_place_is_named(tmp_path):
    (tmp_path / "x.png" / "inside").mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as caught:
        write_atomically(tmp_path / "x.png", b"x")
    assert caught.value.filename == str(tmp_path / "x.png") and os.listdir(tmp_path) == ["x.png"]
