"""Several machines: what all workers must agree on, so that none waits for a step that another doesn't take."""

import contextlib
import json
import os

import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.ops.replicas import assign, local_value

TASKS = ("chief", "worker")


def check_tf_config() -> int:
    """The number of workers that TF_CONFIG names; 0 where it names no cluster.

    Raises:
      UserError: when it can't be understood, or gives this process a task that doesn't train.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return 0
    legal = 'legal: {"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}'
    try:
        stored = json.loads(text)
        cluster, task = stored.get("cluster") or {}, stored.get("task") or {}
        jobs = {name: list(addresses) for name, addresses in cluster.items()}
    except (ValueError, AttributeError, TypeError):
        raise UserError(f"TF_CONFIG is no JSON object of a cluster and a task; {legal}") from None
    if not jobs:
        return 0
    kind, index = task.get("type"), task.get("index")
    if kind not in TASKS:
        raise UserError(
            f"TF_CONFIG gives this process the task '{kind}', which trains nothing; legal: {' and '.join(TASKS)}"
        )
    if not isinstance(index, int) or not 0 <= index < len(jobs.get(kind, ())):
        raise UserError(
            f"TF_CONFIG: task {kind} {index} isn't in its cluster, which has {len(jobs.get(kind, ()))} of them; {legal}"
        )
    return sum(len(jobs.get(name, ())) for name in TASKS)


class Workers:
    """The workers of a run; alone, each call returns at once.

    Args:
      strategy: of the run.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self.several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and check_tf_config() > 1

    def agree(self, steps: int, stop: bool, end: bool) -> tuple[int, bool, bool]:
        """(steps of the next call, whether to stop now, whether to end now) for all.

        The steps are the chief's. What stops or ends one worker stops or ends all.

        Every worker must call this at the same step. Each worker's own clock would choose other numbers of
        steps, and a collective inside a loop meets only its partner of the same iteration.
        """
        if not self.several:
            return steps, stop, end
        with self.losses():
            chosen, stopping, ending = self._sum(tf.constant([steps, int(stop), int(end)])).numpy()
        return int(chosen), bool(stopping), bool(ending)

    def share(self, variables: list[tf.Variable]) -> None:
        """Gives every worker the chief's values of the variables: only the chief needs a checkpoint."""
        if self.several:
            with self.losses():
                self._share(tuple(variables))

    @contextlib.contextmanager
    def losses(self):
        """Says that a worker was lost, in one line, where a collective fails because of it."""
        try:
            yield
        except tf.errors.OpError:
            if not self.several:
                raise
            raise UserError(
                "another worker was lost; start the same command on all machines to resume from the last checkpoint"
            ) from None

    @tf.function(autograph=False)
    def _sum(self, values):
        def on_replica(values):
            replica = tf.distribute.get_replica_context()
            # The first replica of all is the chief's; a stop counts from anywhere.
            first = tf.cast(tf.equal(replica.replica_id_in_sync_group, 0), values.dtype)
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, values * tf.stack([first, 1, 1]))

        return self._strategy.experimental_local_results(self._strategy.run(on_replica, (values,)))[0]

    def _share(self, variables):
        @tf.function(autograph=False)
        def share():
            def on_replica():
                replica = tf.distribute.get_replica_context()
                for variable in variables:
                    first = tf.cast(tf.equal(replica.replica_id_in_sync_group, 0), variable.dtype)
                    assign(variable, replica.all_reduce(tf.distribute.ReduceOp.SUM, local_value(variable) * first))

            self._strategy.run(on_replica)

        share()
