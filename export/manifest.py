"""manifest.json: all that a program needs to know to load and call the exported files."""

import importlib.metadata
import pathlib
import platform
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from export import flatbuffer
from export.formats import Artefact
from export.generator import Facts
from export.verify import Report
from tfgan_train.common.files import sha256

FORMAT = 1
NOT_REPRODUCIBLE = {
    "files[].latency_ms": "timed on the exporting machine, so it differs from export to export; "
    "everything else is the same for the same run and versions"
}
PACKAGES = ("tensorflow", "keras", "numpy", "ai-edge-litert", "ai-edge-quantizer", "tf2onnx", "onnx", "onnxruntime")
TO_UINT8 = "clip(round((x + 1) * 127.5), 0, 255)"


def generator_facts(facts: Facts) -> dict:
    """What is true of every file, also stored inside each .tflite."""
    height, width, channels = facts.image_shape
    return {
        "run": facts.run_name,
        "step": facts.step,
        "architecture": facts.architecture,
        "parameters": facts.parameters,
        "latent": {"size": facts.space.size, "distribution": facts.space.distribution} | _codes(facts),
        "image": {"height": height, "width": width, "channels": channels, "range": [-1, 1], "to_uint8": TO_UINT8}
        | ({"alpha": "premultiplied"} if channels == 4 else {}),
        "labels": {"count": facts.num_classes, "names": list(facts.label_names)} if facts.num_classes else None,
        **({"attributes": list(facts.attributes)} if facts.attributes else {}),
        "directions": [
            {"name": f"sefa:{i}", "w" if facts.w_size else "z": list(vector)}
            for i, vector in enumerate(facts.directions, 1)
        ],
        "tensors": meanings(facts),
    }


def _codes(facts: Facts) -> dict:
    """What z holds beside noise: {} where it is noise alone."""
    space = facts.space
    if not space.codes:
        return {}
    return {
        "noise": space.noise,
        "codes": [
            {"name": code.name, "first": code.first}
            | ({"categories": code.size} if code.categorical else {"range": [-1, 1]})
            for code in space.codes
        ],
    }


def meanings(facts: Facts) -> dict[str, dict]:
    """What each tensor of any signature holds, by its name; a range of None is all numbers."""
    whole = [-(2**31), 2**31 - 1]
    z_range = [-1, 1] if facts.space.distribution == "uniform" else None
    code = "; the codes are its last columns, each category one-hot" if facts.space.codes else ""
    truncates = "brings w nearer to its average" if facts.truncates_w else "multiplies z's noise"
    found: dict[str, dict] = {
        "z": {"range": z_range, "meaning": f"latent, {facts.space.distribution}: one row an image{code}"},
        "seed": {"range": whole, "meaning": "the same seed gives the same images in every file"},
        "index": {"range": whole, "meaning": "place of the first image in the seed's sequence"},
        "num_images": {"range": [1, whole[1]], "meaning": "how many images, from the start of the seed's sequence"},
        "truncation": {"range": [0, 1], "meaning": f"{truncates}; 1 leaves it, less gives more typical images"},
        "images": {"range": {"float32": [-1, 1], "uint8": [0, 255]}, "meaning": "pixels"},
        "png": {"range": None, "meaning": "PNG files"},
    }
    if facts.w_size:
        found["w"] = {"range": None, "meaning": "what the mapping network makes of z and the label, truncated"}
    if facts.truncates_w:
        found["truncations"] = {"range": [0, 1], "meaning": "the truncation of each image"}
    if facts.num_classes:
        last = facts.num_classes - 1
        found["label"] = {
            "range": [0, last],
            "meaning": "class of each image; beside a seed, -1 has it drawn from the seed",
        }
        found["labels"] = {"range": [0, last], "meaning": "class of each image that was drawn"}
    if facts.attributes:
        names = ", ".join(facts.attributes)
        found["attributes"] = {
            "range": [0, 1],
            "meaning": f"one column each, 1 where it holds: {names}; beside a seed, -1 has it drawn as in real images",
        }
        found["drawn_attributes"] = {"range": [0, 1], "meaning": "the attributes of each image that was drawn"}
    return found


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that had a hand in the export."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def file_entry(name: str, artefact: Artefact, path: pathlib.Path, facts: Facts, report: Report) -> dict:
    """The manifest's entry for one verified file.

    Args:
      name: the format, as --formats calls it.
      path: where the file is now.
    """
    size: dict
    if path.is_dir():
        members: dict[str, dict] = {
            str(file.relative_to(path)): {"bytes": file.stat().st_size, "sha256": sha256(file)}
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }
        size = {"bytes": sum(member["bytes"] for member in members.values()), "files": members}
    else:
        size = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    return {
        "path": artefact.path,
        "format": name,
        **size,
        "signatures": signatures(artefact, path, facts),
        "floor_db": artefact.floor_db,
        "psnr_db": report.psnr_db,
        "latency_ms": report.latency_ms,
        "latency_threads": report.threads,
    }


