"""Changes .tflite files as the flatbuffers they are: smaller weights, int8 ends, several files in one."""

from collections.abc import Collection, Sequence

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from export.flatbuffer import packed, unpacked

CONV, DENSE = schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED


def weights(content: bytes, operator: int) -> dict[int, int]:
    """The float32 constants that CONV or DENSE operators multiply by: buffer -> how many numbers."""
    model = unpacked(content)
    found = {}
    for graph in model.subgraphs:
        for call in graph.operators:
            if model.operatorCodes[call.opcodeIndex].builtinCode == operator:
                tensor = graph.tensors[call.inputs[1]]
                if tensor.type == schema.TensorType.FLOAT32 and model.buffers[tensor.buffer].data is not None:
                    found[tensor.buffer] = int(np.prod(tensor.shape))
    return found


def with_smaller_weights(content: bytes, int8: Collection[int], float16: Collection[int]) -> bytes:
    """The same model with some of its `weights` stored smaller, and made float32 for the operators that read them.

    Args:
      int8: buffers of weights whose rows, the output channels, get a scale each.
      float16: buffers of others.
    """
    model = unpacked(content)
    # The first versions that know them; with float16's, LiteRT's fast kernels don't take int8.
    codes = {width: _new_code(model, schema.BuiltinOperator.DEQUANTIZE, version) for width, version in ((1, 2), (2, 3))}
    scales: dict[int, np.ndarray] = {}
    for graph in model.subgraphs:
        for index, tensor in enumerate(list(graph.tensors)):
            if tensor.buffer in int8:
                if tensor.buffer not in scales:
                    scales[tensor.buffer] = _round(model.buffers[tensor.buffer], tensor.shape[0])
                _dequantize(graph, index, codes[1])
                tensor.type, tensor.quantization = schema.TensorType.INT8, _quantization(scales[tensor.buffer])
            elif tensor.buffer in float16:
                _dequantize(graph, index, codes[2])
                tensor.type = schema.TensorType.FLOAT16
    for buffer in float16:
        _store(model.buffers[buffer], model.buffers[buffer].data.view(np.float32).astype(np.float16))
    return packed(model, len(content))


def _round(buffer, rows: int) -> np.ndarray:
    """Makes float32 weights int8, and gives the scale of each row."""
    values = buffer.data.view(np.float32).reshape(rows, -1)
    most = np.abs(values).max(1)
    scales = np.where(most > 0, most, 1).astype(np.float32) / np.float32(127)
    _store(buffer, np.rint(values / scales[:, None]).astype(np.int8))
    return scales


def _store(buffer, values: np.ndarray) -> None:
    buffer.data = values.view(np.uint8).ravel()


def _dequantize(graph, index: int, code: int) -> None:
    """Has a graph's operators read a float32 tensor that is made of the one at `index`, before the first of them."""
    wide = _new_tensor(graph, graph.tensors[index], b"/float32", schema.TensorType.FLOAT32)
    readers = [place for place, operator in enumerate(graph.operators) if index in operator.inputs]
    for place in readers:
        inputs = graph.operators[place].inputs
        graph.operators[place].inputs = [wide if tensor == index else tensor for tensor in inputs]
    graph.operators.insert(readers[0], _operator(code, index, wide))


def with_int8_ends(content: bytes) -> bytes:
    """The same model with int8 inputs and outputs where they were int16, which it still computes with."""
    model = unpacked(content)
    code = _new_code(model, schema.BuiltinOperator.QUANTIZE, 2)
    for index, graph in enumerate(model.subgraphs):
        ends = {
            tensor: _int8_end(graph, tensor)
            for tensor in [*graph.inputs, *graph.outputs]
            if graph.tensors[tensor].type == schema.TensorType.INT16
        }
        before = [_operator(code, ends[tensor], tensor) for tensor in graph.inputs if tensor in ends]
        after = [_operator(code, tensor, ends[tensor]) for tensor in graph.outputs if tensor in ends]
        graph.operators = [*before, *graph.operators, *after]
        graph.inputs = [ends.get(tensor, tensor) for tensor in graph.inputs]
        graph.outputs = [ends.get(tensor, tensor) for tensor in graph.outputs]
        for signature in model.signatureDefs:
            if signature.subgraphIndex == index:
                for entry in [*signature.inputs, *signature.outputs]:
                    entry.tensorIndex = ends.get(entry.tensorIndex, entry.tensorIndex)
    return packed(model, len(content))


def _int8_end(graph, index: int) -> int:
    """A new int8 tensor for the same range as an int16 one."""
    wide = graph.tensors[index]
    end = _new_tensor(graph, wide, b"/int8", schema.TensorType.INT8)
    scale = np.asarray(wide.quantization.scale, np.float32) * np.float32(32767 / 127)
    graph.tensors[end].quantization = _quantization(scale)
    return end


def merged(contents: Sequence[bytes]) -> bytes:
    """One model with the signatures of several, which stores each constant once; for models without control flow."""
    whole, *others = (unpacked(content) for content in contents)
    places = {bytes(buffer.data): i for i, buffer in enumerate(whole.buffers) if buffer.data is not None}
    for model in others:
        first_code, first_graph = len(whole.operatorCodes), len(whole.subgraphs)
        buffers = [_place(whole, places, buffer) for buffer in model.buffers]
        for graph in model.subgraphs:
            for tensor in graph.tensors:
                tensor.buffer = buffers[tensor.buffer]
            for operator in graph.operators:
                operator.opcodeIndex += first_code
        for signature in model.signatureDefs:
            signature.subgraphIndex += first_graph
        whole.operatorCodes += model.operatorCodes
        whole.subgraphs += model.subgraphs
        whole.signatureDefs += model.signatureDefs
    return packed(whole, sum(len(content) for content in contents))


def _place(model, places: dict[bytes, int], buffer) -> int:
    """Where a model has the constant of another one's buffer, which it gets if need be; 0 for none."""
    if buffer.data is None:
        return 0
    data = bytes(buffer.data)
    if data not in places:
        places[data] = len(model.buffers)
        model.buffers.append(buffer)
    return places[data]


def _new_tensor(graph, like, ending: bytes, dtype: int) -> int:
    """The place of a new tensor that is no constant, of another one's shape and name."""
    tensor = schema.TensorT()
    tensor.shape, tensor.name, tensor.type, tensor.buffer = like.shape, like.name + ending, dtype, 0
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _quantization(scales: np.ndarray):
    """Symmetric; a scale for each row, or one for all."""
    made = schema.QuantizationParametersT()
    made.scale, made.zeroPoint, made.quantizedDimension = list(scales), [0] * len(scales), 0
    return made


def _new_code(model, builtin: int, version: int) -> int:
    """The place of a new operator code."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _operator(code: int, takes: int, gives: int):
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, [takes], [gives]
    return operator
