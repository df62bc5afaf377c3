"""Charts: what is drawn is read back from the SVG's own numbers."""

import html as html_module
import json
import re
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from tfgan_train.common.numbers import number
from tfgan_train.report import charts, curves
from tfgan_train.report.charts import Axis, Guide, Series, line_chart
from tfgan_train.runs.facts import Figure


def _series(values, steps=None, name="d", colour="d"):
    steps = np.arange(1, len(values) + 1) if steps is None else steps
    return Series(name, colour, np.asarray(steps), np.asarray(values, float))


def _paths(chart, kind):
    """Every sub-path of the class, as [(x, y), …]."""
    (data,) = re.findall(rf'class="{kind}[^"]*" d="([^"]*)"', chart)
    return [
        [tuple(map(float, point.split())) for point in re.split("L|h0L?", part) if point]
        for part in data.split("M")[1:]
    ]


@pytest.mark.parametrize(
    "low,high,expected",
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 10000, [0, 2000, 4000, 6000, 8000, 10000]),
        (-3, 4, [-2, 0, 2, 4]),
        (0.13, 0.19, [0.14, 0.16, 0.18]),
        (1e-6, 9e-6, [2e-6, 4e-6, 6e-6, 8e-6]),
    ],
)
def test_ticks_are_round_and_within(low, high, expected):
    np.testing.assert_allclose(Axis(low, high).ticks(), expected)


@pytest.mark.parametrize("low,high", [(0, 1), (-7.3, 12.9), (1e-9, 3e-9), (0, 123456789), (5, 5.0001), (-1e6, 3)])
def test_every_axis_has_a_sensible_number_of_ticks(low, high):
    ticks = Axis(low, high).ticks()
    assert 3 <= len(ticks) <= 7 and low <= ticks[0] and ticks[-1] <= high * (1 + 1e-9)


def test_logarithmic_axis():
    axis = Axis(0.01, 1000, logarithmic=True)
    np.testing.assert_allclose(axis.ticks(), [0.01, 0.1, 1, 10, 100, 1000][::2])
    assert axis.place(0.01) == 0 and axis.place(1000) == pytest.approx(1) and axis.place(10) == pytest.approx(0.6)


