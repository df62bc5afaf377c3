"""The calls that try every signature of an exported file, each with what it must give."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from export import flatbuffer
from export.formats import Artefact
from export.generator import ANY_LABEL, Generator

# A seed and a place with nothing special about them; negative, as half of all seeds are.
SEED, INDEX, TRUNCATION = -20_240, 3, 0.7
ENOUGH_IMAGES = 16
DRAWN = ("labels", "drawn_attributes")  # outputs, one of which a conditional generator has


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a signature and what it must give.

    Attributes:
      name: the signature, perhaps `:` and what tells this use of it from others, perhaps `#`
        and the number of a repetition with other inputs.
      images: reference, float32 [n, H, W, C].
      exact: further outputs: name -> array.
    """

    name: str
    inputs: dict[str, np.ndarray]
    images: np.ndarray | None
    exact: dict[str, np.ndarray]


def calls_of(generator: Generator, artefact: Artefact, path: pathlib.Path, batches: Sequence[int]) -> list[Call]:
    """The calls that try every signature of the file."""
    if artefact.loader == "saved_model":
        return _saved_model_calls(generator, batches)
    if artefact.loader == "onnx" and not artefact.weight_bytes:
        return [_sampler_call(generator, n) for n in batches]
    if artefact.loader == "onnx":
        return [_onnx_call(generator, n) for n in batches]
    return [
        call
        for name in sorted(flatbuffer.contents(path.read_bytes()).signatures)
        for call in _tflite_calls(generator, name, int(name.rpartition("b")[2]), artefact.weight_bytes == 4)
    ]


