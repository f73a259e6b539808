"""Gaussian processes against scikit-learn's, in double precision, and against the beliefs they contain."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from scipy import stats
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels

import altheory as al

N, D, CAPACITY, DRAWS = 30, 3, 20, 2000
quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D))
Y = np.sin(X.sum(1)) + 0.1 * RNG.normal(size=N)
LABELS = (Y + 0.5 * RNG.normal(size=N) > 0).astype(int)
NEW = np.concatenate([RNG.normal(size=(8, D)), X[-2:], X[:1]])

TWO = kernels.ConstantKernel(2.0)
PAIRS = {
    "rbf": (al.RBF(1.3, 2.0), TWO * kernels.RBF(1.3)),
    "rbf of a length a feature": (al.RBF(np.array([1.0, 2.0, 0.5]), 2.0), TWO * kernels.RBF([1.0, 2.0, 0.5])),
    "matern 0.5": (al.Matern(1.3, 2.0, nu=0.5), TWO * kernels.Matern(1.3, nu=0.5)),
    "matern 1.5": (al.Matern(1.3, 2.0, nu=1.5), TWO * kernels.Matern(1.3, nu=1.5)),
    "matern 2.5": (al.Matern(1.3, 2.0), TWO * kernels.Matern(1.3, nu=2.5)),
    "dot": (al.Dot(2.0, 0.5), TWO * kernels.DotProduct(sigma_0=0.5)),
}


def fold(belief, x, y, noise=None):
    rows = al.menu(x, noise=noise)
    return jax.lax.scan(lambda b, i: (b.update(rows[i], y[i]), None), belief, jnp.arange(len(x)))[0]


learn = quick(fold)


@quick
def told(belief, x, y, new):
    belief = fold(belief, x, y)
    menu = al.menu(new)
    return belief.mean(menu), belief.std(menu), belief.cov(menu), belief.log_evidence


@pytest.mark.parametrize("name", PAIRS)
def test_regression_is_scikit_learns_on_the_labels_held(name):
    """Thirty outcomes through a ring of twenty: the ten that were displaced leave no trace."""
    mine, theirs = PAIRS[name]
    with jax.enable_x64(True):
        mean, std, cov, evidence = told(al.gp(D, kernel=mine, noise=0.3, capacity=CAPACITY), X, Y, jnp.asarray(NEW))
    exact = GaussianProcessRegressor(theirs, alpha=0.09, optimizer=None).fit(X[-CAPACITY:], Y[-CAPACITY:])
    m, s = exact.predict(NEW, return_std=True)
    np.testing.assert_allclose(mean, m, atol=1e-9)
    np.testing.assert_allclose(std, s, atol=1e-9)
    np.testing.assert_allclose(cov, exact.predict(NEW, return_cov=True)[1], atol=1e-9)
    np.testing.assert_allclose(evidence, exact.log_marginal_likelihood_value_, atol=1e-8)


def test_single_precision_loses_five_digits_at_most():
    belief = al.gp(D, kernel=PAIRS["rbf"][0], noise=0.3, capacity=CAPACITY)
    mean, std, cov, _ = told(belief, *(jnp.asarray(a, jnp.float32) for a in (X, Y, NEW)))
    exact = GaussianProcessRegressor(PAIRS["rbf"][1], alpha=0.09, optimizer=None).fit(X[-CAPACITY:], Y[-CAPACITY:])
    m, s = exact.predict(NEW, return_std=True)
    for got, truth in ((mean, m), (std, s), (cov, exact.predict(NEW, return_cov=True)[1])):
        np.testing.assert_allclose(got, truth, atol=2e-5)


def test_the_linear_belief_is_the_process_with_the_dot_kernel():
    noise = jnp.asarray(np.where(np.arange(N) % 3 == 0, 0, 0.5), jnp.float32)
    x, y, new = (jnp.asarray(a, jnp.float32) for a in (X, Y, NEW))
    process = learn(al.gp(D, kernel=al.Dot(1 / 0.7), noise=0.4, capacity=N), x, y, noise)
    linear = learn(al.linear(D, prior=0.7, noise=0.4), x, y, noise)
    menu = al.menu(new)
    np.testing.assert_allclose(process.mean(menu), linear.mean(menu), atol=1e-3)
    np.testing.assert_allclose(process.std(menu), linear.std(menu), atol=1e-3)
    np.testing.assert_allclose(process.gain, linear.gain, rtol=1e-4)
    np.testing.assert_allclose(process.radius(0.1, 2.0), linear.radius(0.1, 2.0 / np.sqrt(0.7)), rtol=1e-4)


def test_a_process_on_arms_is_the_process_on_their_features():
    arms = np.array([0, 3, 3, 1, 5, 0, 3])
    y = jnp.asarray(Y[: len(arms)], jnp.float32)
    x = X[:8].astype(np.float32)
    kernel = al.Matern(1.3, 2.0)
    by_index = learn(al.gp_arms(x, kernel=kernel, noise=0.3), jnp.asarray(arms), y)
    by_feature = learn(al.gp(D, kernel=kernel, noise=0.3, capacity=len(arms)), jnp.asarray(x[arms]), y)
    ids, features = al.menu(jnp.arange(8)), al.menu(jnp.asarray(x))
    for what in ("mean", "std", "cov"):
        np.testing.assert_allclose(getattr(by_index, what)(ids), getattr(by_feature, what)(features), atol=2e-4)
    np.testing.assert_allclose(by_index.gain, by_feature.gain, rtol=1e-4)
    menu = al.menu(jnp.array([4, 2]))
    np.testing.assert_allclose(by_index.mean(menu), by_index.mean(ids)[menu.x], rtol=1e-5)


def test_ten_thousand_outcomes_leave_a_process_on_arms_sound():
    """In single precision: the posterior of N means after many plays each is that of independent averages."""
    x, sd = X[:5].astype(np.float32), 1.0
    y = jnp.asarray(RNG.normal(size=10_000) + np.arange(10_000) % 5, jnp.float32)
    belief = learn(al.gp_arms(x, kernel=al.RBF(1.0, 4.0), noise=sd), jnp.arange(10_000) % 5, y)
    with jax.enable_x64(True):
        prior = np.asarray(al.RBF(1.0, 4.0)(jnp.asarray(X[:5]), jnp.asarray(X[:5])))
    cov = np.linalg.inv(np.linalg.inv(prior) + 2000 * np.eye(5))
    totals = np.asarray(y, np.float64).reshape(-1, 5).sum(0)
    ids = al.menu(jnp.arange(5))
    np.testing.assert_allclose(belief.cov(ids), cov, atol=1e-3 * cov.max())
    assert (np.abs(belief.mean(ids) - cov @ totals) < 0.05 * np.sqrt(np.diag(cov))).all()


def normal_to_the_last_correlation(draws, mean, cov, *, slack=0.0):
    """Whitened draws have mean 0, length 1 and no correlation, each at alpha = 1e-6 (and `slack` beside)."""
    size = len(mean)
    white = (np.asarray(draws, np.float64) - mean) @ np.linalg.inv(np.linalg.cholesky(cov)).T
    z = stats.norm.isf(1e-6 / 2 / size**2)
    assert (np.abs(white.mean(0)) < z / np.sqrt(len(draws)) + slack).all()
    bound = z * np.sqrt((1 + np.eye(size)) / len(draws)) + slack
    assert (np.abs(white.T @ white / len(draws) - np.eye(size)) < bound).all()


def test_samples_have_the_posterior_mean_and_covariance():
    belief = al.gp(D, kernel=al.RBF(1.3, 2.0), noise=0.5, capacity=8, frequencies=64)
    belief = learn(belief, *(jnp.asarray(a[:6]) for a in (X, Y)))
    menu = al.menu(jnp.asarray(NEW[:3]))
    draw = quick(jax.vmap(lambda k: belief.sample(menu, k)))
    draws = draw(jax.random.split(jax.random.key(0), DRAWS))
    normal_to_the_last_correlation(draws, np.asarray(belief.mean(menu)), np.asarray(belief.cov(menu), np.float64))


def test_samples_of_arms_are_joint():
    belief = learn(al.gp_arms(X[:5], noise=0.5), jnp.arange(4), jnp.asarray(Y[:4], jnp.float32))
    menu = al.menu(jnp.arange(5))
    draws = quick(jax.vmap(lambda k: belief.sample(menu, k)))(jax.random.split(jax.random.key(0), DRAWS))
    normal_to_the_last_correlation(draws, np.asarray(belief.mean(menu)), np.asarray(belief.cov(menu), np.float64))


@pytest.mark.parametrize("kernel", [al.RBF(0.8, 2.0), al.Matern(0.8, 2.0, nu=0.5), al.Matern(0.8, 2.0, nu=1.5)])
def test_waves_have_the_kernel_as_their_mean_product(kernel):
    """Hoeffding's bound at alpha = 1e-6 over all entries: a product of waves lies within the variance."""
    x = jnp.asarray(NEW[:6])
    waves = kernel.basis(x, jax.random.key(0), 1 << 14)
    worst = 2.0 * np.sqrt(2 * np.log(2 * 36 / 1e-6) / (1 << 14))
    np.testing.assert_allclose(waves @ waves.T, kernel(x, x), atol=worst)
    np.testing.assert_allclose((waves**2).sum(1), kernel.diag(x), rtol=1e-4)