@pytest.mark.parametrize(
    "value,text",
    [
        (0, "0"),
        (0.5, "0.5"),
        (-2, "-2"),
        (1234, "1,234"),
        (10000, "10k"),
        (12500, "12.5k"),
        (3e6, "3M"),
        (0.00001, "1e-5"),
        (2.5e12, "2.5e12"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_a_straight_line_is_drawn_from_corner_to_corner():
    chart = line_chart("t", [_series([0, 1, 2, 3, 4])], limits=(0, 4))
    (raw,) = _paths(chart, "raw")
    assert raw == [(0, 400), (250, 300), (500, 200), (750, 100), (1000, 0)]


@pytest.mark.perf
def test_a_long_series_takes_less_than_a_third_of_a_second():
    values = np.sin(np.arange(100_000) / 5000)
    start = time.process_time()
    line_chart("t", [_series(values)], limits=(-1, 60))
    assert time.process_time() - start < 0.3


def test_long_series_stays_small_and_keeps_its_spikes():
    values = np.sin(np.arange(100_000) / 5000)
    values[61_234] = 55.0
    chart = line_chart("t", [_series(values)], limits=(-1, 60))
    assert len(chart) < 40_000
    (raw,) = _paths(chart, "raw")
    x, y = min(raw, key=lambda point: point[1])
    assert x == pytest.approx(612.3, abs=0.2) and y == pytest.approx(400 * 5 / 61, abs=0.2)


def test_gaps_break_the_line_and_are_told():
    chart = line_chart("t", [_series([1, 2, np.nan, 4, np.inf, 6])], limits=(0, 6))
    assert [len(part) for part in _paths(chart, "raw")] == [2, 1, 1]
    assert "2 values are missing or not finite." in chart
    assert "nan" not in chart.lower() and "inf" not in chart.lower().replace("finite", "")


def test_nothing_finite_gives_no_chart():
    assert line_chart("t", [_series([np.nan, np.inf]), _series([])]) == ""


def test_one_point_and_a_constant_are_drawn_inside():
    for values in ([3.0], [0.0], [2.0] * 50):
        chart = line_chart("t", [_series(values)])
        assert all(0 <= y <= 400 and 0 <= x <= 1000 for part in _paths(chart, "smooth") for x, y in part)


def test_a_rare_early_spike_does_not_flatten_the_rest():
    values = np.r_[[1e6], np.tile([1.0, 2.0], 500)]
    chart = line_chart("t", [Series("d", "d", np.arange(1001), values)])
    (raw,) = _paths(chart, "raw")
    inside = [y for _, y in raw if 0 <= y <= 400]
    assert len(inside) >= len(raw) - 1 and max(inside) - min(inside) > 300


def test_smooth_is_a_triangular_mean_that_skips_nan():
    values = np.array([1.0, 5.0, np.nan, 2.0])
    expected = [(2 * 1 + 5) / 3, (1 + 2 * 5) / 3, np.nan, 2.0]
    np.testing.assert_allclose(charts.smooth(values, 1), expected)
    constant = np.full(500, 3.3)
    np.testing.assert_allclose(charts.smooth(constant, 10), constant)


def test_bucket_means_average_every_value_once():
    values = np.random.default_rng(0).normal(size=10_007)
    steps, means = charts.bucket_means(np.arange(10_007.0), values)
    assert len(means) == charts.BUCKETS
    counts = np.diff(np.r_[charts._bucket_starts(10_007), 10_007])
    assert np.sum(means * counts) == pytest.approx(values.sum())
    assert (np.diff(steps) > 0).all()


def test_text_is_escaped_and_the_svg_is_well_formed():
    chart = line_chart("<b>&", [_series([1, 2], name='"<i>')], note="a < b", guide=Guide(1.5, "<half>"))
    assert "<b>&" not in chart and "<i>" not in chart and "<half>" not in chart
    (svg,) = re.findall(r"<svg.*?</svg>", chart, re.S)
    assert ElementTree.fromstring(svg).tag == "svg"


def test_hover_data_follow_the_line():
    chart = line_chart("t", [_series([0.25, 0.5, 1.0], steps=[100, 200, 300])], percent=True)
    (line,) = json.loads(html_module.unescape(re.search(r'data-chart="([^"]*)"', chart)[1]))
    assert line["step"] == [100, 200, 300] and line["x"] == [0, 0.5, 1] and line["text"][0].endswith("%")


def test_each_step_ends_at_its_rows_step():
    rows = [
        {"step": 3, "d_loss": 0, "g_loss": 0, "d_loss_each": [1, 2, 3]},
        {"step": 5, "d_loss": 0, "g_loss": 0, "d_loss_each": [4, None]},
    ]
    series = curves._each_step(rows, "d_loss", "discriminator", "d")
    assert series.steps.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(series.values, [1, 2, 3, 4, np.nan])
    assert curves._each_step(rows, "g_loss", "generator", "g").steps.tolist() == [3, 5]


def test_rows_give_the_charts_they_have_data_for():
    rows = [{"step": step, "d_loss": 1.0, "g_loss": 2.0, "d_accuracy": 0.7, "penalty": 0.0} for step in (50, 100)]
    titles = re.findall("<h3>(.*?)</h3>", "".join(curves.training_charts(rows, [])))
    assert titles == ["Losses", "D&#39;s accuracy"]
    assert not any(curves.training_charts([], []))


def test_evaluations_are_drawn_once_measured_twice():
    charts = curves.evaluation_charts(
        {100: {"frechet": Figure(90.0), "recall": Figure(0.1)}, 200: {"frechet": Figure(40.0)}}
    )
    assert len(charts) == 1 and "frechet" in charts[0]
