"""A run's float32 generator with the seeded sampler in front of it, ready to be written out.

Knows the run directory's contract and the latents; every artefact is made from this.
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfgan_train.common.attributes import unpacked
from tfgan_train.common.errors import UserError
from tfgan_train.common.images import are_points
from tfgan_train.models import dummy_inputs
from tfgan_train.models.inference import graph_of, random_layers, takes_w, truncates_w, variables_read
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.ops.latents import labels as draw_labels
from tfgan_train.runs.directions import principal
from tfgan_train.runs.directory import LoadedRun, load_run

DIRECTIONS, DIGITS = 5, 6  # how many, and of how many digits their numbers are
# A label or an attribute below zero asks for one drawn from the seed.
ANY_LABEL = -1


class Condition(NamedTuple):
    """The tensor that says which images are wanted, of one row or number for each.

    Attributes:
      name: of the input.
      drawn: of the output of signatures that draw it from a seed.
      dtype: of both.
      shape: of one image's.
    """

    name: str
    drawn: str
    dtype: tf.DType
    shape: tuple[int, ...]

    def spec(self, batch: int | None) -> tf.TensorSpec:
        """The input for so many images."""
        return tf.TensorSpec([batch, *self.shape], self.dtype, self.name)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is true of every artefact of one checkpoint.

    Attributes:
      space: the columns of z.
      image_shape: (height, width, channels).
      num_classes: labels that the generator takes; 0 for an unconditional one.
      label_names: one for each class, or () where the data names none.
      attributes: names of the attributes that the generator takes instead of a label; () for none.
      attribute_rows: float32 [rows, attributes], what those of a seed are drawn from; None without attributes.
      parameters: number of floats in the variables that make an image.
      truncates_w: whether truncation brings w nearer to its average, and leaves z.
      w_size: columns of w, which images can be made of too; 0 where the generator has none.
      directions: unit vectors that w, else z, can be moved along, SeFa's first; () where the first layer isn't known.
    """

    run_name: str
    step: int
    architecture: str
    space: LatentSpace
    image_shape: tuple[int, int, int]
    num_classes: int
    label_names: tuple[str, ...]
    parameters: int
    truncates_w: bool
    w_size: int = 0
    directions: tuple[tuple[float, ...], ...] = ()
    attributes: tuple[str, ...] = ()
    attribute_rows: np.ndarray | None = None

    @property
    def condition(self) -> Condition | None:
        """What the generator takes beside z; None for an unconditional one."""
        if self.attributes:
            return Condition("attributes", "drawn_attributes", tf.float32, (len(self.attributes),))
        return Condition("label", "labels", tf.int32, ()) if self.num_classes else None

    @property
    def has_png(self) -> bool:
        """Whether a PNG file can have the images as they are; a premultiplied alpha it can't."""
        return self.image_shape[2] in (1, 3)


class Generator(tf.Module):
    """z and labels -> images, and (seed, index) -> z and labels, in exportable ops.

    The Keras model is kept out of reach of TensorFlow's object tracking, so that a
    SavedModel holds each variable once and none of Keras' own objects.
    """

    def __init__(self, network: Any, weights: list[tf.Variable], facts: Facts):
        """Takes a network that is called as network(z, label, training=False) -> float32 images in [-1, 1].

        One that truncates w has the method `truncated` too.

        Args:
          weights: the variables that such a call reads.
        """
        super().__init__(name="generator")
        self.facts, self.weights = facts, weights
        self._network = lambda: network

    @property
    def conditional(self) -> bool:
        return self.facts.condition is not None

    def images(self, z: tf.Tensor, label: tf.Tensor | None = None, truncation: Any = 1.0) -> tf.Tensor:
        """z float32 [n, space.size], label int32 [n] or attributes float32 [n, k] -> float32 [n, H, W, C] in [-1, 1].

        Args:
          truncation: of w, float32 scalar or [n]; the other generators have theirs in z already.
        """
        return tf.cast(_images(self._network(), z, label if self.conditional else None, truncation), tf.float32)

    def w(self, z: tf.Tensor, label: tf.Tensor | None = None, truncation: Any = 1.0) -> tf.Tensor:
        """w float32 [n, w_size] of z, of which `images_of_w` makes what `images` does."""
        return self._network().styles(z, label if self.conditional else None, truncation=truncation)

    def images_of_w(self, w: tf.Tensor) -> tf.Tensor:
        """w float32 [n, w_size] -> float32 [n, H, W, C] in [-1, 1]."""
        network = self._network()
        return tf.cast(network.images([w] * network.latents), tf.float32)

    def sample_inputs(self, seed, indices, truncation, label=None) -> tuple[tf.Tensor, tf.Tensor | None]:
        """The generator's inputs for rows `indices` of `seed`'s endless sequence.

        Args:
          seed: int32 scalar.
          indices: int32 [n].
          truncation: float32 scalar, multiplies z's noise where the generator doesn't truncate w; below 1 trades
            variety for typicality.
          label: int32 [n], attributes float32 [n, k], or None; each number below zero is drawn from the seed instead.

        Returns:
          z float32 [n, space.size], and label int32 [n] or attributes, None for an unconditional generator.
        """
        facts = self.facts
        z = facts.space.draw(seed, indices, truncation=1.0 if facts.truncates_w else truncation)
        if not self.conditional:
            return z, None
        if facts.attribute_rows is None:
            drawn = draw_labels(seed, indices, facts.num_classes)
        else:
            drawn = tf.gather(tf.constant(facts.attribute_rows), draw_labels(seed, indices, len(facts.attribute_rows)))
        return z, drawn if label is None else tf.where(label < 0, drawn, label)


