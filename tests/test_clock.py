"""Where the time went, by a clock of the test's own."""
import pytest

from tfgan_train import clock as module


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
    clock.traced()
    _spend(clock, now, "graph", 6.0)
    _spend(clock, now, "samples", 1.0)
    _spend(clock, now, "graph", 2.0)
    now[0] += 1.0  # between sections
    facts = clock.facts()
    assert (facts["start_up"], facts["training"], facts["seconds"]) == (15.0, 10.0, 25.0)
    assert (facts["graph"], facts["samples"], facts["data"]) == (8.0, 1.0, 0.0)
    said = clock.summary(1234, "there")
    assert said.startswith("done: 1,234 steps in 25 s (15 s start-up); 20.0% ") and "samples 10.0%" in said
