"""When things are due, and how many steps a call makes."""

import dataclasses

import pytest

from tfgan_train.training.pacing import LONGEST_CALL, Pace, is_due, is_sample_due, next_due


@dataclasses.dataclass
class _Config:
    steps: int = 1000
    log_every: int = 50
    sample_every: int = 1000
    checkpoint_every: int = 500
    eval_every: int = 0
    steps_per_loop: int = 0
    batch_size: int = 10
    penalty: str = "none"
    penalty_every: int = 1


@pytest.mark.parametrize(
    "every, step, due", [(5, 5, True), (5, 6, False), (5, 17, True), (0, 10, False), (0, 17, False), (100, 17, True)]
)
def test_every_n_steps_and_at_the_last(every, step, due):
    assert is_due(every, step, last=17) == due


def test_the_next_is_always_later():
    assert [next_due(5, step) for step in (0, 4, 5, 9)] == [5, 5, 10, 10]


def test_samples_are_due_at_powers_of_two_then_every_n_then_at_the_last():
    assert [step for step in range(1, 30) if is_sample_due(10, step, 29)] == [1, 2, 4, 8, 10, 20, 29]


@pytest.mark.parametrize(
    "changes", [{}, {"steps_per_loop": 7}, {"penalty": "r1", "penalty_every": 16}, {"eval_every": 33, "log_every": 7}]
)
def test_no_call_passes_a_step_at_which_something_is_due(changes):
    config = _Config(**changes)
    pace = Pace(config)
    pace.took(0.001, 1)
    step, ends = 0, []
    while step < config.steps:
        count = pace.steps_in_call(step)
        assert 1 <= count <= (config.steps_per_loop or LONGEST_CALL)
        if config.penalty_every > 1:  # A penalised step is alone in its call.
            assert (
                count == 1
                if pace.is_penalised(step)
                else not any(pace.is_penalised(inner) for inner in range(step, step + count))
            )
        step += count
        ends.append(step)
    due = {
        step
        for step in range(1, config.steps + 1)
        for every in (config.log_every, config.checkpoint_every, config.eval_every)
        if is_due(every, step, config.steps)
    }
    assert due <= set(ends) and step == config.steps


def test_a_call_takes_about_half_a_second_once_the_speed_is_known():
    pace = Pace(_Config(log_every=1000, checkpoint_every=1000, sample_every=10**6, steps=10**6))
    assert pace.steps_in_call(2**15) == 1 and pace.images_per_second == 0
    pace.took(0.2, 10)
    assert pace.steps_in_call(2**15) == 25 and pace.images_per_second == 500
    pace.took(100.0, 1)  # A pause of the machine counts little.
    assert pace.steps_in_call(2**15) == 1
    pace.took(0.01, 1)
    assert pace.steps_in_call(2**15) == 50
