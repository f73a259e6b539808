"""Counts and Beta-Bernoulli arms against their closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al

ARMS = al.menu(jnp.arange(3))
ITEMS, REWARDS = np.array([0, 0, 2, 0]), np.array([1.0, 0.0, 0.25, 1.0])


@jax.jit
def learn(belief, items, rewards):
    return jax.lax.scan(lambda b, s: (b.update(ARMS[s[0]], s[1]), None), belief, (items, rewards))[0]


def test_counts_keep_the_mean_and_its_error():
    belief = learn(al.counts(3, scale=0.5), ITEMS, REWARDS)
    np.testing.assert_array_equal(belief.count(ARMS), [3, 0, 1])
    np.testing.assert_allclose(belief.mean(ARMS), [2 / 3, 0, 0.25])
    np.testing.assert_allclose(belief.std(ARMS), [0.5 / np.sqrt(3), np.inf, 0.5])


def test_beta_bernoulli_is_conjugate():
    belief = learn(al.beta_bernoulli(3, a=2.0, b=0.5), ITEMS, REWARDS)
    a, b = 2 + np.array([2, 0, 0.25]), 0.5 + np.array([1, 0, 0.75])
    law = stats.beta(a, b)
    np.testing.assert_allclose(belief.a, a)
    np.testing.assert_allclose(belief.b, b)
    np.testing.assert_allclose(belief.mean(ARMS), law.mean(), rtol=1e-6)
    np.testing.assert_allclose(belief.std(ARMS), law.std(), rtol=1e-6)
    np.testing.assert_allclose(belief.probs(ARMS), np.stack([1 - law.mean(), law.mean()], 1), rtol=1e-6)


def test_draws_follow_the_posterior():
    """Kolmogorov-Smirnov on every arm, alpha = 1e-6 over all of them."""
    belief = learn(al.beta_bernoulli(3), ITEMS, REWARDS)
    draws = belief.predictive(ARMS, jax.random.key(0), 20_000)
    assert draws.shape == (20_000, 3, 2)
    np.testing.assert_allclose(draws.sum(-1), 1, atol=1e-6)
    for k in range(3):
        law = stats.beta(float(belief.a[k]), float(belief.b[k]))
        assert stats.kstest(np.asarray(draws[:, k, 1], np.float64), law.cdf).pvalue > 1e-6 / 3


def test_a_draw_is_the_same_for_an_arm_wherever_the_menu_lists_it():
    belief, key = al.beta_bernoulli(3), jax.random.key(0)
    order = jnp.array([2, 0, 2])
    np.testing.assert_array_equal(belief.sample(al.menu(order), key), belief.sample(ARMS, key)[order])


def test_a_reward_that_is_nan_ends_in_nan_not_in_an_endless_loop():
    belief = learn(al.beta_bernoulli(3), np.array([0, 0]), np.array([np.nan, 1.0]))
    draws = belief.sample(ARMS, jax.random.key(0))
    assert np.isnan(draws[0])
    assert np.isfinite(draws[1:]).all()


@pytest.mark.parametrize(("reward", "end"), [(-3.0, 0.0), (7.0, 1.0)])
def test_a_reward_outside_the_range_counts_as_the_nearest_end(reward, end):
    outside, inside = (learn(al.beta_bernoulli(3), np.array([0]), np.array([y])) for y in (reward, end))
    np.testing.assert_array_equal(outside.a, inside.a)
    np.testing.assert_array_equal(outside.b, inside.b)
