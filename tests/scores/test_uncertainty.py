"""Entropy, margin, least confidence: against numpy, at the edges, and in the order theory demands."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow
from hypothesis import given, settings
from hypothesis import strategies as st

from altheory.scores.uncertainty import entropy, least_confidence, margin

RNG = np.random.default_rng(0)
POOLS = {
    "random": RNG.dirichlet(np.ones(5), 40),
    "sharp": RNG.dirichlet(np.full(5, 0.01), 40),
    "certain": np.eye(5),
    "ties": np.array([[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.4, 0.4, 0.2, 0]]),
    "one class": np.ones((3, 1)),
    "one item": np.array([[0.2, 0.8]]),
    "many classes": RNG.dirichlet(np.ones(300), 7),
    "three axes": RNG.dirichlet(np.ones(3), (4, 5)),
}


def slow_margin(p):
    top = sorted([*p, 0.0], reverse=True)
    return top[1] - top[0]


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize(
    ("kernel", "obvious"), [(entropy, slow.entropy_of), (margin, slow_margin), (least_confidence, lambda p: 1 - max(p))]
)
def test_equals_the_obvious_version(kernel, obvious, name):
    p = POOLS[name]
    expected = np.apply_along_axis(obvious, -1, p)
    np.testing.assert_allclose(kernel(p), expected, atol=2e-6)
    np.testing.assert_allclose(jax.jit(kernel)(jnp.asarray(p)), expected, atol=2e-6)


def test_is_exact_where_the_label_is_certain():
    certain = np.eye(7)
    assert (np.asarray(entropy(certain)) == 0).all()
    assert (np.asarray(least_confidence(certain)) == 0).all()
    assert (np.asarray(margin(certain)) == -1).all()


def test_gradient_is_finite_at_zero_probability():
    slope = jax.grad(lambda p: entropy(p).sum())(jnp.array([[0.0, 1.0]]))
    assert np.isfinite(slope).all()


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_binary_scores_rank_alike(a, b):
    """Hellman-Raviv's case of two classes: all three are functions of |q - 1/2|."""
    p = np.array([[a, 1 - a], [b, 1 - b]])
    if abs(abs(a - 0.5) - abs(b - 0.5)) < 1e-3:
        return
    more = abs(a - 0.5) < abs(b - 0.5)
    for kernel in (margin, least_confidence, entropy):
        first, second = np.asarray(kernel(p))
        assert first > second if more else first < second


def bounds_hold(p, h):
    error = 1 - p.max(-1)
    flat = np.array([slow.entropy_of([e, 1 - e]) for e in error])
    return (
        (error <= h / (2 * np.log(2)) + 1e-5).all()
        and (h >= -np.log(p.max(-1)) - 1e-5).all()
        and (h <= flat + error * np.log(p.shape[-1] - 1) + 1e-5).all()
    )


@pytest.mark.parametrize("concentration", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("classes", [3, 8])
def test_hellman_raviv_and_fano(concentration, classes):
    p = np.random.default_rng(classes).dirichlet(np.full(classes, concentration), 300)
    p = np.vstack([p, np.eye(classes), np.full((1, classes), 1 / classes)])
    assert bounds_hold(p, np.asarray(entropy(p)))
    assert not bounds_hold(p, 0.5 * np.asarray(entropy(p)))
    assert not bounds_hold(p, 2.1 * np.asarray(entropy(p)))


def test_margin_of_unsorted_classes_would_rank_differently():
    """The mutant that subtracts the first two columns instead of the two largest is told apart."""
    p = POOLS["random"]
    assert not np.allclose(margin(p), p[:, 1] - p[:, 0])


@pytest.mark.parametrize("kernel", [entropy, margin, least_confidence])
@pytest.mark.parametrize(
    ("probs", "words"),
    [
        ([[0.5, np.nan]], "NaN"),
        ([[0.5, 0.6]], "sums to 1.1"),
        ([[-0.5, 1.5]], "-0.5"),
        (np.zeros((0, 2)), "empty"),
        (np.float64(0.3), "array"),
        ([[0.5, np.inf]], "inf"),
    ],
)
def test_bad_rows_raise_one_sentence(kernel, probs, words):
    with pytest.raises(ValueError, match=words) as error:
        kernel(np.asarray(probs))
    assert "\n" not in str(error.value)


def test_a_changed_value_does_not_retrace():
    count = 0

    @jax.jit
    def f(p):
        nonlocal count
        count += 1
        return entropy(p)

    f(POOLS["certain"])
    f(POOLS["certain"][::-1].copy())
    assert count == 1
