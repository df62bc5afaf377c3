"""A small CNN trained once on the data's own labels: features that know these data.

Deterministic, kept in the cache by the data's checksum. It is trained on the training
split and its accuracy is told on images that it has not seen.
"""

from typing import Optional

import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.common.terminal import Countdown
from tfgan_train.data import reading
from tfgan_train.features.cache import cached, folder, is_any_kept, load
from tfgan_train.features.extractor import Extractor, Request
from tfgan_train.metrics.pixels import shrink

VERSION = 1  # part of the cache's name: raise it with any change that changes features
WIDTHS = (32, 64, 96)
FEATURES = 128
BATCH = 128
MOST_IMAGES = 100_000
PEAK_RATE, MOMENTUM, DECAY = 0.1, 0.9, 5e-4
STEPS_PER_CALL = 100
FEWEST_STEPS, MOST_STEPS, EPOCHS = 1200, 2400, 5
SIDE = 32
EPSILON = 1e-5
DOUBTFUL = 0.8  # accuracy below which the user is warned


def build(request: Request) -> Extractor:
    """The classifier of the data's labels, from the cache or trained now.

    Raises:
      UserError: data without at least two labels.
    """
    source = request.train
    if source.num_classes < 2:
        raise UserError(
            f"--features=classifier needs labels, and {source.name} has none; "
            "use --features=efficientnet, inception or pixels"
        )
    indices, key = _trained_on(source)
    weights = cached(key, lambda: _train(source, indices, request), request.say)
    accuracy, tested = float(weights["accuracy"]), int(weights["tested"])
    request.say(f"classifier of {source.name}: {accuracy:.2%} right on {tested:,} images that it was not trained on")
    network = Classifier(weights)
    doubt = " It is often wrong, so figures of classes are rough." if accuracy < DOUBTFUL else ""
    return Extractor(
        "classifier",
        key,
        "FD-classifier",
        f"Features of a classifier trained on {source.name}'s own labels ({accuracy:.1%} right): compare only with "
        f"figures of the same data, number of samples and version of this package.{doubt}",
        network.run,
        batch=512,
        own_classes=True,
        facts={"accuracy": accuracy, "tested": tested},
    )


def kept(source) -> Optional["Classifier"]:
    """The classifier of these data where the cache has one; None, and nothing trained, where not."""
    # Reading all the images for their checksum is worth it only where something can be found.
    if source.num_classes < 2 or not is_any_kept("classifier-"):
        return None
    cache = folder()
    weights = load(cache / f"{_trained_on(source)[1]}.cache") if cache else None
    return None if weights is None else Classifier(weights)


def _trained_on(source) -> tuple[np.ndarray, str]:
    """Which images of the data a classifier is trained on, and its name in the cache."""
    indices = np.arange(source.count) if source.count <= MOST_IMAGES else np.sort(reading.some(source, MOST_IMAGES))
    return indices, f"classifier-{VERSION}-{reading.checksum(source, indices)[:24]}"


class Classifier:
    """The trained network from its arrays; batch normalisation is folded into the weights."""

    def __init__(self, weights):
        self._weights = {name: tf.constant(value) for name, value in weights.items()}

    def run(self, images: np.ndarray):
        """uint8 [n, H, W, C] -> (float32 [n, 128], float32 probabilities [n, K])."""
        features, logits = self._forward(tf.constant(shrink(images, SIDE)))
        return features.numpy(), tf.nn.softmax(logits).numpy()

    @tf.function(reduce_retracing=True, autograph=False)
    def _forward(self, x):
        w = self._weights
        return _network(x, w["mean"], w["std"], w, lambda y, name: y + w[name + "/bias"])


def _network(x, mean, std, weights, after):
    """(features [n, 128], logits [n, K]); `after(y, layer)` is the normalisation or bias."""
    x = (x - mean) / std
    for i in range(len(WIDTHS)):
        x = tf.nn.conv2d(x, weights[f"conv{i}/kernel"], 1, "SAME")
        x = tf.nn.max_pool2d(tf.nn.relu(after(x, f"conv{i}")), 2, 2, "SAME")
    x = tf.reshape(x, [-1, weights["dense/kernel"].shape[0]])
    features = tf.nn.relu(after(x @ weights["dense/kernel"], "dense"))
    return features, features @ weights["logits/kernel"] + weights["logits/bias"]


def _train(source, indices, request: Request) -> dict[str, np.ndarray]:
    """Trains on `indices`, measures on the held-out images, returns the folded weights."""
    request.say(f"training a classifier of {source.name}, once; it is kept in {folder()}")
    if request.heldout is not None:
        held = reading.labelled(request.heldout, reading.some(request.heldout, 10_000))
    else:  # every tenth image is kept back to measure with
        held = reading.labelled(source, indices[::10])
        indices = np.delete(indices, np.s_[::10])
    pixels, labels = reading.labelled(source, indices)
    pixels = np.concatenate([shrink(pixels[i : i + 4096], SIDE) for i in range(0, len(pixels), 4096)])
    steps = int(np.clip(EPOCHS * len(pixels) / BATCH, FEWEST_STEPS, MOST_STEPS))
    trainer = _Trainer(pixels, labels, source.num_classes, steps)
    countdown = Countdown("classifier's training steps", steps)
    while trainer.done < steps:
        trainer.advance(min(STEPS_PER_CALL, steps - trainer.done))
        countdown(trainer.done)
    weights = trainer.folded()
    network = Classifier(weights)
    right = sum(
        int((network.run(held[0][i : i + 512])[1].argmax(axis=1) == held[1][i : i + 512]).sum())
        for i in range(0, len(held[0]), 512)
    )
    return weights | {"accuracy": np.array(right / len(held[0])), "tested": np.array(len(held[0]))}


