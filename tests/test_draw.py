import hashlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfgan_train.ops.random import Draw, dropout

_KINDS = {
    "uniform": lambda draw: draw.uniform((3, 5), -1.0, 2.0),
    "normal": lambda draw: draw.normal((3, 5)),
    "integers": lambda draw: draw.integers((3, 5), -2, 7),
    "bernoulli": lambda draw: draw.bernoulli((3, 5), 0.3),  # 15 is odd: two lanes a word
    "dropout": lambda draw: dropout(tf.ones((draw.count, 3, 5)), 0.4, draw),
}


def _draw(total=12, offset=0, count=None, seed=7, step=3):
    return Draw(seed, step, total, offset, total if count is None else count)


def _all_kinds(draw):
    return {kind: make(draw).numpy() for kind, make in _KINDS.items()}


@pytest.mark.parametrize("counts", [(6, 6), (4, 4, 4), (5, 7)])
def test_replicas_together_draw_what_one_replica_draws(counts):
    whole = _all_kinds(_draw())
    offset, parts = 0, []
    for count in counts:
        parts.append(_all_kinds(_draw(offset=offset, count=count)))
        offset += count
    for kind, expected in whole.items():
        np.testing.assert_array_equal(np.concatenate([part[kind] for part in parts]), expected)


def test_offset_and_step_may_be_tensors_inside_a_function():
    @tf.function
    def replica(step, index):
        draw = Draw(7, step, 12, index * 4, 4)
        return {kind: make(draw) for kind, make in _KINDS.items()}

    for index in range(3):
        inside = replica(tf.constant(3, tf.int64), tf.constant(index))
        outside = _all_kinds(_draw(offset=4 * index, count=4))
        for kind, expected in outside.items():
            assert inside[kind].shape == (4, 3, 5)
            np.testing.assert_array_equal(inside[kind], expected)


def test_numbers_are_those_of_tensorflows_public_functions():
    """From the seed (a hash of what they are for, the step), by the same algorithm."""

    def seed(kind):
        text = repr((7, ("noise",), kind)).encode()
        return [int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True), 3]

    draw, shape = _draw().child("noise"), (12, 3, 5)
    expected = [
        (draw.uniform((3, 5)), tf.random.stateless_uniform(shape, seed("uniform"), alg="philox")),
        (draw.uniform((3, 5), -1, 2), tf.random.stateless_uniform(shape, seed("uniform"), -1, 2, alg="philox")),
        (draw.normal((3, 5)), tf.random.stateless_normal(shape, seed("normal"), alg="philox")),
        (
            draw.integers((3, 5), -2, 7),
            tf.random.stateless_uniform(shape, seed("integers"), -2, 7, tf.int32, alg="philox"),
        ),
        (
            draw.permutation(9),
            tf.random.experimental.stateless_shuffle(tf.range(9), seed("permutation"), alg="philox"),
        ),
    ]
    for found, wanted in expected:
        np.testing.assert_array_equal(found, wanted)


def test_seed_step_path_and_kind_each_give_other_numbers():
    base = _draw()
    other = [
        base,
        _draw(seed=8),
        _draw(step=4),
        base.child("a"),
        base.child("b"),
        base.child("a").child("b"),
        base.child("ab"),
        base.child("a', 'b"),
    ]
    rows = [draw.uniform((50,)).numpy().ravel() for draw in other]
    rows += [scipy.stats.norm.cdf(draw.normal((50,)).numpy().ravel()) for draw in other]
    correlation = np.corrcoef(rows) - np.eye(len(rows))
    assert np.abs(correlation).max() < 0.2  # 600 numbers: sigma 0.04


def test_same_purpose_gives_the_same_numbers_whatever_was_drawn_before():
    first = _draw().child("real").normal((4,)).numpy()
    _draw().child("fake").normal((9,))
    np.testing.assert_array_equal(_draw().child("real").normal((4,)), first)


