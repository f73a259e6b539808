"""The linear belief against ridge regression in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al

N, D = 2000, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)).astype(np.float32) * np.array([1, 0.1, 3, 1], np.float32)
X[:, 3] += 5 * X[:, 0]
Y = (X @ np.array([1.0, -2.0, 0.5, 0.3]) + RNG.normal(size=N)).astype(np.float32)
UNEVEN = np.where(np.arange(N) % 3 == 0, 0, RNG.uniform(0.2, 2, N)).astype(np.float32)
ITEMS = al.menu(jnp.asarray(X[:6]))
PRIOR, SD = 0.5, 0.7


@jax.jit
def learn(belief, rows, y, used):
    rows = rows.replace(open=used)
    return jax.lax.scan(lambda b, i: (b.update(rows[i], y[i]), None), belief, jnp.arange(N))[0]


def fitted(noise, first=N):
    return learn(al.linear(D, prior=PRIOR, noise=SD), al.menu(jnp.asarray(X), noise=noise), Y, jnp.arange(N) < first)


def closed_form(noise, first=N):
    w = np.where(noise > 0, noise, SD).astype(np.float64)[:first] ** -2
    x, y = X[:first].astype(np.float64), Y[:first].astype(np.float64)
    precision = PRIOR * np.eye(D) + (x * w[:, None]).T @ x
    return precision, np.linalg.solve(precision, x.T @ (w * y))


@pytest.mark.parametrize("noise", [np.zeros(N, np.float32), UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("first", [30, N])
def test_it_is_ridge_regression_and_stays_so(noise, first):
    belief = fitted(noise, first)
    precision, theta = closed_form(noise, first)
    x = X[:6].astype(np.float64)
    sd = np.sqrt(np.einsum("kd,de,ke->k", x, np.linalg.inv(precision), x))
    np.testing.assert_allclose(belief.std(ITEMS), sd, rtol=1e-3)
    assert (np.abs(belief.mean(ITEMS) - x @ theta) < 0.02 * sd + 1e-5 * np.abs(x @ theta)).all()
    np.testing.assert_allclose(belief.precision, precision, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("first", [30, N])
def test_gain_is_the_ratio_of_determinants(first):
    gain = fitted(UNEVEN, first).gain
    precision, _ = closed_form(UNEVEN, first)
    np.testing.assert_allclose(gain, np.linalg.slogdet(precision)[1] - D * np.log(PRIOR), rtol=1e-4)


def test_the_radius_is_the_anytime_one():
    belief = fitted(UNEVEN, 30)
    np.testing.assert_allclose(
        belief.radius(0.1, 2.0), np.sqrt(2 * np.log(10) + float(belief.gain)) + np.sqrt(PRIOR) * 2, rtol=1e-5
    )


def test_samples_have_the_posterior_mean_and_covariance():
    """Whitened draws are standard normal: mean, length and every correlation, each at alpha = 1e-6."""
    draws, belief = 4000, fitted(UNEVEN, 30)
    precision, theta = closed_form(UNEVEN, 30)
    frame = al.menu(jnp.eye(D))
    drawn = jax.jit(jax.vmap(lambda k: belief.sample(frame, k)))(jax.random.split(jax.random.key(0), draws))
    white = (np.asarray(drawn, np.float64) - theta) @ np.linalg.cholesky(precision)
    z = stats.norm.isf(1e-6 / 2 / D**2)
    assert (np.abs(white.mean(0)) < z / np.sqrt(draws)).all()
    covariance = white.T @ white / draws
    assert (np.abs(covariance - np.eye(D)) < z * np.sqrt((1 + np.eye(D)) / draws)).all()


def test_a_sample_is_one_theta_for_all_items():
    belief, key = fitted(UNEVEN, 30), jax.random.key(5)
    theta = belief.sample(al.menu(jnp.eye(D)), key)
    np.testing.assert_allclose(belief.sample(ITEMS, key), X[:6] @ theta, rtol=1e-4, atol=1e-4)


def test_one_belief_told_its_source_is_that_of_features_and_a_one_hot():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 2)).astype(np.float32), rng.normal(size=(5, 3)).astype(np.float32)
    taught = al.tagged(al.linear(5), 3).taught(jnp.asarray(x), jnp.asarray(y), jax.random.key(0))
    z = np.concatenate([np.repeat(x, 3, 0), np.tile(np.eye(3), (5, 1))], 1)
    weights = np.linalg.solve(z.T @ z + np.eye(5), z.T @ y.ravel())
    menu = al.menu(al.product(jnp.asarray(x), 3))
    expected = np.concatenate([np.c_[x, np.tile(np.eye(3)[s], (5, 1))] @ weights for s in range(3)])
    np.testing.assert_allclose(taught.mean(menu), expected, atol=1e-4)
