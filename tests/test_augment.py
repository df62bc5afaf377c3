import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfgan_train.objective.augment import AUGMENTATIONS, augment
from tfgan_train.ops.random import Draw

_COUNT, _HEIGHT, _WIDTH = 40, 16, 9


def _images(channels=3, count=_COUNT):
    return tf.random.stateless_uniform((count, _HEIGHT, _WIDTH, channels), [4, channels], 0.5, 1.0)


def _draw(count=_COUNT, offset=0, total=None, step=2):
    return Draw(9, step, count if total is None else total, offset, count)


@pytest.mark.parametrize("channels", [1, 3])
def test_translation_moves_whole_images_by_up_to_an_eighth(channels):
    x = _images(channels)
    moved = AUGMENTATIONS["translation"](x, _draw()).numpy()
    seen = set()
    for before, after in zip(x.numpy(), moved, strict=True):
        # The input has no 0, so the 0s tell how far it went.
        rows, columns = (np.flatnonzero(after.any(axis=axis).any(axis=-1)) for axis in (1, 0))
        down = rows[0] if rows[0] else rows[-1] - (_HEIGHT - 1)
        right = columns[0] if columns[0] else columns[-1] - (_WIDTH - 1)
        expected = np.zeros_like(before)
        expected[max(down, 0) : _HEIGHT + min(down, 0), max(right, 0) : _WIDTH + min(right, 0)] = before[
            max(-down, 0) : _HEIGHT - max(down, 0), max(-right, 0) : _WIDTH - max(right, 0)
        ]
        np.testing.assert_array_equal(after, expected)
        seen.add((down, right))
    assert {down for down, _ in seen} == {-2, -1, 0, 1, 2}  # 16 // 8
    assert {right for _, right in seen} == {-1, 0, 1}  # 9 // 8
    assert len(seen) > 8  # down doesn't decide right


