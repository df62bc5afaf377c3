"""Data in one file: by any spelling of its name, zip archives against the folder that they hold, CSV tables."""

import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.data_fixtures import config, random_images
from tfgan_train import UserError, data
from tfgan_train.config import recipes
from tfgan_train.data import source, zipped

IMAGES, LABELS = random_images(12, 6, 6), np.arange(12) % 3


def _load(dataset, split="train", **changes):
    return data.load(config(data.located(str(dataset)), **changes), split)


def _all(loaded):
    return loaded.read(np.arange(loaded.count))


def _png(image):
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, "PNG")
    return file.getvalue()


# --- names


@pytest.mark.parametrize("form", ["{}", "folder:{}", "npz:{}"])
@pytest.mark.parametrize("ending", [".npy", ".NPY"])
def test_a_file_is_the_same_data_by_any_spelling(tmp_path, monkeypatch, form, ending):
    with open(tmp_path / f"x{ending}", "wb") as file:
        np.save(file, IMAGES)
    monkeypatch.chdir(tmp_path)
    assert data.located(form.format(f"x{ending}")) == f"npz:{tmp_path}/x{ending}"
    np.testing.assert_array_equal(_all(_load(form.format(f"x{ending}")))[0], IMAGES)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        data.check_name(data.located(f"{tmp_path}/none.zip"))


def test_the_recipe_suits_the_file(tmp_path):
    for ending, recipe in (("zip", "photos"), ("csv", "digits"), ("npz", "digits")):
        (tmp_path / f"x.{ending}").touch()
        for form in ("", "folder:", f"{ending}:"):
            assert recipes.default_for(f"{form}{tmp_path}/x.{ending}") == recipe


# --- zip archives


def _tree(held_out=True):
    """Name -> content, as a data set of two splits and three classes lies in one folder."""
    files = {f"flowers/train/{LABELS[i]}/{i}.png": _png(IMAGES[i]) for i in range(9)}
    return files | ({f"flowers/test/{LABELS[i]}/{i}.png": _png(IMAGES[i]) for i in range(9, 12)} if held_out else {})


def _zip(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_is_the_folder_that_it_holds(tmp_path, method):
    for name, content in _tree().items():
        (tmp_path / "there" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "there" / name).write_bytes(content)
    _zip(tmp_path / "x.zip", _tree(), method)
    for split in ("train", "test"):
        ours, folder = _load(tmp_path / "x.zip", split), _load(f"folder:{tmp_path}/there", split)
        for mine, theirs in zip(_all(ours), _all(folder), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert ours.label_names == folder.label_names == ("0", "1", "2")
    assert [path.name for path in tmp_path.iterdir() if path.name != "there"] == ["x.zip"]  # Nothing was unpacked.


def test_an_archive_that_is_larger_than_the_memory_is_read_each_time(tmp_path, monkeypatch):
    _zip(tmp_path / "x.zip", _tree(held_out=False))
    in_memory = _all(_load(tmp_path / "x.zip"))
    monkeypatch.setattr(source, "MEMORY_LIMIT", 100)
    streamed = _load(tmp_path / "x.zip")
    assert not streamed.in_memory
    np.testing.assert_array_equal(_all(streamed)[0], in_memory[0])
    np.testing.assert_array_equal(streamed.read(np.array([5, 1, 5]))[0], in_memory[0][[5, 1, 5]])


def test_names_that_lead_out_of_the_archive_lead_nowhere(tmp_path):
    odd = {"../../up.png": _png(IMAGES[0]), "/etc/x.png": _png(IMAGES[1]), "__MACOSX/._1.png": b"", ".hidden.png": b""}
    _zip(tmp_path / "in.zip", odd | _tree(held_out=False) | {"flowers/train/0/noending": _png(IMAGES[9])})
    loaded = _load(tmp_path / "in.zip")
    assert loaded.count == 10 and loaded.skipped == ()
    assert [path.name for path in tmp_path.iterdir()] == ["in.zip"]


def test_a_share_of_an_archive_is_held_out_as_of_a_folder(tmp_path):
    path = _zip(tmp_path / "x.zip", _tree(held_out=False))
    trained, held = (_all(_load(path, split, held_out=0.34))[0] for split in ("train", "test"))
    assert len(trained) == 6 and len(held) == 3  # one of the three of each class
    assert {image.tobytes() for image in [*trained, *held]} == {image.tobytes() for image in IMAGES[:9]}


def test_damaged_members_are_named(tmp_path):
    path = _zip(tmp_path / "x.zip", _tree(held_out=False), zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 6] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"1 of 9 images can't be read \(first: flowers/train/0/0.png: Bad CRC"):
        _load(path)
    assert _load(path, max_bad_fraction=0.5).count == 8


def test_encrypted_members_are_named(tmp_path):
    path = _zip(tmp_path / "x.zip", _tree(held_out=False))
    content = bytearray(path.read_bytes())
    for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # the bit in each header
        at = content.find(start)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(start, at + 4)
    path.write_bytes(content)
    with pytest.raises(UserError, match="9 of 9 images can't be read .*is encrypted"):
        _load(path)


def test_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(zipped, "SMALL", 1 << 20)
    path = _zip(tmp_path / "x.zip", {"a.bmp": bytes(4 << 20), "b.bmp": bytes(4 << 20)})
    with pytest.raises(UserError, match="over 200 times the archive's own"):
        _load(path)
    monkeypatch.setattr(zipped, "SMALL", 1 << 30)
    monkeypatch.setattr(zipped, "MOST_MEMBER", 1 << 20)
    with pytest.raises(UserError, match="2 of 2 images can't be read .*has more than 1 MiB"):
        _load(path)


def test_a_member_that_understates_its_size_is_damaged(tmp_path):
    """The header says 100 bytes; no more is read, and the checksum tells."""
    path = _zip(tmp_path / "x.zip", {"a.bmp": bytes(4 << 20), "b.png": _png(IMAGES[0])})
    content = path.read_bytes().replace(struct.pack("<I", 4 << 20), struct.pack("<I", 100))
    path.write_bytes(content)
    with pytest.raises(UserError, match="a.bmp: Bad CRC"):
        _load(path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"no archive at all" * 100])
