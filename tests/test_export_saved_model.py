"""The SavedModel's signatures, by every road that leads into one."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import exporting
from tests.exporting import exported, python
from tfgan_train import load

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def conditional():
    return tf.saved_model.load(str(exported("dcgan") / "saved_model")).signatures


def generate(signatures, name="generate", **inputs):
    return {
        key: value.numpy() for key, value in signatures[name](**{k: tf.constant(v) for k, v in inputs.items()}).items()
    }


def test_any_batch_size_and_one_sequence(conditional):
    sixteen = generate(conditional, num_images=16, seed=3)
    for count in (1, 5):
        some = generate(conditional, num_images=count, seed=3)
        assert np.abs(some["images"].astype(int) - sixteen["images"][:count]).max() <= 1
        np.testing.assert_array_equal(some["labels"], sixteen["labels"][:count])
    assert (generate(conditional, num_images=16, seed=4)["images"] != sixteen["images"]).mean() > 0.5


def test_z_signature_gives_floats(conditional):
    z = np.zeros([3, 9], np.float32)
    images = generate(conditional, "serving_default", z=z, label=np.array([0, 1, 1], np.int32))["images"]
    assert images.dtype == np.float32 and images.shape == (3, 28, 28, 1)
    np.testing.assert_allclose(images[1], images[2], atol=1e-6)
    assert np.abs(images[0] - images[1]).max() > 1e-3


def test_png_holds_the_same_pixels(conditional):
    drawn = generate(conditional, "generate_png", num_images=4, seed=3)
    pixels = [np.asarray(Image.open(io.BytesIO(png)))[..., None] for png in drawn["png"]]
    np.testing.assert_array_equal(pixels, generate(conditional, num_images=4, seed=3)["images"])


def test_label_and_truncation(conditional):
    options = dict(num_images=6, seed=3, truncation=1.0, label=[4, -1])
    drawn = generate(conditional, "generate_with_options", **options)
    own = generate(conditional, num_images=6, seed=3)
    # Two labels for six images take turns; one below 0 is drawn from the seed.
    assert drawn["labels"][::2].tolist() == [4, 4, 4]
    np.testing.assert_array_equal(drawn["labels"][1::2], own["labels"][1::2])
    by_sample = load(exporting.run("dcgan")).generate(6, 3, label=4)
    assert np.abs(drawn["images"][::2].astype(int) - by_sample[::2]).max() <= 1
    still = generate(conditional, "generate_with_options", **options | {"truncation": 0.0, "label": [4]})["images"]
    assert np.abs(still.astype(int) - still[0]).max() <= 1


def test_saved_model_cli_knows_the_defaults():
    """Inputs that are left out take the defaults stored in the model."""
    path = exported("dcgan") / "saved_model"
    for arguments, labels in (("num_images=2;seed=7;label=[3]", "[3 3]"),):
        done = python(
            "-c",
            "from tensorflow.python.tools.saved_model_cli import main; main()",
            "run",
            "--dir",
            path,
            "--tag_set",
            "serve",
            "--signature_def",
            "generate_with_options",
            "--input_exprs",
            arguments,
        )
        assert labels in done.stdout, done.stderr


def test_keras_layer_with_one_input_and_with_two():
    z = np.random.default_rng(0).uniform(-1, 1, [2, 9]).astype(np.float32)
    layer = keras.layers.TFSMLayer(str(exported("mlp") / "saved_model"), call_endpoint="serving_default")
    network = load(exporting.run("mlp")).loaded.generator
    np.testing.assert_allclose(layer(z)["images"], network(z), atol=1e-5)

    layer = keras.layers.TFSMLayer(str(exported("dcgan") / "saved_model"), call_endpoint="serving_default")
    network, label = load(exporting.run("dcgan")).loaded.generator, np.array([1, 2], np.int32)
    np.testing.assert_allclose(layer(z, label=tf.constant(label))["images"], network(z, label), atol=1e-5)


@pytest.mark.parametrize("kind", ["dcgan", "odd"])
def test_each_weight_is_stored_once(kind):
    variables = tf.train.list_variables(str(exported(kind) / "saved_model" / "variables" / "variables"))
    stored = sum(int(np.prod(shape)) for name, shape in variables if name.startswith("weights/"))
    others = [name for name, _ in variables if not name.startswith("weights/")]
    network = load(exporting.run(kind)).loaded.generator
    assert stored == sum(int(np.prod(variable.shape)) for variable in network.variables)
    assert others == ["_CHECKPOINTABLE_OBJECT_GRAPH"]
