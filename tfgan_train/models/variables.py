"""A network's variables as TensorFlow's own: Keras' Variables wrap them."""

import tensorflow as tf


def trainable(network) -> list[tf.Variable]:
    """The network's trainable tf.Variables."""
    return [variable.value for variable in network.trainable_variables]


def every(network) -> list[tf.Variable]:
    """All of the network's tf.Variables, normalisation statistics included."""
    return [variable.value for variable in network.variables]


def named(network) -> dict[str, tf.Variable]:
    """The network's tf.Variables by names that are the same in every process: paths within it, or its own `named`.

    Raises:
      ValueError: two variables have one path; one of them would be lost.
    """
    if hasattr(network, "named"):
        return network.named()
    found = {variable.path.partition("/")[2]: variable.value for variable in network.variables}
    if len(found) != len(network.variables):
        raise ValueError(f"two variables of {network.name} have the same path; name its layers")
    return found
