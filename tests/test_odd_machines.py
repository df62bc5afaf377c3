"""File systems, users, files and settings as they are: done without and said, or one line; never waited for."""

import errno
import fcntl
import io
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import binaries
from tests.data_fixtures import config, idx_bytes, image_bytes, png, random_images
from tests.test_data_folder import load, write
from tfgan_train import compare, data, evaluate, main, train
from tfgan_train.common import errors, locks
from tfgan_train.common.errors import UserError
from tfgan_train.config.fields import Config
from tfgan_train.data import decode
from tfgan_train.features import inception_2015
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.recorder import Recorder
from tfgan_train.runs.rows import read_rows
from tfgan_train.steering import given_pictures
from tfgan_train.training import start

STORED = pathlib.Path(__file__).parent / "stored_run"


@pytest.fixture(autouse=True)
def soon():
    """Nothing here may wait for a pipe."""

    def late(number, frame):
        raise TimeoutError("waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


# --- locks


@pytest.mark.parametrize("name", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EINVAL"])
def test_a_lock_that_the_system_refuses_is_no_other_process(tmp_path, monkeypatch, capsys, name):
    def refuse(*_):
        raise OSError(getattr(errno, name), "refused")

    monkeypatch.setattr(fcntl, "flock", refuse)
    start.lock(RunDir(tmp_path)).close()
    assert f"note: {tmp_path} can't be locked on this system" in capsys.readouterr().err


def test_without_locks_as_on_windows_runs_train_without_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(locks, "fcntl", None)
    start.lock(RunDir(tmp_path)).close()
    assert "train there with one process at a time" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("module", ["main", "sample", "evaluate", "compare", "export"])
def test_without_locks_every_command_can_be_imported(module):
    program = f"import sys; sys.modules['fcntl'] = None; from tfgan_train import {module}; {module}.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--help"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


def test_a_lock_that_another_holds_is_one_line(tmp_path):
    with start.lock(RunDir(tmp_path)), pytest.raises(UserError, match="another process is training there"):
        start.lock(RunDir(tmp_path))


# --- not every file is a regular file


@pytest.mark.parametrize(
    "kind, name", [("idx", ""), ("npz", "x.npz"), ("npz", "x.npy"), ("csv", "x.csv"), ("zip", "x.zip")]
)
def test_pipes_as_data_are_refused(tmp_path, kind, name):
    os.mkfifo(tmp_path / (name or "train-images-idx3-ubyte"))
    with pytest.raises(UserError, match="is no file|no IDX images in"):
        data.load(config(f"{kind}:{tmp_path / name}"))


def test_pipes_and_devices_among_pictures_are_skipped_and_named(tmp_path):
    write(tmp_path, {f"{i}.png": png(random_images(1)[0]) for i in range(4)})
    os.mkfifo(tmp_path / "pipe.png")
    os.symlink("/dev/zero", tmp_path / "zero.jpg")
    loaded = load(tmp_path, max_bad_fraction=0.5)
    assert loaded.count == 4
    assert loaded.skipped == (("pipe.png", "not a regular file"), ("zero.jpg", "not a regular file"))


def test_pipes_given_as_pictures_are_no_pictures(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    for text in (tmp_path, tmp_path / "x.png", tmp_path / "*.png"):
        with pytest.raises(UserError, match="no pictures in that folder|no file"):
            given_pictures.read(str(text), (8, 8, 1), 4)


def test_pipes_in_a_run_directory_and_beside_out_are_not_waited_for(tmp_path):
    run = pathlib.Path(shutil.copytree(STORED, tmp_path / "run"))
    (run / "metrics.jsonl").unlink()
    for path in (run / "metrics.jsonl", run / "report.html", tmp_path / "x.csv"):
        os.mkfifo(path)
    assert read_rows(run / "metrics.jsonl") == []
    beside = binaries.call(compare.main, str(run), f"--out={tmp_path}/x.html")
    assert beside.status == 2 and "x.csv too, which holds something else" in beside.err
    assert binaries.call(compare.main, str(run), f"--out={tmp_path}/y.html").status == 0
    Recorder(run / "metrics.jsonl", ("d_loss", "g_loss"), 8, []).close()
    assert (run / "metrics.jsonl").is_file()


# --- pictures and arrays that aren't what they seem


def test_a_palette_picture_without_its_palette_is_named(tmp_path):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 3, 0, 0, 0)
    bad = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(72))) + chunk(b"IEND", b"")
    with pytest.raises(decode.BadImage):
        decode.decode(bad, (8, 8))


