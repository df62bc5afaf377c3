"""The C and Python demos, and the model card's snippets, run as their readers would run them."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from export import model_card, snippets
from tests import exporting, needs
from tests.exporting import ROOT, exported, python
from tfgan_train import load
from tfgan_train.runs.facts import Figure

pytestmark = pytest.mark.export

DEMO = ROOT / "export" / "demo"


def pixels(path):
    picture = np.asarray(Image.open(path))
    return picture if picture.ndim == 3 else picture[..., None]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The C program, built by its Makefile."""
    if not shutil.which("make") or not (shutil.which("cc") or shutil.which("gcc")):
        needs.missing("make and a C compiler")
    build = tmp_path_factory.mktemp("build")
    done = subprocess.run(
        ["make", "-C", DEMO / "c", f"PYTHON={sys.executable}", f"BUILD={build}", "CFLAGS=-Wall -Wextra -Werror"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return build / "generate"


def run_c(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("kind", exporting.BACKWARDS)
def test_c_program_gives_the_bytes_that_sample_gives(program, kind, tmp_path):
    done = run_c(program, exported(kind) / "saved_model", -12, 16, tmp_path / "image")
    assert done.returncode == 0, done.stderr
    drawn = np.stack([pixels(tmp_path / f"image{i}.png") for i in range(16)])
    np.testing.assert_array_equal(drawn, load(exporting.run(kind)).generate(16, -12))


def test_c_program_takes_truncation_and_label(program, tmp_path):
    assert run_c(program, exported("dcgan") / "saved_model", 5, 3, tmp_path / "four", 1.0, 4).returncode == 0
    drawn = np.stack([pixels(tmp_path / f"four{i}.png") for i in range(3)])
    np.testing.assert_array_equal(drawn, load(exporting.run("dcgan")).generate(3, 5, label=4))
    assert run_c(program, exported("dcgan") / "saved_model", 5, 2, tmp_path / "mean", 0.0, 4).returncode == 0
    np.testing.assert_array_equal(pixels(tmp_path / "mean0.png"), pixels(tmp_path / "mean1.png"))


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((), "usage"),
        (("/nowhere", 1, 1, "x"), "/nowhere"),
        (("MODEL", 1, 0, "x"), "COUNT"),
        (("MODEL", 1, 1, "/nowhere/x"), "/nowhere/x0.png"),
        (("MODEL", 1, 1, "x", 1, 3), "takes no LABEL"),
    ],
)
def test_c_program_says_what_is_wrong(program, arguments, words):
    model = exported("mlp") / "saved_model"
    done = run_c(program, *(model if argument == "MODEL" else argument for argument in arguments))
    assert done.returncode == 1 and words in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", exporting.BACKWARDS)
def test_python_demo(kind, tmp_path):
    done = python(DEMO / "python" / "draw.py", exported(kind) / "generator.tflite", 7, tmp_path / "images.png")
    assert done.returncode == 0, done.stderr
    expected = np.concatenate(load(exporting.run(kind)).generate(16, 7), axis=1)
    assert np.abs(pixels(tmp_path / "images.png").astype(int) - expected).max() <= 1


def code_blocks(kind):
    """(title, language, code) of each snippet in a card."""
    return re.findall(r"### (.+?)\n\n```(\w+)\n(.+?)\n```", (exported(kind) / "MODEL_CARD.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("kind", ["dcgan", "mlp", "attributes"])
def test_python_of_the_card_runs_as_it_stands(kind, tmp_path):
    """Copied from the card, in the export's folder: seed 7's first image (of label 0, where it takes labels)."""
    label = 0 if kind == "dcgan" else None
    expected = load(exporting.run(kind)).generate(4, 7, label=label)
    shutil.copytree(exported(kind), tmp_path / "export")
    blocks = [(title, code) for title, language, code in code_blocks(kind) if language == "python"]
    assert len(blocks) >= 2
    program = "import os, sys\nos.chdir(sys.argv[1])\n"
    for title, code in blocks:
        done = python("-c", program + code, tmp_path / "export")
        assert done.returncode == 0, (title, done.stderr)
        drawn = pixels(tmp_path / "export" / "image.png").astype(int)
        if kind == "dcgan" and "ONNX" in title:  # It leaves the label to the seed.
            expected_here = load(exporting.run(kind)).generate(4, 7)
        elif kind == "attributes" and "with TensorFlow" in title:  # It sets the first attribute.
            expected_here = load(exporting.run(kind)).generate(4, 7, attributes={"even": 1})
        else:
            expected_here = expected
        assert np.abs(drawn - expected_here[0]).max() <= 1, title
        (tmp_path / "export" / "image.png").unlink()


def test_c_of_the_card_names_this_model_s_tensors():
    """Each name in the snippet is an operation of the graph, and all inputs of the signature are fed."""
    from tensorflow.core.protobuf import saved_model_pb2

    stored = saved_model_pb2.SavedModel.FromString((exported("mlp") / "saved_model" / "saved_model.pb").read_bytes())
    graph = stored.meta_graphs[0].graph_def
    code = next(code for _, language, code in code_blocks("mlp") if language == "c")
    names = re.findall(r'GraphOperationByName\(graph, "(.+?)"\)', code)
    signature = stored.meta_graphs[0].signature_def["generate_png"]
    assert set(names) <= {node.name for node in graph.node} and len(names) == 3
    assert {name.split(":")[0] for name in (tensor.name for tensor in signature.inputs.values())} <= set(names)


def test_snippets_for_a_file_without_seeds():
    """A fully quantised file alone: its snippets draw latents of the right kind and size."""
    stored = json.loads((exported("dcgan") / "manifest.json").read_text())
    entry = next(file for file in stored["files"] if file["path"] == "generator_int8.tflite")
    code = snippets.python_tflite(stored["generator"], entry)
    card = (exported("dcgan") / "MODEL_CARD.md").read_text()
    for tensor in (entry["signatures"]["b1"]["inputs"]["z"], entry["signatures"]["b1"]["outputs"]["images"]):
        assert f"| {tensor['quantization']['scale']:.9g} | {tensor['quantization']['zero_point']} |" in card
    assert "standard_normal([1, 9]" in code and "seed" not in code.replace("not a seed", "")
    done = python(
        "-c",
        "import os, sys\nos.chdir(sys.argv[1])\n" + code.replace('"image.png"', "'/dev/null', 'PNG'"),
        exported("dcgan"),
    )
    assert done.returncode == 0, done.stderr
    text = snippets.kotlin(stored["generator"], entry)
    assert '"b1"' in text and "ByteArray(9)" in text and "seed" not in text
    assert not snippets.takes_seeds(entry)


def test_card_shows_the_run_s_evaluation():
    stored = json.loads((exported("mlp") / "manifest.json").read_text())
    config = json.loads((exporting.run("mlp") / "config.json").read_text())
    assert "No evaluation of step 3" in (exported("mlp") / "MODEL_CARD.md").read_text()
    card = model_card.model_card(stored, config["config"], config["data"], {"fd": Figure(12.345, 0.6, "lower")})
    assert re.search(r"\| fd \| 12.3\d* ± 0.6 \| lower \|", card)
    for fact in ("mnist10k", "step 3", "28 x 28", "9 uniform"):
        assert fact in card