def test_what_is_no_archive_is_one_line(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(UserError, match="x.zip can't be read as a zip archive") as error:
        _load(tmp_path / "x.zip")
    assert "\n" not in str(error.value)


def test_an_archive_without_pictures(tmp_path):
    with pytest.raises(UserError, match="no images under"):
        _load(_zip(tmp_path / "x.zip", {"a.txt": b"text"}))


# --- CSV tables


def _csv(path, columns, header="", ending="\n"):
    lines = [header] * bool(header) + [",".join(map(str, row)) for row in columns]
    path.write_text(ending.join(lines) + ending, newline="")
    return path


FLAT = IMAGES.reshape(12, 36)
NAMES = ",".join(f"pixel{i}" for i in range(36))


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize(
    "columns, header",
    [
        (np.c_[LABELS, FLAT], f"label,{NAMES}"),
        (np.c_[LABELS, FLAT], f'"label","{NAMES}"'.replace(",", '","').replace('""', '"')),
        (np.c_[LABELS, FLAT], f"\ufefflabel,{NAMES}"),
        (np.c_[FLAT, LABELS], f"{NAMES},Label"),
        (np.c_[LABELS, FLAT], ""),
        (np.c_[LABELS, FLAT], ",".join(f"0.{i}" for i in range(37))),
    ],
)
def test_tables_with_labels(tmp_path, columns, header, ending):
    loaded = _load(_csv(tmp_path / "x.csv", columns, header, ending))
    images, labels = _all(loaded)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    assert loaded.num_classes == 3


@pytest.mark.parametrize("header", ["", NAMES])
def test_tables_without_labels(tmp_path, header):
    loaded = _load(_csv(tmp_path / "x.csv", FLAT, header))
    np.testing.assert_array_equal(_all(loaded)[0], IMAGES)
    assert loaded.num_classes == 0 and data.load_held_out(config(f"csv:{tmp_path}/x.csv")) is None


def test_a_table_of_many_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("tfgan_train.data.csv_file._VALUES", 5 * (1 + FLAT.shape[1]))
    images, labels = _all(_load(_csv(tmp_path / "x.csv", np.c_[LABELS, FLAT], f"label,{NAMES}")))
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "a row has 0 values"),
        ("label,pixel0\n", "a row has 2 values"),
        ("a,b,c\n1,2,3\n", "a row has 3 values"),
        ("1,2,3,4\n1,2,x,4\n", "rows 1 to 2: could not convert string 'x'"),
        ("1,2,3,4\n1,2,3\n", "rows 1 to 2: .*columns changed"),
        ("1,2,3,4\n1,2,3,256\n", "pixels go from 1 to 256; legal: 0 to 255"),
        ("1,2,3,4\n-1,2,3,4\n", "pixels go from -1 to 4"),
        ("a,b,c,d\n", "has no rows of numbers"),
        ("1,2,3,99999999999999999999\n", "rows 1 to 1: "),
        ("label,a,b,c,d\n-1,1,2,3,4\n0,1,2,3,4\n", "labels go from -1"),
        ("\x00\x01\x02", "a row has 1 values"),
    ],
)
def test_other_tables_are_one_line(tmp_path, text, words):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(UserError, match=words) as error:
        _load(tmp_path / "x.csv")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
