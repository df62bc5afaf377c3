"""Files of eight bits of a generator of styles whose w matters as much as after training."""

import pytest
from ai_edge_litert import schema_py_generated as schema

from export import generator as generators
from export import tflite
from export.formats import FORMATS
from export.verify import verify
from tests import exporting

pytestmark = pytest.mark.export

BATCHES = (16,)
INTEGERS = {schema.TensorType.INT8, schema.TensorType.INT16, schema.TensorType.INT32, schema.TensorType.INT64}


@pytest.fixture(scope="module")
def generator():
    """With twice the mapping network and styles of a start; plain eight bits then miss every floor by 4 dB and more."""
    made = generators.of_run(generators.open_run(str(exporting.run("style"))))
    for weight in made.weights:
        if weight.shape.rank == 2:
            weight.assign(2 * weight)
    return made


def _tensors(path):
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    return [tensor for graph in model.subgraphs for tensor in graph.tensors]


def _int8_weights(path):
    return {tensor.buffer for tensor in _tensors(path) if tensor.type == schema.TensorType.INT8}


@pytest.mark.parametrize("name", ["tflite_dynamic", "tflite_int8", "tflite_weight_int8"])
def test_eight_bits_keep_their_promise(generator, tmp_path, name):
    (artefact,) = FORMATS[name]
    path = tmp_path / artefact.path
    artefact.write(generator, path, BATCHES)
    assert verify(generator, artefact, path, BATCHES).failures == []
    if name == "tflite_int8":
        assert {tensor.type for tensor in _tensors(path)} <= INTEGERS
    else:
        assert _int8_weights(path)


def test_kernels_are_int8_where_the_promise_allows(generator, tmp_path):
    counts = {}
    for floor_db in (0, 150):
        path = tmp_path / f"{floor_db}.tflite"
        tflite.write(generator, path, "tflite_weight_int8", BATCHES, floor_db)
        counts[floor_db] = len(_int8_weights(path))
    kernels = [weight for weight in generator.weights if weight.shape.rank == 4]
    large = [kernel for kernel in kernels if kernel.shape.num_elements() >= tflite.SMALL_TENSOR]
    assert counts == {0: len(large), 150: 0}
