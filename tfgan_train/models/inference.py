"""A network as it is used: what truncation acts on, the variables it reads, where it draws random numbers."""

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
    graph = tf.function(lambda x, label: network(x, label, training=training), autograph=False)
    return graph.get_concrete_function(x, label).graph


def truncates_w(generator) -> bool:
    """Whether truncation is the generator's own, of its w: `truncated`(z, label, truncation); else it is z's."""
    return hasattr(generator, "truncated")


def takes_w(generator) -> bool:
    """Whether images can be made of w too: it has `styles`(z, label, truncation), `latents` and `images`(w, w, …)."""
    return hasattr(generator, "styles")


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
