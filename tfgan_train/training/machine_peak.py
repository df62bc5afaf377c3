"""The arithmetic that this machine can do at most, as TensorFlow's own matrix products show it."""

import math
import time

import tensorflow as tf

SIDES = (512, 1024, 2048, 4096, 8192)  # of square matrices: the fastest size differs between machines
SECONDS = 0.8
SHARE = 0.05  # of a run's training that may go into the measurement


def measured_peak(strategy: tf.distribute.Strategy, precision: str, training: float) -> float:
    """FLOPs a second of the devices that `strategy` trains on, in under a second.

    One device is measured. GPUs count as often as there are replicas; the logical CPUs of a machine share its
    cores, and count once for each machine. What other programs leave of a busy machine is what is measured.

    Args:
      strategy: the run's.
      precision: the matrices' type, "float32", "bfloat16" or "float16".
      training: seconds that the run took; of a short one, SHARE goes into this.
    """
    devices = strategy.extended.worker_devices
    replicas = strategy.num_replicas_in_sync
    alike = replicas if "GPU" in devices[0] else replicas // len(devices)
    with tf.device(devices[0]):
        return alike * matmul_rate(precision, min(SECONDS, SHARE * training))


def matmul_rate(precision: str, seconds: float) -> float:
    """FLOPs a second of the fastest of several products of two square matrices, on the current device.

    Larger and larger matrices are tried as long as `seconds` allow; what is left of them goes to the fastest size.
    """
    end = time.perf_counter() + seconds
    # One number of the product is fetched: it has to be waited for, and a whole matrix would be copied.
    multiply = tf.function(lambda a, b: tf.matmul(a, b)[0, 0], autograph=False)
    matrices: dict[int, list[tf.Tensor]] = {}
    shortest: dict[int, float] = {}

    def rate(side: int) -> float:
        return 2 * side**3 / shortest[side]

    def try_until(side, until):
        while True:
            shortest[side] = min(shortest.get(side, math.inf), _seconds(multiply, matrices[side]))
            if time.perf_counter() >= until:
                return

    for side in SIDES:
        left = end - time.perf_counter()
        if shortest and 8 * shortest[side // 2] > left / 4:
            break
        matrices[side] = [tf.cast(tf.random.stateless_normal([side, side], [side, i]), precision) for i in (0, 1)]
        multiply(*matrices[side]).numpy()  # It traces, and the device makes itself ready.
        try_until(side, time.perf_counter() + left / 5)
    fastest = max(shortest, key=rate)
    try_until(fastest, end)
    return rate(fastest)


def _seconds(multiply, matrices) -> float:
    begin = time.perf_counter()
    multiply(*matrices).numpy()
    return time.perf_counter() - begin
