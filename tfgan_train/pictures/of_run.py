"""Pictures of a trained generator beside real data: nearest images, spot the fake, walks."""

import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import write_json
from tfgan_train.pictures import animation, grid
from tfgan_train.pictures.nearest import facts, nearest, pair_picture
from tfgan_train.pictures.spot_the_fake import make_game
from tfgan_train.runs.directions import Direction, principal, strips
from tfgan_train.runs.paths import stops_of
from tfgan_train.runs.sampler import Sampler, code_walk, mixing
from tfgan_train.runs.walks import Latents, closed_walk, seeded, walk, walk_between

PAIRS = 30
WALK_ROWS = 8
ATTRIBUTE_COLUMNS = 12
STRIP = 9  # pictures in a row along a direction
DIRECTIONS = 5  # of w, the strongest
FARTHEST = 2.0  # along them
FRAMES = 25  # of a walk, in a second
MIXED = 7  # rows and columns of mixed styles
GAME_REAL = 24  # real images in a game
SEARCHED = 60_000  # training images that are compared with


def write_all(folder, sampler: Sampler, source, held_out, seed: int) -> None:
    """Writes into `folder` interpolation.png, nearest.png and spot.png, with their JSON, and what G's inputs show.

    That is codes.png of codes, attributes.png of attributes and directions.png of w.

    Too few real images make no game, and points none of these pictures.
    """
    if sampler.points:  # Their scatter plots say it all.
        return
    write_walk(folder / "interpolation.png", sampler, seed)
    if sampler.space.codes:
        images, columns = code_walk(sampler, seed)
        grid.save_png(folder / "codes.png", grid.grid(images, columns))
    if sampler.attributes:
        write_attributes(folder / "attributes.png", sampler, seed)
    if sampler.mixes:
        write_directions(folder / "directions.png", sampler, seed)
    write_nearest(folder / "nearest.png", sampler, source, held_out, seed)
    if source.count >= GAME_REAL:
        write_game(folder / "spot.png", sampler, source, seed)


def write_walk(path, sampler: Sampler, seed: int, label=None) -> None:
    """A grid whose rows walk from one latent to another."""
    images, columns = walk(sampler, seed, WALK_ROWS, label)
    grid.save_png(path, grid.grid(images, columns))


def write_attributes(path, sampler: Sampler, seed: int) -> None:
    """Two rows for each attribute, beside its name: the same samples without it and with it, all else alike."""
    places, rows = tf.range(ATTRIBUTE_COLUMNS), []
    z, label = sampler.latents(seed, places).numpy(), np.asarray(sampler.labels(seed, places))
    for number in range(len(sampler.attributes)):
        bit = np.int32(1 << number)
        images = [image for one in (label & ~bit, label | bit) for image in sampler.of(z, one)]
        rows.append(grid.grid(np.concatenate(images), ATTRIBUTE_COLUMNS))
    grid.save_png(path, grid.captioned_rows(rows, list(sampler.attributes)))


def write_mix(path, sampler: Sampler, seeds: tuple[int, int], label=None) -> None:
    """A grid of styles: each image has the coarse ones of its row's first image, the fine ones of its column's."""
    grid.save_png(path, grid.grid(mixing(sampler, seeds, MIXED, label), MIXED + 1))


def write_between(path, sampler: Sampler, first: Latents, last: Latents) -> None:
    """A grid whose rows lead from one given latent to another."""
    images = walk_between(sampler, first, last)
    grid.save_png(path, grid.grid(images, len(images) // len(first)))


def seeded_stops(sampler: Sampler, seed: int, seconds: float, label: int | None = None) -> Latents:
    """Latents of a seed that a loop of so many seconds visits, with the labels in turn where none is given."""
    classes = sampler.num_classes if sampler.conditional and label is None else 0
    count = stops_of(seconds, classes)
    stops = seeded(sampler, seed, count, label)
    if classes:
        stops = Latents(stops.values, np.arange(count) % classes)
    return stops


def write_loop(path, sampler: Sampler, stops: Latents, seconds: float) -> None:
    """An animation of a closed way through latents and their labels."""
    frames = round(seconds * FRAMES)
    images = (image for batch in closed_walk(sampler, stops, frames) for image in batch)
    animation.write_loop(images, path, seconds, frames)


def write_directions(path, sampler: Sampler, seed: int) -> None:
    """A grid whose rows are one sample of styles moved along SeFa's first directions of w, from -2 to 2."""
    start, strengths = seeded(sampler, seed, 1), np.linspace(-FARTHEST, FARTHEST, STRIP)
    found = principal(sampler.generator, sampler.space.noise)[:DIRECTIONS]
    rows = [strips(sampler, Direction("w", vector), start, strengths) for vector in found]
    grid.save_png(path, grid.grid(np.concatenate(rows), STRIP))


def write_strips(path, sampler: Sampler, direction: Direction, start: Latents, strengths: tuple[float, float]) -> None:
    """A grid whose rows are latents moved along a direction, by STRIP strengths from first to last."""
    images = strips(sampler, direction, start, np.linspace(strengths[0], strengths[1], STRIP))
    grid.save_png(path, grid.grid(images, STRIP))


def write_nearest(path, sampler: Sampler, source, held_out, seed: int, num: int = PAIRS, label=None) -> dict:
    """Samples beside their nearest training images, and the distances as JSON beside the picture.

    Args:
      path: the .png; the JSON has its name with another ending.
      sampler: draws the samples.
      source: the training data; a stride of them where there are more than SEARCHED.
      held_out: real images that were not trained on, for comparison; None: there are none.
      seed: which samples.
    """
    samples = sampler.images(num, seed, label)
    train = source.read(np.arange(0, source.count, -(-source.count // SEARCHED)))[0]
    indices, distances = nearest(samples, train)
    held_out_distances = None
    if held_out is not None:
        held_out_distances = nearest(held_out.read(np.arange(min(num * 4, held_out.count)))[0], train)[1]
    grid.save_png(path, pair_picture(samples, train, indices))
    found = facts(indices, distances, len(train), held_out_distances)
    write_json(path.with_suffix(".json"), found)
    return found


def write_game(path, sampler: Sampler, source, seed: int, label=None) -> dict:
    """A 6x6 grid, a third of it fake, and its key as JSON beside it.

    Raises:
      UserError: where there are too few real images.
    """
    if source.count < GAME_REAL:
        raise UserError(f"--spot_the_fake takes {GAME_REAL} real images, and {source.name} has {source.count}")
    random = np.random.default_rng(seed)
    real = source.read(np.sort(random.choice(source.count, min(200, source.count), replace=False)))[0]
    picture, key = make_game(real, sampler.images(36, seed, label), seed)
    grid.save_png(path, picture)
    write_json(path.with_suffix(".json"), key)
    return key
