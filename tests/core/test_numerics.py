"""Rank-one roots, exact sums, keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from altheory.core import numerics
from altheory.core.keys import initial_keys, round_keys
from altheory.core.status import ADVICE, sentences

D = 4
RNG = np.random.default_rng(0)
A = RNG.normal(size=(D, 2 * D)) @ RNG.normal(size=(2 * D, D))
A = A @ A.T + np.eye(D)
VECTOR = RNG.normal(size=D)


@pytest.mark.parametrize("weight", [0.0, 0.25, 100.0])
def test_a_root_grows_with_its_inverse(weight):
    root = np.linalg.cholesky(A)
    new, inverse = numerics.grow_root(jnp.asarray(root), jnp.linalg.inv(root), jnp.asarray(VECTOR), jnp.float32(weight))
    target = A + weight * np.outer(VECTOR, VECTOR)
    np.testing.assert_allclose(new @ new.T, target, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(new @ inverse, np.eye(D), atol=1e-3)


@pytest.mark.parametrize("weight", [0.0, 0.25, 100.0])
def test_a_root_of_the_inverse_shrinks(weight):
    root = jnp.asarray(np.linalg.inv(np.linalg.cholesky(A)).T)
    new, spread = numerics.shrink_root(root, jnp.asarray(VECTOR), jnp.float32(weight))
    target = np.linalg.inv(A + weight * np.outer(VECTOR, VECTOR))
    np.testing.assert_allclose(new @ new.T, target, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(spread, VECTOR @ np.linalg.solve(A, VECTOR), rtol=1e-4)


def test_polishing_squares_the_error():
    root = np.linalg.inv(np.linalg.cholesky(A)).T
    rough = root + 1e-2 * RNG.normal(size=(D, D)) * np.abs(root).mean()
    polished = np.asarray(numerics.polish_root(jnp.asarray(rough), jnp.asarray(A)))
    error = [np.abs(s.T @ A @ s - np.eye(D)).max() for s in (rough, polished)]
    assert error[1] < error[0] ** 2 * D


def test_cholesky_solves_and_inverts():
    factor = numerics.cholesky(jnp.asarray(A))
    b = jnp.asarray(RNG.normal(size=(D, 3)))
    np.testing.assert_allclose(numerics.cho_solve(factor, b), np.linalg.solve(A, b), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(numerics.inverse_spd(jnp.asarray(A)), np.linalg.inv(A), rtol=1e-3, atol=1e-5)


@given(st.lists(st.integers(0, 2**20), min_size=1, max_size=40))
def test_cents_add_up_exactly(cents):
    total = (np.float32(0), np.float32(0))
    for c in cents:
        total = tuple(np.asarray(x) for x in numerics.add_exact(total, np.float32(c) * 2.0**10 + np.float32(c) / 2**20))
    exact = sum(float(np.float32(c * 2.0**10 + np.float32(c) / 2**20)) for c in cents)
    assert abs(float(total[0]) + float(total[1]) - exact) <= 1e-11 * max(exact, 1)


def test_the_key_of_a_round_needs_no_history():
    key = jax.random.key(3)
    keys = [*initial_keys(key), *round_keys(key, 1), *round_keys(key, 2)]
    assert len({tuple(np.asarray(jax.random.key_data(k))) for k in keys}) == 6
    traced = jax.jit(round_keys)(key, 2)
    assert all(
        jnp.array_equal(jax.random.key_data(a), jax.random.key_data(b)) for a, b in zip(keys[4:], traced, strict=True)
    )


def test_every_status_bit_has_its_own_sentence():
    assert all(bit & (bit - 1) == 0 for bit in ADVICE)
    assert sentences(sum(ADVICE)) == list(ADVICE.values())
    assert sentences(0) == []


def test_p_log_p_is_exact_to_float32_with_a_finite_gradient():
    rng = np.random.default_rng(0)
    p = np.concatenate([[0, 1, 0.5, 2.0**-126], rng.random(5000), 10 ** rng.uniform(-37, 0, 5000)]).astype(np.float32)
    exact = special.xlogy(p.astype(np.float64), p.astype(np.float64))
    np.testing.assert_allclose(jax.jit(numerics.plogp)(p), exact, rtol=3e-7, atol=1e-37)
    assert np.isnan(numerics.plogp(jnp.array([jnp.nan, -0.1]))).all()
    slope = jax.grad(lambda q: numerics.plogp(q).sum())(jnp.asarray(p))
    np.testing.assert_allclose(slope[1:], np.log(p[1:], dtype=np.float64) + 1, rtol=1e-5, atol=1e-6)
    assert slope[0] == 0
    with jax.enable_x64(True):
        wide = jnp.asarray(p, jnp.float64)
        np.testing.assert_allclose(numerics.plogp(wide), exact, rtol=1e-14)


@pytest.mark.parametrize("d", [1, 2, 7])
def test_many_small_inverses_are_those_of_numpy(d):
    a = RNG.normal(size=(3, 5, d, d + 1))
    a = a @ a.swapaxes(-1, -2) + 0.1 * np.eye(d)
    with jax.enable_x64(True):
        np.testing.assert_allclose(numerics.inverse_spds(jnp.asarray(a)), np.linalg.inv(a), rtol=1e-8, atol=1e-8)
