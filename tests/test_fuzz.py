"""Damaged input of every kind, fixed by a seed: one plain line or done without, never a traceback and never a hang.

TFGAN_FUZZ=N takes N times as many mutations.
"""

import gzip
import io
import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from export import main as export_main
from tests import binaries
from tests.data_fixtures import config, idx_bytes, random_images
from tests.fuzzing import STORED, at_most, mutations, one_line_or_fine
from tfgan_train import compare, evaluate, main, project, sample
from tfgan_train.data import decode, load
from tfgan_train.pretrained.torch_file import read_state_dict
from tfgan_train.report.page import write_report
from tfgan_train.runs import checkpoints
from tfgan_train.runs.rows import read_rows

WEIGHTS = "weights.data-00000-of-00001"


def _image(form: str, mode: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(random_images(1, 12, 10, 3)[0]).convert(mode).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize(
    "form, mode",
    [
        ("PNG", "RGB"),
        ("PNG", "P"),
        ("PNG", "I;16"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGB"),
        ("BMP", "RGB"),
        ("PPM", "L"),
        ("TGA", "RGB"),
        ("JPEG2000", "RGB"),
    ],
)
def test_images(form, mode):
    if mode == "I;16":
        file = io.BytesIO()
        Image.fromarray(np.arange(120, dtype=np.uint16).reshape(12, 10) * 500).save(file, form)
        content = file.getvalue()
    else:
        content = _image(form, mode)
    for data in mutations(content, 60):
        try:
            assert decode.decode(data, (8, 8)).shape[:2] == (8, 8)
        except decode.BadImage as error:
            assert str(error) and "\n" not in str(error)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files(tmp_path, packed):
    pack = gzip.compress if packed else bytes
    path = tmp_path / "train-images-idx3-ubyte"
    for content in mutations(pack(idx_bytes(random_images(6, 5, 4)[..., 0])), 60):
        path.write_bytes(content)
        one_line_or_fine(lambda: load(config(f"idx:{tmp_path}")))


def test_arrays(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", images=random_images(9), labels=np.arange(9))
    np.save(tmp_path / "y.npy", random_images(9))
    for name in ("x.npz", "y.npy"):
        for content in mutations((tmp_path / name).read_bytes(), 80):
            (tmp_path / f"bad-{name}").write_bytes(content)
            one_line_or_fine(lambda name=name: load(config(f"npz:{tmp_path}/bad-{name}")))


def test_torch_files(tmp_path):
    import pickle
    import zipfile

    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1, "b": [2.0, "c"]}, 2))
        archive.writestr("archive/data/0", bytes(24))
    for data in mutations(path.read_bytes(), 120):
        (tmp_path / "bad.pth").write_bytes(data)
        one_line_or_fine(lambda: read_state_dict(tmp_path / "bad.pth"))


def _text_mutations(path: pathlib.Path, count: int):
    """As _mutations, and values replaced by others of the wrong type."""
    yield from mutations(path.read_bytes(), count)
    if path.suffix == ".json":
        for wrong in (b"null", b"[]", b"3", b"{}", b'"text"', b"[" * 50_000):
            yield wrong
        stored = json.loads(path.read_text())
        for part, values in stored.items():
            for name in [*values][:40] if isinstance(values, dict) else []:
                for wrong in (None, "x", -7, [], {}):
                    yield json.dumps(stored | {part: values | {name: wrong}}).encode()


def test_settings_of_a_run(tmp_path):
    """config.json decides everything, so damage to it is an error of one line, unless it is still a legal run."""
    from tfgan_train.runs.directory import RunDir

    run = pathlib.Path(shutil.copytree(STORED, tmp_path / "run"))
    for data in _text_mutations(STORED / "config.json", 60):
        (run / "config.json").write_bytes(data)
        one_line_or_fine(lambda: RunDir(run).read())


