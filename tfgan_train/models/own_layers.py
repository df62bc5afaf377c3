"""What the layers of a user's Keras model do while a GAN trains, and what is seen of them.

A training step needs more than `training=True`: dropout masks and batch statistics of the global batch however many
replicas share it, and a look at D as it is in training without dropping or moving anything. `prepare` puts that round
the layers of a built model; at inference each of them computes what Keras says.
"""

import contextlib
import dataclasses
import math
import threading
from typing import Any

import keras
import tensorflow as tf

from tfgan_train.models.norms import fused_batch_norm
from tfgan_train.ops.random import Draw, dropout

_LOCAL = threading.local()
# They only add noise in training; the others of this kind draw from Keras' own seed generators.
_NOISE = (
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)
_BATCH = (keras.layers.BatchNormalization,)
_BEHIND = (keras.layers.Flatten, keras.layers.Reshape)  # features are taken before these, while they are still images


@dataclasses.dataclass(eq=False)
class Pass:
    """One call of a model.

    Attributes:
      training: whether its layers are to act as in training.
      watched: whether nothing is to be dropped, see layers.WATCHED.
      draw: the step's randomness; None: Keras' own.
      seen: (layer, input, output) of each layer's call, in their order.
    """

    training: bool = False
    watched: bool = False
    draw: Draw | None = None
    seen: list[tuple[Any, Any, Any]] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def under_way(self):
        """Makes this the pass that the layers called inside belong to."""
        before, _LOCAL.now = getattr(_LOCAL, "now", None), self
        try:
            yield self
        finally:
            _LOCAL.now = before


def leaves(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers that hold no other layers, in the order of their making."""
    return [layer for layer in model._flatten_layers(include_self=False) if not layer._layers]


def prepare(model: keras.Model) -> None:
    """Puts a training step's needs round the layers of a model; calls outside a Pass are left as they were."""
    for number, layer in enumerate(leaves(model)):
        if isinstance(layer, _BATCH):
            layer.synchronized = True  # Keras' own way to take the statistics of the global batch.
        layer.call = _observed(layer, _treated(layer, number))


def _observed(layer, call):
    def observed(*args, **kwargs):
        outputs = call(*args, **kwargs)
        now = getattr(_LOCAL, "now", None)
        if now is not None:
            now.seen.append((layer, keras.tree.flatten([args, kwargs])[0], outputs))
        return outputs

    return observed


def _treated(layer, number: int):
    """The layer's call as training needs it; `number` tells its dropout mask from other layers'."""
    plain = layer.call
    if type(layer) is keras.layers.BatchNormalization:
        return _fused(layer, plain)
    if not isinstance(layer, _NOISE):
        return plain

    def noise(inputs, training=False):
        now = getattr(_LOCAL, "now", None)
        if not training or now is None or not now.training:
            return plain(inputs, training=training)
        if now.watched:
            return inputs
        if now.draw is None or type(layer) is not keras.layers.Dropout or layer.noise_shape or layer.rate >= 1:
            return plain(inputs, training=training)
        calls = sum(seen is layer for seen, _, _ in now.seen)
        return dropout(inputs, layer.rate, now.draw.child(f"layer{number}").child(f"call{calls}"))

    return noise


def _fused(layer, plain):
    """A batch normalisation's call by one kernel, where that is the same; Keras' own makes many passes over memory."""

    def call(inputs, training=False, mask=None):
        now = getattr(_LOCAL, "now", None)
        replicas = tf.distribute.get_replica_context()
        if (
            not (training and layer.trainable and now is not None)
            or replicas is None
            or replicas.num_replicas_in_sync > 1
            or mask is not None
            or layer.renorm
            or layer.axis not in (-1, len(inputs.shape) - 1)
            or inputs.dtype != tf.float32
        ):
            return plain(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        gamma = layer.gamma.value if layer.scale else tf.ones([channels])
        beta = layer.beta.value if layer.center else tf.zeros([channels])
        y, mean, variance = fused_batch_norm(inputs, gamma, beta, layer.epsilon)
        for moving, batch in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            moving.assign(moving.value * layer.momentum + batch * (1.0 - layer.momentum))
        return tf.cast(y, layer.compute_dtype)

    return call


def features_of(seen: list) -> Any:
    """D's features in a pass: the output of a layer named "features", else what goes into the last layer with weights.

    Returns:
      A float tensor [n, …], before it was flattened; None where no layer was seen or the tensor is out of reach.
    """
    for layer, _, output in reversed(seen):
        if layer.name == "features":
            return _reachable(output)
    weighted = [i for i, (layer, _, _) in enumerate(seen) if layer.weights and layer.trainable_weights]
    if not weighted:
        return None
    found = seen[weighted[-1]][1]
    for layer, inputs, output in reversed(seen[: weighted[-1]]):
        if output is found and isinstance(layer, (*_BEHIND, *_NOISE)):
            found = inputs
    return _reachable(found)


def _reachable(tensor):
    """The tensor, or None where it is inside a loop or a condition."""
    if not tf.is_tensor(tensor) or not tensor.dtype.is_floating:
        return None
    graph = getattr(tensor, "graph", None) if not tf.executing_eagerly() else None
    return None if graph is not None and graph is not tf.compat.v1.get_default_graph() else tensor


@dataclasses.dataclass(frozen=True)
class LayerFacts:
    """A weighted layer as tables and costs want it (see models.layers.Block)."""

    layer: keras.layers.Layer
    path: str
    output_size: tuple[int, ...]
    positions: int

    @property
    def _trainable_variables(self) -> list:
        return self.layer.trainable_variables

    def flops(self) -> int:
        """Multiplications and additions for one example, forward: of each kernel once at every place."""
        if isinstance(self.layer, keras.layers.Embedding):
            return 0
        return 2 * self.positions * sum(math.prod(v.shape) for v in self.layer.variables if len(v.shape) > 1)


def facts_of(seen: list) -> list[LayerFacts]:
    """The weighted layers of a pass, in the order of their calls, each once."""
    found = {}
    for layer, inputs, output in seen:
        output = keras.tree.flatten(output)[0]
        if layer.variables and id(layer) not in found:
            # Transposed convolutions have their kernel at every pixel of the input.
            transposed = isinstance(layer, (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose))
            positions = math.prod((inputs if transposed else output).shape[1:-1])
            found[id(layer)] = LayerFacts(layer, f"model/{layer.name}", tuple(output.shape[1:]), positions)
    return list(found.values())