def test_cutout_is_one_box_of_half_size_that_may_stick_out():
    cut = AUGMENTATIONS["cutout"](_images(), _draw()).numpy()
    boxes = set()
    for before, after in zip(_images().numpy(), cut, strict=True):
        gone = (after == 0).all(-1)
        np.testing.assert_array_equal(after, np.where(gone[..., None], 0, before))
        rows, columns = np.flatnonzero(gone.any(1)), np.flatnonzero(gone.any(0))
        assert gone[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        for places, size in ((rows, _HEIGHT), (columns, _WIDTH)):
            at_edge = places[0] == 0 or places[-1] == size - 1
            assert len(places) == size // 2 or (at_edge and len(places) < size // 2)
        boxes.add((rows[0], rows[-1], columns[0], columns[-1]))
    assert len(boxes) > 30


@pytest.mark.parametrize(
    "name, low, high, base",
    [
        ("brightness", -0.5, 0.5, lambda x: x),
        ("saturation", 0.0, 2.0, lambda x: x.mean(3, keepdims=True)),
        ("contrast", 0.5, 1.5, lambda x: x.mean((1, 2, 3), keepdims=True)),
    ],
)
def test_colour_changes_by_one_number_an_image_uniform_in_its_range(name, low, high, base):
    count = 400
    x = _images(count=count).numpy().astype(np.float64)
    part = x - base(x) if name != "brightness" else np.ones_like(x)
    after = AUGMENTATIONS[name](_images(count=count), _draw(count)).numpy()
    # The number that explains an image best must explain each of its pixels.
    number = ((after - base(x)) * part).sum((1, 2, 3)) / np.square(part).sum((1, 2, 3))
    np.testing.assert_allclose(after, base(x) + number.reshape(-1, 1, 1, 1) * part, atol=1e-6)
    assert scipy.stats.kstest(number, "uniform", (low, high - low)).pvalue > 0.01


def test_grey_images_have_no_saturation():
    x = _images(channels=1)
    np.testing.assert_array_equal(AUGMENTATIONS["saturation"](x, _draw()), x)


def test_flip_mirrors_left_and_right_half_of_the_time():
    x = _images()
    flipped = AUGMENTATIONS["flip"](x, _draw()).numpy()
    mirrored = 0
    for before, after in zip(x.numpy(), flipped, strict=True):
        if np.array_equal(after, before[:, ::-1]):
            mirrored += 1
        else:
            np.testing.assert_array_equal(after, before)
    assert 10 <= mirrored <= 30


def _named(*names):
    return [(name, AUGMENTATIONS[name]) for name in names]


def test_one_after_the_other_in_the_order_given():
    x, draw = _images(), _draw()
    expected = AUGMENTATIONS["cutout"](AUGMENTATIONS["brightness"](x, draw.child("brightness")), draw.child("cutout"))
    np.testing.assert_array_equal(augment(x, _named("brightness", "cutout"), draw), expected)
    other = augment(x, _named("cutout", "brightness"), draw)
    assert not np.array_equal(other, expected)  # brightness lifts the box's 0
    assert augment(x, [], draw) is x


def test_replicas_together_do_what_one_does():
    whole = augment(_images(), AUGMENTATIONS.items(), _draw())
    parts = [augment(_images()[i : i + 20], AUGMENTATIONS.items(), _draw(20, offset=i, total=_COUNT)) for i in (0, 20)]
    np.testing.assert_allclose(tf.concat(parts, 0), whole, atol=2e-5)  # A warp adds up in another order.
    assert not np.allclose(augment(_images(), AUGMENTATIONS.items(), _draw(step=3)), whole)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_first_and_second_derivatives_equal_finite_differences(name):
    """Of |augment(x)|^4, whose second derivative is not constant."""
    count = 3
    x, direction = tf.Variable(_images(count=count)), tf.random.stateless_normal((count, _HEIGHT, _WIDTH, 3), [1, 1])

    def value(at):
        return tf.reduce_sum(AUGMENTATIONS[name](at, _draw(count)) ** 4)

    @tf.function
    def slope_and_curvature(at):
        with tf.GradientTape() as outer:
            outer.watch(at)
            with tf.GradientTape() as inner:
                inner.watch(at)
                total = value(at)
            slope = tf.reduce_sum(inner.gradient(total, at) * direction)
        return slope, tf.reduce_sum(outer.gradient(slope, at) * direction)

    size = 0.05
    slope, curvature = slope_and_curvature(x + 0.0)
    ahead, behind = x + size * direction, x - size * direction
    # Along a line a quartic; its third derivative is what the first difference gets wrong.
    third = (slope_and_curvature(ahead)[1] - slope_and_curvature(behind)[1]) / (2 * size)
    difference = (value(ahead) - value(behind)) / (2 * size)
    np.testing.assert_allclose(slope, difference - third * size**2 / 6, rtol=1e-3)
    change = (slope_and_curvature(ahead)[0] - slope_and_curvature(behind)[0]) / (2 * size)
    fourth = slope_and_curvature(ahead)[1] - 2 * curvature + slope_and_curvature(behind)[1]
    np.testing.assert_allclose(curvature, change - fourth / 6, rtol=1e-3)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_each_image_has_each_augmentation_with_its_probability(probability):
    x = _images(count=400)
    always = augment(x, _named("brightness"), _draw(400)).numpy()
    for p in (probability, tf.constant(probability)):
        y = augment(x, _named("brightness"), _draw(400), p).numpy()
        changed = (y != x).numpy().any((1, 2, 3))
        np.testing.assert_array_equal(y[changed], always[changed])
        assert scipy.stats.binomtest(int(changed.sum()), 400, probability).pvalue > 1e-3
    # Several are had independently of each other.
    both = augment(x, _named("flip", "brightness"), _draw(400), probability).numpy()
    np.testing.assert_array_equal((both != x).numpy().any((1, 2, 3)) >= changed, True)
