"""Gamma and beta variates follow their laws (Kolmogorov-Smirnov, alpha = 1e-6) and never loop for ever."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from altheory.core.random import beta, beta_logit, gamma, log_gamma, normal_from, unit

ALPHA, DRAWS = 1e-6, 50_000
KEY = jax.random.key(7)
SHAPES = jnp.array([0.15, 0.3, 0.999, 1.0, 1.5, 20.0, 3000.0])


def test_gamma_follows_its_law():
    x = np.asarray(gamma(KEY, jnp.broadcast_to(SHAPES, (DRAWS, SHAPES.size))), np.float64)
    for shape, draws in zip(SHAPES, x.T, strict=True):
        assert stats.kstest(draws, stats.gamma(float(shape)).cdf).pvalue > ALPHA / SHAPES.size


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, 0.5), (0.2, 3.0), (30.0, 7.0), (900.0, 1200.0)])
def test_beta_follows_its_law(a, b):
    draws = np.asarray(beta(KEY, jnp.full(DRAWS, a), jnp.full(DRAWS, b)), np.float64)
    assert stats.kstest(draws, stats.beta(a, b).cdf).pvalue > ALPHA / 5
    assert draws.min() >= 0
    assert draws.max() <= 1


@pytest.mark.parametrize(("a", "b"), [(0.01, 0.01), (0.001, 0.02), (0.02, 3.0), (0.5, 0.5)])
def test_tiny_shapes_follow_their_law_on_the_scale_of_log_odds(a, b):
    """Beta(0.01, 0.01) has a fifth of its mass below the least float32, and as much above the largest below 1."""
    logit = np.asarray(beta_logit(KEY, jnp.full(DRAWS, a), jnp.full(DRAWS, b)), np.float64)
    assert np.isfinite(logit).all()

    def law(z):
        """P(logit <= z): the far tail below is B_x(a, b) = x^a / a to first order, and above by symmetry."""
        low = np.exp(a * np.minimum(z, 0) - special.betaln(a, b)) / a
        high = 1 - np.exp(-b * np.maximum(z, 0) - special.betaln(a, b)) / b
        return np.where(z < -30, low, np.where(z > 30, high, stats.beta(a, b).cdf(special.expit(z))))

    assert stats.kstest(logit, law).pvalue > ALPHA / 4


def test_tiny_shapes_give_numbers_in_the_unit_interval_with_the_right_share_on_each_side():
    draws = np.asarray(beta(KEY, jnp.full(DRAWS, 0.01), jnp.full(DRAWS, 0.01)))
    assert ((draws >= 0) & (draws <= 1)).all()
    radius = np.sqrt(np.log(2 / ALPHA) / (2 * DRAWS))
    for x in (1e-30, 1e-3, 0.5, 0.999):
        assert abs((draws <= x).mean() - stats.beta(0.01, 0.01).cdf(x)) < radius


def test_log_gamma_is_the_logarithm_of_gamma_and_stays_finite():
    shapes = jnp.array([1e-3, 0.3, 1.0, 40.0])
    log, plain = (np.asarray(f(KEY, jnp.broadcast_to(shapes, (1000, 4)))) for f in (log_gamma, gamma))
    assert np.isfinite(log).all()
    np.testing.assert_allclose(np.exp(log[:, 1:]), plain[:, 1:], rtol=1e-5)


def test_draws_are_independent_across_entries():
    x = np.log(np.asarray(gamma(KEY, jnp.ones((DRAWS, 2)))))
    assert stats.pearsonr(*x.T).pvalue > ALPHA


def test_a_shape_that_is_none_gives_nan_and_returns():
    x = gamma(KEY, jnp.array([jnp.nan, 0.0, -0.2, -3.0, jnp.inf, 1.0]))
    np.testing.assert_array_equal(np.isnan(x), [True] * 5 + [False])


def test_the_bits_of_split_keys_are_uniform_numbers():
    keys = jax.random.split(KEY, DRAWS)
    u = np.asarray(jax.vmap(unit)(keys), np.float64)
    assert 0 <= u.min() <= u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > ALPHA
    assert stats.pearsonr(u[1:], u[:-1]).pvalue > ALPHA
    with jax.enable_x64(True):
        fine = np.asarray(jax.vmap(lambda k: unit(k, jnp.float64))(keys))
    np.testing.assert_allclose(fine, u, atol=2.0**-24)
    assert len(np.unique(fine)) == DRAWS


def test_normal_variates_by_inversion_follow_their_law():
    u = jax.random.uniform(KEY, (DRAWS,))
    x = np.asarray(normal_from(jnp.append(u, 0.0)), np.float64)
    assert np.isfinite(x).all()
    np.testing.assert_allclose(x[:-1], stats.norm.ppf(np.maximum(np.asarray(u, np.float64), 1e-7)), atol=2e-2)
    assert stats.kstest(x[:-1], "norm").pvalue > ALPHA
