"""How long a training step takes on this machine, measured before anything is trained."""

import time

from tfgan_train.data.pipeline import Batches
from tfgan_train.training.gan import Gan
from tfgan_train.training.pacing import LONGEST_CALL
from tfgan_train.training.start import Start
from tfgan_train.training.step import TrainStep

SECONDS = 0.5  # of steps, for each of a run's graphs


def seconds_per_step(prepared: Start, gan: Gan) -> float:
    """The mean time of a step of a run, a lazy penalty by its share; it takes as long as tracing does, and SECONDS.

    The steps are real ones on real batches. Other programs make them longer.

    Args:
      gan: the run's, built within its strategy's scope; it is trained a little, so nobody may keep it.
    """
    config = prepared.config
    with Batches(prepared.source, config.batch_size, config.d_steps, config.seed) as batches:
        step = TrainStep(config, gan, prepared.strategy, batches.images, batches.labels, steps_per_epoch=1.0)
        share = 1 / config.penalty_every if config.penalty != "none" else 0.0
        taken = [
            (part, _of_graph(step, batches, with_penalty))
            for with_penalty, part in ((True, share), (False, 1.0 - share))
            if part
        ]
        step.close()
    return sum(part * seconds for part, seconds in taken)


def _of_graph(step: TrainStep, batches: Batches, with_penalty: bool) -> float:
    step.run(batches.next(0, 1), with_penalty).numpy()  # TensorFlow prepares the graph.
    begin, done, count = time.monotonic(), 0, 1
    while (took := time.monotonic() - begin) < SECONDS:
        step.run(batches.next(0, count), with_penalty).numpy()
        done, count = done + count, min(2 * count, LONGEST_CALL)
    return took / done
