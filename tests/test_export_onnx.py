"""The ONNX files in onnxruntime, and the order that makes their bytes repeat."""

import numpy as np
import pytest

from tests import exporting, needs
from tests.exporting import exported
from tfgan_train import load
from tfgan_train.ops.latents import labels, latents

pytestmark = pytest.mark.export

onnx, onnxruntime = needs.module("onnx", "onnx"), needs.module("onnxruntime", "onnx")
needs.module("tf2onnx", "onnx")


def run(kind, name, inputs):
    session = onnxruntime.InferenceSession(exported(kind) / name)
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs), strict=True))


@pytest.mark.parametrize("kind", exporting.RUNS)
def test_generator_takes_any_batch(kind):
    network = load(exporting.run(kind)).loaded.generator
    for count in (1, 3):
        z = np.random.default_rng(count).uniform(-1, 1, [count, 9]).astype(np.float32)
        label = np.arange(count, dtype=np.int32) if exporting.RUNS[kind].get("conditional") else None
        inputs = {"z": z} | ({} if label is None else {"label": label})
        if kind == "attributes":
            label = inputs["attributes"] = np.ones([count, 3], np.float32)
        inputs |= {"truncations": np.ones(count, np.float32)} if kind == "style" else {}
        images = run(kind, "generator.onnx", inputs)["images"]
        np.testing.assert_allclose(images, network(z, label), atol=2e-5)


@pytest.mark.parametrize("kind, distribution", [("dcgan", "normal"), ("mlp", "uniform")])
def test_sampler_gives_the_package_s_latents(kind, distribution):
    drawn = run(
        kind,
        "sampler.onnx",
        {
            "seed": np.array(-5, np.int32),
            "index": np.array(40, np.int32),
            "num_images": np.array(6, np.int32),
            "truncation": np.array(0.5, np.float32),
        },
    )
    np.testing.assert_allclose(drawn["z"], latents(-5, range(40, 46), 9, distribution) * 0.5, atol=4e-6)
    if kind == "dcgan":
        np.testing.assert_array_equal(drawn["label"], labels(-5, range(40, 46), 10))


@pytest.mark.parametrize("name", ["generator.onnx", "sampler.onnx"])
def test_files_are_valid_and_of_standard_operators(name):
    model = onnx.load(exported("dcgan") / name)
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