@quick
def classified(belief, x, y, new, noise):
    belief = fold(belief, x, y, noise)
    return belief, belief.classify(new)


def test_two_classes_have_scikit_learns_latent_function():
    """Thirty labels through a ring of twenty, in double precision; draws at alpha = 1e-6 and their solver's 1 %."""
    exact = GaussianProcessClassifier(PAIRS["rbf"][1], optimizer=None).fit(X[-CAPACITY:], LABELS[-CAPACITY:])
    mean, variance = exact.base_estimator_.latent_mean_and_variance(NEW)
    with jax.enable_x64(True):
        belief = al.gp_classifier(D, kernel=PAIRS["rbf"][0], nugget=1e-7, capacity=CAPACITY, steps=4)
        _, p = classified(belief, X, LABELS, jnp.asarray(NEW), np.zeros(N))
        np.testing.assert_allclose(np.log(p[:, 1] / p[:, 0]), mean, atol=1e-5)
    belief = al.gp_classifier(D, kernel=PAIRS["rbf"][0], capacity=CAPACITY, steps=4)
    belief, _ = classified(belief, *(jnp.asarray(a) for a in (X, LABELS, NEW)), jnp.zeros(N))
    draws = np.asarray(quick(belief.latent, static_argnums=2)(jnp.asarray(NEW), jax.random.key(0), DRAWS))[:, 0]
    z = stats.norm.isf(1e-6 / 4 / len(NEW))
    assert (np.abs(draws.mean(0) - mean) < z * np.sqrt(variance / DRAWS) + 0.01).all()
    assert (np.abs(draws.var(0) / variance - 1) < z * np.sqrt(2 / DRAWS) + 0.02).all()


