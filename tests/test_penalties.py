import numpy as np
import pytest
import tensorflow as tf

from tests import two_replicas
from tfgan_train.objective.penalties import PENALTIES, Critic
from tfgan_train.ops.random import Draw

_SHAPE = (4, 3, 2)
_COUNT = 6


def _images(seed, count=_COUNT):
    return tf.random.stateless_uniform((count, *_SHAPE), [seed, 0], -1.0, 1.0)


def _draw(count=_COUNT):
    return Draw(3, 5, count, 0, count)


class _Quadratic:
    """D(x) = (w.x)^2 / 2 + a.x in float64 and float32, whose gradient is (w.x) w + a."""

    def __init__(self):
        random = np.random.default_rng(0)
        size = int(np.prod(_SHAPE))
        self.w = tf.Variable(random.normal(size=size).astype(np.float32))
        self.a = random.normal(size=size).astype(np.float32)

    def __call__(self, images):
        flat = tf.reshape(images, (images.shape[0], -1))
        return 0.5 * tf.square(tf.linalg.matvec(flat, self.w)) + tf.linalg.matvec(flat, self.a)

    def squared_gradient(self, images, w=None):
        w = self.w.numpy().astype(np.float64) if w is None else w
        flat = np.asarray(images, np.float64).reshape(len(images), -1)
        return np.square((flat @ w)[:, None] * w + self.a).sum(1)


def _expected(name, critic, w=None):
    """The formulas in float64, at the same places."""
    real, fake = np.float64(_images(1)), np.float64(_images(2))

    def squared(images):
        return critic.squared_gradient(images, w)

    return {
        "r1": lambda: squared(real) / 2,
        "r2": lambda: squared(fake) / 2,
        "r1_r2": lambda: squared(real) / 2 + squared(fake) / 2,
        "wgan_gp": lambda: (_norm_at("wgan_gp", critic, w) - 1) ** 2,
        "dragan": lambda: (_norm_at("dragan", critic, w) - 1) ** 2,
    }[name]()


def _norm_at(name, critic, w=None):
    """The gradient's norm where wgan_gp and dragan look, float64 [n]."""
    real, fake = np.float64(_images(1)), np.float64(_images(2))
    share = np.float64(_draw().uniform((1, 1, 1)))
    noise = 0.5 * real.std() * np.float64(_draw().uniform(_SHAPE))
    places = {"wgan_gp": real + share * (fake - real), "dragan": real + noise}
    return np.sqrt(critic.squared_gradient(places[name], w))


@pytest.mark.parametrize("name", PENALTIES)
def test_equals_the_closed_form_of_a_quadratic_critic(name):
    critic = _Quadratic()
    value = PENALTIES[name](critic, _images(1), _images(2), _draw())
    assert value.dtype == tf.float32 and value.shape == (_COUNT,)
    np.testing.assert_allclose(value, _expected(name, critic), rtol=1e-4)


@pytest.mark.parametrize("target, one_sided", [(3.0, False), (3.0, True), (30.0, True)])
@pytest.mark.parametrize("name", ["wgan_gp", "dragan"])
def test_the_target_of_a_gradient_and_its_one_side(name, target, one_sided):
    critic = _Quadratic()
    norm = _norm_at(name, critic)
    expected = (np.maximum(norm / target - 1, 0) if one_sided else norm / target - 1) ** 2
    value = PENALTIES[name].aimed(target, one_sided)(critic, _images(1), _images(2), _draw())
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-7)
    assert PENALTIES["r1"].aimed(target, one_sided) is PENALTIES["r1"]


@pytest.mark.parametrize("name", PENALTIES)
def test_second_order_gradient_equals_finite_differences(name):
    critic = _Quadratic()

    @tf.function
    def slope():
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(PENALTIES[name](critic, _images(1), _images(2), _draw()))
        return tape.gradient(value, critic.w)

    w = critic.w.numpy().astype(np.float64)
    size = 1e-5
    expected = [
        (_expected(name, critic, w + step).sum() - _expected(name, critic, w - step).sum()) / (2 * size)
        for step in size * np.eye(len(w))
    ]
    np.testing.assert_allclose(slope(), expected, rtol=2e-4, atol=1e-3)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_critic_that_has_judged_gives_the_same_and_is_not_run_again(name):
    quadratic = _Quadratic()
    calls = []

    def judge(images, label="none"):
        calls.append(label)
        return quadratic(images), "features"

    real, fake = _images(1), _images(2)
    with tf.GradientTape() as tape:
        critic = Critic(judge)
        logits, features = critic.judge(real, "real")
        critic.judge(fake, "fake")
        value = PENALTIES[name](critic, real, fake, _draw())
        total = tf.reduce_sum(value) + tf.reduce_sum(logits)
    shared = tape.gradient(total, quadratic.w)
    assert features == "features"
    assert calls == ["real", "fake"] + (["none"] if name in ("wgan_gp", "dragan") else [])

    with tf.GradientTape() as tape:
        alone = PENALTIES[name](quadratic, real, fake, _draw())
        total = tf.reduce_sum(alone) + tf.reduce_sum(quadratic(real))
    np.testing.assert_array_equal(value, alone)
    np.testing.assert_allclose(shared, tape.gradient(total, quadratic.w), rtol=1e-5, atol=1e-5)


