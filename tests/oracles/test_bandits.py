"""What bandits pay (z-tests at alpha = 1e-6), and bad input refused in one sentence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al

K, DRAWS, ALPHA = 3, 20_000, 1e-6
KEY = jax.random.key(0)
ALL = al.Choice(
    jnp.tile(jnp.arange(K), DRAWS), jnp.ones(K * DRAWS), jnp.bool_(False), jnp.ones(K * DRAWS, bool), jnp.int32(0)
)
MEANS = np.array([0.1, 0.5, 0.9], np.float32)
X = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], np.float32)


def rewards(oracle, key=KEY):
    """The world, and `DRAWS` rewards of every arm in it."""
    born, asked = jax.random.split(key)
    world = oracle.init(born)
    _, outcome = oracle.answer(world, ALL, asked)
    return world, np.asarray(outcome.y, np.float64).reshape(DRAWS, K)


def agree(y, means, sd):
    z = (y.mean(0) - means) / (sd / np.sqrt(DRAWS))
    assert (np.abs(z) < stats.norm.isf(ALPHA / 2 / K)).all()


def test_bernoulli_arms_pay_their_means():
    bandit = al.BernoulliBandit(MEANS)
    world, y = rewards(bandit)
    assert set(np.unique(y)) == {0.0, 1.0}
    agree(y, MEANS, np.sqrt(MEANS * (1 - MEANS)))
    np.testing.assert_array_equal(bandit.value(world), MEANS)


def test_means_drawn_afresh_follow_their_prior_and_are_paid():
    bandit = al.BayesBernoulliBandit(K, a=2.0, b=0.7)
    means = np.asarray(jax.vmap(bandit.init)(jax.random.split(KEY, 3000)), np.float64)
    assert stats.kstest(means.ravel(), stats.beta(2, 0.7).cdf).pvalue > ALPHA
    world, y = rewards(bandit)
    agree(y, np.asarray(world), np.sqrt(np.asarray(world) * (1 - np.asarray(world))) + 1e-9)


@pytest.mark.parametrize("sd", [0.5, [0.1, 1.0, 2.0]])
def test_gaussian_arms_pay_their_law(sd):
    bandit = al.GaussianBandit(MEANS, sd=sd)
    world, y = rewards(bandit)
    white = (y - MEANS) / np.broadcast_to(sd, K)
    assert stats.kstest(white.ravel(), "norm").pvalue > ALPHA
    np.testing.assert_allclose(bandit.offer(world).noise, np.broadcast_to(sd, K))


def test_linear_arms_pay_their_features():
    bandit = al.LinearBandit(X, [1.0, -2.0], sd=0.5)
    world, y = rewards(bandit)
    agree(y, X @ [1.0, -2.0], 0.5)
    np.testing.assert_allclose(bandit.value(world), X @ [1.0, -2.0], rtol=1e-6)
    np.testing.assert_array_equal(bandit.offer(world).x, X)


def test_contexts_are_new_each_round_on_the_sphere_and_paid():
    bandit = al.ContextualBandit([1.0, -2.0], K, sd=0.5)
    world, y = rewards(bandit)
    agree(y, np.asarray(world) @ [1.0, -2.0], 0.5)
    np.testing.assert_allclose(np.linalg.norm(world, axis=1), 1, rtol=1e-5)
    after, _ = bandit.answer(world, ALL, KEY)
    assert not np.isclose(after, world).any()
    np.testing.assert_array_equal(bandit.offer(after).x, after)
    many = np.asarray(jax.vmap(bandit.init)(jax.random.split(KEY, 3000))).reshape(-1, 2)
    angle = np.arctan2(*many.T) / (2 * np.pi) + 0.5
    assert stats.kstest(angle.astype(np.float64), "uniform").pvalue > ALPHA


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: al.BernoulliBandit([0.5, 1.5]), r"BernoulliBandit means must lie in \[0, 1\]; it has 1.5"),
        (lambda: al.BernoulliBandit([np.nan]), "BernoulliBandit means must be finite"),
        (lambda: al.BernoulliBandit([]), "BernoulliBandit means must have one entry for each of"),
        (lambda: al.BernoulliBandit(0.5), "BernoulliBandit means must have one entry"),
        (lambda: al.BayesBernoulliBandit(0), "BayesBernoulliBandit arms must be a whole number of at least 1"),
        (lambda: al.BayesBernoulliBandit(2, a=0.0), "BayesBernoulliBandit a must be above 0"),
        (lambda: al.GaussianBandit([np.inf]), "GaussianBandit means must be finite"),
        (lambda: al.GaussianBandit([0.0, 1.0], sd=-1.0), "GaussianBandit sd must be at least 0"),
        (
            lambda: al.GaussianBandit([0.0, 1.0], sd=[1.0, 1.0, 1.0]),
            "GaussianBandit sd must have one entry for each of the 2",
        ),
        (lambda: al.LinearBandit(X, [1.0]), "LinearBandit theta must have one entry for each of the 2"),
        (
            lambda: al.LinearBandit(X[0], [1.0]),
            r"LinearBandit x must be a \[rows, columns\] array; its shape is \(2,\)",
        ),
        (lambda: al.LinearBandit(X * np.nan, [1.0, 1.0]), "LinearBandit x must be finite; it has nan at"),
        (lambda: al.LinearBandit(X[:0], [1.0, 1.0]), "LinearBandit x is empty"),
        (lambda: al.ContextualBandit([1.0, np.nan], 3), "ContextualBandit theta must be finite"),
        (lambda: al.ContextualBandit([1.0], 0), "ContextualBandit arms must be a whole number of at least 1"),
        (lambda: al.ContextualBandit([1.0], 2, sd=-1.0), "ContextualBandit sd must be at least 0"),
    ],
)
def test_bad_bandits_are_one_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        build()
    assert "\n" not in str(error.value)