def test_rows_and_figures_feed_the_report_only(tmp_path):
    run = pathlib.Path(shutil.copytree(STORED, tmp_path / "run"))
    (run / "eval").mkdir()
    figures = run / "eval" / "00000008.json"
    figures.write_text(
        json.dumps(
            {"step": 8, "num": 10, "features": {"frechet": "FD"}, "metrics": {"fd": {"name": "fd", "value": 1.5}}}
        )
    )
    for path, count in ((run / "metrics.jsonl", 40), (figures, 25)):
        whole = path.read_bytes()
        for data in mutations(whole, count):
            path.write_bytes(data)
            assert all(isinstance(row["step"], int) for row in read_rows(run / "metrics.jsonl"))
            write_report(run)
        path.write_bytes(whole)


def test_a_damaged_checkpoint_is_never_taken(tmp_path):
    run = pathlib.Path(shutil.copytree(STORED, tmp_path / "run"))
    folder = run / "checkpoints" / "00000008"
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        if path.name == checkpoints.META:  # Made before it had a hash of its own: only what it hashes is covered.
            continue
        for data in mutations(whole, 40):
            if data != whole:
                path.write_bytes(data)
                assert checkpoints.latest(run / "checkpoints") is None
        path.write_bytes(whole)
    assert checkpoints.latest(run / "checkpoints").step == 8


CONFIG, ROWS = "config.json", "metrics.jsonl"
CHECKPOINT = tuple(f"checkpoints/00000008/{name}" for name in ("checkpoint.json", "weights.index", WEIGHTS))
COMMANDS = {
    "sample": (sample, ["--run_dir={run}", "--num=2", "--out={run}/../x.png"]),
    "compare": (compare, ["{run}", "--out={run}/../x.html"]),
    "evaluate": (evaluate, ["--run_dir={run}", "--num=40", "--features=pixels", "--metrics=frechet"]),
    "export": (export_main, ["--run_dir={run}", "--out_dir={run}/../out", "--formats=tflite", "--tflite_batches=1"]),
    "main": (main, ["--run_dir={run}", "--steps=9"]),
    "project": (
        project,
        ["--run_dir={run}", "--images={run}/../p.npy", "--out={run}/../p", "--restarts=1", "--iterations=1"],
    ),
}
# What ends in a line before the work begins, which takes seconds; a training whose checkpoint is damaged begins anew.
SOON = [("sample", name) for name in (CONFIG, ROWS, *CHECKPOINT)]
SOON += [("compare", name) for name in (CONFIG, ROWS, *CHECKPOINT)] + [("main", CONFIG)]
SOON += [(command, name) for command in ("evaluate", "export", "project") for name in (CONFIG, *CHECKPOINT)]


@pytest.mark.parametrize("command, name", SOON)
def test_commands_on_a_file_that_is_empty_or_cut(tmp_path, command, name):
    content = (STORED / name).read_bytes()
    for number, data in enumerate((b"", content[: len(content) // 2])):
        _one_line_or_done(tmp_path / str(number), command, name, data)


@pytest.mark.slow
@pytest.mark.parametrize("name", [CONFIG, ROWS, *CHECKPOINT])
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_on_a_damaged_file(tmp_path, command, name):
    count = 1 if command == "main" else 3  # A training takes seconds to begin.
    for number, data in enumerate(mutations((STORED / name).read_bytes(), count, seed=1)):
        _one_line_or_done(tmp_path / str(number), command, name, data)


def _one_line_or_done(folder: pathlib.Path, command: str, name: str, data: bytes):
    """Calls a command on the stored run with other content in one file; it has two minutes."""
    run = pathlib.Path(shutil.copytree(STORED, folder / "run"))
    (run / name).write_bytes(data)
    np.save(folder / "p.npy", random_images(2, 16, 16))
    called, arguments = COMMANDS[command]
    with at_most(120):
        result = binaries.call(called.main, *(argument.format(run=run) for argument in arguments))
    assert "Traceback" not in result.err
    assert result.status == 0 or (result.status == 2 and result.err.count("error: ") == 1), result.err
