"""What a replica does with its siblings and with its own copies of variables.

Every function works the same with one replica, with several, and with no strategy at all. All are
to be called where a replica's code runs; in the strategy's scope outside of it, where networks are
built by calling them, there are no siblings to share with.
"""

import tensorflow as tf


def all_reduce_sum(tensors) -> list:
    """Sums each tensor over the replicas; with one replica they are left as they are.

    To be called with the same number of tensors on each replica, and outside any `tf.cond` or
    loop within the replica's code. Sparse gradients come back dense from several replicas.
    """
    replica = _replica_with_siblings()
    if replica is None:
        return list(tensors)
    # Sparse gradients (of an embedding) would be gathered, not added.
    dense = [tf.convert_to_tensor(tensor) for tensor in tensors]
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, dense)


def mean_over_replicas(tensor) -> tf.Tensor:
    """The mean of the replicas' tensors, differentiable by all of them."""
    replica = _replica_with_siblings()
    if replica is None:
        return tensor
    return replica.all_reduce(tf.distribute.ReduceOp.MEAN, tensor)


def gather_over_replicas(tensor) -> tf.Tensor:
    """The replicas' tensors, joined along their first axis; differentiable by all of them."""
    replica = _replica_with_siblings()
    if replica is None:
        return tensor
    return replica.all_gather(tensor, axis=0)


def local_value(variable) -> tf.Tensor:
    """This replica's own copy of `variable`, in its own dtype, after the writes before this."""
    return tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)


def assign(variable, value):
    """Assigns on this replica only; every replica computes the same value.

    A mirrored variable's own `assign` would merge the replicas' values, which costs a
    synchronisation and isn't allowed inside a condition.
    """
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def _replica_with_siblings():
    replica = tf.distribute.get_replica_context()
    return replica if replica is not None and replica.num_replicas_in_sync > 1 else None
