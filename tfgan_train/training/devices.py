"""From --devices to a distribution strategy; knows nothing of what it will run."""

import tensorflow as tf

from tfgan_train.common.errors import UserError, reason
from tfgan_train.training.workers import check_tf_config


def make_strategy(devices: str) -> tf.distribute.Strategy:
    """The strategy that replicates the training step.

    Args:
      devices: `auto` (all GPUs, else one CPU replica; several machines where TF_CONFIG is
        set), `cpu:N` (N logical devices, which share this machine's cores) or `gpu:N`.

    Raises:
      UserError: when there are fewer devices than asked for.
    """
    # Grappler's remapper tries to fuse bias and leaky ReLU, fails where the gradient needs what
    # is between them, and says so on stderr.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    if devices == "auto" and check_tf_config():
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (ValueError, RuntimeError, tf.errors.OpError) as error:
            raise UserError(f"TF_CONFIG: the workers can't be joined: {reason(error)}") from None
    gpus = tf.config.list_physical_devices("GPU")
    if devices == "auto":
        kind, number = ("gpu", len(gpus)) if gpus else ("cpu", 1)
    else:
        kind, _, digits = devices.partition(":")
        number = int(digits)
    if kind == "cpu":
        _split_cpu(number)
        # NCCL, the default, knows no CPUs and would warn at each start.
        return tf.distribute.MirroredStrategy(
            [f"CPU:{i}" for i in range(number)], cross_device_ops=tf.distribute.ReductionToOneDevice()
        )
    if number > len(gpus):
        raise UserError(f"--devices=gpu:{number}: TensorFlow sees {len(gpus)} GPUs here; use auto, cpu:1 or fewer")
    return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(number)])


def fast_precision() -> str:
    """ "bfloat16" where this machine's processor has instructions for it and does the training, else "float32"."""
    if tf.config.list_physical_devices("GPU"):
        return "float32"
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
    except OSError:  # not Linux
        return "float32"
    return "bfloat16" if {"avx512_bf16", "amx_bf16"} & set(flags) else "float32"


def is_chief(strategy) -> bool:
    """Whether this process writes the run's files (with several machines only one does)."""
    resolver = strategy.cluster_resolver
    return (
        resolver is None
        or resolver.task_type in (None, "chief")
        or (resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs)
    )


def _split_cpu(number: int):
    if number == 1:
        return
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)
    except RuntimeError:  # TensorFlow has started; it may have enough devices already.
        if len(tf.config.list_logical_devices("CPU")) < number:
            raise UserError(
                f"--devices=cpu:{number} must be the first thing that TensorFlow does in a process"
            ) from None