def manifest(facts: Facts, entries: Sequence[dict], failed: dict[str, list[str]]) -> dict:
    """The whole manifest.

    Args:
      entries: one `file_entry` for each file.
      failed: format -> why its file was removed.
    """
    return {
        "format": FORMAT,
        "generator": generator_facts(facts),
        "files": list(entries),
        "failed": failed,
        "versions": versions(),
        "not_reproducible": NOT_REPRODUCIBLE,
    }


def signatures(artefact: Artefact, path: pathlib.Path, facts: Facts) -> dict[str, dict]:
    """Signature -> {"inputs": {name: {"shape", "dtype", "range", ...}}, "outputs": the same}.

    In a shape, -1 is any size. An int8 tensor's "quantization" has its scale and zero point.
    """
    read = {"saved_model": _saved_model_signatures, "tflite": _tflite_signatures, "onnx": _onnx_signatures}
    found, known = read[artefact.loader](path), meanings(facts)
    for sides in found.values():
        for tensors in sides.values():
            for name, tensor in tensors.items():
                values = [-128, 127] if tensor["dtype"] == "int8" else known[name]["range"]
                tensor["range"] = values[tensor["dtype"]] if isinstance(values, dict) else values
    return found


def _tflite_signatures(path):
    def described(tensors):
        found = {}
        for name, tensor in sorted(tensors.items()):
            found[name] = {"shape": tensor.shape, "dtype": tensor.dtype}
            if tensor.scale is not None:
                found[name]["quantization"] = {"scale": tensor.scale, "zero_point": tensor.zero_point}
        return found

    return {
        name: {side: described(tensors) for side, tensors in sides.items()}
        for name, sides in flatbuffer.contents(path.read_bytes()).signatures.items()
    }


def _saved_model_signatures(path):
    """With `c_tensor`, what the C API calls each tensor (name:output)."""
    stored = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    graph = stored.meta_graphs[0]

    def described(tensors, defaults):
        found = {}
        for name, tensor in sorted(tensors.items()):
            found[name] = {
                "shape": [dim.size for dim in tensor.tensor_shape.dim],
                "dtype": tf.as_dtype(tensor.dtype).name,
                "c_tensor": tensor.name,
            }
            if name in defaults:
                found[name]["default"] = tf.make_ndarray(defaults[name]).tolist()
        return found

    return {
        name: {
            "inputs": described(definition.inputs, definition.defaults),
            "outputs": described(definition.outputs, {}),
        }
        for name, definition in sorted(graph.signature_def.items())
        if not name.startswith("__")
    }


def _onnx_signatures(path):
    """An ONNX file is one graph: its only signature is called `main`."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph

    def described(tensors):
        return {
            tensor.name: {
                "shape": [dim.dim_value or -1 for dim in tensor.type.tensor_type.shape.dim],
                "dtype": np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.type.tensor_type.elem_type)).name,
            }
            for tensor in tensors
        }

    return {"main": {"inputs": described(graph.input), "outputs": described(graph.output)}}
