"""A user's own Keras models as generator and discriminator of a run.

A function of the user's returns a keras.Model; here it gets what `models.base` gives the package's own networks:
training passes whose state is the checkpoint's, batch statistics and dropout of the global batch, features, costs.
"""

import contextlib
import pathlib
import random
import sys
import zlib

import keras
import numpy as np
import tensorflow as tf

from tfgan_train.common import dotted
from tfgan_train.common.errors import UserError
from tfgan_train.models import own_layers
from tfgan_train.models.architecture import Architecture
from tfgan_train.models.base import child, pooled
from tfgan_train.models.layers import WATCHED
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.ops.replicas import assign, local_value

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
BATCH = 2  # of the zeros that a model is built with
# Functions that only this process has (lambdas, those of a notebook), by side and the text that stands for them.
_HERE: dict[tuple[str, str], object] = {}


def text_of(function, side: str) -> str:
    """The text that stands for a function in a Config: its module and name.

    Args:
      function: returns a new keras.Model at each call.
      side: "generator" or "discriminator".

    Raises:
      UserError: for a model in place of a function that makes one.
    """
    if isinstance(function, keras.Model) or not callable(function):
        raise UserError(
            f"{side}={type(function).__name__}: pass a function that returns a new keras.Model; a run makes several"
        )
    name = dotted.name_of(function)
    if name is not None:
        return name.removeprefix(dotted.PREFIX)
    module = _program() if function.__module__ == "__main__" else function.__module__
    text = f"{module}:{getattr(function, '__qualname__', type(function).__name__)}"
    _HERE[side, text] = function
    return text


def _program() -> str:
    """The name by which another process can import the program that was started; "__main__" where it can't."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec:  # python -m name
        return spec.name
    stem = pathlib.Path(getattr(main, "__file__", None) or "").stem
    return stem if stem.isidentifier() else "__main__"


def function_of(text: str, side: str):
    """The function that a Config's `generator` or `discriminator` names.

    Raises:
      UserError: it can't be imported, or was passed by a process that has gone.
    """
    text = text.removeprefix(dotted.PREFIX)
    if (side, text) in _HERE:
        return _HERE[side, text]
    if text.startswith("__main__:") or "<" in text:
        raise UserError(
            f"--{side}={text} was passed by a process that has gone; put the function at the top of a module "
            "and pass it from there"
        )
    if ":" not in text:
        raise UserError(f"--{side}={text} is not of the form package.module:function")
    return dotted.resolve(text, side)


def new_model(config, side: str) -> keras.Model:
    """What the user's function returns, made under the run's precision and seed.

    Raises:
      UserError: it fails, or returns something else than a keras.Model.
    """
    text = getattr(config, side)
    function = function_of(text, side)
    with _settings(config.precision, zlib.crc32(f"{config.seed}/{side}".encode())):
        try:
            model = function()
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"--{side}={text} failed: {one_line(error)}") from error
    if not isinstance(model, keras.Model):
        raise UserError(f"--{side}={text} returned a {type(model).__name__}, not a keras.Model")
    return model


def one_line(error: Exception) -> str:
    """An exception in one line: what it is, and the first line of what it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300].rstrip(": ")


@contextlib.contextmanager
def _settings(precision: str, seed: int):
    """Keras as it ships but for the precision, and Python's and NumPy's random numbers from `seed`; puts all back."""
    policy, floatx, layout = keras.config.dtype_policy(), keras.config.floatx(), keras.config.image_data_format()
    python, numpy = random.getstate(), np.random.get_state()
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy(_POLICIES[precision])
    random.seed(seed)  # Keras draws the seeds of its initialisers from here.
    np.random.seed(seed)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_image_data_format(layout)
        keras.config.set_dtype_policy(policy)
        random.setstate(python)
        np.random.set_state(numpy)


