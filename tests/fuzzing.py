"""Damage of every kind, fixed by a seed, and a run directory that has every file that a command reads."""

import contextlib
import copy
import hashlib
import json
import os
import pathlib
import shutil
import signal

import numpy as np

from tests.data_fixtures import random_images
from tests.made_run import make_run
from tfgan_train import UserError
from tfgan_train.common.files import write_json
from tfgan_train.report.page import write_report
from tfgan_train.runs import checkpoints

MORE = int(os.environ.get("TFGAN_FUZZ", "1"))  # times as many mutations
STORED = pathlib.Path(__file__).parent / "stored_run"
WRONG = (None, "x", -7, True, [], {}, [None], {"x": 1}, float("nan"), float("inf"), 1e300, 10**400)


def mutations(content: bytes, count: int, seed: int = 0):
    """The content cut, emptied, with bits flipped, with a run of bytes overwritten, and with some doubled."""
    random = np.random.default_rng(seed)
    yield b""
    for _ in range(count * MORE):
        data, at = bytearray(content), int(random.integers(len(content)))
        kind = random.integers(4)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data[at] ^= 1 << int(random.integers(8))
        elif kind == 2:
            data[at : at + 8] = random.bytes(min(8, len(data) - at))
        else:
            data[at:at] = data[at : at + 16]
        yield bytes(data)


def json_mutations(value, count: int, seed: int = 0):
    """JSON texts of the value with one part left out, or replaced by what it can't be."""
    random = np.random.default_rng(seed)
    yield from (json.dumps(wrong) for wrong in WRONG)
    for _ in range(count * MORE):
        changed = copy.deepcopy(value)
        places = list(_places(changed))
        where, key = places[random.integers(len(places))]
        if random.integers(5) == 0 and isinstance(where, dict):
            del where[key]
        else:
            where[key] = WRONG[random.integers(len(WRONG))]
        yield json.dumps(changed)


def _places(value):
    """(list or dict, index or key) of every part of a JSON value."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(part, (dict, list)):
            yield from _places(part)


def replace_by(path: pathlib.Path, damage) -> None:
    """Puts other content in a file's place, or (damage "folder" or "pipe") what is no file."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if damage == "folder":
        (path / "inside").mkdir(parents=True)
    elif damage == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(damage)


def one_line_or_fine(action):
    try:
        action()
    except UserError as error:
        assert str(error) and "\n" not in str(error)


class Hang(BaseException):
    """Beyond what the code under test may take for a damaged file."""


@contextlib.contextmanager
def at_most(seconds: int):
    def late(number, frame):
        raise Hang(f"no end within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def whole_run(path: pathlib.Path) -> pathlib.Path:
    """The stored run with everything that a run may have beside: pictures, their facts, figures, a best checkpoint."""
    make_run(path, rows=2, each=4, side=16, grids=3)
    shutil.copytree(STORED, path, dirs_exist_ok=True)
    shutil.copy(path / "samples" / "interpolation.png", path / "samples" / "codes.png")
    shutil.copy(path / "samples" / "interpolation.png", path / "samples" / "directions.png")
    best = shutil.copytree(path / "checkpoints" / "00000008", path / "checkpoints" / checkpoints.BEST)
    facts = json.loads((best / checkpoints.META).read_text())
    facts |= {"format": checkpoints.FORMAT, "extra": {"metric": "FD-pixels", "num": 40, "value": 1.5}}
    own = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    write_json(best / checkpoints.META, facts | {"own_sha256": own})
    fd = {"name": "fd", "value": 1.5, "spread": 0.25, "better": "lower"}
    write_json(
        path / "eval" / "00000008.json",
        {"step": 8, "num": 40, "seconds": 1.5, "features": {"frechet": "FD-pixels"}, "metrics": {"fd": fd}},
    )
    row = {"kind": "eval", "step": 4, "features": "FD-pixels", "num": 40, "fd": 2.5}
    with open(path / "metrics.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    np.savez(path / "latents.npz", z=np.zeros((2, 8), np.float32), label=np.zeros(2, np.int32))
    np.save(path / "pictures.npy", random_images(2, 16, 16))
    write_report(path)
    return path
