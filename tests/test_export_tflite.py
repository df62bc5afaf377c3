"""The .tflite files as flatbuffers, and what their signatures give in the LiteRT interpreter."""

import json

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from export import flatbuffer
from tests import exporting, needs
from tests.exporting import exported
from tfgan_train import load
from tfgan_train.ops.latents import labels, latents
from tfgan_train.runs.sampler import Sampler

pytestmark = pytest.mark.export

TFLITE = [
    name for name in ("", "_float16", "_dynamic", "_int8", "_weight_int8") if f"tflite{name}" in exporting.formats()
]


def content(kind, name=""):
    return (exported(kind) / f"generator{name}.tflite").read_bytes()


def runner(kind, signature, name=""):
    interpreter = Interpreter(model_content=content(kind, name))
    return lambda **inputs: interpreter.get_signature_runner(signature)(**inputs)


@pytest.mark.parametrize("name", TFLITE)
@pytest.mark.parametrize("kind", exporting.RUNS)
def test_builtin_operators_only_and_types_as_promised(kind, name):
    """Read with LiteRT's own schema module, which the exporter doesn't use."""
    model = schema.ModelT.InitFromPackedBuf(content(kind, name), 0)
    assert all(code.customCode is None for code in model.operatorCodes)
    custom = {schema.BuiltinOperator.CUSTOM, schema.BuiltinOperator.VAR_HANDLE, schema.BuiltinOperator.READ_VARIABLE}
    assert not custom & {code.builtinCode for code in model.operatorCodes}
    expected = {"b1", "b16"} | ({"generate_b1", "generate_b16"} if name != "_int8" else set())
    expected |= {"from_w_b1", "from_w_b16"} if kind == "style" and name != "_int8" else set()
    found = {}
    for signature in model.signatureDefs:
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        outputs = {output.name.decode(): tensors[output.tensorIndex] for output in signature.outputs}
        inputs = {entry.name.decode(): tensors[entry.tensorIndex] for entry in signature.inputs}
        promised = schema.TensorType.INT8 if name == "_int8" else schema.TensorType.FLOAT32
        assert outputs["images"].type == promised and inputs.get("z", outputs["images"]).type == promised
        found[signature.signatureKey.decode()] = outputs["images"].shape[0]
    assert found == {signature: int(signature.rpartition("b")[2]) for signature in expected}


@pytest.mark.parametrize("kind", ["dcgan", "style"])
def test_the_card_says_what_the_int8_file_computes_with(kind):
    if "_int8" not in TFLITE:
        needs.missing("the extra [quantize]")
    model = schema.ModelT.InitFromPackedBuf(content(kind, "_int8"), 0)
    types = {tensor.type for graph in model.subgraphs for tensor in graph.tensors}
    card = (exported(kind) / "MODEL_CARD.md").read_text()
    assert schema.TensorType.FLOAT32 not in types and "computes with integers alone" in card
    assert ("int16" in card) == (schema.TensorType.INT16 in types) == ("microcontrollers" not in card)


@pytest.mark.parametrize("kind", exporting.RUNS)
def test_signatures_share_one_copy_of_the_weights(kind):
    model = schema.ModelT.InitFromPackedBuf(content(kind), 0)
    large = [bytes(buffer.data) for buffer in model.buffers if buffer.data is not None and len(buffer.data) > 1000]
    assert len(large) == len(set(large))


@pytest.mark.parametrize(
    "kind, distribution, name",
    [("dcgan", "normal", ""), ("mlp", "uniform", ""), ("dcgan", "normal", "_float16"), ("odd", "normal", "_dynamic")],
)
def test_seed_and_index_give_the_package_s_latents(kind, distribution, name):
    inputs = dict(seed=np.int32(-5), index=np.int32(40), truncation=np.float32(0.5))
    if kind == "dcgan":
        inputs["label"] = np.array([-1] * 15 + [6], np.int32)
    drawn = runner(kind, "generate_b16", name)(**inputs)
    indices = range(40, 56)
    noise = 4 if kind == "odd" else 9
    np.testing.assert_allclose(drawn["z"][:, :noise], latents(-5, indices, noise, distribution) * 0.5, atol=4e-6)
    if kind == "odd":  # No truncation for codes: sampling has the very same ones.
        run = load(exporting.run(kind)).loaded
        code = Sampler(run.generator, run.config, run.data).latents(-5, indices)[:, noise:]
        np.testing.assert_array_equal(drawn["z"][:, noise:], code)
    if kind == "dcgan":
        np.testing.assert_array_equal(drawn["labels"], [*labels(-5, indices, 10)[:15], 6])