def _images(network, z, label, truncation):
    """Of a network that truncates w always by way of it, so that every signature reads the same weights."""
    if truncates_w(network):
        return network.truncated(z, label, truncation)
    return network(z, label, training=False)


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """float32 in [-1, 1] -> uint8; the same rounding as `tfgan_train.common.images.to_uint8`."""
    return tf.cast(tf.clip_by_value(tf.round((images + 1.0) * 127.5), 0.0, 255.0), tf.uint8)


def open_run(run_dir: str, step: int | str | None = None) -> LoadedRun:
    """A run at one checkpoint.

    Args:
      run_dir: the run's directory.
      step: as runs.directory.find_checkpoint has it.

    Raises:
      UserError: no such run or checkpoint, one that can't be read, or one that draws points.
    """
    loaded = load_run(run_dir, step)
    if are_points(loaded.data.image_shape):
        raise UserError(
            f"--run_dir={run_dir} draws points of {loaded.data.name}; only runs on pictures can be exported"
        )
    return loaded


def of_run(run: LoadedRun) -> Generator:
    """The run's averaged generator with its sampler.

    Raises:
      UserError: when it draws random numbers of its own, so that no file could draw the run's images.
    """
    config, data, space = run.config, run.data, LatentSpace.of(run.config)
    height, width, channels = data.image_shape
    label = dummy_inputs(config, data, 1)[2]
    graph = graph_of(
        lambda z, label, training: _images(run.generator, z, label, 1.0), (tf.zeros([1, space.size]), label)
    )
    drawing = random_layers(graph, run.generator)
    if drawing:
        raise UserError(
            f"{run.path.path} can't be exported: its generator's layer {drawing[0]} draws random numbers when it makes "
            "an image, so that one z gives many; let it draw in training only"
        )
    # A user's model may have variables for training alone, such as the seeds of its dropout.
    read = {id(variable) for variable in variables_read(graph)}
    weights = [variable.value for variable in run.generator.variables if id(variable.value) in read]
    facts = Facts(
        run_name=run.path.path.resolve().name,
        step=run.step,
        architecture=config.generator or config.architecture,
        space=space,
        image_shape=(height, width, channels),
        num_classes=data.num_classes if config.conditional else 0,
        attributes=run.attributes,
        attribute_rows=unpacked(np.array(data.attribute_rows), len(run.attributes)) if run.attributes else None,
        label_names=tuple(data.label_names) if config.conditional else (),
        parameters=sum(weight.shape.num_elements() for weight in weights),
        truncates_w=truncates_w(run.generator),
        w_size=space.noise if takes_w(run.generator) else 0,
        directions=_directions(run.generator, space),
    )
    return Generator(run.generator, weights, facts)


def _directions(network, space: LatentSpace) -> tuple[tuple[float, ...], ...]:
    """SeFa's first directions of w, or of z."""
    try:
        found = principal(network, space.noise)[:DIRECTIONS]
    except UserError:  # A network of the user's own, whose first layer isn't known.
        return ()
    if not takes_w(network):
        found = np.pad(found, ((0, 0), (0, space.size - space.noise)))
    return tuple(tuple(round(float(x), DIGITS) for x in row) for row in found)
