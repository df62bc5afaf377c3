"""Writes a Generator as ONNX: one graph for the images, a small one for the seeded latents."""

import pathlib
from typing import Any

import tensorflow as tf

from export import extras
from export.generator import Facts, Generator

# BitwiseXor, which the sampler needs, came with opset 18.
OPSET = 18


def write_generator(generator: Generator, path: pathlib.Path) -> None:
    """z [n, space.size] (and label or attributes, and truncations [n]) -> images float32 [n, H, W, C] in [-1, 1].

    Only a generator that truncates w takes truncations here, one for each image.

    Raises:
      UserError: where the extra is not installed.
    """
    facts = generator.facts

    def images(z, *others):
        inputs = dict(zip((spec.name for spec in _others(facts)), others, strict=True))
        label = None if facts.condition is None else inputs[facts.condition.name]
        return {"images": generator.images(z, label, inputs.get("truncations", 1.0))}

    specs = [tf.TensorSpec([None, facts.space.size], tf.float32, "z")]
    _write(images, specs + _others(facts), path)


def write_sampler(generator: Generator, path: pathlib.Path) -> None:
    """seed, index, num_images, truncation -> the generator's inputs: rows index .. index+num_images-1 of the seed.

    An ONNX file is one graph without signatures; as a file of its own the sampler does
    not cost a second copy of the weights.

    Raises:
      UserError: where the extra is not installed.
    """

    def sample(seed, index, num_images, truncation):
        z, label = generator.sample_inputs(seed, index + tf.range(num_images), truncation)
        found = {"z": z, "label": label, "attributes": label, "truncations": tf.fill([num_images], truncation)}
        return {name: found[name] for name in ("z", *(spec.name for spec in _others(generator.facts)))}

    specs = [tf.TensorSpec([], tf.int32, name) for name in ("seed", "index", "num_images")]
    _write(sample, specs + [tf.TensorSpec([], tf.float32, "truncation")], path)


def _others(facts: Facts) -> list[tf.TensorSpec]:
    """The inputs of generator.onnx beside z."""
    found = [] if facts.condition is None else [facts.condition.spec(None)]
    return found + ([tf.TensorSpec([None], tf.float32, "truncations")] if facts.truncates_w else [])


def _write(function, specs: list[tf.TensorSpec], path: pathlib.Path) -> None:
    tf2onnx = extras.load("tf2onnx", "onnx")
    model, _ = tf2onnx.convert.from_function(
        tf.function(function, input_signature=specs, autograph=False), input_signature=specs, opset=OPSET
    )
    _settle_order(model.graph)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _settle_order(graph) -> None:
    """Orders and names nodes and constants by their place in the computation.

    tf2onnx goes through Python sets of names, whose order changes from process to
    process, and numbers what it makes; so the same run would give other bytes each time.
    """
    graph.doc_string = ""
    for tensor in (*graph.input, *graph.output):
        for size in tensor.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = "n"
    producers = {output: node for node in graph.node for output in node.output}
    stored = {constant.name: constant for constant in graph.initializer}
    # Optional inputs that are left out have an empty name.
    names = {"": ""} | {tensor.name: tensor.name for tensor in graph.input}
    results = {tensor.name for tensor in graph.output}
    nodes: list[Any] = []  # of onnx.NodeProto
    constants: list[Any] = []  # of onnx.TensorProto

    def place(name):
        if name in names:
            return
        if name in stored:
            names[name] = f"constant_{len(constants)}"
            constants.append(stored[name])
            return
        node = producers[name]
        for needed in node.input:
            place(needed)
        for i, output in enumerate(node.output):
            names[output] = output if output in results else f"{node.op_type}_{len(nodes)}_{i}"
        nodes.append(node)

    for tensor in graph.output:
        place(tensor.name)
    for i, node in enumerate(nodes):
        node.name = f"{node.op_type}_{i}"
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for constant in constants:
        constant.name = names[constant.name]
    for field, ordered in ((graph.node, nodes), (graph.initializer, constants)):
        copies = [type(item).FromString(item.SerializeToString()) for item in ordered]
        del field[:]
        field.extend(copies)
