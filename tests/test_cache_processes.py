"""--cache_dir under processes that are killed, or that are two: whole, the right bytes, nothing left over."""

import hashlib
import os
import pathlib
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from tests import processes
from tests.data_fixtures import config, png, random_images
from tfgan_train import data

pytestmark = pytest.mark.slow

COUNT = 600
# Loads the folder with shards of ten pictures; says what it has read.
PROGRAM = """
import hashlib, sys
import numpy as np
from tests.data_fixtures import config
from tfgan_train import data
from tfgan_train.data import shards
shards.SHARD_BYTES = 10 * 16 * 16 * 3
print("begin", flush=True)
found = data.load(config(f"folder:{sys.argv[1]}", cache_dir=sys.argv[2]))
print(found.count, hashlib.sha256(found.read(np.arange(found.count))[0].tobytes()).hexdigest())
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    for index, pixels in enumerate(random_images(COUNT, 16, 16, 3)):
        (root / f"{index:04d}.png").write_bytes(png(pixels))
    return root


def _begin(folder, cache):
    command = [sys.executable, "-c", PROGRAM, str(folder), str(cache)]
    repository = pathlib.Path(__file__).parent.parent
    return processes.Popen(command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finish(process) -> str:
    out, messages = process.communicate(timeout=300)
    assert process.returncode == 0, messages
    return out.split("\n")[-2]


def _expected(folder) -> str:
    found = data.load(config(f"folder:{folder}"))
    return f"{COUNT} {hashlib.sha256(found.read(np.arange(COUNT))[0].tobytes()).hexdigest()}"


def test_a_build_killed_at_twenty_moments_goes_on_and_is_whole(folder, tmp_path):
    cache, whole = tmp_path / "cache", 0
    for _ in range(20):
        process = _begin(folder, cache)
        assert process.stdout.readline() == "begin\n"
        before = len(list(cache.rglob("*.records")))
        deadline = time.monotonic() + 60
        # From the first moment to a few shards later.
        wanted = before + random.randint(0, 3)
        while process.poll() is None and len(list(cache.rglob("*.records"))) < wanted and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.01))
        process.kill()
        process.communicate()
        whole += len(list(cache.glob("pictures-*/manifest.json")))
    assert whole < 20, "no build was killed before its end"
    assert _finish(_begin(folder, cache)) == _expected(folder)
    assert len(list(cache.rglob("*.records"))) == COUNT // 10 and not list(cache.rglob("*.tmp"))


def test_two_processes_that_build_at_once_make_one_cache(folder, tmp_path):
    cache = tmp_path / "cache"
    processes = [_begin(folder, cache) for _ in range(2)]
    assert [_finish(process) for process in processes] == [_expected(folder)] * 2
    assert len(list(cache.rglob("*.records"))) == COUNT // 10
    assert sorted(name.partition("-")[0] for name in os.listdir(cache)) == [".pictures", "pictures"]
