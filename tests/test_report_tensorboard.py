"""Event files, read back with TensorFlow's own reader."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_train.runs.events import EventWriter


def _events(path):
    return list(tf.compat.v1.train.summary_iterator(str(path)))


def test_scalars_come_back_with_name_step_and_value(tmp_path):
    writer = EventWriter(tmp_path / "events")
    writer.scalars(7, {"d_loss": 1.25, "g_loss": np.float32(0.5)})
    writer.scalars(8, {"d_loss": -3.0})
    writer.close()
    found = [
        (event.step, value.tag, value.simple_value) for event in _events(writer.path) for value in event.summary.value
    ]
    assert found == [(7, "d_loss", 1.25), (7, "g_loss", 0.5), (8, "d_loss", -3.0)]


def test_values_that_are_not_finite_are_left_out(tmp_path):
    writer = EventWriter(tmp_path)
    writer.scalars(1, {"a": float("nan"), "b": float("inf"), "c": 2.0})
    writer.close()
    assert [value.tag for event in _events(writer.path) for value in event.summary.value] == ["c"]


@pytest.mark.parametrize("channels", [1, 3])
def test_image_comes_back_pixel_for_pixel(tmp_path, channels):
    picture = np.random.default_rng(0).integers(0, 256, (5, 9, channels), np.uint8)
    writer = EventWriter(tmp_path)
    writer.image(30, "samples", picture)
    writer.close()
    (event,) = [event for event in _events(writer.path) if event.summary.value]
    (value,) = event.summary.value
    decoded = np.asarray(Image.open(io.BytesIO(value.image.encoded_image_string)))
    assert (event.step, value.tag) == (30, "samples")
    assert (value.image.height, value.image.width, value.image.colorspace) == (5, 9, channels)
    np.testing.assert_array_equal(decoded.reshape(picture.shape), picture)


def test_file_is_readable_after_flush_while_still_open(tmp_path):
    writer = EventWriter(tmp_path)
    writer.scalars(1, {"a": 1.0})
    writer.flush()
    assert [value.tag for event in _events(writer.path) for value in event.summary.value] == ["a"]
    writer.close()


def test_head_says_the_version_and_from_which_step_older_files_are_void(tmp_path):
    first, second = EventWriter(tmp_path, 0), EventWriter(tmp_path, 500)
    first.close()
    second.close()
    assert first.path != second.path
    version, start = _events(second.path)
    assert version.file_version == "brain.Event:2"
    assert start.session_log.status == tf.compat.v1.SessionLog.START and start.step == 500
    # TensorBoard finds event files by this part of the name.
    assert "tfevents" in second.path.name
