"""Reads and amends .tflite files as the flatbuffers they are; knows the schema, nothing of models."""

import dataclasses
import functools
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


@functools.lru_cache(maxsize=2)  # An export looks into each file several times; reading one takes a second.
def contents(content: bytes) -> Contents:
    """Looks into a .tflite file."""
    model = unpacked(content)
    operators = {
        code.customCode.decode()
        if code.customCode
        # Old readers know only the deprecated field, which holds up to 127.
        else _BUILTINS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in model.operatorCodes
    }
    stored = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    signatures = {}
    for signature in model.signatureDefs:
        tensors = model.subgraphs[signature.subgraphIndex].tensors

        signatures[signature.signatureKey.decode()] = {
            "inputs": _described(signature.inputs, tensors),
            "outputs": _described(signature.outputs, tensors),
        }
    return Contents(frozenset(operators), stored, signatures)


def _described(maps, tensors) -> dict[str, Tensor]:
    """Name -> Tensor of a signature's inputs or outputs."""
    return {entry.name.decode(): _tensor(tensors[entry.tensorIndex]) for entry in maps}


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
    model = unpacked(content)
    for entry in model.metadata or []:
        if entry.name.decode() == METADATA_NAME:
            return json.loads(bytes(model.buffers[entry.buffer].data))
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
    shape = [] if tensor.shape is None else [int(size) for size in tensor.shape]
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return Tensor(shape, _DTYPES[tensor.type])
    return Tensor(shape, _DTYPES[tensor.type], float(quantization.scale[0]), int(quantization.zeroPoint[0]))
