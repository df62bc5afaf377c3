"""What a replica does with its siblings and with its own copies of variables.

Every function works the same with one replica, with several, and with no strategy at all; all
are to be called where a replica's code runs.
"""
import tensorflow as tf


def all_reduce_sum(tensors) -> list:
    """Sums each tensor over the replicas; with one replica they are left as they are.

    To be called with the same number of tensors on each replica, and outside any `tf.cond` or
    loop within the replica's code. Sparse gradients come back dense from several replicas.
    """
    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync == 1:
        return list(tensors)
    # Sparse gradients (of an embedding) would be gathered, not added.
    dense = [tf.convert_to_tensor(tensor) for tensor in tensors]
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, dense)


def mean_over_replicas(tensor) -> tf.Tensor:
    """The mean of the replicas' tensors, differentiable by all of them."""
    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync == 1:
        return tensor
    return replica.all_reduce(tf.distribute.ReduceOp.MEAN, tensor)


def local_value(variable) -> tf.Tensor:
    """This replica's own copy of `variable`, in its own dtype, after the writes before this."""
    return tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)
