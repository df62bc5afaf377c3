"""Gradients of one's own that don't keep graphs alive."""

import functools
import weakref
from collections.abc import Callable

import tensorflow as tf

_NAME = "tfgan_gradients"  # of a graph's list of them
Gradient = Callable[[tf.Tensor], tuple[tf.Tensor, ...] | tf.Tensor]


class _Kept:
    """A gradient that its graph owns."""

    def __init__(self, gradient: Gradient) -> None:
        self.gradient = gradient


def _gradient(found: "weakref.ref[_Kept]", dy: tf.Tensor) -> tuple[tf.Tensor, ...] | tf.Tensor:
    kept = found()
    assert kept is not None  # Who asks for it has the graph.
    return kept.gradient(dy)


def custom_gradient(function: Callable[..., tuple[tf.Tensor, Gradient]]) -> Callable[..., tf.Tensor]:
    """As tf.custom_gradient, for a function of tensors that gives one tensor and its gradient.

    TensorFlow registers each traced gradient for the life of the process, and with it the tensors that it needs and
    their whole graph. Here the graph owns its gradients, and what is registered only refers to them.

    Args:
      function: inputs -> (output, function of the output's gradient that gives one for each input).
    """

    @tf.autograph.experimental.do_not_convert
    def call(*inputs: tf.Tensor) -> tf.Tensor:
        if tf.executing_eagerly():
            return tf.custom_gradient(function)(*inputs)
        outputs: list[tf.Tensor | None] = []

        @tf.custom_gradient
        def traced(*inputs: tf.Tensor) -> tuple[list[tf.Tensor | None], Gradient]:
            output, gradient = function(*inputs)
            kept = _Kept(gradient)
            if not hasattr(output.graph, _NAME):
                setattr(output.graph, _NAME, [])
            getattr(output.graph, _NAME).append(kept)
            outputs.append(output)
            return outputs, functools.partial(_gradient, weakref.ref(kept))

        (output,) = traced(*inputs)
        outputs[0] = None  # The registered gradient has this list, and needs its length alone.
        return output

    return call
