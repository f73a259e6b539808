"""The draws of the logistic belief: their covariance, and how they compare with the exact posterior."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

import altheory as al
from altheory.beliefs import newton
from altheory.beliefs.newton import (
    contrasts,
    draws_of,
    fisher,
    one_bend,
    responsibility,
    root_fisher,
    variational_draws,
    with_noise,
)

DRAWS = 5000


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_contrasts_are_orthonormal_over_root_two(classes):
    b = contrasts(classes)
    np.testing.assert_allclose(b @ b.T, np.eye(classes - 1) / 2, atol=1e-12)
    np.testing.assert_allclose(b.sum(1), 0, atol=1e-12)
    gaps = b[:, :, None] - b[:, None, :]
    np.testing.assert_allclose((gaps**2).sum(0), 1 - np.eye(classes), atol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_fisher_information_is_the_expected_curvature(noise):
    logits = jnp.array([0.3, -1.0, 0.5])

    def surprise(u):
        return -(seen * jnp.log(with_noise(jax.nn.softmax(u), noise))).sum()

    seen = with_noise(jax.nn.softmax(logits), noise)
    expected = jax.jit(jax.hessian(surprise))(logits)
    p = jax.nn.softmax(logits)
    np.testing.assert_allclose(fisher(p, jnp.float32(noise)), expected, atol=1e-5)
    root, transpose = root_fisher(p[:, None], noise)
    e, u = jnp.array([[1.0], [2.0], [-1.0]]), jnp.array([[0.5], [0.1], [2.0]])
    np.testing.assert_allclose((root(e) * u).sum(), (e * transpose(u)).sum(), rtol=1e-5)


def test_responsibility_is_bayes_rule():
    p = jnp.array([0.7, 0.2, 0.1])
    np.testing.assert_allclose(responsibility(p, 1, 0.0), [0, 1, 0])
    joint = np.array([0.7 * 0.1, 0.2 * 0.8, 0.1 * 0.1])
    np.testing.assert_allclose(responsibility(p, 1, 0.2), joint / joint.sum(), rtol=1e-5)
    np.testing.assert_allclose(responsibility(jnp.array([1.0, 0.0, 0.0]), 2, 0.0), [0, 0, 1])


@pytest.mark.parametrize(("classes", "noisy"), [(2, False), (4, True)])
def test_draws_have_the_inverse_information_as_covariance(classes, noisy):
    """Whitened draws are standard normal: mean, length and every correlation, each at alpha = 1e-6."""
    x, y, noise = reference.problem(classes)
    noise = noise * noisy
    belief = reference.learn(al.logistic(3, classes, prior=0.7, capacity=64), x, y, noise)
    drawn = jax.jit(draws_of, static_argnums=3)(belief.weights, belief.data, jax.random.key(0), DRAWS)
    information = reference.information(belief.weights, x, noise, 0.7, classes)
    white = np.asarray(drawn - belief.weights, np.float64).reshape(DRAWS, -1) @ np.linalg.cholesky(information)
    size = white.shape[1]
    z = stats.norm.isf(1e-6 / 2 / size**2)
    assert (np.abs(white.mean(0)) < z / np.sqrt(DRAWS)).all()
    assert (np.abs(white.T @ white / DRAWS - np.eye(size)) < z * np.sqrt((1 + np.eye(size)) / DRAWS)).all()


@pytest.mark.parametrize("way", [newton._draws_by_weights, newton._draws_by_labels])
def test_draws_are_a_linear_map_whose_square_is_the_inverse_information(way):
    """Both ways of solving, on a full ring that has dropped labels into the prior: exact but for the solver's 1 %."""
    classes, dim, ring = 3, 8, 6
    belief = reference.learn(al.logistic(dim, classes, prior=0.7, capacity=ring), *reference.problem(classes, dim=dim))
    data, weights = belief.data, belief.weights
    p = jax.nn.softmax(data.contrast.T @ (weights @ data.x.T), 0)
    unit = np.eye(classes * ring + (classes - 1) * dim, dtype=np.float32)
    e, z = (jnp.asarray(part) for part in np.split(unit, [classes * ring], axis=1))
    law = root_fisher(p, data.noise)
    drawn = jax.jit(lambda e, z: way(data, law, e, z))(
        e.reshape(-1, classes, ring), z.reshape(-1, classes - 1, dim)
    ).reshape(len(unit), -1)
    information = np.kron(np.eye(classes - 1), np.asarray(data.prior_precision, np.float64))
    for i in range(ring):
        about = np.asarray(data.contrast @ fisher(p[:, i], data.noise[i]) @ data.contrast.T, np.float64)
        information += np.kron(about, np.outer(data.x[i], data.x[i]))
    root = np.linalg.cholesky(information)
    square = np.asarray(drawn, np.float64).T @ np.asarray(drawn, np.float64)
    np.testing.assert_allclose(root.T @ square @ root, np.eye(len(root)), atol=0.02)


