"""A command with nothing to do leaves a finished run as it is, byte for byte."""

import pathlib

from tests import binaries
from tfgan_train import main

SMALL = dict(recipe="smoke", architecture="mlp", g_width=4, d_width=4, image_size="8", batch_size=8, train_examples=40)


def _files(run_dir: pathlib.Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(run_dir)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(run_dir.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_command_with_nothing_to_do_writes_nothing(tmp_path):
    flags = [f"--{name}={value}" for name, value in SMALL.items()]
    path = tmp_path / "run"
    assert binaries.call(main.main, *flags, "--steps=4", f"--run_dir={path}").status == 0
    before = _files(path)
    assert any("tfevents" in name for name in before)
    for again in ([f"--run_dir={path}", "--steps=4"], [f"--run_dir={path}"]):
        assert binaries.call(main.main, *again).status == 0 and _files(path) == before
    result = binaries.call(main.main, f"--run_dir={path}", "--steps=3")
    assert result.status == 2 and "--steps=3 is fewer than the 4 steps" in result.err and _files(path) == before