def test_distributions():
    draw = Draw(1, 0, 4000, 0, 4000)
    uniform = draw.uniform((5,), -1.0, 2.0).numpy()
    assert uniform.dtype == np.float32 and uniform.min() >= -1 and uniform.max() < 2
    assert scipy.stats.kstest(uniform.ravel(), "uniform", (-1, 3)).pvalue > 0.01
    assert scipy.stats.kstest(draw.normal((5,)).numpy().ravel(), "norm").pvalue > 0.01
    integers = draw.integers((5,), -2, 7).numpy()
    assert integers.dtype == np.int32
    values, counts = np.unique(integers, return_counts=True)
    np.testing.assert_array_equal(values, np.arange(-2, 7))
    assert scipy.stats.chisquare(counts).pvalue > 0.01
    for p in (0.0, 0.003, 0.5, 0.8, 1.0):
        hits = int(np.count_nonzero(draw.bernoulli((5,), p)))
        assert scipy.stats.binomtest(hits, 20000, p).pvalue > 0.01, p


def test_bernoulli_lanes_are_independent():
    bits = Draw(1, 0, 20000, 0, 20000).bernoulli((4,), 0.5).numpy().astype(float)
    assert np.abs(np.corrcoef(bits.T) - np.eye(4)).max() < 0.04


def test_scalars_per_example():
    draw = _draw()
    for numbers in (draw.uniform(), draw.normal(), draw.integers((), 0, 3), draw.bernoulli((), 0.5)):
        assert numbers.shape == (12,)


def test_probabilities_outside_0_and_1_are_refused():
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match="probability"):
            _draw().bernoulli((), p)
    for rate in (-0.1, 1.0):
        with pytest.raises(ValueError, match="dropout rate"):
            dropout(tf.ones((12, 2)), rate, _draw())


def test_dropout_keeps_the_expectation_and_zeroes_the_share():
    x = tf.random.stateless_uniform((500, 40), [1, 2], 1.0, 2.0)
    y = dropout(x, 0.3, Draw(1, 0, 500, 0, 500)).numpy()
    kept = y != 0
    np.testing.assert_allclose(y[kept], (x.numpy() / 0.7)[kept], rtol=1e-6)
    assert scipy.stats.binomtest(int(kept.sum()), kept.size, 0.7).pvalue > 0.01


def test_dropout_is_the_identity_at_rate_0_and_at_inference():
    x = tf.ones((12, 2))
    assert dropout(x, 0.0, _draw()) is x
    assert dropout(x, 0.5, None) is x


def test_dropout_gradient_is_its_mask_and_infinite_values_are_dropped():
    x = tf.Variable(tf.ones((12, 6)))
    with tf.GradientTape() as tape:
        y = dropout(x, 0.5, _draw())
    np.testing.assert_array_equal(tape.gradient(y, x), y)
    assert np.isfinite(dropout(tf.where(y == 0, np.inf, 1.0), 0.5, _draw())).all()


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_dropout_keeps_the_dtype(dtype):
    y = dropout(tf.ones((12, 2), dtype), 0.5, _draw())
    assert y.dtype == dtype
    assert set(np.unique(tf.cast(y, tf.float32))) == {0.0, 2.0}


_SCRIPT = """
import hashlib
from tests.test_draw import _all_kinds, _draw
print(hashlib.sha256(b"".join(v.tobytes() for v in _all_kinds(_draw()).values())).hexdigest())
"""


@pytest.mark.slow
def test_a_fresh_process_draws_the_same():
    """Nothing hangs on Python's salted hashes or on the state of this process."""
    script = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=pathlib.Path(__file__).parent.parent,
        env={**os.environ, "PYTHONHASHSEED": "5"},
    )
    numbers = b"".join(v.tobytes() for v in _all_kinds(_draw()).values())
    assert script.stdout.split()[-1] == hashlib.sha256(numbers).hexdigest()
