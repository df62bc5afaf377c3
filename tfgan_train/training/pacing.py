"""When things are due: the one rule for all that happens every N steps and at the last."""

import math

CALL_SECONDS = 0.5  # of steps in one call, so that the live line lives and Ctrl-C answers
LONGEST_CALL = 200


def is_due(every: int, step: int, last: int) -> bool:
    """Whether something that happens every `every` steps, and at the last, happens after `step`; 0: never."""
    return every > 0 and (step % every == 0 or step == last)


def next_due(every: int, step: int) -> int:
    """The next multiple of `every` after `step`."""
    return (step // every + 1) * every


def next_sample(every: int, step: int) -> int:
    """The next step after `step` to sample at: powers of two at first, then every N."""
    regular = next_due(every, step)
    early = 1 << max(0, step.bit_length())
    return min(regular, early) if early < every else regular


def is_sample_due(every: int, step: int, last: int) -> bool:
    """Whether samples are drawn after `step`."""
    return next_sample(every, step - 1) == step or step == last


class Pace:
    """How many steps one call into the graph makes: never past a step at which something is due.

    Args:
      config: a resolved Config.

    Attributes:
      seconds_per_step: recent; None while unknown.
    """

    def __init__(self, config):
        self._config = config
        self.seconds_per_step: float | None = None
        self._lazy = config.penalty != "none" and config.penalty_every > 1

    def took(self, seconds: float, steps: int) -> None:
        """Takes note of a call's time; the first call of a graph says nothing of speed and isn't told."""
        each = seconds / steps
        self.seconds_per_step = (
            each if self.seconds_per_step is None else min(each, 0.9 * self.seconds_per_step + 0.1 * each)
        )

    @property
    def images_per_second(self) -> float:
        """Recent speed; 0 while unknown."""
        return self._config.batch_size / self.seconds_per_step if self.seconds_per_step else 0.0

    def is_penalised(self, step: int) -> bool:
        """Whether the step after `step` applies the penalty; a lazy one acts at every N-th step, alone in its call."""
        return self._config.penalty != "none" and step % self._config.penalty_every == 0

    def steps_in_call(self, step: int) -> int:
        """Steps that the next call may make, at least 1."""
        config = self._config
        most = config.steps_per_loop or self._by_the_clock()
        ends = [config.steps, next_sample(config.sample_every, step)]
        ends += [
            next_due(every, step) for every in (config.log_every, config.checkpoint_every, config.eval_every) if every
        ]
        if self._lazy:
            ends.append(step + 1 if self.is_penalised(step) else next_due(config.penalty_every, step))
        return min(most, *(end - step for end in ends))

    def _by_the_clock(self) -> int:
        if self.seconds_per_step is None:
            return 1
        return max(1, min(LONGEST_CALL, math.floor(CALL_SECONDS / self.seconds_per_step)))
