"""Arrays in the host's memory as tensors, without a copy."""

import numpy as np
import tensorflow as tf

from tfgan_train.common.images import ALIGNMENT


def shared_tensor(array: np.ndarray) -> tf.Tensor:
    """`array` as a tensor on the CPU; the two share their memory where it is aligned and contiguous.

    Nobody may write into the array as long as the tensor is in use.
    """
    if not array.flags.c_contiguous or not array.size or array.ctypes.data % ALIGNMENT:
        return tf.convert_to_tensor(array)
    # An array that may only be read has no DLPack form; the tensor only reads.
    view = np.asarray(_Writable(array))
    return tf.experimental.dlpack.from_dlpack(view.__dlpack__())


class _Writable:
    """An array's memory under NumPy's array interface, said to be writable."""

    def __init__(self, array: np.ndarray):
        self._array = array  # whose memory it is
        place, _ = array.__array_interface__["data"]
        self.__array_interface__ = array.__array_interface__ | {"data": (place, False)}
