"""What a run begins with: its average and its history are those of its first weights."""

import numpy as np

from tests import tiny
from tfgan_train.models.variables import every, named, trainable
from tfgan_train.training.gan import Gan


def _assert_equal(some, others):
    for mine, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_the_average_starts_as_the_generator_and_apart_from_it():
    gan = Gan(tiny.config(), tiny.facts())
    _assert_equal(every(gan.ema_generator), every(gan.generator))
    assert not {id(variable) for variable in every(gan.ema_generator)} & {
        id(variable) for variable in every(gan.generator)
    }


def test_without_averaging_the_generator_is_its_own_average():
    gan = Gan(tiny.config(ema_half_life=0.0), tiny.facts())
    assert gan.ema_generator is gan.generator and "ema_generator" not in gan.state()


def test_starting_at_the_mean_image_sets_average_and_history_too():
    gan = Gan(tiny.config(architecture="mlp", historical_averaging=1.0), tiny.facts())
    gan.start_at_mean(np.full(tiny.SHAPE, 0.5))
    assert (gan.generator.output_layer.bias.numpy() != 0).all()
    _assert_equal(every(gan.ema_generator), every(gan.generator))
    _assert_equal(gan.g_history, trainable(gan.generator))
    _assert_equal(gan.d_history, trainable(gan.discriminator))


def test_names_are_the_same_whatever_was_built_before():
    first, second = (set(named(Gan(tiny.config(), tiny.facts()).generator)) for _ in range(2))
    assert first == second and all("/" in name for name in first)