class _Trainer:
    """SGD with momentum, one-cycle rate, shifts of up to two pixels; seeded throughout."""

    def __init__(self, pixels, labels, classes, steps):
        self._steps, self.done = steps, 0
        self._pixels, self._labels = tf.constant(pixels), tf.constant(labels)
        self._mean, self._std = tf.constant(pixels.mean()), tf.constant(max(float(pixels.std()), 1e-3))
        epochs = -(-steps * BATCH // len(pixels))
        rng = np.random.default_rng(0)
        order = np.concatenate([rng.permutation(len(pixels)) for _ in range(epochs)])[: steps * BATCH]
        self._order = tf.constant(order.reshape(steps, BATCH).astype(np.int32))
        self._variables = _initial(pixels.shape[1:], classes)
        self._moving = {
            name: tf.Variable(tf.stack([tf.zeros(v.shape[0]), tf.ones(v.shape[0])]), trainable=False)
            for name, v in self._variables.items()
            if name.endswith("/scale")
        }
        self._velocity = {name: tf.Variable(tf.zeros_like(v)) for name, v in self._variables.items()}

    def advance(self, steps: int) -> None:
        """Takes `steps` steps, in one call into the graph."""
        self._advance(tf.constant(self.done), tf.constant(self.done + steps))
        self.done += steps

    @tf.function(autograph=False)
    def _advance(self, first, last):
        def take(step):
            self._step(step)
            return step + 1

        tf.while_loop(lambda step: step < last, take, (first,))

    def _step(self, step):
        chosen = self._order[step]
        x, y = tf.gather(self._pixels, chosen), tf.gather(self._labels, chosen)
        # One shift for the whole batch: as good as one for each image, and a plain slice.
        top, left = tf.unstack(tf.random.stateless_uniform([2], [step, 1], 0, 5, tf.int32))
        height, width = x.shape[1:3]
        x = tf.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]])[:, top : top + height, left : left + width]
        x = tf.ensure_shape(x, [BATCH, height, width, None])
        with tf.GradientTape() as tape:
            _, logits = _network(x, self._mean, self._std, self._variables, self._normalise)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        names = list(self._variables)
        gradients = tape.gradient(loss, [self._variables[name] for name in names])
        done = tf.cast(step, tf.float32) / self._steps
        rate = PEAK_RATE * tf.minimum(done / 0.2 + 0.01, (1 - done) / 0.8)
        for name, gradient in zip(names, gradients, strict=True):
            variable, velocity = self._variables[name], self._velocity[name]
            if name.endswith("/kernel"):
                gradient += DECAY * variable
            velocity.assign(MOMENTUM * velocity + gradient)
            variable.assign_sub(rate * (gradient + MOMENTUM * velocity))

    def _normalise(self, y, name):
        """Batch normalisation with this batch's moments, which the moving ones follow."""
        flat = len(y.shape) == 2
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            y[:, None, None] if flat else y,
            self._variables[name + "/scale"],
            self._variables[name + "/offset"],
            epsilon=EPSILON,
        )
        moving = self._moving[name + "/scale"]
        moving.assign(0.95 * moving + 0.05 * tf.stack([mean, variance]))
        return y[:, 0, 0] if flat else y

    def folded(self) -> dict[str, np.ndarray]:
        """Kernels and biases that include the normalisation's moving moments."""
        values = {name: v.numpy() for name, v in self._variables.items()}
        result = {
            "mean": self._mean.numpy(),
            "std": self._std.numpy(),
            "logits/kernel": values["logits/kernel"],
            "logits/bias": values["logits/bias"],
        }
        for name in [f"conv{i}" for i in range(len(WIDTHS))] + ["dense"]:
            mean, variance = self._moving[name + "/scale"].numpy()
            factor = values[name + "/scale"] / np.sqrt(variance + EPSILON)
            result[name + "/kernel"] = values[name + "/kernel"] * factor
            result[name + "/bias"] = values[name + "/offset"] - mean * factor
        return result


def _initial(image_shape, classes) -> dict[str, tf.Variable]:
    """He-normal kernels from a fixed seed; scales 1, offsets 0."""
    rng = np.random.default_rng(1)
    height, width, channels = image_shape
    variables = {}

    def layer(name, shape):
        deviation = np.sqrt(2 / np.prod(shape[:-1]))
        variables[name + "/kernel"] = tf.Variable((rng.standard_normal(shape) * deviation).astype(np.float32))
        variables[name + "/scale"] = tf.Variable(tf.ones(shape[-1]))
        variables[name + "/offset"] = tf.Variable(tf.zeros(shape[-1]))

    for i, out in enumerate(WIDTHS):
        layer(f"conv{i}", (3, 3, channels, out))
        channels, height, width = out, -(-height // 2), -(-width // 2)
    layer("dense", (height * width * channels, FEATURES))
    variables["logits/kernel"] = tf.Variable(tf.zeros([FEATURES, classes]))
    variables["logits/bias"] = tf.Variable(tf.zeros([classes]))
    return variables