@given(st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=6), st.floats(0, 1))
def test_no_label_tells_more_than_its_bend(weights, share):
    """Bohning's bound, and its share for a noisy label; two even classes reach it."""
    p, classes = jnp.asarray(weights) / sum(weights), len(weights)
    noise = share * (classes - 1) / classes
    b = contrasts(classes)
    most = np.linalg.eigvalsh(b @ np.asarray(fisher(p, noise), np.float64) @ b.T).max()
    assert most <= float(one_bend(noise, classes)) + 1e-6
    even = np.asarray(fisher(jnp.array([0.5, 0.5]), 0.0))
    np.testing.assert_allclose(contrasts(2) @ even @ contrasts(2).T, one_bend(0.0, 2), rtol=1e-5)


def evidence_bound(mean, root, x, y, prior, classes):
    """Bohning's lower bound of the log evidence at `N(mean, root root')`, up to a constant."""
    b, at = contrasts(classes), mean.reshape(classes - 1, -1)
    z = x @ at.T @ b
    fit = z[np.arange(len(y)), y] - special.logsumexp(z, axis=1)
    curvature = 0.5 * (np.eye(classes) - 1 / classes)
    spread = sum(np.trace(np.kron(b @ curvature @ b.T, np.outer(r, r)) @ root @ root.T) for r in x)
    entropy = np.log(np.abs(np.diag(root))).sum()
    return fit.sum() - spread / 2 - prior / 2 * ((mean**2).sum() + (root**2).sum()) + entropy


def test_the_variational_posterior_maximises_the_evidence_bound():
    """No mean and no covariance near it, and no other that random search finds, has a higher bound."""
    classes, prior, (x, y, noise) = 3, 0.7, reference.problem(3)
    belief = reference.learn(al.logistic(3, classes, prior=prior, capacity=64), x, y, 0 * noise)
    x = x.astype(np.float64)
    mean = reference.mode(x, y, 0 * noise, prior, classes).ravel()
    shared = np.asarray(belief.data.bound_root, np.float64)
    root = np.linalg.cholesky(np.kron(np.eye(classes - 1), shared @ shared.T))
    best, rng = evidence_bound(mean, root, x, y, prior, classes), np.random.default_rng(0)
    for size in (1e-2, 0.1, 1.0):
        for _ in range(20):
            moved = mean + size * root @ rng.normal(size=mean.shape)
            assert evidence_bound(moved, root, x, y, prior, classes) < best
            bent = root @ (np.eye(len(root)) + size * np.tril(rng.normal(size=root.shape)))
            assert evidence_bound(mean, bent, x, y, prior, classes) < best


def test_variational_draws_have_the_bound_s_covariance():
    """Whitened draws are standard normal: mean, length and every correlation, each at alpha = 1e-6."""
    x, y, noise = reference.problem(4)
    belief = reference.learn(al.logistic(3, 4, prior=0.7, capacity=64, posterior="variational"), x, y, noise)
    drawn = jax.jit(variational_draws, static_argnums=3)(belief.weights, belief.data, jax.random.key(0), DRAWS)
    bend = np.asarray(one_bend(noise, 4), np.float64)
    precision = np.kron(np.eye(3), 0.7 * np.eye(3) + np.einsum("n,ni,nj->ij", bend, x, x))
    white = np.asarray(drawn - belief.weights, np.float64).reshape(DRAWS, -1) @ np.linalg.cholesky(precision)
    z = stats.norm.isf(1e-6 / 2 / 9**2)
    assert (np.abs(white.mean(0)) < z / np.sqrt(DRAWS)).all()
    assert (np.abs(white.T @ white / DRAWS - np.eye(9)) < z * np.sqrt((1 + np.eye(9)) / DRAWS)).all()


def test_a_posterior_of_neither_kind_is_refused():
    with pytest.raises(ValueError, match="posterior is 'exact': choose one of laplace, variational"):
        al.logistic(2, posterior="exact")


@pytest.mark.slow
@pytest.mark.parametrize("noisy", [False, True])
def test_the_laplace_posterior_agrees_with_nuts(noisy):
    """Means within 0.3 and spreads within 25 % of NUTS: what the approximation allows at 60 labels."""
    with warnings.catch_warnings(), jax.numpy_dtype_promotion("standard"):
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        import numpyro
        from numpyro.infer import MCMC, NUTS

        x, y, noise = reference.problem(2, n=60, dim=2, seed=4)
        noise = noise * noisy

        def model():
            w = numpyro.sample("w", numpyro.distributions.Normal(jnp.zeros(2), 1).to_event(1))
            p = with_noise(jax.nn.softmax((x @ w)[:, None] * jnp.array([-0.5, 0.5])), noise[:, None])
            numpyro.sample("y", numpyro.distributions.Categorical(p), obs=jnp.asarray(y))

        chain = MCMC(NUTS(model), num_warmup=500, num_samples=4000, progress_bar=False)
        chain.run(jax.random.key(0))
    exact = np.asarray(chain.get_samples()["w"])
    belief = reference.learn(al.logistic(2, prior=1.0, capacity=64), x, y, noise)
    drawn = np.asarray(draws_of(belief.weights, belief.data, jax.random.key(1), 4000))[:, 0]
    assert (np.abs(exact.mean(0) - drawn.mean(0)) < 0.3 * exact.std(0)).all()
    np.testing.assert_allclose(drawn.std(0), exact.std(0), rtol=0.25)