def test_a_critic_gives_its_gradient_at_the_same_images_twice():
    quadratic, real = _Quadratic(), _images(1)
    critic = Critic(lambda images: (quadratic(images), None))
    np.testing.assert_array_equal(critic(real), quadratic(real))
    np.testing.assert_array_equal(critic.squared_gradient(real), critic.squared_gradient(real))


@pytest.mark.parametrize("name", PENALTIES)
def test_finite_where_the_critic_is_flat(name):
    """A relu that is off: the norm is 0, where sqrt's slope is infinite."""
    w = tf.Variable(-1.0)

    def critic(x):
        return w * tf.reduce_sum(tf.nn.relu(x - 9.0), axis=[1, 2, 3])

    with tf.GradientTape() as tape:
        value = PENALTIES[name](critic, _images(1), _images(2), _draw())
    np.testing.assert_allclose(value, 1.0 if name in ("wgan_gp", "dragan") else 0.0, atol=1e-5)
    assert np.isfinite(tape.gradient(value, w))


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_a_half_precision_critic_is_summed_in_float32(name, dtype):
    """600 gradients of 20 add up to more than float16 holds, and than bfloat16 can count."""
    size = 600
    real = tf.zeros((2, size, 1, 1))

    def critic(x):
        return tf.cast(tf.reduce_sum(tf.cast(x, dtype) * tf.constant(20.0, dtype), axis=[1, 2, 3]), tf.float32)

    value = PENALTIES[name](critic, real, real, _draw(2))
    square = 400.0 * size
    expected = {"r1": square / 2, "r2": square / 2, "r1_r2": square}.get(name, (np.sqrt(square) - 1) ** 2)
    assert value.dtype == tf.float32
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.parametrize("slope, scale", [(1e-9, 2.0**15), (3e5, 2.0**-8)])
def test_gradients_beyond_float16_are_scaled_on_their_way(slope, scale):
    """A slope that is 0, or infinite, where it enters the part of D that is float16."""

    def critic(images):
        narrow = tf.cast(images, tf.float16) * tf.constant(4.0, tf.float16)
        return slope * tf.cast(tf.reduce_sum(narrow, axis=[1, 2, 3]), tf.float32), None

    real = _images(1)
    expected = 0.5 * np.prod(_SHAPE) * (4.0 * slope) ** 2
    np.testing.assert_allclose(
        PENALTIES["r1"](Critic(critic, tf.constant(scale)), real, real, _draw()), expected, rtol=0.01
    )
    alone = PENALTIES["r1"](Critic(critic), real, real, _draw()).numpy()
    assert np.all(alone == 0) or not np.isfinite(alone).any()


def test_each_looks_where_it_says():
    """r1 at real images alone, r2 at fakes alone, WGAN-GP between them, DRAGAN round the real."""
    seen = []

    def critic(images):
        seen.append(images.numpy())
        return tf.reduce_sum(images, axis=[1, 2, 3])

    real, fake = tf.ones((_COUNT, *_SHAPE)), -tf.ones((_COUNT, *_SHAPE))
    real = real * tf.constant([0.9, 1.0])  # so that the pixels have a spread
    for name in ("r1", "r2", "wgan_gp", "dragan"):
        PENALTIES[name](critic, real, fake, _draw())
    at_r1, at_r2, between, around = seen
    np.testing.assert_array_equal(at_r1, real)
    np.testing.assert_array_equal(at_r2, fake)
    share = (between - real.numpy()) / (fake.numpy() - real.numpy())
    assert np.allclose(share, share[:, :1, :1, :1], atol=1e-6)  # one share for each example
    assert np.all((share >= 0) & (share <= 1)) and np.ptp(share[:, 0, 0, 0]) > 0.1
    noise = around - real.numpy()
    assert noise.min() >= 0 and noise.max() <= 0.025 + 1e-6 and np.unique(noise).size > 100


def _on_two_replicas(strategy):
    """DRAGAN's spread is that of the global batch; every penalty adds up to the same."""
    real = _images(1) * tf.reshape(tf.linspace(0.1, 1.0, _COUNT), (_COUNT, 1, 1, 1))
    fake = _images(2)
    with strategy.scope():
        critic = _Quadratic()

    @tf.function
    def both(name):
        def replica():
            context = tf.distribute.get_replica_context()
            count = _COUNT // context.num_replicas_in_sync
            start = context.replica_id_in_sync_group * count
            draw = Draw(3, 5, _COUNT, start, count)
            return PENALTIES[name](critic, real[start : start + count], fake[start : start + count], draw)

        return strategy.experimental_local_results(strategy.run(replica))

    for name in PENALTIES:
        alone = PENALTIES[name](_Quadratic(), real, fake, _draw())
        np.testing.assert_allclose(tf.concat(both(name), 0), alone, rtol=1e-5, err_msg=name)


@pytest.mark.slow
def test_two_replicas_find_what_one_finds():
    two_replicas.run("test_penalties", "_on_two_replicas")
