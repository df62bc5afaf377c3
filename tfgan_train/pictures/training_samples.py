"""The pictures a run makes of itself while it trains: grids, strips, the animation."""

import numpy as np
import tensorflow as tf

from tfgan_train.common.images import are_points, is_picture
from tfgan_train.data import points
from tfgan_train.data.points import from_plane
from tfgan_train.pictures import animation, grid, scatter
from tfgan_train.runs.sampler import Sampler

GRID = 64
POINTS = 2500  # in a scatter plot, where the data are points
STRIP = 15  # latents in a row of the articles' animation


class Pictures:
    """Samples of the same latents at every step it is asked for.

    Args:
      run: the RunDir.
      generator: the network to draw from (G's average).
      config, data: of the run.
      events: the EventWriter that gets the grids too.
    """

    def __init__(self, run, generator, config, data, events):
        self._run, self._config, self._data, self._events = run, config, data, events
        self.sampler = Sampler(generator, config, data)
        self._count, self._columns = layout(config, data)

    def real(self, images: np.ndarray) -> None:
        """Writes a real batch, uint8 [n, H, W, C], laid out as the samples are."""
        if not (self._run.samples_dir / "real.png").exists():
            picture = picture_of(images[: self._count], self._data, self._columns, real=True)
            grid.save_png(self._run.samples_dir / "real.png", picture)

    def draw(self, step: int):
        """Writes the grid and the strip of this step.

        Returns:
          The samples, uint8 [<= GRID, H, W, C], and their labels (None for unconditional runs).
        """
        images, labels = self._images()
        picture = picture_of(images, self._data, self._columns)
        grid.save_png(self._run.samples_dir / f"step-{step:08d}.png", picture)
        if not self.sampler.points:
            grid.save_png(self._run.samples_dir / f"strip-{step:08d}.png", grid.grid(images[:STRIP], STRIP))
        self._events.image(step, "samples", picture)
        return images, labels

    def drop_after(self, step: int) -> None:
        """Removes pictures of steps that a resumed run will make again."""
        for path in self._run.samples_dir.glob("st*-*.png"):
            if _step_of(path) > step:
                path.unlink()

    def animate(self) -> None:
        """Writes progress.webp from the grids there are."""
        animate(self._run.samples_dir, self._run.animation_path)

    def _images(self):
        indices = tf.range(POINTS if self.sampler.points else self._count)
        z = self.sampler.latents(self._config.seed, indices)
        if self._columns:  # A column for each label, so that the eye compares like with like.
            label = indices % self._columns % self._data.num_classes
        else:
            label = self.sampler.labels(self._config.seed, indices)
        return self.sampler.at(z, label).numpy(), None if label is None else label.numpy()


def layout(config, data) -> tuple[int, int | None]:
    """(images in a grid, its columns): whole rows, so that it has no holes; columns None: chosen by their number."""
    columns = (min(data.num_classes, 16) or None) if config.conditional else None
    return GRID - GRID % (columns or 1), columns


def picture_of(images: np.ndarray, data, columns=None, real: bool = False) -> np.ndarray:
    """A grid of images, or a scatter plot of points over their mixture's: uint8 [h, w, 1 or 3].

    Args:
      images: uint8 [n, H, W, C], or points float32 [n, 1, 1, 2].
      data: image_shape and name.
      columns: of the grid; None: chosen by their number.
      real: of points, whether to show the mixture's alone.
    """
    if not are_points(data.image_shape):
        return grid.grid(images, columns)
    beneath = from_plane(points.draw(data.name, POINTS, seed=0), data.name).reshape(-1, 2)
    return scatter.scatter(images.reshape(-1, 2)[: 0 if real else None], beneath)


def animate(samples_dir, out) -> None:
    """Writes the grids in a run's samples folder as an animation, early to late; damaged ones are left out."""
    paths = [path for path in sorted(samples_dir.glob("step-*.png")) if is_picture(path)]
    if paths:
        animation.write_animation(paths, out, [f"step {_step_of(path):,}" for path in paths])


def _step_of(path) -> int:
    return int(path.stem.rpartition("-")[2])
