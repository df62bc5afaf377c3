"""What the benchmarks of steadiness and of costs make of a run's rows."""

import json
import math

import numpy as np
import pytest


def _train(step, seconds):
    return {"kind": "train", "step": step, "seconds": seconds}


def test_stretches_with_more_than_steps_in_them_are_left_out(programs):
    """Each step takes 0.1 s; the grid of 20, the checkpoint of 40, the evaluation of 60 a second, after their rows."""
    rows, seconds = [{"kind": "samples", "step": 0}], 5.0
    for step in range(10, 101, 10):
        seconds += 1.0
        rows.append(_train(step, seconds))
        if step in (20, 40, 60):
            rows += {20: [{"kind": "samples", "step": 20}], 40: [], 60: [{"kind": "eval", "step": 60}]}[step]
            seconds += 1.0
    found = programs("stretches").stretches(rows, checkpoint_every=40)
    # 80 has a checkpoint too; what is before the first row isn't looked at.
    assert [step for step, _ in found] == [20, 40, 60, 80, 100]
    np.testing.assert_allclose([seconds for _, seconds in found], 0.1)


def test_a_checkpoint_between_two_rows_counts_as_one_at_them(programs):
    rows = [_train(step, step) for step in range(10, 51, 10)]
    assert [step for step, _ in programs("stretches").stretches(rows, checkpoint_every=25)] == [20, 40, 50]


def test_tenths_take_each_stretch_by_its_last_step(programs):
    found = [(step, float(step)) for step in range(5, 101, 5) if not 30 < step <= 40]
    assert programs("steadiness").tenths(found, 100) == [7.5, 17.5, 27.5, None, 47.5, 57.5, 67.5, 77.5, 87.5, 97.5]


def test_the_slope_is_that_of_a_line_with_its_standard_error(programs):
    slope = programs("steadiness").slope
    rise, error = slope([2.0 + 0.02 * i for i in range(10)])
    assert math.isclose(rise, 0.2 / 2.09) and error < 1e-9
    assert slope([3.0] * 10) == pytest.approx((0, 0), abs=1e-12)
    assert slope([2.0, None] + [2.0 + 0.02 * i for i in range(2, 10)])[1] < 1e-9  # a tenth of which nothing is known
    from scipy import stats

    noisy = np.random.default_rng(0).normal(1.0, 0.1, 10)
    oracle = stats.linregress(np.arange(10) / 10, noisy / np.median(noisy))
    assert slope(noisy.tolist()) == pytest.approx((oracle.slope, oracle.stderr))


def test_memory_is_that_of_the_first_look_at_a_step_and_of_the_end(programs):
    samples = [{"step": step, "megabytes": step + 0.5} for step in (0, 0, 80, 130, 480, 510, 1000, 1000)]
    samples[-1]["megabytes"] = 7.0
    memory_at = programs("steadiness").memory_at
    assert memory_at(samples, 1000) == {"10%": 130.5, "50%": 510.5, "100%": 7.0}
    assert memory_at(samples[:3], 1000) == {"10%": 80.5, "50%": 80.5, "100%": 80.5}  # nobody looked later


def test_what_is_read_of_a_process_and_of_a_file_that_grows(programs):
    steadiness = programs("steadiness")
    assert steadiness.resident_megabytes("Name:\tpython\nVmHWM:\t  9999 kB\nVmRSS:\t  524288 kB\n") == 512
    assert steadiness.resident_megabytes("Name:\tpython\nState:\tZ (zombie)\n") is None
    rows = [json.dumps({"kind": "train", "step": step}) for step in (50, 100)]
    assert steadiness.last_step("\n".join(rows) + "\n") == 100
    assert steadiness.last_step("\n".join(rows)) == 50  # the last one is being written
    assert steadiness.last_step('0.1, 0.2], "step": 7}\n') == 0 == steadiness.last_step("")


def test_curves_that_cross_are_measured_once_where_they_do(programs):
    costs = programs("costs")
    found = costs.points([32, 64], [28, 64], [1, 2], ["dcgan"])
    assert [(point.batch, point.side, point.replicas) for point in found] == [
        (32, 28, 1),
        (64, 28, 1),
        (64, 64, 1),
        (64, 28, 2),
    ]
    assert costs.table({found[0]: [0.004, 0.002, 0.003]}).endswith(
        "| dcgan | 32 | 28x28 | 1 | 3.00 (2.00-4.00) | 10,667 |"
    )


def test_a_cost_curve_is_of_what_differs_from_the_usual_in_one_thing_alone(programs):
    def row(family, batch, side, replicas, *seconds):
        return {
            "family": family,
            "batch": batch,
            "side": side,
            "replicas": replicas,
            "seconds_per_step": list(seconds),
        }

    rows = [
        row("mlp", 256, 28, 1, 0.004),
        row("mlp", 64, 28, 1, 0.001, 0.002),
        row("mlp", 64, 64, 1, 0.009),
        row("mlp", 64, 28, 4, 0.003),
        row("dcgan", 128, 28, 1, 0.1),
        row("mlp", 128, 64, 1, 0.02),
    ]
    curve = programs("cost_curves").curve
    assert curve(rows, "mlp", "batch") == [(64, [1.0, 2.0]), (256, [4.0])]
    assert curve(rows, "mlp", "side") == [(28, [1.0, 2.0]), (64, [9.0])]
    assert curve(rows, "mlp", "replicas") == [(1, [1.0, 2.0]), (4, [3.0])]


def test_two_versions_are_compared_by_their_medians_and_by_pairs(programs):
    times = [(1.0, 2.0), (3.0, 2.0), (2.0, 4.0)]
    pairs = [{side: {"wall": t, "cpu": 2 * t} for side, t in zip(("new", "old"), both, strict=True)} for both in times]
    found = programs("two_versions").summary(pairs)
    assert found["wall"] == {"new_ms": 2.0, "old_ms": 2.0, "ratio": 1.0, "lowest": 0.5, "highest": 1.5}
    assert found["cpu"] == found["wall"] | {"new_ms": 4.0, "old_ms": 4.0}