@pytest.mark.filterwarnings("ignore:Image size")
def test_a_16_bit_picture_of_169_megapixels_is_refused_by_its_header():
    wide = image_bytes(Image.new("I;16", (13_000, 1)))
    header = wide[16:24].replace(struct.pack(">I", 1), struct.pack(">I", 13_000))
    huge = (
        wide[:16] + header + wide[24:29] + struct.pack(">I", zlib.crc32(wide[12:16] + header + wide[24:29])) + wide[33:]
    )
    with pytest.raises(decode.BadImage, match="more than 100 million pixels"):
        decode.decode(huge, (8, 8))
    assert decode.wide_range(io.BytesIO(huge)) is None


@pytest.mark.parametrize("kind, code", [(">i4", 0x0C), (">i2", 0x0B), (">u1", 0x08)])
@pytest.mark.parametrize("columns", [1, 8])
def test_labels_of_other_integer_types_and_tables_are_read(tmp_path, kind, code, columns):
    labels = np.arange(6) % 3
    table = np.zeros((6, columns), kind) if columns > 1 else np.zeros(6, kind)
    table[(slice(None), 0) if columns > 1 else slice(None)] = labels
    head = struct.pack(f">HBB{table.ndim}I", 0, code, table.ndim, *table.shape)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(random_images(6)[..., 0]))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(head + table.tobytes())
    loaded = data.load(config(f"idx:{tmp_path}"))
    assert loaded.num_classes == 3 and loaded.read(np.arange(6))[1].tolist() == labels.tolist()


def test_a_graph_that_does_more_than_compute_is_not_run(tmp_path):
    with tf.Graph().as_default() as graph:
        tf.io.write_file(str(tmp_path / "written"), "by the graph")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(UserError, match="does more than compute .*WriteFile"):
        inception_2015.FromGraph(str(tmp_path / "graph.pb"))
    assert not (tmp_path / "written").exists()
    (tmp_path / "noise.pb").write_bytes(b"\x80\x03" + np.random.default_rng(0).bytes(300))
    with pytest.raises(UserError, match="no TensorFlow graph"):
        inception_2015.FromGraph(str(tmp_path / "noise.pb"))


# --- names and paths


