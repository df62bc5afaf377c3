"""A training in a Jupyter notebook: a live bar, and the newest grid below it."""

import html
import io
import sys

import numpy as np

from tfgan_train.common.images import are_points, to_image
from tfgan_train.common.terminal import Progress

SECONDS = 0.5  # between two states of the bar


def is_notebook() -> bool:
    """Whether this is an IPython kernel that a notebook talks to; a terminal's IPython is a terminal."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def display_html(text: str) -> bool:
    """Shows HTML in a notebook; returns False, and shows nothing, elsewhere."""
    if not is_notebook():
        return False
    from IPython.display import HTML, display

    display(HTML(text))
    return True


class NotebookProgress(Progress):
    """The state of a training run as a bar that moves, with the lines that stay above it."""

    seconds = SECONDS

    def __init__(self, steps: int):
        super().__init__(steps)
        self._lines: list[str] = []
        self._state, self._share = "", 0.0
        self._bar = _Place()

    def note(self, text: str) -> None:
        self._lines.append(text)
        self._draw()

    def show(self, head: str, rest: str, share: float) -> None:
        self._state, self._share = f"{head}  {rest}", share
        self._draw()

    def close(self) -> None:
        """The bar stands as it is."""

    def _draw(self):
        lines = "".join(f"<div>{html.escape(line)}</div>" for line in self._lines)
        bar = f'<progress style="width:20em" value="{self._share:.4f}" max="1"></progress> {html.escape(self._state)}'
        self._bar.put_html(f'<div style="font-family:monospace">{lines}{bar if self._state else ""}</div>')


class NewestGrid:
    """A callback that shows each grid of samples in the place of the one before."""

    def __init__(self):
        self._place = _Place()

    def on_samples(self, step: int, images: np.ndarray) -> None:
        """Shows them; points are left to the report."""
        if not are_points(images.shape[1:]):
            from tfgan_train.pictures.grid import grid

            content = io.BytesIO()
            to_image(grid(images)).save(content, "PNG")
            self._place.put_png(content.getvalue())


class _Place:
    """One output of the running cell, whose content is replaced."""

    def __init__(self):
        self._handle = None

    def put_html(self, text: str) -> None:
        from IPython.display import HTML

        self._put(HTML(text))

    def put_png(self, content: bytes) -> None:
        from IPython.display import Image

        self._put(Image(content))

    def _put(self, what):
        from IPython.display import display

        if self._handle is None:
            self._handle = display(what, display_id=True)
        else:
            self._handle.update(what)
