"""Where the time went, by a clock of the test's own."""

import pytest

from tfgan_train.common import numbers
from tfgan_train.training import timing as module


@pytest.fixture
def now(monkeypatch):
    time = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: time[0])
    return time


def _spend(clock, now, name, seconds):
    with clock.section(name):
        now[0] += seconds


def test_start_up_is_all_before_the_first_step_has_run(now):
    clock = module.Clock(90.0)
    clock.started()
    _spend(clock, now, "graph", 5.0)  # tracing
    clock.prepared(5.0, first=True)
    _spend(clock, now, "graph", 6.0)
    _spend(clock, now, "samples", 1.0)
    _spend(clock, now, "graph", 2.0)
    now[0] += 1.0  # between sections
    facts = clock.facts()
    assert (facts["start_up"], facts["training"], facts["seconds"]) == (15.0, 10.0, 25.0)
    assert (facts["graph"], facts["samples"], facts["data"]) == (8.0, 1.0, 0.0)
    said = clock.summary(1234, "there")
    assert said.startswith("done: 1,234 steps in 25 s (15 s start-up); 20.0% ") and "samples 10.0%" in said


def test_what_the_graph_reaches_of_the_peak(now):
    clock = module.Clock(90.0)
    _spend(clock, now, "graph", 5.0)
    clock.prepared(5.0, first=True)
    for _ in range(3):
        _spend(clock, now, "graph", 2.0)
        clock.calculated(306e9)
    _spend(clock, now, "data", 2.0)
    assert clock.facts()["flops_per_second"] == 153e9 and clock.facts()["peak_flops_per_second"] == 0
    assert "peak" not in clock.summary(10, "there")
    clock.peak = 189e9
    assert clock.facts()["peak_flops_per_second"] == 189e9
    assert clock.summary(10, "there").endswith(
        "(data 25.0%); 153 GFLOP/s in the graph, 81% of this machine's peak; see there"
    )


def test_without_a_step_after_the_first_call_nothing_is_said_of_the_peak(now):
    clock = module.Clock(90.0)
    _spend(clock, now, "graph", 5.0)
    clock.prepared(5.0, first=True)
    clock.peak = 189e9
    assert clock.facts()["flops_per_second"] == 0 and "peak" not in clock.summary(1, "there")


def test_a_second_graph_is_prepared_at_nobodys_cost(now):
    """A lazy penalty has a graph of its own, whose first call comes later."""
    clock = module.Clock(90.0)
    _spend(clock, now, "graph", 5.0)
    clock.prepared(5.0, first=True)
    _spend(clock, now, "graph", 3.0)
    clock.prepared(3.0, first=False)
    _spend(clock, now, "graph", 2.0)
    clock.calculated(306e9)
    facts = clock.facts()
    assert (facts["start_up"], facts["training"], facts["graph"], facts["flops_per_second"]) == (18.0, 2.0, 2.0, 153e9)


@pytest.mark.parametrize(
    "rate, words",
    [
        (153.4e9, "153 GFLOP/s"),
        (99.96e9, "100 GFLOP/s"),
        (9.994e9, "9.99 GFLOP/s"),
        (9.996e9, "10.0 GFLOP/s"),
        (999.6e9, "1.00 TFLOP/s"),
        (312e12, "312 TFLOP/s"),
        (2.5e3, "0.00 MFLOP/s"),
        (4.56e6, "4.56 MFLOP/s"),
    ],
)
def test_flop_rates_have_three_digits(rate, words):
    assert numbers.flop_rate(rate) == words


@pytest.mark.parametrize(
    "share, words", [(0.809, "81"), (1.04, "104"), (0.0996, "10"), (0.0421, "4.2"), (0.00031, "0.031")]
)
def test_percent_keeps_two_digits(share, words):
    assert numbers.percent(share) == words
