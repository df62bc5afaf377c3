"""metrics.jsonl: its means, and what is left of it after a kill."""

import json
import re

import numpy as np
import pytest

from tfgan_train.runs.recorder import Recorder
from tfgan_train.runs.rows import KINDS, Row, SampleRow, read_rows
from tfgan_train.training.step_metrics import METRICS
from tfgan_train.training.timing import Clock

NAMES = ("d_loss", "g_loss", "d_grad_norm")


def _recorder(path, step=-1, pending=()):
    return Recorder(path, NAMES, step, list(pending))


def _table(steps, seed=0):
    return np.random.default_rng(seed).normal(size=(steps, 3)).astype(np.float32)


def test_a_row_has_the_means_and_each_loss_since_the_last(tmp_path):
    recorder, table = _recorder(tmp_path / "m"), _table(5)
    recorder.add(table[:2])
    recorder.add(table[2:])
    assert recorder.waiting
    row = recorder.write_means(5, {"epoch": 0.5})
    assert not recorder.waiting
    (stored,) = read_rows(tmp_path / "m")
    assert stored == row
    assert (stored["kind"], stored["step"], stored["epoch"]) == ("train", 5, 0.5)
    for i, name in enumerate(NAMES):
        np.testing.assert_allclose(stored[name], table[:, i].astype(np.float64).mean(), rtol=1e-12)
    np.testing.assert_allclose(stored["d_loss_each"], table[:, 0], rtol=1e-5)
    np.testing.assert_allclose(stored["g_loss_each"], table[:, 1], rtol=1e-5)


def test_skipped_updates_are_not_counted_and_the_file_stays_json(tmp_path):
    recorder, table = _recorder(tmp_path / "m"), _table(3)
    table[1, 2] = np.inf
    recorder.add(table)
    assert recorder.write_means(3, {})["d_grad_norm"] == pytest.approx(table[[0, 2], 2].mean())
    recorder.add(np.where([False, False, True], np.inf, table))
    assert np.isnan(recorder.write_means(6, {})["d_grad_norm"])

    def refuse(name):
        pytest.fail(f"{name} is no JSON")

    _, first, second = (json.loads(line, parse_constant=refuse) for line in (tmp_path / "m").read_text().splitlines())
    assert "d_grad_norm" in first and "d_grad_norm" not in second and "d_loss" in second


def test_a_resumed_file_is_that_of_an_uninterrupted_run(tmp_path):
    table = _table(10)
    whole = _recorder(tmp_path / "whole")
    for step in range(10):
        whole.add(table[step : step + 1])
        if (step + 1) % 3 == 0:
            whole.write_means(step + 1, {})
    # Killed after step 9 and in the middle of a line; the checkpoint was of step 5.
    first = _recorder(tmp_path / "cut")
    first.add(table[:3])
    first.write_means(3, {})
    first.write(SampleRow(step=5))
    first.add(table[3:5])
    state = json.loads(json.dumps(first.state()))
    first.add(table[5:6])
    first.write_means(6, {"lost": True})
    with open(tmp_path / "cut", "a") as file:
        file.write('{"kind": "train", "st')
    assert len(read_rows(tmp_path / "cut")) == 3
    second = _recorder(tmp_path / "cut", 5, state)
    second.add(table[5:6])
    second.write_means(6, {})
    second.add(table[6:9])
    second.write_means(9, {})
    assert [row for row in read_rows(tmp_path / "cut") if row["kind"] == "train"] == read_rows(tmp_path / "whole")
    assert [row["step"] for row in read_rows(tmp_path / "cut")] == [3, 5, 6, 9]


def test_without_a_checkpoint_nothing_is_kept(tmp_path):
    recorder = _recorder(tmp_path / "m")
    recorder.write(SampleRow(step=0))
    _recorder(tmp_path / "m")
    assert read_rows(tmp_path / "m") == [] == read_rows(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"3",
        b"{}",
        b'{"step": "x"}',
        b'{"step": 1}',
        b'{"kind": "train", "step": null}',
        b"null",
        b"\xff\xfe",
        b"\x00" * 30,
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_is_left_out_and_told_once(tmp_path, line):
    """The rows only feed the report: none of them may keep a run from being finished."""
    good, told = b'{"kind": "samples", "step": 0}\n', []
    (tmp_path / "m").write_bytes(good + line + b"\n" + good)
    assert read_rows(tmp_path / "m") == [{"kind": "samples", "step": 0}] * 2
    Recorder(tmp_path / "m", NAMES, 5, [], told.append)
    assert told == [f"warning: {tmp_path / 'm'} has 1 damaged line, which is left out"]
    assert (tmp_path / "m").read_bytes() == good * 2


def test_each_of_several_updates_of_d_has_its_loss(tmp_path):
    """With --d_steps=2 a step has two mini-batches' losses of D, and one of G."""
    recorder = Recorder(tmp_path / "m", ("d_loss", "g_loss", "d_loss_0", "d_loss_1"), -1, [])
    recorder.add(np.array([[2.0, 5.0, 1.0, 3.0], [4.0, 6.0, 3.5, 4.5]], np.float32))
    row = recorder.write_means(2, {})
    assert row["d_loss"] == 3.0 and row["d_loss_each"] == [1.0, 3.0, 3.5, 4.5] and row["g_loss_each"] == [5.0, 6.0]
    assert "d_loss_0" not in row


def test_the_file_says_its_schema_and_other_versions_are_read(tmp_path):
    recorder = _recorder(tmp_path / "m")
    recorder.write(SampleRow(step=0, sample_logits=float("nan"), pairwise_distance=1.5))
    header, line = (json.loads(line) for line in (tmp_path / "m").read_text().splitlines())
    assert header == {"kind": "schema", "step": 0, "version": 1}
    assert line == {"kind": "samples", "step": 0, "pairwise_distance": 1.5}
    # What a later version may write: another kind of row, and a field more.
    with open(tmp_path / "m", "a") as file:
        file.write('{"kind": "colours", "step": 1}\n{"kind": "samples", "step": 2, "colours": 3}\n')
    _recorder(tmp_path / "m", step=2).close()
    assert "colours" in (tmp_path / "m").read_text() and (tmp_path / "m").read_text().count('"schema"') == 1
    first, second = read_rows(tmp_path / "m")
    assert second == {"kind": "samples", "step": 2, "colours": 3} and first.pairwise_distance == 1.5


def test_every_field_of_every_kind_is_described():
    for kind in KINDS.values():
        for field in set(kind.__dataclass_fields__) - set(Row.__dataclass_fields__):
            assert re.search(rf"\b{field}\b", kind.__doc__.partition("Attributes:")[2]), (kind, field)


def test_what_the_step_and_the_clock_report_are_fields():
    assert set(METRICS) <= set(KINDS["train"].__dataclass_fields__)
    assert set(Clock(0.0).facts()) <= set(KINDS["clock"].__dataclass_fields__)