def test_names_that_are_no_text_or_hold_terminal_codes_are_shown_escaped(tmp_path):
    assert errors.printable("a\nb\x1b[31m.png") == "a\\nb\\x1b[31m.png"
    for name in (b"\xff\xfe.png", b"a\nb.png", b"c\x1b[2J.png"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(b"x")
    write(tmp_path, {f"{i}.png": png(random_images(1)[0]) for i in range(4)})
    shown = [name for name, _ in load(tmp_path, max_bad_fraction=0.9).skipped]
    assert len(shown) == 3 and all(name.isprintable() and name.isascii() for name in shown), shown


@pytest.mark.parametrize("spelling", ["photos", "photos/", "./photos", "../HERE/photos", "~/photos", "WHOLE/photos"])
def test_a_folder_is_the_same_data_by_any_spelling(tmp_path, monkeypatch, spelling):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    spelling = spelling.replace("HERE", tmp_path.name).replace("WHOLE", str(tmp_path))
    assert data.located(f"folder:{spelling}") == f"folder:{tmp_path}/photos"


@pytest.mark.parametrize("flag", ["--run_dir", "--data_dir", "--cache_dir"])
def test_a_tilde_after_an_equals_sign_is_the_home(tmp_path, monkeypatch, flag):
    from absl import flags

    from tfgan_train.config import command

    monkeypatch.setenv("HOME", str(tmp_path))
    values = flags.FlagValues()
    command.define_config_flags(values)
    command._parse(values, ["x", f"{flag}=~/here"])
    assert values[flag.removeprefix("--")].value == f"{tmp_path}/here"


def test_moved_data_are_known_by_their_fingerprint(tmp_path):
    from tfgan_train.data.reading import fingerprint
    from tfgan_train.runs.data_facts import DataFacts

    write(tmp_path / "a", {f"{i}.png": png(image) for i, image in enumerate(random_images(4))})
    write(tmp_path / "other", {f"{i}.png": png(image) for i, image in enumerate(random_images(4, seed=9))})
    before = Config(dataset=f"folder:{tmp_path}/a")
    source = data.load(before)
    facts = DataFacts.of(source, fingerprint(source))
    (tmp_path / "a").rename(tmp_path / "b")
    assert data.moved(before, facts, f"folder:{tmp_path}/b", None).dataset == f"folder:{tmp_path}/b"
    with pytest.raises(UserError, match="has other images or labels than those that the run was trained on"):
        data.moved(before, facts, f"folder:{tmp_path}/other", None)
    with pytest.raises(UserError, match="only a folder or file that was moved can be named anew"):
        data.moved(before, facts, "mnist10k", None)


# --- what is said of errors, and of numbers beyond reason


def test_the_run_directory_is_blamed_for_what_lies_below_it_alone(tmp_path):
    full = OSError(errno.ENOSPC, "x")
    for name, blamed in ((tmp_path / "run" / "metrics.jsonl", True), (tmp_path / "cache" / "x", False), (None, False)):
        full.filename = name and str(name)
        said = errors.unwritable(full, tmp_path / "run")
        assert said.startswith("--run_dir=") == blamed and "No space left on device" in said
        assert name is None or str(name) in said
    graph = tf.errors.ResourceExhaustedError(
        None, None, "{{function_node f}} x.data; No space left on device [Op:SaveV2]"
    )
    assert errors.reason(graph) == "No space left on device"


@pytest.mark.parametrize(
    "flag, said",
    [
        ("--steps=1" + 400 * "0", "--steps="),
        ("--epochs=1e308", "--epochs=1e+308 must be from 0 to"),
        ("--latent_dim=1" + 30 * "0", "--latent_dim="),
    ],
)
def test_numbers_beyond_reason_are_one_line(tmp_path, flag, said):
    result = binaries.call(main.main, "--recipe=smoke", flag, f"--run_dir={tmp_path}/run")
    assert result.status == 2 and result.err.count("error: ") == 1 and said in result.err, result.err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_command_that_asks_for_too_much_is_one_line(tmp_path):
    run = shutil.copytree(STORED, tmp_path / "run")
    for flag in ("--num=1" + 30 * "0", "--num=1" + 12 * "0", "--step=1" + 5000 * "0"):
        result = binaries.call(evaluate.main, f"--run_dir={run}", flag, "--features=pixels", "--metrics=frechet")
        assert result.status == 2 and result.err.count("error: ") == 1, result.err
        assert len(result.err.splitlines()[-1]) < 300


@pytest.mark.slow
def test_what_does_not_fit_into_the_memory_is_one_line(tmp_path, monkeypatch):
    def exhausted(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr("tfgan_train.training.parts.build", exhausted)
    with pytest.raises(UserError, match="this run needs more memory than there is .*choose a smaller --batch_size"):
        train(Config(recipe="smoke", steps=1, run_dir=str(tmp_path / "run")))


# --- others' settings


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "theano"])
def test_another_keras_backend_is_one_line_or_no_matter(tmp_path, backend):
    done = subprocess.run(
        [sys.executable, "-m", "tfgan_train.main", "--recipe=smoke", "--steps=1", f"--run_dir={tmp_path}/run"],
        env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or (done.returncode == 2 and done.stderr.count("error: ") == 1), done.stderr
