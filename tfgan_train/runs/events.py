"""TensorBoard event files, written without the tensorboard package; knows no models.

`tf.summary.scalar` and `tf.summary.image` need that package. The event protos and the
record writer are TensorFlow's own, and TensorBoard reads `simple_value` scalars and PNG
images in them as it always did.
"""

import contextlib
import errno
import io
import itertools
import math
import os
import pathlib
import socket
import time

import numpy as np
import tensorflow as tf

from tfgan_train.common.images import to_image

# TensorFlow's public API offers these classes under these names.
_Event = tf.compat.v1.Event
_Summary = tf.compat.v1.Summary
_SessionLog = tf.compat.v1.SessionLog
_files = itertools.count()


class EventWriter:
    """Appends scalars and images to a new event file in a folder.

    Args:
      directory: where the file goes; created when missing. A resumed run may write into the
        folder of the run it continues.
      first_step: the first step that will be written. TensorBoard forgets what older files
        in the folder say of this step and later ones, so a run resumed from a checkpoint
        draws one line and not two.
    """

    def __init__(self, directory, first_step: int = 0):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        # The name TensorBoard looks for; the process and a counter make it unique.
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_files)}"
        self.path = directory / name
        with self._plain_errors():
            self._writer = tf.io.TFRecordWriter(os.fspath(self.path))
        self._write(file_version="brain.Event:2")
        self._write(step=first_step, session_log=_SessionLog(status=_SessionLog.START))

    def scalars(self, step: int, values: dict) -> None:
        """Writes name -> number at `step`; values that are not finite are drawn as gaps."""
        self._write(
            step=step,
            summary=_Summary(
                value=[
                    _Summary.Value(tag=name, simple_value=float(value))
                    for name, value in values.items()
                    if math.isfinite(value)
                ]
            ),
        )

    def image(self, step: int, name: str, picture: np.ndarray) -> None:
        """Writes one picture, uint8 [h, w, 1 or 3], at `step`."""
        png = io.BytesIO()
        to_image(picture).save(png, "PNG")
        height, width, channels = picture.shape
        image = _Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png.getvalue())
        self._write(step=step, summary=_Summary(value=[_Summary.Value(tag=name, image=image)]))

    def flush(self) -> None:
        """Hands everything written so far to the operating system."""
        with self._plain_errors():
            self._writer.flush()

    def close(self) -> None:
        """Flushes and ends the file; nothing can be written afterwards."""
        with self._plain_errors():
            self._writer.close()

    def _write(self, **fields) -> None:
        with self._plain_errors():
            self._writer.write(_Event(wall_time=time.time(), **fields).SerializeToString())

    @contextlib.contextmanager
    def _plain_errors(self):
        """TensorFlow's word for a full disk is another than Python's."""
        try:
            yield
        except tf.errors.OpError as error:
            number = errno.ENOSPC if isinstance(error, tf.errors.ResourceExhaustedError) else errno.EIO
            raise OSError(number, os.strerror(number), str(self.path)) from None
