"""The cache: whole files, damage said and mended, one build for two processes."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tfgan_train.features import cache

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TFGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def built_arrays():
    return {"a": np.arange(5), "b/c": np.array(2.5)}


def test_second_time_is_read_not_built(folder):
    cache.cached("x", built_arrays, print)
    again = cache.cached("x", lambda: pytest.fail("built again"), print)
    assert set(again) == {"a", "b/c"}
    np.testing.assert_array_equal(again["a"], np.arange(5))
    assert [path.name for path in sorted(folder.iterdir())] == ["x.cache", "x.lock"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-7],
        lambda content: b"",
        lambda content: content[:200] + b"?" + content[201:],
        lambda content: b"not a cache file",
    ],
)
def test_damage_is_said_and_rebuilt(folder, damage):
    cache.cached("x", built_arrays, print)
    path = folder / "x.cache"
    path.write_bytes(damage(path.read_bytes()))
    said = []
    again = cache.cached("x", built_arrays, said.append)
    np.testing.assert_array_equal(again["a"], np.arange(5))
    assert len(said) == 1 and "damaged" in said[0] and str(path) in said[0]
    assert cache.load(path) is not None


def test_failed_build_leaves_nothing(folder):
    with pytest.raises(ZeroDivisionError):
        cache.cached("x", lambda: 1 / 0, print)
    assert not (folder / "x.cache").exists()


def test_a_folder_that_cannot_be_made_is_said_once_and_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TFGAN_CACHE", str(tmp_path / "file" / "below"))
    told = []
    for _ in range(2):
        np.testing.assert_array_equal(cache.cached("x", built_arrays, told.append)["a"], built_arrays()["a"])
    assert len(told) == 1 and "TFGAN_CACHE" in told[0]


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    def unknown(cls):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TFGAN_CACHE")
    monkeypatch.setattr(pathlib.Path, "home", classmethod(unknown))
    assert cache.folder() is None and "a" in cache.cached("x", built_arrays, print)


@pytest.mark.parametrize("content", [None, b"", b"hello"])
def test_what_is_no_cache_file_is_rebuilt(folder, content):
    """A folder in its place, or content that has the right hash and is no archive."""
    path = folder / "x.cache"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if content is None else path.write_bytes(cache._header(content) + content)
    assert "a" in cache.cached("x", built_arrays, print)


def test_two_processes_build_once(folder):
    """The module is loaded alone, so that fresh processes start fast."""
    root = pathlib.Path(cache.__file__).parents[2]
    program = f"""
import sys, time, types
sys.path.insert(0, {str(root)!r})
import tfgan_train
package = types.ModuleType("tfgan_train.features"); package.__path__ = [{str(pathlib.Path(cache.__file__).parent)!r}]
sys.modules["tfgan_train.features"] = package
from tfgan_train.features import cache
import numpy as np
def build():
    print("built"); time.sleep(1.5)
    return {{"a": np.arange(3)}}
assert cache.cached("x", build, print)["a"].tolist() == [0, 1, 2]
"""
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert all(process.returncode == 0 for process in both)
    assert sum(text.count("built") for text in said) == 1
    assert sum("waiting for it" in text for text in said) == 1


def test_a_cache_that_cannot_be_listed_holds_nothing(folder, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    cache.cached("some-x", built_arrays, print)
    assert cache.is_any_kept("some-") and not cache.is_any_kept("other-")
    monkeypatch.setattr(pathlib.Path, "iterdir", refused)
    assert not cache.is_any_kept("some-")
