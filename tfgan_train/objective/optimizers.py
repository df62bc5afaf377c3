"""Optimisers as fused kernels on each replica's own variables; they know nothing of models.

One update is one TensorFlow kernel per variable, with no merge of the replicas: every replica
applies the same, already summed gradients to its own copy, so the copies stay equal. That makes
an update cheap (keras.optimizers.Adam takes about ten small ops per variable), allows a
`tf.cond` round it (to skip an overflowed half-precision step), and leaves nothing to aggregate.

A replica's step reads:

    grads = all_reduce_sum(tape.gradient(loss, variables))
    optimizer.apply(grads, learning_rate)

An optimiser is built in the strategy's scope and makes its slots at once, so that a checkpoint
finds them. It doesn't track the variables it moves: their model does. Checkpoints move between
numbers of replicas.
"""

import tensorflow as tf

from tfgan_train.ops.replicas import local_value


class _Optimizer(tf.Module):
    """What all have in common: the count of updates, one slot per variable and purpose.

    Attributes:
      count: updates done so far, a scalar int64 variable.
      has_momentum: whether `apply` may be given one.
    """

    has_momentum = True

    def __init__(self, variables, slot_names, name):
        super().__init__(name)
        # In a closure, since tf.Module would track a list: the weights would then be stored in
        # the checkpoint under the optimiser's key and not under the model's.
        variables = tuple(variables)
        self._targets = lambda: variables
        self.count = tf.Variable(0, trainable=False, dtype=tf.int64, name=f"{name}/count")
        self.slots = {
            slot: [
                tf.Variable(tf.zeros(variable.shape), trainable=False, name=f"{name}/{slot}") for variable in variables
            ]
            for slot in slot_names
        }

    def state(self) -> dict:
        """Its variables, as a checkpoint stores them."""
        return {"count": self.count, "slots": self.slots}

    def apply(self, grads, learning_rate, momentum=None, beta2=None):
        """Moves each variable once; to be called on every replica with the same arguments.

        Args:
          grads: one float32 gradient per variable, in the order of `variables`, already summed
            over the replicas; tf.IndexedSlices are made dense.
          learning_rate: float32 scalar, number or tensor.
          momentum: replaces the optimiser's own momentum in this update, number or tensor; SGD
            and RMSProp only.
          beta2: replaces Adam's own in this update, number or tensor; the others don't look at it.

        Raises:
          ValueError: a gradient is missing (a variable the loss doesn't depend on), their number
            is another than the variables', or Adam is given a momentum.
        """
        variables = self._targets()
        if len(grads) != len(variables):
            raise ValueError(f"{len(grads)} gradients for {len(variables)} variables")
        unused = [variable.name for variable, grad in zip(variables, grads, strict=True) if grad is None]
        if unused:
            raise ValueError(f"the loss doesn't depend on {', '.join(unused)}")
        # By its handle: on a mirrored variable, assign_add wants to merge the replicas.
        tf.raw_ops.AssignAddVariableOp(resource=self.count.handle, value=tf.ones([], tf.int64))
        scalars = self._scalars(tf.cast(learning_rate, tf.float32), momentum, beta2)
        for i, (variable, grad) in enumerate(zip(variables, grads, strict=True)):
            slots = {slot: values[i].handle for slot, values in self.slots.items()}
            self._update(var=variable.handle, grad=tf.convert_to_tensor(grad), **slots, **scalars)

    def _scalars(self, learning_rate, momentum, beta2) -> dict:
        """The kernel's scalar arguments, computed once for all variables."""
        raise NotImplementedError

    def _update(self, **arguments):
        """Runs the kernel on one variable."""
        raise NotImplementedError


class Adam(_Optimizer):
    """Kingma & Ba 2015 (arXiv:1412.6980), in the order of section 2's last paragraph.

    m = beta1 m + (1 - beta1) grad; v = beta2 v + (1 - beta2) grad^2;
    variable -= rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon), t = count.
    """

    has_momentum = False

    def __init__(self, variables, beta1=0.9, beta2=0.999, epsilon=1e-7, name="adam"):
        super().__init__(variables, ("m", "v"), name)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon

    def _scalars(self, learning_rate, momentum, beta2):
        if momentum is not None:
            raise ValueError("Adam has beta1 in place of a momentum, and it is fixed")
        beta1 = tf.constant(self._beta1, tf.float32)
        beta2 = tf.cast(self._beta2 if beta2 is None else beta2, tf.float32)
        corrected = learning_rate * tf.sqrt(self._missing(beta2)) / self._missing(beta1)
        # Powers of 0, since the rate is already corrected, once and not once a variable.
        return dict(lr=corrected, beta1=beta1, beta2=beta2, epsilon=self._epsilon, beta1_power=0.0, beta2_power=0.0)

    def _missing(self, beta):
        """1 - beta^count, which as written would lose half its digits for beta near 1."""
        count = tf.cast(local_value(self.count), tf.float32)
        return -tf.math.expm1(count * tf.math.log(beta))

    def _update(self, **arguments):
        tf.raw_ops.ResourceApplyAdam(**arguments)


class SGD(_Optimizer):
    """Gradient descent with classical momentum.

    velocity = momentum velocity - rate grad; variable += velocity: so a rate that changes holds
    for the new gradients alone (Sutskever et al. 2013, equations 1 and 2).
    """

    def __init__(self, variables, momentum=0.0, name="sgd"):
        super().__init__(variables, ("accum",), name)
        self._momentum = momentum

    def _scalars(self, learning_rate, momentum, beta2):
        return dict(lr=learning_rate, momentum=tf.cast(self._momentum if momentum is None else momentum, tf.float32))

    def _update(self, **arguments):
        tf.raw_ops.ResourceApplyKerasMomentum(**arguments)


class RMSProp(_Optimizer):
    """Tieleman & Hinton 2012 (Coursera lecture 6.5), with optional momentum.

    ms = rho ms + (1 - rho) grad^2; mom = momentum mom + rate grad / sqrt(ms + epsilon);
    variable -= mom.
    """

    def __init__(self, variables, rho=0.9, momentum=0.0, epsilon=1e-7, name="rmsprop"):
        super().__init__(variables, ("ms", "mom"), name)
        self._rho, self._momentum, self._epsilon = rho, momentum, epsilon

    def _scalars(self, learning_rate, momentum, beta2):
        return dict(
            lr=learning_rate,
            rho=self._rho,
            epsilon=self._epsilon,
            momentum=tf.cast(self._momentum if momentum is None else momentum, tf.float32),
        )

    def _update(self, **arguments):
        tf.raw_ops.ResourceApplyRMSProp(**arguments)


# name -> (variables, hyper, name of its variables) -> optimiser; `hyper` has beta1, beta2,
# epsilon, momentum and rho.
OPTIMIZERS = {
    "adam": lambda variables, hyper, name="adam": Adam(variables, hyper.beta1, hyper.beta2, hyper.epsilon, name),
    "sgd": lambda variables, hyper, name="sgd": SGD(variables, hyper.momentum, name),
    "rmsprop": lambda variables, hyper, name="rmsprop": RMSProp(
        variables, hyper.rho, hyper.momentum, hyper.epsilon, name
    ),
}
