"""A generator as it is used: truncation, and what its graph holds (the variables it reads, random numbers it draws)."""

import re

import tensorflow as tf

# Operators whose results differ from call to call, and those that turn a seed into numbers.
_UNSEEDED = re.compile(r"^(Random(?!ShuffleQueue)|TruncatedNormal|Multinomial|ParameterizedTruncatedNormal|Stateful)")
_SEEDED = re.compile(r"^Stateless(Random|Truncated|Multinomial|Parameterized|Shuffle)")


def graph_of(network, inputs: tuple, training: bool = False) -> tf.Graph:
    """The graph of a network's call.

    Args:
      network: call(x, label, training).
      inputs: (z or images, label or None), of the right shapes.
    """
    x, label = inputs
    return tf.function(lambda x, label: network(x, label, training=training)).get_concrete_function(x, label).graph


def truncates_itself(generator) -> bool:
    """Whether truncation is something that the generator knows of (in W), and not a factor of z."""
    return hasattr(generator, "truncated")


def truncated(generator, z, label, truncation):
    """A generator's images nearer to its typical ones; the one definition of truncation.

    Args:
      truncation: float32 scalar or [n]; 1 leaves all as it is, less trades variety for typicality.

    Returns:
      What generator(z, label) gives, with w so much nearer to its average where the generator has w (style), else with
      z times the truncation.
    """
    if truncates_itself(generator):
        return generator.truncated(z, label, truncation)
    return generator(z * tf.reshape(truncation, [-1, 1]), label, training=False)


def variables_read(graph: tf.Graph) -> list[tf.Variable]:
    """The variables that the graph uses."""
    return list(graph.variables)


def random_layers(graph: tf.Graph, network, seeded: bool = True) -> list[str]:
    """Names of the layers of `network` that draw random numbers in the graph, or the operators' where none is known.

    Args:
      seeded: count those that draw from a seed too.
    """
    names = {layer.name for layer in getattr(network, "model", network)._flatten_layers(include_self=False)}
    definition = graph.as_graph_def()
    nodes = [node for part in (definition.node, *(f.node_def for f in definition.library.function)) for node in part]
    found: dict[str, None] = {}
    for node in nodes:
        if _UNSEEDED.match(node.op) or (seeded and _SEEDED.match(node.op)):
            parts = [part if part in names else re.sub(r"_\d+$", "", part) for part in node.name.split("/")]
            found[next((part for part in reversed(parts) if part in names), node.op)] = None
    return list(found)