def test_batch_one_gives_the_rows_of_batch_sixteen():
    z = np.random.default_rng(1).uniform(-1, 1, [16, 9]).astype(np.float32)
    many, one = runner("mlp", "b16")(z=z)["images"], runner("mlp", "b1")
    for i in (0, 7, 15):
        np.testing.assert_allclose(one(z=z[i : i + 1])["images"], many[i : i + 1], atol=1e-5)
    np.testing.assert_allclose(many, load(exporting.run("mlp")).loaded.generator(z), atol=2e-5)


def test_int8_follows_z_and_label():
    """Calibrated with the training latents: within 30 dB of the float generator, by the manifest's scales."""
    if "_int8" not in TFLITE:
        needs.missing("the extra [quantize]")
    z = np.random.default_rng(1).standard_normal([16, 9]).astype(np.float32)
    label = (np.arange(16) % 10).astype(np.int32)
    draw = Interpreter(model_content=content("dcgan", "_int8")).get_signature_runner("b16")
    stored = json.loads((exported("dcgan") / "manifest.json").read_text())
    entry = next(file for file in stored["files"] if file["path"] == "generator_int8.tflite")["signatures"]["b16"]
    takes, gives = entry["inputs"]["z"]["quantization"], entry["outputs"]["images"]["quantization"]
    integers = np.clip(np.rint(z / takes["scale"]) + takes["zero_point"], -128, 127).astype(np.int8)
    drawn = draw(z=integers, label=label)["images"]
    assert drawn.dtype == np.int8 and entry["inputs"]["z"]["range"] == [-128, 127]
    images = (drawn.astype(np.float64) - gives["zero_point"]) * gives["scale"]
    reference = load(exporting.run("dcgan")).loaded.generator(z, label).numpy()
    assert 10 * np.log10(4 / np.mean((images - reference) ** 2)) > 30


@pytest.mark.parametrize("name", TFLITE)
def test_metadata_tells_what_the_manifest_tells(name):
    stored = json.loads((exported("dcgan") / "manifest.json").read_text())
    entry = next(file for file in stored["files"] if file["path"] == f"generator{name}.tflite")
    inside = flatbuffer.metadata(content("dcgan", name))
    assert inside["signatures"] == entry["signatures"]
    assert {key: inside[key] for key in stored["generator"]} == stored["generator"]
    assert inside["versions"] == stored["versions"]
    assert inside["labels"]["count"] == 10


def with_constants_behind(packed):
    """The same model with its largest constant after the flatbuffer, as ai-edge-quantizer writes larger models."""
    model = schema.ModelT.InitFromPackedBuf(packed, 0)
    largest = max((buffer for buffer in model.buffers if buffer.data is not None), key=lambda buffer: len(buffer.data))
    data = bytes(largest.data)
    largest.data, largest.size, largest.offset = None, len(data), 1
    for _ in range(2):  # The second time, with the place that the first has shown.
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        front = bytes(builder.Output())
        front += bytes(-len(front) % 64)
        largest.offset = len(front)
    return front + data


def test_constants_behind_the_flatbuffer_survive_new_metadata():
    inside = content("mlp")
    behind = with_constants_behind(inside)
    assert flatbuffer.contents(behind).stored_bytes == flatbuffer.contents(inside).stored_bytes
    amended = flatbuffer.with_metadata(behind, "amended", {"fact": [1]})
    z = np.random.default_rng(1).uniform(-1, 1, [1, 9]).astype(np.float32)
    images = [
        Interpreter(model_content=model).get_signature_runner("b1")(z=z)["images"]
        for model in (inside, behind, amended)
    ]
    np.testing.assert_array_equal(images[1], images[0])
    np.testing.assert_array_equal(images[2], images[0])
