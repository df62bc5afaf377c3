"""Weights files are read without PyTorch, and whatever isn't plain tensors is refused."""

import collections
import io
import pickle
import struct
import sys
import types
import zipfile

import numpy as np
import pytest

from tfgan_train.common.errors import UserError
from tfgan_train.pretrained import torch_file


class Storage:
    def __init__(self, key, data, kind):
        self.key, self.data, self.kind = key, data, kind


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.args = (storage, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.args


@pytest.fixture(autouse=True)
def pretend_torch(monkeypatch):
    """Modules of torch's names, so that pickles written here name what real ones name."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        kind = type(name, (), {})
        kind.__module__, kind.__qualname__ = "torch", name
        setattr(torch, name, kind)

    def _rebuild_tensor_v2(*args):
        raise AssertionError("never called")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def dump(value, legacy):
    storages = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if not isinstance(item, Storage):
                return None
            storages[item.key] = item
            kind = getattr(sys.modules["torch"], item.kind)
            return ("storage", kind, item.key, "cpu", len(item.data)) + ((None,) if legacy else ())

    out = io.BytesIO()
    Pickler(out, protocol=2).dump(value)
    return out.getvalue(), storages


def write_zip(path, value):
    index, storages = dump(value, legacy=False)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("name/data.pkl", index)
        for key, storage in storages.items():
            archive.writestr(f"name/data/{key}", storage.data.tobytes())


def write_legacy(path, value):
    index, storages = dump(value, legacy=True)
    parts = [pickle.dumps(part, 2) for part in (torch_file.LEGACY_MAGIC, 1001, {"little_endian": True})]
    parts += [index, pickle.dumps(sorted(storages), 2)]
    for key in sorted(storages):
        parts += [struct.pack("<q", len(storages[key].data)), storages[key].data.tobytes()]
    path.write_bytes(b"".join(parts))


WRITERS = pytest.mark.parametrize("write", [write_zip, write_legacy])
FLOATS = Storage("7", np.arange(24, dtype=np.float32), "FloatStorage")


@WRITERS
def test_tensors_come_back(tmp_path, write):
    """Transposed layouts, views at an offset, scalars and other types, as real files have."""
    write(
        tmp_path / "w.pth",
        collections.OrderedDict(
            plain=Tensor(FLOATS, 0, (4, 6), (6, 1)),
            turned=Tensor(FLOATS, 0, (6, 4), (1, 6)),
            tail=Tensor(FLOATS, 20, (4,), (1,)),
            count=Tensor(Storage("9", np.array([5]), "LongStorage"), 0, (), ()),
        ),
    )
    found = torch_file.read_state_dict(tmp_path / "w.pth")
    plain = np.arange(24, dtype=np.float32).reshape(4, 6)
    np.testing.assert_array_equal(found["plain"], plain)
    np.testing.assert_array_equal(found["turned"], plain.T)
    np.testing.assert_array_equal(found["tail"], [20, 21, 22, 23])
    assert found["count"] == 5 and found["count"].dtype == np.int64


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch evil",)


@WRITERS
def test_code_in_the_file_is_refused_not_run(tmp_path, write, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "w.pth", {"a": Evil()})
    with pytest.raises(UserError, match="not a plain PyTorch weights file.*system"):
        torch_file.read_state_dict(tmp_path / "w.pth")
    assert not (tmp_path / "evil").exists()


@WRITERS
@pytest.mark.parametrize(
    "offset, shape, strides", [(20, (5,), (1,)), (0, (3, 3), (20, 1)), (-4, (2,), (1,)), (8, (2,), (-5,))]
)
def test_views_outside_their_storage_are_refused(tmp_path, write, offset, shape, strides):
    write(tmp_path / "w.pth", {"a": Tensor(FLOATS, offset, shape, strides)})
    with pytest.raises(UserError, match="outside its storage"):
        torch_file.read_state_dict(tmp_path / "w.pth")


@WRITERS
@pytest.mark.parametrize("keep", [0, 30, 150, -10])
def test_cut_files_are_said(tmp_path, write, keep):
    path = tmp_path / "w.pth"
    write(path, {"a": Tensor(FLOATS, 0, (24,), (1,))})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="w.pth is not a plain PyTorch weights file"):
        torch_file.read_state_dict(path)


def test_missing_file_is_said(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        torch_file.read_state_dict(tmp_path / "none.pth")