class KerasNetwork:
    """A built keras.Model with a network's contract; see models.base.

    Attributes:
      model: the user's.
      variables, trainable_variables: keras.Variables, seed generators' states among the former.
    """

    def __init__(self, config, data, side: str, shape: tuple, shapes: list[tuple]):
        """Makes, builds and checks the model.

        Args:
          side: "generator" or "discriminator".
          shape: of one example of its input.
          shapes: that one example of its output may have.

        Raises:
          UserError: the model can't be made or called, or its output has another shape.
        """
        inputs = (tf.zeros([BATCH, *shape]), tf.zeros([BATCH], tf.int32) if config.conditional else None)
        self.name, self.config, self.data = side, config, data
        self.model = new_model(config, side)
        self._joined = _takes_list(self.model)
        self._check_inputs()
        try:
            outputs = self._called(*inputs, training=False)
        except Exception as error:
            given = " and ".join(str(tuple(one.shape)) for one in inputs if one is not None)
            raise UserError(
                f"--{side}={getattr(config, side)} can't be called on inputs of shape {given}: {one_line(error)}"
            ) from error
        self._check_output(outputs, shapes)
        self.variables, self.trainable_variables = self.model.variables, self.model.trainable_variables
        self._seeds = [variable for variable in self.variables if not variable.value.dtype.is_floating]
        own_layers.prepare(self.model)
        seen = own_layers.Pass()
        self.run(seen, *inputs)
        self._facts = own_layers.facts_of(seen.seen)

    def run(self, now: own_layers.Pass, x, label):
        """The model's output as it is; a training pass moves the variables that it says, on this replica."""
        training = now.training
        label = label if self.config.conditional else None  # A step has labels wherever the data has.
        with keras.StatelessScope(self._apart() if training else None) as scope, now.under_way():
            before = dict(scope.state_mapping)
            outputs = self._called(x, label, training)
            updates = [
                (variable, scope.get_current_value(variable), before.get(id(variable))) for variable in self.variables
            ]
        if training and not now.watched:
            for variable, after, start in updates:
                if after is not None and after is not start:
                    after = tf.cast(tf.stop_gradient(after), variable.value.dtype)
                    assign(variable.value, after if start is None else local_value(variable.value) + (after - start))
        return outputs

    def _apart(self) -> list:
        """States of the seed generators that differ from replica to replica; none where there is but one."""
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return []
        place = tf.cast(replica.replica_id_in_sync_group, tf.int64)
        return [
            (seed, local_value(seed.value) + tf.cast(tf.stack([place * 0x9E3779B1 % 2**31, 0]), seed.value.dtype))
            for seed in self._seeds
            if tuple(seed.shape) == (2,)
        ]

    def _called(self, x, label, training: bool):
        given = (x,) if label is None else (x, label)
        if self._joined:
            return self.model(x if label is None else [x, label], training=training)
        return self.model(*given, training=training)

    def _check_inputs(self):
        """Functional models would take fewer inputs than they are given without a word."""
        if not hasattr(self.model, "inputs"):
            return
        wanted, got = 2 if self.config.conditional else 1, len(self.model.inputs)
        if got != wanted:
            first = "z" if self.name == "generator" else "images"
            legal = f"{first} and a label (--noconditional: {first} alone)" if wanted == 2 else f"{first} alone"
            raise UserError(
                f"--{self.name}={getattr(self.config, self.name)} has {got} inputs; this run gives it {legal}"
                + ("" if wanted == 2 else " (--conditional: a label too)")
            )

    def _check_output(self, outputs, shapes):
        flag = f"--{self.name}={getattr(self.config, self.name)}"
        legal = " or ".join(f"[{', '.join(map(str, ('n', *shape)))}]" for shape in shapes)
        if not tf.is_tensor(outputs):
            raise UserError(
                f"{flag} has {len(keras.tree.flatten(outputs))} outputs; it must have one, of shape {legal}"
            )
        if outputs.shape.rank == 0 or tuple(outputs.shape[1:]) not in shapes or outputs.shape[0] != BATCH:
            raise UserError(
                f"{flag} gives outputs of shape {tuple(outputs.shape)} for n = {BATCH}; they must be {legal}"
            )

    def named(self) -> dict[str, tf.Variable]:
        """The tf.Variables by their place in the model: Keras numbers names by what else the process has made."""
        return {f"{i:04d}_{variable.name}": variable.value for i, variable in enumerate(self.variables)}

    def blocks(self) -> list[own_layers.LayerFacts]:
        """The weighted layers, for tables and costs."""
        return self._facts

    def flops(self) -> int:
        """Multiplications and additions of one example's forward pass (weighted layers)."""
        return sum(block.flops() for block in self._facts)


def _takes_list(model: keras.Model) -> bool:
    """Whether several inputs go in as one list: all models but subclassed ones whose `call` names two."""
    if hasattr(model, "inputs"):  # Sequential and functional models
        return True
    names = [name for name in model._call_signature.parameters if name not in ("training", "mask")]
    return len(names) < 2


class KerasGenerator(KerasNetwork):
    """z [n, latent_dim] (and label int32 [n]) -> float32 images [n, H, W, C] in [-1, 1]."""

    def __init__(self, config, data):
        super().__init__(config, data, "generator", (LatentSpace.of(config).size,), [tuple(data.image_shape)])

    def __call__(self, z, label=None, training=False, draw=None):
        now = own_layers.Pass(bool(training), training == WATCHED, child(draw, "model"))
        return tf.cast(self.run(now, z, label), tf.float32)


class KerasDiscriminator(KerasNetwork):
    """Images [n, H, W, C] in [-1, 1] (and label int32 [n]) -> float32 logits [n]; positive means real."""

    def __init__(self, config, data):
        super().__init__(config, data, "discriminator", tuple(data.image_shape), [(), (1,)])

    def __call__(self, x, label=None, training=False, draw=None):
        return self.logits_and_features(x, label, training, draw)[0]

    def judge(self, x, label=None):
        """Logits [n] as in training, with the statistics of `x`; nothing is dropped and no variable moves."""
        return self(x, label, training=WATCHED)

    def features(self, x, label=None):
        """Float32 [n, features]: see own_layers.features_of; summed over space."""
        return self.logits_and_features(x, label)[1]

    def frozen_flops(self) -> int:
        return 0

    def logits_and_features(self, x, label=None, training=False, draw=None, maps=None):
        """Logits [n] and features [n, features], both float32; no layer is frozen, so there are no `maps`."""
        del maps
        now = own_layers.Pass(bool(training), training == WATCHED, child(draw, "model"))
        logits = tf.reshape(tf.cast(self.run(now, x, label), tf.float32), [-1])
        features = own_layers.features_of(now.seen)
        features = logits[:, None] if features is None else tf.cast(pooled(features), tf.float32)
        return logits, features


# What stands where a family of the package's would: the models have no settings but their own.
KERAS = Architecture(KerasGenerator, KerasDiscriminator, settings=frozenset())
