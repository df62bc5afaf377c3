"""Writes a Generator as a SavedModel: any batch size, each weight once, no Python to load it."""

import pathlib
import uuid

import tensorflow as tf
from tensorflow.core.protobuf import fingerprint_pb2

from export.generator import ANY_LABEL, Condition, Generator, to_uint8


def write(generator: Generator, path: pathlib.Path) -> None:
    """Writes the SavedModel folder `path` with the signatures of `signatures`."""
    module = tf.Module()
    module.weights = generator.weights
    functions = signatures(generator)
    for name, function in functions.items():
        # As attributes too: Keras' TFSMLayer finds a function of several inputs only there.
        setattr(module, name, function)
    tf.saved_model.save(module, str(path), signatures=functions)
    _settle_fingerprint(path / "fingerprint.pb")


def _settle_fingerprint(path: pathlib.Path) -> None:
    """Replaces the random uuid, the only byte that differs when a run is exported twice."""
    fingerprint = fingerprint_pb2.FingerprintDef.FromString(path.read_bytes())
    fingerprint.uuid = ""
    content = fingerprint.SerializeToString(deterministic=True)
    fingerprint.uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, content.hex()).int)
    path.write_bytes(fingerprint.SerializeToString(deterministic=True))


def signatures(generator: Generator) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Signature name -> tf.function.

    serving_default: z [n, space.size] (and label int32 [n], or attributes float32 [n, k])
      -> images float32 [n, H, W, C] in [-1, 1].
    from_w: w [n, w_size] -> such images, of a generator that has w.
    generate: num_images, seed -> images uint8 [n, H, W, C].
    generate_png: num_images, seed -> png, n encoded files; for grey and coloured images only.
    generate_with_options, generate_png_with_options: truncation as well, and for a
      conditional generator label int32 [m] or attributes float32 [m, k]: image i gets row i mod m, and
      a number below 0 is drawn from the seed.

    The seeded signatures of a conditional generator give the labels, or drawn_attributes, too.
    """
    facts, condition = generator.facts, generator.facts.condition

    def draw(num_images, seed, truncation, label=None):
        if label is not None:
            label = tf.gather(label, tf.range(num_images) % tf.shape(label)[0])
        z, label = generator.sample_inputs(seed, tf.range(num_images), truncation, label)
        images = to_uint8(generator.images(z, label, truncation))
        return {"images": images} | ({} if condition is None else {condition.drawn: label})

    def draw_png(*inputs):
        drawn = draw(*inputs)
        png = tf.map_fn(tf.io.encode_png, drawn.pop("images"), fn_output_signature=tf.string)
        return {"png": png} | drawn

    z = tf.TensorSpec([None, facts.space.size], tf.float32, "z")

    def serve(z, label=None):
        return {"images": generator.images(z, label)}

    def of_w(w):
        return {"images": generator.images_of_w(w)}

    w = tf.TensorSpec([None, facts.w_size], tf.float32, "w")
    from_w = {"from_w": tf.function(of_w, input_signature=[w], autograph=False)} if facts.w_size else {}
    pngs = _seeded("generate_png", draw_png, condition) if facts.has_png else {}
    return {
        "serving_default": tf.function(
            serve, input_signature=[z] if condition is None else [z, condition.spec(None)], autograph=False
        ),
        **from_w,
        **_seeded("generate", draw, condition),
        **pngs,
    }


def _seeded(name, draw, condition: Condition | None) -> dict:
    """`name` and `name`_with_options for a function of (num_images, seed, truncation, label)."""
    num_images, seed = (tf.TensorSpec([], tf.int32, name) for name in ("num_images", "seed"))
    truncation = tf.TensorSpec([], tf.float32, "truncation")
    one = tf.constant(1.0)

    def plain(num_images, seed):
        return draw(num_images, seed, one)

    # The defaults go into the SavedModel: saved_model_cli and serving use them.
    def with_options(num_images, seed, truncation=one):
        return draw(num_images, seed, truncation)

    specs, optional = [num_images, seed, truncation], with_options
    if condition is not None:
        specs.append(condition.spec(None))
        optional = _with_condition(draw, one, tf.fill([1, *condition.shape], tf.cast(ANY_LABEL, condition.dtype)))
    return {
        name: tf.function(plain, input_signature=[num_images, seed], autograph=False),
        f"{name}_with_options": tf.function(optional, input_signature=specs, autograph=False),
    }


def _with_condition(draw, one: tf.Tensor, anything: tf.Tensor):
    """`draw` with defaults for the truncation and for the labels or attributes, which then come from the seed."""

    def with_label(num_images, seed, truncation=one, label=anything):
        return draw(num_images, seed, truncation, label)

    return with_label
