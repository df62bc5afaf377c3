"""Reads and amends .tflite files as the flatbuffers they are; knows the schema, nothing of models."""

import dataclasses
import json

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

METADATA_NAME = "tfgan_train"

_BUILTINS = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_DTYPES = {code: name.lower() for name, code in vars(schema.TensorType).items() if not name.startswith("_")}


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output. An integer q of a quantised one stands for (q - zero_point) * scale.

    Attributes:
      dtype: such as "float32".
      scale, zero_point: None where it isn't quantised.
    """

    shape: list[int]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a .tflite file holds.

    Attributes:
      operators: names of all operators, custom ones by their own name.
      stored_bytes: size of all constants, each copy counted.
      signatures: name -> {"inputs": {name: Tensor}, "outputs": the same}.
    """

    operators: frozenset[str]
    stored_bytes: int
    signatures: dict[str, dict]


def contents(content: bytes) -> Contents:
    """Looks into a .tflite file."""
    model = schema.Model.GetRootAs(content, 0)
    signatures = {}
    for i in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(i)
        graph = model.Subgraphs(signature.SubgraphIndex())
        signatures[signature.SignatureKey().decode()] = {
            "inputs": _described(signature.Inputs, signature.InputsLength(), graph),
            "outputs": _described(signature.Outputs, signature.OutputsLength(), graph),
        }
    operators = frozenset(_name(model.OperatorCodes(i)) for i in range(model.OperatorCodesLength()))
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    stored = sum(buffer.Size() or buffer.DataLength() for buffer in buffers)
    return Contents(operators, stored, signatures)


def _name(code) -> str:
    """An operator's, a custom one's as its model has it."""
    if code.CustomCode():
        return code.CustomCode().decode()
    # Old readers know only the deprecated field, which holds up to 127.
    return _BUILTINS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]


def _described(entry, count: int, graph) -> dict[str, Tensor]:
    """Name -> Tensor of a signature's inputs or outputs, of which entry(i) is one."""
    return {entry(i).Name().decode(): _tensor(graph.Tensors(entry(i).TensorIndex())) for i in range(count)}


def with_metadata(content: bytes, description: str, facts: dict) -> bytes:
    """The same model with a description, and `facts` as JSON in a metadata buffer METADATA_NAME."""
    model = unpacked(content)
    buffer = schema.BufferT()
    buffer.data = json.dumps(facts, indent=1).encode()
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers) - 1
    model.metadata = (model.metadata or []) + [entry]
    model.description = description
    return packed(model, len(content))


def metadata(content: bytes) -> dict:
    """The facts that `with_metadata` put in.

    Raises:
      KeyError: where the file has none.
    """
    model = schema.Model.GetRootAs(content, 0)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name().decode() == METADATA_NAME:
            return json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    raise KeyError(METADATA_NAME)


def unpacked(content: bytes) -> schema.ModelT:
    """The model with all constants inside: ai-edge-quantizer puts those of larger models
    behind the flatbuffer, at offsets that packing it anew would make wrong."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.size:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def packed(model: schema.ModelT, size: int) -> bytes:
    """The file of a model, of about `size` bytes."""
    builder = flatbuffers.Builder(size + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(tensor) -> Tensor:
    shape = [tensor.Shape(i) for i in range(tensor.ShapeLength())]
    dtype = _DTYPES[tensor.Type()]
    quantization = tensor.Quantization()
    if quantization is None or not quantization.ScaleLength():
        return Tensor(shape, dtype)
    return Tensor(shape, dtype, quantization.Scale(0), quantization.ZeroPoint(0))
