"""Writes a Generator as .tflite files: fixed batches, builtin operators; float z and images, int8 in the int8 file."""

import functools
import itertools
import pathlib
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from export import amend, extras, mixed
from export.generator import Generator

CALIBRATION_SEED, CALIBRATION_IMAGES, TRIED_IMAGES = -1, 256, 64
# Weights of fewer elements stay float32 in a quantised file (the converter's own rule). An
# image's last convolution is such a one: as int8 it cost 2.4 dB to save a kilobyte.
SMALL_TENSOR = 1024

NUMBERS = ("tflite", "tflite_float16", "tflite_dynamic", "tflite_int8", "tflite_weight_int8")


def write(generator: Generator, path: pathlib.Path, number: str, batches: tuple[int, ...], floor_db: float) -> None:
    """Writes one .tflite file whose signatures share one copy of the weights.

    Where the generator has w, an error of which is in every pixel, files of int8 weights have only kernels as int8,
    float16 dense layers, and float activations; the int8 file has int16 activations.

    Args:
      number: one of NUMBERS, how the weights (and for int8 the activations) are stored.
      batches: batch sizes; each gives a signature `b<N>` and, but for int8, `generate_b<N>`; `from_w_b<N>` too, where
        the generator has w.
      floor_db: what the file's images must reach, see `formats.Artefact`.

    Raises:
      UserError: where the extra for `tflite_weight_int8` is not installed.
    """
    if number == "tflite":
        content = _float32(generator, batches)
    elif number in ("tflite_dynamic", "tflite_weight_int8") and generator.facts.w_size:
        content = _mixed(generator, batches, floor_db)
    elif number == "tflite_weight_int8":
        content = _quantize_weights(_float32(generator, batches))
    else:
        content = _convert(generator, number, batches)
    path.write_bytes(content)


def signatures(generator: Generator, batches: Sequence[int], seeded: bool) -> dict:
    """Signature name -> tf.function of fixed batch.

    b<N>: z float32 [N, space.size] (and label int32 [N], or attributes float32 [N, k]) -> images
      float32 [N, H, W, C] in [-1, 1].
    generate_b<N> (where `seeded`): seed, index, truncation (and label or attributes, below 0: drawn)
      -> images, the z they were made from (and the labels, and w): rows index .. index+N-1 of the seed.
    from_w_b<N> (where `seeded` and the generator has w): w float32 [N, w_size] -> images.
    """
    functions = {}
    for batch in batches:
        functions[f"b{batch}"] = _from_z(generator, batch, seeded)
        if seeded:
            functions[f"generate_b{batch}"] = _from_seed(generator, batch)
        if seeded and generator.facts.w_size:
            functions[f"from_w_b{batch}"] = _from_w(generator, batch)
    return functions


def _from_z(generator: Generator, batch: int, seeded: bool):
    def images(z, label=None):
        if generator.facts.w_size and not seeded:  # Integers can't have a tensor of zeros, as 0 times w's average.
            return {"images": generator.images_of_w(generator.w(z, label, truncation=None))}
        return {"images": generator.images(z, label)}

    specs = [tf.TensorSpec([batch, generator.facts.space.size], tf.float32, "z")]
    specs += _condition(generator, batch)
    return tf.function(images, input_signature=specs, autograph=False)


def _condition(generator: Generator, batch: int) -> list[tf.TensorSpec]:
    condition = generator.facts.condition
    return [] if condition is None else [condition.spec(batch)]


def _from_w(generator: Generator, batch: int):
    def images(w):
        return {"images": generator.images_of_w(w)}

    w = tf.TensorSpec([batch, generator.facts.w_size], tf.float32, "w")
    return tf.function(images, input_signature=[w], autograph=False)


def _from_seed(generator: Generator, batch: int):
    def generate(seed, index, truncation, label=None):
        z, label = generator.sample_inputs(seed, index + tf.range(batch), truncation, label)
        if generator.facts.w_size:
            w = generator.w(z, label, truncation)
            drawn = {"images": generator.images_of_w(w), "z": z, "w": w}
        else:
            drawn = {"images": generator.images(z, label, truncation), "z": z}
        condition = generator.facts.condition
        return drawn | ({} if condition is None else {condition.drawn: label})

    specs = [
        tf.TensorSpec([], dtype, name)
        for name, dtype in (("seed", tf.int32), ("index", tf.int32), ("truncation", tf.float32))
    ]
    specs += _condition(generator, batch)
    return tf.function(generate, input_signature=specs, autograph=False)


