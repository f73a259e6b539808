"""Gamma and beta variates follow their laws (Kolmogorov-Smirnov, alpha = 1e-6) and never loop for ever."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from altheory.core.random import beta, gamma

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


def test_draws_are_independent_across_entries():
    x = np.log(np.asarray(gamma(KEY, jnp.ones((DRAWS, 2)))))
    assert stats.pearsonr(*x.T).pvalue > ALPHA


def test_a_shape_that_is_none_gives_nan_and_returns():
    x = gamma(KEY, jnp.array([jnp.nan, 0.0, -0.2, -3.0, jnp.inf, 1.0]))
    np.testing.assert_array_equal(np.isnan(x), [True] * 5 + [False])