def test_the_logistic_belief_is_the_process_with_the_dot_kernel_and_a_draw_is_one_function():
    x, y, noise = reference.problem(3, n=N)
    new = jnp.asarray(np.concatenate([NEW, NEW]), jnp.float32)
    process = al.gp_classifier(D, 3, kernel=al.Dot(1 / 0.7), nugget=1e-3, capacity=N, steps=3)
    process, p = classified(process, x, y, new, noise)
    logistic, q = classified(al.logistic(D, 3, prior=0.7, capacity=N, steps=3), x, y, new, noise)
    np.testing.assert_allclose(p, q, atol=2e-3)
    menu = al.menu(new, noise=jnp.full(len(new), 0.2))
    ask = quick(lambda b, k: b.predictive(menu, k, DRAWS))
    mine, theirs = (np.asarray(ask(b, jax.random.key(0))) for b in (process, logistic))
    z = stats.norm.isf(1e-6 / 4 / mine[0].size) * np.sqrt(2 / DRAWS)
    assert (np.abs(mine.mean(0) - theirs.mean(0)) < z * theirs.std(0) + 3e-3).all()
    np.testing.assert_allclose(mine.std(0), theirs.std(0), rtol=0.2)
    np.testing.assert_allclose(mine[:, : len(NEW)], mine[:, len(NEW) :], atol=1e-5)


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match=r"Matern nu must be 0\.5, 1\.5 or 2\.5; it is 2\.0"):
        al.Matern(nu=2.0)
    with pytest.raises(ValueError, match=r"RBF length must be above 0"):
        al.RBF(0.0)
    with pytest.raises(ValueError, match=r"gp noise must be above 0"):
        al.gp(2, noise=0.0)
    with pytest.raises(ValueError, match=r"gp_arms x must be a \[rows, columns\] array"):
        al.gp_arms(jnp.zeros(3))
    with pytest.raises(TypeError, match=r"GPClassifier\.mean is defined for 2 classes; this belief has 3"):
        al.gp_classifier(2, 3).mean(al.menu(jnp.zeros((1, 2))))