@functools.lru_cache(maxsize=16)  # Most TFLite files have the same signatures.
def _tflite_calls(generator: Generator, name: str, batch: int, exact_w: bool) -> list[Call]:
    """Calls of one signature for ENOUGH_IMAGES: a single image may be 8 dB from their mean.

    Args:
      exact_w: whether the weights are float32, so that w is the generator's to its last bits.
    """
    number = -(-ENOUGH_IMAGES // batch)
    make: Callable[[Generator, str, int], Call] = _w_call if name.startswith("from_w") else _z_call
    if name.startswith("generate"):
        make = functools.partial(_seeded_call, exact=("z", *DRAWN, "w") if exact_w else ("z", *DRAWN))
    whole = make(generator, name, number * batch)
    return [_part(whole, i, batch) for i in range(number)]


def _part(whole: Call, i: int, batch: int) -> Call:
    """The i-th call of `batch` images of those that make `whole`."""

    def rows(arrays):
        return {key: value[i * batch : (i + 1) * batch] if np.ndim(value) else value for key, value in arrays.items()}

    name = f"{whole.name}#{i}" if i else whole.name
    inputs = rows(whole.inputs)
    if "index" in inputs:
        inputs["index"] = np.array(inputs["index"] + i * batch, np.int32)
    return Call(name, inputs, rows({"images": whole.images})["images"], rows(whole.exact))


def _labels(generator: Generator, count: int) -> np.ndarray | None:
    """Labels or attributes that run through all, some left to the sampler; None for an unconditional generator."""
    if not generator.conditional:
        return None
    if size := len(generator.facts.attributes):
        rows, columns = np.arange(count)[:, None], np.arange(size)
        return np.where((rows + columns) % 3 == 0, ANY_LABEL, rows >> columns & 1).astype(np.float32)
    return (np.arange(count) % (generator.facts.num_classes + 1) + ANY_LABEL).astype(np.int32)


def _inputs(generator: Generator, index: int, count: int, truncation: float, label=None):
    return generator.sample_inputs(SEED, tf.range(index, index + count), truncation, label)


def _call(generator, name, inputs, z, label, extra=(), truncation=1.0) -> Call:
    """A call with its reference; `extra` names the sampler's outputs that it gives as well."""
    drawn = {"z": z.numpy()} | _named(generator, label) | _named(generator, label, drawn=True)
    if "w" in extra and generator.facts.w_size:
        drawn["w"] = generator.w(z, label, truncation).numpy()
    reference = generator.images(z, label, truncation).numpy()
    return Call(name, inputs, reference, {key: drawn[key] for key in extra if key in drawn})


def _named(generator: Generator, label, drawn: bool = False) -> dict[str, np.ndarray]:
    """Labels or attributes under the name of the input, or of the output; {} for None."""
    condition = generator.facts.condition
    if label is None or condition is None:
        return {}
    return {condition.drawn if drawn else condition.name: np.asarray(label)}


def _z_call(generator: Generator, name: str, count: int) -> Call:
    z, label = _inputs(generator, INDEX, count, 1.0)
    inputs = {"z": z.numpy()} | _named(generator, label)
    return _call(generator, name, inputs, z, label)


def _w_call(generator: Generator, name: str, count: int) -> Call:
    """A call of `from_w`, with truncated w."""
    z, label = _inputs(generator, INDEX, count, TRUNCATION)
    w = generator.w(z, label, TRUNCATION)
    return Call(name, {"w": w.numpy()}, generator.images_of_w(w).numpy(), {})


def _seeded_call(generator: Generator, name: str, count: int, exact: Sequence[str]) -> Call:
    """A call of TFLite's `generate_b<N>`, of any N, whose outputs `exact` must be the sampler's."""
    asked = _labels(generator, count)
    z, label = _inputs(generator, INDEX, count, TRUNCATION, asked)
    inputs = _seed(INDEX) | _named(generator, asked)
    return _call(generator, name, inputs, z, label, exact, TRUNCATION)


def _onnx_call(generator: Generator, count: int) -> Call:
    """A call of generator.onnx, with truncations that differ where it takes some."""
    call = _z_call(generator, f"generator:{count}", count)
    if not generator.facts.truncates_w:
        return call
    truncations = np.linspace(1, TRUNCATION, count, dtype=np.float32)
    images = generator.images(call.inputs["z"], _condition(generator, call), truncations).numpy()
    return dataclasses.replace(call, inputs=call.inputs | {"truncations": truncations}, images=images)


def _condition(generator: Generator, call: Call) -> np.ndarray | None:
    """The call's labels or attributes."""
    condition = generator.facts.condition
    return None if condition is None else call.inputs[condition.name]


def _sampler_call(generator: Generator, count: int) -> Call:
    """A call of the ONNX sampler, which makes the generator's inputs but no images."""
    z, label = _inputs(generator, INDEX, count, TRUNCATION)
    inputs = _seed(INDEX) | {"num_images": np.array(count, np.int32)}
    made = {"z": z.numpy()} | _named(generator, label)
    if generator.facts.truncates_w:
        made["truncations"] = np.full(count, TRUNCATION, np.float32)
    return Call(f"sampler:{count}", inputs, None, made)


def _seed(index: int) -> dict[str, np.ndarray]:
    return {
        "seed": np.array(SEED, np.int32),
        "index": np.array(index, np.int32),
        "truncation": np.array(TRUNCATION, np.float32),
    }


def _saved_model_calls(generator: Generator, batches: Sequence[int]) -> list[Call]:
    calls = [_z_call(generator, f"serving_default:{n}", n) for n in batches]
    calls += [_w_call(generator, f"from_w:{n}", n) for n in batches if generator.facts.w_size]
    seed = {"seed": np.array(SEED, np.int32)}
    for n in batches:
        z, label = _inputs(generator, 0, n, 1.0)
        num_images = {"num_images": np.array(n, np.int32)}
        for name in ("generate", "generate_png")[: 1 + generator.facts.has_png]:
            calls.append(_call(generator, f"{name}:{n}", seed | num_images, z, label, DRAWN))
            asked = _labels(generator, n)
            options = {"truncation": np.array(TRUNCATION, np.float32)} | _named(generator, asked)
            truncated, same = _inputs(generator, 0, n, TRUNCATION, asked)
            inputs = seed | num_images | options
            called = f"{name}_with_options:{n}"
            calls.append(_call(generator, called, inputs, truncated, same, DRAWN, TRUNCATION))
    return calls
