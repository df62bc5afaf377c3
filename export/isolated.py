"""Runs one exported file as a stranger would: a program for a process of its own.

    python isolated.py FORMAT FILE CALLS.npz RESULTS.npz THREADS

CALLS holds arrays named CALL/INPUT, where a CALL is SIGNATURE[:USE][#REPETITION]; RESULTS
gets CALL/OUTPUT, and CALL/milliseconds, the median of a few calls, but for repetitions.
This project can't be imported here, and TensorFlow only for a SavedModel.
"""

import io
import os
import sys
import time

# Run as a script, Python puts this folder first, where onnx.py would hide the real one.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != _HERE]
# None makes an import fail, as it would where the package isn't installed.
sys.modules["tfgan_train"] = sys.modules["export"] = None  # type: ignore[assignment]

import numpy as np  # noqa: E402  (after the folder is out of the way)

REPEATS, ENOUGH_SECONDS = 9, 0.5


def load_saved_model(path, threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    loaded = tf.saved_model.load(path)

    def run(signature, inputs):
        function = loaded.signatures[signature]
        outputs = function(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    variables = {id(variable): variable for variable in loaded.signatures["serving_default"].variables}
    read = sum(int(np.prod(variable.shape)) for variable in variables.values())
    return run, {"parameters_read": np.array(read)}


def load_tflite(path, threads):
    sys.modules["tensorflow"] = None
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=threads)
    runners = {}

    def run(signature, inputs):
        if signature not in runners:
            runners[signature] = interpreter.get_signature_runner(signature)
        runner = runners[signature]
        takes, gives = runner.get_input_details(), runner.get_output_details()
        outputs = runner(**{name: quantized(value, takes[name]) for name, value in inputs.items()})
        return {name: dequantized(value, gives[name]) for name, value in outputs.items()}

    return run, {}


def load_onnx(path, threads):
    sys.modules["tensorflow"] = None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda signature, inputs: dict(zip(names, session.run(names, inputs), strict=True)), {}


LOADERS = {"saved_model": load_saved_model, "tflite": load_tflite, "onnx": load_onnx}


def quantized(value, details):
    """The integers that stand for `value` in an int8 tensor; `value` itself for any other."""
    if details["dtype"] != np.int8:
        return value
    scale, zero_point = details["quantization"]
    return np.clip(np.rint(value / scale) + zero_point, -128, 127).astype(np.int8)


def dequantized(value, details):
    """What an int8 tensor's integers stand for, float32; `value` itself for any other."""
    if details["dtype"] != np.int8:
        return value
    scale, zero_point = details["quantization"]
    return (value.astype(np.float32) - zero_point) * np.float32(scale)


def decoded(png):
    """PNG files, an object array of bytes [n] -> uint8 [n, H, W, C]."""
    from PIL import Image

    pixels = np.stack([np.asarray(Image.open(io.BytesIO(one))) for one in png])
    return pixels if pixels.ndim == 4 else pixels[..., None]


def milliseconds(run, signature, inputs):
    """The median of some calls of a signature that was called before."""
    times = []
    begin = time.perf_counter()
    while len(times) < REPEATS and (not times or time.perf_counter() - begin < ENOUGH_SECONDS):
        start = time.perf_counter()
        run(signature, inputs)
        times.append(time.perf_counter() - start)
    return np.median(times) * 1e3


def main(format_name, path, calls_path, results_path, threads):
    run, results = LOADERS[format_name](path, int(threads))
    calls = {}
    with np.load(calls_path) as stored:
        for key in stored.files:
            call, _, name = key.rpartition("/")
            calls.setdefault(call, {})[name] = stored[key]
    for call, inputs in calls.items():
        signature = call.partition("#")[0].partition(":")[0]
        outputs = run(signature, inputs)
        if "png" in outputs:
            outputs["png"] = decoded(outputs["png"])
        results |= {f"{call}/{name}": value for name, value in outputs.items()}
        if "#" not in call:
            results[f"{call}/milliseconds"] = np.array(milliseconds(run, signature, inputs))
    np.savez(results_path, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