@functools.lru_cache(maxsize=1)  # Three formats begin with it.
def _float32(generator: Generator, batches: tuple[int, ...]) -> bytes:
    return _convert(generator, "tflite", batches)


def _convert(generator: Generator, number: str, batches: tuple[int, ...]) -> bytes:
    # Full int8 would quantise the sampler's logarithms and cosines too: it takes z alone.
    folder, names = _saved(generator, batches, seeded=number != "tflite_int8")
    if number == "tflite_int8" and generator.facts.w_size:
        return _with_int16_activations(generator, folder.name, batches)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder.name, signature_keys=names)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if number in ("tflite_float16", "tflite_dynamic", "tflite_int8"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if number == "tflite_float16":
        converter.target_spec.supported_types = [tf.float16]
    if number == "tflite_int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: _calibration(generator, batches)
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def _mixed(generator: Generator, batches: tuple[int, ...], floor_db: float) -> bytes:
    largest = max(batches)
    calls = itertools.islice(_calibration(generator, [largest]), -(-TRIED_IMAGES // largest))
    return mixed.with_int8_kernels(_float32(generator, batches), list(calls), floor_db, SMALL_TENSOR)


def _with_int16_activations(generator: Generator, saved_model: str, batches: tuple[int, ...]) -> bytes:
    """A file of integers alone, z and images int8, whose weights are int8 and whose other tensors are int16.

    Each signature is converted alone: a constant that two share would be quantised twice.
    """
    contents = []
    for batch in batches:
        converter = tf.lite.TFLiteConverter.from_saved_model(saved_model, signature_keys=[f"b{batch}"])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        converter.representative_dataset = functools.partial(_calibration, generator, [batch])
        converter.inference_input_type = converter.inference_output_type = tf.int16
        # With 64 bits LiteRT takes its reference kernels, three times as slow. An output that saturates its int16 is
        # still far from 32 bits.
        converter._experimental_full_integer_quantization_bias_type = tf.int32
        contents.append(amend.with_int8_ends(converter.convert()))
    return amend.merged(contents)


@functools.lru_cache(maxsize=1)  # Three formats are converted from the same one.
def _saved(
    generator: Generator, batches: tuple[int, ...], seeded: bool
) -> tuple[tempfile.TemporaryDirectory, list[str]]:
    """A SavedModel of the signatures, for the converter, and their names."""
    functions = signatures(generator, batches, seeded)
    module = tf.Module()
    module.weights = generator.weights
    folder = tempfile.TemporaryDirectory()
    tf.saved_model.save(module, folder.name, signatures=functions)
    return folder, list(functions)


def _calibration(generator: Generator, batches: Sequence[int]) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The latents (and labels) of training, for each signature: other ones cost 30 dB."""
    most = max(-(-CALIBRATION_IMAGES // batch) * batch for batch in batches)
    z, label = generator.sample_inputs(CALIBRATION_SEED, tf.range(most), 1.0)
    condition = generator.facts.condition
    inputs = {"z": z.numpy()} | ({} if condition is None else {condition.name: np.asarray(label)})
    for batch in batches:
        for start in range(0, CALIBRATION_IMAGES, batch):
            yield f"b{batch}", {name: rows[start : start + batch] for name, rows in inputs.items()}


def _quantize_weights(content: bytes) -> bytes:
    """Weights as int8 for each channel, dequantised when the file is loaded."""
    quantizer = extras.load("ai_edge_quantizer.quantizer", "tflite_weight_int8")
    recipe = extras.load("ai_edge_quantizer.recipe", "tflite_weight_int8").weight_only_wi8_afp32()
    for part in recipe:
        part["op_config"]["min_weight_elements"] = SMALL_TENSOR
    return bytes(quantizer.Quantizer(bytearray(content), recipe).quantize().quantized_model)
