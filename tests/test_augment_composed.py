"""ADA's geometry and colours against numpy, scipy and one operation after the other in double precision."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.spatial.transform
import scipy.stats
import tensorflow as tf

from tfgan_train.objective.augment import AUGMENTATIONS, augment
from tfgan_train.objective.augment_composed import affine_inverse, color_matrix, geometry_inverse
from tfgan_train.ops.random import Draw
from tfgan_train.ops.warp import warp

HEIGHT, WIDTH = 12, 9


def _images(count, channels=3, height=HEIGHT, width=WIDTH):
    return tf.random.stateless_uniform((count, height, width, channels), [4, channels], -1.0, 1.0)


def _draw(count):
    return Draw(9, 2, count, 0, count)


@pytest.mark.parametrize("shape", [(12, 9, 3), (8, 8, 1), (1, 6, 2)])
def test_a_warp_is_scipys_linear_interpolation_with_mirrored_borders(shape):
    rng = np.random.default_rng(0)
    height, width, channels = shape
    x = rng.normal(size=(5, *shape)).astype(np.float32)
    inverse = np.tile(np.eye(3), (5, 1, 1))
    inverse[:, :2] += rng.normal(size=(5, 2, 3)) * [0.7, 0.7, 8.0]
    moved = warp(tf.constant(x), tf.constant(inverse, tf.float32)).numpy()
    down, across = np.mgrid[:height, :width]
    places = np.stack([across - (width - 1) / 2, down - (height - 1) / 2, np.ones((height, width))]).reshape(3, -1)
    for i in range(5):
        columns, rows, _ = inverse[i] @ places + [[(width - 1) / 2], [(height - 1) / 2], [0]]
        for c in range(channels):
            expected = scipy.ndimage.map_coordinates(x[i, ..., c], [rows, columns], order=1, mode="mirror")
            np.testing.assert_allclose(moved[i, ..., c].ravel(), expected, atol=2e-4)


@pytest.mark.parametrize(
    "inverse, expected",
    [
        ([[-1, 0, 0], [0, 1, 0]], lambda x: x[:, :, ::-1]),
        ([[0, 1, 0], [-1, 0, 0]], lambda x: np.rot90(x, -1, (1, 2))),  # clockwise
        ([[-1, 0, 0], [0, -1, 0]], lambda x: np.rot90(x, 2, (1, 2))),
        ([[1, 0, -2], [0, 1, 1]], lambda x: np.pad(x, [(0, 0), (0, 1), (2, 0), (0, 0)], "reflect")[:, 1:, :-2]),
    ],
)
def test_mirrorings_right_angles_and_whole_pixels_are_exact(inverse, expected):
    x = _images(2, height=8, width=8)
    moved = warp(x, tf.constant([[*inverse, [0, 0, 1]]] * 2, tf.float32))
    np.testing.assert_array_equal(moved, expected(x.numpy()))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["geometry", "color", "ada"])
def test_with_probability_0_nothing_is_changed(name, channels):
    x = _images(6, channels)
    pair = [(name, AUGMENTATIONS[name])]
    np.testing.assert_array_equal(augment(x, pair, _draw(6), 0.0, tf.constant(0.0)), x)
    assert not np.allclose(augment(x, pair, _draw(6), 1.0, tf.constant(1.0)), x)


def test_ada_is_steered_and_the_others_have_the_fixed_probability():
    x = _images(6)
    for name, moves in (("geometry", True), ("color", True), ("ada", False)):
        changed = augment(x, [(name, AUGMENTATIONS[name])], _draw(6), 1.0, tf.constant(0.0))
        assert np.array_equal(changed, x) != moves, name


def _turn(angle):  # clockwise, rows downwards
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def _move(right, down):
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]])


def test_the_geometry_is_its_operations_one_after_the_other():
    count = 300
    p = 0.6
    draw = _draw(count)
    found = geometry_inverse(draw, p, HEIGHT, WIDTH).numpy()
    which = draw.child("which").uniform((8,)).numpy().astype(np.float64)
    uniform, normal = draw.uniform((6,)).numpy().astype(np.float64), draw.normal((4,)).numpy().astype(np.float64)
    for i in range(count):
        u, z = uniform[i], normal[i]
        scale, aspect = 2 ** (0.2 * z[0]), 2 ** (0.2 * z[1])
        steps = [
            (p, np.diag([-1.0 if u[0] < 0.5 else 1.0, 1, 1])),
            (p, _turn(np.pi / 2 * np.floor(4 * u[1]))),
            (p, _move(np.rint((2 * u[2] - 1) * WIDTH / 8), np.rint((2 * u[3] - 1) * HEIGHT / 8))),
            (p, np.diag([scale, scale, 1])),
            (1 - np.sqrt(1 - p), _turn((2 * u[4] - 1) * np.pi)),
            (p, np.diag([aspect, 1 / aspect, 1])),
            (1 - np.sqrt(1 - p), _turn((2 * u[5] - 1) * np.pi)),
            (p, _move(z[2] * WIDTH / 8, z[3] * HEIGHT / 8)),
        ]
        forward = np.eye(3)
        for chosen, (chance, step) in zip(which[i], steps, strict=True):
            forward = (step if chosen < chance else np.eye(3)) @ forward
        np.testing.assert_allclose(found[i], np.linalg.inv(forward), atol=2e-5)


def test_the_colours_are_their_operations_one_after_the_other():
    count, p = 300, 0.6
    x, draw = _images(count, 4), _draw(count)
    found = AUGMENTATIONS["color"](x, draw, p).numpy()
    np.testing.assert_array_equal(found[..., 3], x[..., 3])  # alpha
    which = draw.child("which").uniform((5,)).numpy() < p
    uniform, normal = draw.uniform((2,)).numpy().astype(np.float64), draw.normal((3,)).numpy().astype(np.float64)
    for before, after, has, u, z in zip(x.numpy(), found, which, uniform, normal, strict=True):
        pixels = before[..., :3].astype(np.float64)
        if has[0]:
            pixels = pixels + 0.2 * z[0]
        if has[1]:
            pixels = pixels * 2 ** (0.5 * z[1])
        if has[2] and u[0] < 0.5:
            pixels = pixels - 2 * pixels.mean(-1, keepdims=True)
        if has[3]:
            axis = (2 * u[1] - 1) * np.pi * np.ones(3) / np.sqrt(3)
            turned = scipy.spatial.transform.Rotation.from_rotvec(axis).apply(pixels.reshape(-1, 3))
            pixels = turned.reshape(pixels.shape)
        if has[4]:
            grey = pixels.mean(-1, keepdims=True)
            pixels = grey + 2 ** z[2] * (pixels - grey)
        np.testing.assert_allclose(after[..., :3], pixels, atol=1e-5)


def test_a_grey_image_looks_the_same_in_one_channel_and_in_three():
    grey = _images(50, 1)
    in_three = AUGMENTATIONS["color"](tf.repeat(grey, 3, -1), _draw(50)).numpy()
    np.testing.assert_allclose(AUGMENTATIONS["color"](grey, _draw(50)), in_three[..., :1], atol=1e-5)
    np.testing.assert_allclose(in_three, np.repeat(in_three[..., :1], 3, -1), atol=1e-5)


def test_each_operation_is_had_by_its_share_of_the_images():
    count, p = 4000, 0.3
    plain = (color_matrix(_draw(count), p, 1).numpy() == np.eye(2)).all((1, 2)).sum()
    assert scipy.stats.binomtest(int(plain), count, (1 - p) ** 2 * (1 - p / 2)).pvalue > 1e-3
    # No turn by 90 degrees, of which a quarter are none; no scale, no stretch, and no free turn either time.
    inverse = geometry_inverse(_draw(count), p, HEIGHT, WIDTH).numpy()[:, :2, :2]
    plain = (np.abs(inverse) == np.eye(2)).all((1, 2)).sum()
    straight = 1 - p + p / 2  # 0 or 180 degrees
    assert scipy.stats.binomtest(int(plain), count, straight * (1 - p) ** 3).pvalue > 1e-3


def test_affine_turns_stretches_slants_and_moves_by_little():
    count, height, width = 400, 28, 20
    numbers = 2 * _draw(count).uniform((6,)).numpy().astype(np.float64) - 1
    found = affine_inverse(_draw(count), height, width).numpy()
    for row, matrix in zip(numbers, found, strict=True):
        turn = scipy.spatial.transform.Rotation.from_euler("z", -row[0] * np.pi / 12).as_matrix()
        stretch = np.diag([np.exp(-0.2 * row[2]), np.exp(-0.2 * row[3]), 1])
        slant = np.array([[1, 0.35 * row[1], 0], [0, 1, 0], [0, 0, 1]])
        move = np.array([[1, 0, -0.08 * width * row[4]], [0, 1, -0.08 * height * row[5]], [0, 0, 1]])
        np.testing.assert_allclose(matrix, turn @ stretch @ slant @ move, atol=1e-5)
    # Each way as often, and near its limits.
    assert (np.abs(numbers.mean(0)) < 0.1).all() and (np.abs(numbers).max(0) > 0.97).all()
