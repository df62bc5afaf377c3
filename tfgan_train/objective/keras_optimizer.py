"""Keras optimizers in the place of the package's own; they know nothing of models."""

import inspect
from typing import Any

import keras
import tensorflow as tf

from tfgan_train.common import dotted
from tfgan_train.common.errors import UserError
from tfgan_train.ops.replicas import assign


class Factory:
    """Makes one network's optimiser of a Keras optimizer.

    Attributes:
      learning_rate: what the user's optimizer brings; None where the run's learning rate holds.
    """

    def __init__(self, thing: Any, what: str):
        """Keeps how to make one.

        Args:
          thing: a class of Keras optimizers, a function that returns one, or one, which is a pattern for new ones.
          what: how messages call it.

        Raises:
          UserError: it is something else, or its learning rate is a schedule.
        """
        self._thing, self._what = thing, what
        self.learning_rate = None if inspect.isclass(thing) else self._rate_of(self._new())

    def __call__(self, variables, hyper, name: str) -> "KerasOptimizer":
        """The optimiser of `variables`; of `hyper` it takes nothing. To be called in the strategy's scope."""
        del hyper
        return KerasOptimizer(self._new(), variables, name)

    def _new(self) -> keras.optimizers.Optimizer:
        found = self._thing
        if callable(found):
            with dotted.users_code(self._what):
                found = found()
        if not isinstance(found, keras.optimizers.Optimizer):
            raise UserError(f"{self._what} is or returns a {type(found).__name__}, not a Keras optimizer")
        return type(found).from_config(found.get_config())

    def _rate_of(self, optimizer) -> float:
        schedule = optimizer.get_config()["learning_rate"]
        if not isinstance(schedule, (int, float)):
            raise UserError(f"{self._what} has a schedule of learning rates; name its course by --schedule instead")
        return float(schedule)


class KerasOptimizer(tf.Module):
    """A Keras optimizer with the interface of `optimizers`.

    Attributes:
      count: updates done so far, a scalar integer variable.
    """

    has_momentum = False  # that the step could set

    def __init__(self, optimizer: keras.optimizers.Optimizer, variables, name: str):
        super().__init__(name)
        variables = list(variables)
        optimizer.build(variables)
        # In a closure: a checkpoint would else hold the weights under the optimiser's key too.
        self._parts = lambda: (optimizer, variables)
        self.count = optimizer.iterations.value
        self._slots = [variable.value for variable in optimizer.variables if variable is not optimizer.iterations]

    def state(self) -> dict:
        """Its variables, as a checkpoint stores them."""
        return {"count": self.count, "slots": self._slots}

    def apply(self, grads, learning_rate, momentum=None, beta2=None) -> None:
        """Moves each variable once; to be called on every replica, outside of any condition.

        Args:
          grads: one float32 gradient per variable, already summed over the replicas.
          learning_rate: float32 scalar.
          momentum: None; a Keras optimizer has its own.
          beta2: of the package's Adam, and nothing to a Keras optimizer.

        Raises:
          ValueError: a gradient is missing, or a momentum is given.
        """
        del beta2
        if momentum is not None:
            raise ValueError("a Keras optimizer's momentum is its own")
        optimizer, variables = self._parts()
        unused = [variable.name for variable, grad in zip(variables, grads, strict=True) if grad is None]
        if unused:
            raise ValueError(f"the loss doesn't depend on {', '.join(unused)}")
        assign(optimizer.learning_rate.value, learning_rate)
        # Keras adds up what the replicas give, which is the whole sum on each.
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        optimizer.apply([grad / replicas for grad in grads] if replicas > 1 else grads, variables)
