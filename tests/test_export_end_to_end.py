"""Train, export, and load each file as a stranger does: it draws what `tfgan_train.sample` draws."""

import json

import numpy as np
import pytest
from PIL import Image

from tests import exporting
from tests.exporting import RUNS, exported, python
from tfgan_train import load

pytestmark = pytest.mark.export

SEED, COUNT = 11, 16

# What each loader must do without, and the few lines that load the file.
LOADERS = {
    "saved_model": (
        "tfgan_train,export",
        """
import tensorflow as tf
loaded = tf.saved_model.load(path)
images = loaded.signatures["generate"](num_images=tf.constant(count), seed=tf.constant(seed))["images"].numpy()
""",
    ),
    "tflite": (
        "tfgan_train,export,tensorflow,keras",
        """
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(path)
draw = interpreter.get_signature_runner("generate_b16")
inputs = dict(seed=np.int32(seed), index=np.int32(0), truncation=np.float32(1))
for name, tensor in draw.get_input_details().items():
    if name in ("label", "attributes"):
        inputs[name] = np.full(tensor["shape"], -1, tensor["dtype"])
images = np.clip(np.rint((draw(**inputs)["images"] + 1) * 127.5), 0, 255)
""",
    ),
    "onnx": (
        "tfgan_train,export,tensorflow,keras",
        """
import onnxruntime
session = lambda name: onnxruntime.InferenceSession(path.replace("generator", name))
sampler, generator = session("sampler"), session("generator")
inputs = sampler.run(None, dict(seed=np.array(seed, np.int32), index=np.array(0, np.int32),
                                num_images=np.array(count, np.int32), truncation=np.array(1, np.float32)))
inputs = dict(zip([output.name for output in sampler.get_outputs()], inputs))
images = np.clip(np.rint((generator.run(None, inputs)[0] + 1) * 127.5), 0, 255)
""",
    ),
}
PROGRAM = """
import sys
import numpy as np
path, out, missing, seed, count = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
sys.modules |= dict.fromkeys(missing.split(","))
{lines}
np.save(out, images.astype(np.uint8))
"""
# Grey levels that a pixel may be off, by what the format promises (dB to RMS, doubled for the worst pixel).
FILES = {
    "saved_model": ("saved_model", 1),
    "tflite": ("generator.tflite", 1),
    "tflite_float16": ("generator_float16.tflite", 1),
    "tflite_dynamic": ("generator_dynamic.tflite", 10),
    "tflite_weight_int8": ("generator_weight_int8.tflite", 10),
    "onnx": ("generator.onnx", 1),
}
# A style generator has more contrast than the others, so the same decibels are more grey levels: 60 dB an RMS of a
# quarter of one, which moves a fifth of the pixels.
MOVED = {("style", "tflite_float16"): 0.2}


@pytest.mark.parametrize("kind", RUNS)
def test_every_format_draws_what_sample_draws(kind, tmp_path):
    folder = exported(kind)
    expected = load(exporting.run(kind)).generate(COUNT, SEED)
    assert expected.std() > 4, "flat images would prove nothing"
    for name in set(exporting.formats()) - {"tflite_int8"}:
        file, tolerance = FILES[name]
        missing, lines = LOADERS[name.partition("_")[0] if name != "saved_model" else name]
        done = python("-c", PROGRAM.format(lines=lines), folder / file, tmp_path / "images.npy", missing, SEED, COUNT)
        assert done.returncode == 0, done.stderr
        images = np.load(tmp_path / "images.npy")
        assert images.shape == expected.shape
        difference = np.abs(images.astype(int) - expected)
        assert difference.max() <= tolerance, name
        if tolerance == 1:
            assert (difference > 0).mean() < MOVED.get((kind, name), 0.01 if name == "tflite_float16" else 0.001), name


def test_attributes_that_are_asked_for_are_drawn():
    """Beside z, and beside a seed, where -1 leaves an attribute to it: as `sample` draws them."""
    run, folder = load(exporting.run("attributes")), exported("attributes")
    stored = json.loads((folder / "manifest.json").read_text())["generator"]
    assert stored["attributes"] == ["even", "five_up", "loop"] and stored["labels"] is None
    program = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(sys.argv[1])
asked = np.tile(np.float32([1, -1, 0]), [16, 1])
drawn = interpreter.get_signature_runner("generate_b16")(
    seed=np.int32(11), index=np.int32(0), truncation=np.float32(1), attributes=asked)
again = interpreter.get_signature_runner("b16")(z=drawn["z"], attributes=drawn["drawn_attributes"])["images"]
assert (drawn["drawn_attributes"][:, [0, 2]] == asked[:, [0, 2]]).all()
assert set(drawn["drawn_attributes"][:, 1]) == {0, 1}
assert np.abs(again - drawn["images"]).max() < 1e-5
np.save(sys.argv[2], np.clip(np.rint((again + 1) * 127.5), 0, 255))
"""
    done = python("-c", program, folder / "generator.tflite", out := exporting.folder() / "asked.npy")
    assert done.returncode == 0, done.stderr
    expected = run.generate(COUNT, SEED, attributes={"even": 1, "loop": 0})
    assert np.abs(np.load(out) - expected).max() <= 1


@pytest.mark.parametrize("kind", RUNS)
def test_manifest_says_what_is_there(kind):
    folder = exported(kind)
    stored = json.loads((folder / "manifest.json").read_text())
    height, width, channels = {"odd": (96, 64, 3)}.get(kind, (28, 28, 1))
    assert {"height": height, "width": width, "channels": channels}.items() <= stored["generator"]["image"].items()
    assert stored["generator"]["step"] == 3 and stored["failed"] == {}
    assert {entry["path"] for entry in stored["files"]} | {"manifest.json", "MODEL_CARD.md", "samples.png"} == {
        path.name for path in folder.iterdir()
    }
    for entry in stored["files"]:
        assert all(value >= entry["floor_db"] for value in entry["psnr_db"].values())
    with Image.open(folder / "samples.png") as picture:
        assert picture.size[0] > 8 * width
