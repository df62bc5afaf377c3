"""The verification lets good files through and finds each kind of fault in bad ones."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from export import flatbuffer, saved_model, tflite
from export import generator as generators
from export.formats import FORMATS
from export.verify import IDENTICAL_DB, expected_bytes, psnr, verify
from tests import exporting
from tests.exporting import exported

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def mlp():
    return generators.of_run(generators.open_run(str(exporting.run("mlp"))))


def failures(generator, name, path):
    return verify(generator, FORMATS[name][0], path, (1, 16)).failures


def test_psnr_against_its_definition():
    reference = np.zeros([2, 4, 4, 1], np.float32)
    assert psnr(reference + np.float32(0.02), reference) == pytest.approx(20 * np.log10(2 / 0.02), abs=0.05)
    assert psnr(reference, reference) == IDENTICAL_DB
    assert psnr(np.full_like(reference, np.nan), reference) == -np.inf


def test_psnr_of_bytes_forgives_their_own_rounding_alone():
    reference = np.linspace(-1, 1, 1001, dtype=np.float32)
    rounded = np.clip(np.rint((reference + 1) * 127.5), 0, 255).astype(np.uint8)
    assert psnr(rounded, reference) > 130
    off_by_two = (np.clip(rounded.astype(int) + 2, 0, 255)).astype(np.uint8)
    # Two levels are 0.0157; a rounding that happened to help leaves a little less.
    assert 40 < psnr(off_by_two, reference) < 46


def test_good_files_pass(mlp):
    for name, file in (("tflite", "generator.tflite"), ("tflite_int8", "generator_int8.tflite")):
        assert failures(mlp, name, exported("mlp") / file) == []


def test_other_weights_are_found(mlp, tmp_path):
    """A file made before the last step's update: finite, right shape, other pictures."""
    kept = [weight.numpy() for weight in mlp.weights]
    largest = max(mlp.weights, key=lambda weight: weight.shape.num_elements())
    largest.assign(largest + 0.01)
    try:
        tflite.write(mlp, tmp_path / "other.tflite", "tflite_float16", (1, 16), 60)
    finally:
        for weight, value in zip(mlp.weights, kept, strict=True):
            weight.assign(value)
    found = failures(mlp, "tflite_float16", tmp_path / "other.tflite")
    assert found and all("below the 60 dB" in one for one in found)


def test_too_coarse_numbers_are_found(mlp):
    """An int8 file doesn't pass for a float32 one: its images, and its size."""
    found = failures(mlp, "tflite", exported("mlp") / "generator_int8.tflite")
    assert any("below the 100 dB" in one for one in found) and any("bytes of constants" in one for one in found)


def test_a_file_that_does_not_load_is_found(mlp, tmp_path):
    shutil.copytree(exported("mlp") / "saved_model", tmp_path / "saved_model")
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"not a model")
    found = failures(mlp, "saved_model", tmp_path / "saved_model")
    assert len(found) == 1 and found[0].startswith("does not run: ")


def test_flex_operators_are_found(mlp, tmp_path):
    """tf.image's bicubic resizing has no TFLite operator; with SELECT_TF_OPS it converts all the same."""

    class Resizing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 9], tf.float32, "z")])
        def draw(self, z):
            image = tf.reshape(z[:, :4], [1, 2, 2, 1])
            return {"images": tf.image.resize(image, [28, 28], "bicubic")}

    module = Resizing()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"b1": module.draw})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "model"), signature_keys=["b1"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    (tmp_path / "flex.tflite").write_bytes(converter.convert())
    assert any("Flex" in name for name in flatbuffer.contents((tmp_path / "flex.tflite").read_bytes()).operators)
    assert any("Flex" in one or "does not run" in one for one in failures(mlp, "tflite", tmp_path / "flex.tflite"))


def test_a_second_copy_of_the_weights_is_found(mlp, tmp_path):
    kept = mlp.weights
    twice = [tf.Variable(weight) for weight in kept] + [tf.Variable(weight) for weight in kept]
    mlp.weights = kept + twice
    try:
        saved_model.write(mlp, tmp_path / "saved_model")
    finally:
        mlp.weights = kept
    assert any("bytes of constants" in one for one in failures(mlp, "saved_model", tmp_path / "saved_model"))


def test_expected_bytes_bracket_one_copy(mlp):
    parameters = mlp.facts.parameters
    for weight_bytes in (1, 2, 4):
        least, most = expected_bytes(mlp, weight_bytes)
        assert least < parameters * weight_bytes < most < 2 * parameters * weight_bytes + 80_000
