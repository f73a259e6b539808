"""The logistic belief's mode, its predictions and its ring of labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from scipy import special

import altheory as al
from altheory.beliefs.newton import log_posterior, newton_step

PRIOR = 0.7
cases = pytest.mark.parametrize(("classes", "noisy"), [(2, False), (2, True), (4, False), (4, True)])


def setting(classes, noisy):
    x, y, noise = reference.problem(classes)
    return x, y, noise * noisy


def fit(classes, noisy, capacity=64):
    return reference.learn(al.logistic(3, classes, prior=PRIOR, capacity=capacity), *setting(classes, noisy))


@jax.jit
def slope(weights, data):
    return jax.grad(lambda w: log_posterior(data.x @ w.T, w, data))(weights)


step = jax.jit(newton_step)
height = jax.jit(lambda w, data: log_posterior(data.x @ w.T, w, data))
settle = jax.jit(lambda w, data: jax.lax.fori_loop(0, 20, lambda _, v: newton_step(v, data), w))


@cases
def test_the_mode_is_that_of_scipy_and_flat(classes, noisy):
    belief = fit(classes, noisy)
    truth = reference.mode(*setting(classes, noisy), PRIOR, classes)
    settled = settle(belief.weights, belief.data)
    np.testing.assert_allclose(settled, truth, atol=1e-3)
    assert np.abs(slope(settled, belief.data)).max() < 1e-2
    assert np.abs(slope(jnp.zeros_like(settled), belief.data)).max() > 1
    np.testing.assert_allclose(belief.weights, truth, atol=0.05)


def test_more_newton_steps_come_closer():
    x, y, noise = setting(4, False)
    truth = reference.mode(x, y, noise, PRIOR, 4)
    beliefs = (al.logistic(3, 4, prior=PRIOR, capacity=64, steps=s) for s in (1, 3))
    one, three = (np.abs(reference.learn(b, x, y, noise).weights - truth).max() for b in beliefs)
    assert three < 1e-3
    assert three < one


def test_every_round_raises_the_density():
    x, y, noise = setting(4, True)
    belief = reference.learn(al.logistic(3, 4, prior=PRIOR, capacity=64), x, y, noise)
    start = jnp.asarray(np.random.default_rng(1).normal(size=belief.weights.shape) * 20, jnp.float32)
    heights = []
    for _ in range(5):
        heights.append(float(height(start, belief.data)))
        start = step(start, belief.data)
    assert heights == sorted(heights)
    assert heights[-1] > heights[0] + 1


@cases
def test_probabilities_follow_the_weights(classes, noisy):
    belief = fit(classes, noisy)
    x = reference.problem(classes)[0][:6]
    p = np.asarray(belief.probs(al.menu(jnp.asarray(x), noise=jnp.full(6, 0.3))))
    logits = x @ np.asarray(belief.weights).T @ reference.contrasts(classes)
    np.testing.assert_allclose(p, special.softmax(logits, 1), rtol=1e-4, atol=1e-6)


def test_the_predictive_law_passes_through_the_error_rate():
    belief, x = fit(4, False), reference.problem(4)[0][:6]
    predictive = jax.jit(lambda noise: belief.predictive(al.menu(x, noise=noise), jax.random.key(0), 8))
    clean, noisy = (predictive(jnp.full(6, e)) for e in (0.0, 0.3))
    assert clean.shape == (8, 6, 4)
    np.testing.assert_allclose(noisy, 0.7 * clean + 0.1 * (1 - clean), atol=1e-5)
    np.testing.assert_allclose(noisy.sum(-1), 1, atol=1e-5)


def test_an_evicted_label_keeps_its_gradient():
    capacity = 8
    x, y, noise = setting(4, True)
    full = reference.learn(al.logistic(3, 4, prior=PRIOR, capacity=capacity), x[:16], y[:16], noise[:16])
    w, i = full.weights, 16
    data = full.data.push(w, x[i], y[i], noise[i], jnp.bool_(True), full.seen)
    alone = data.replace(weight=jax.nn.one_hot(i % capacity, capacity))
    of_the_new = slope(w, alone) - slope(w, alone.replace(weight=jnp.zeros(capacity)))
    np.testing.assert_allclose(slope(w, data) - of_the_new, slope(w, full.data), atol=1e-4)
    np.testing.assert_allclose(data.prior_root @ data.prior_root.T, data.prior_precision, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(data.prior_root @ data.prior_inverse, np.eye(3), atol=1e-4)


@pytest.mark.parametrize("classes", [2, 4])
def test_a_short_ring_stays_close_to_all_the_data(classes):
    x, y, noise = setting(classes, False)
    truth = reference.mode(x, y, noise, PRIOR, classes).ravel()
    short = fit(classes, False, capacity=10).weights
    sd = np.sqrt(
        np.diag(np.linalg.inv(reference.information(truth.reshape(classes - 1, -1), x, noise, PRIOR, classes)))
    )
    assert (np.abs(short.ravel() - truth) < 0.5 * sd).all()


def test_means_and_draws_of_class_one_are_for_two_classes():
    menu = al.menu(jnp.ones((2, 3)))
    with pytest.raises(TypeError, match=r"Logistic\.mean is defined for 2 classes; this belief has 4: use `probs`"):
        al.logistic(3, 4).mean(menu)
    with pytest.raises(TypeError, match=r"Logistic\.sample is defined for 2 classes"):
        al.logistic(3, 4).sample(menu, jax.random.key(0))
    np.testing.assert_allclose(fit(2, False).mean(menu), fit(2, False).probs(menu)[:, 1])


def test_bradley_terry_is_the_case_of_two_classes_on_differences():
    rng = np.random.default_rng(3)
    z = rng.normal(size=(8, 3)).astype(np.float32)
    i, j = rng.integers(8, size=(2, 40))
    x = z[i] - z[j]
    won = (rng.random(40) < special.expit(x @ np.array([2.0, -1.0, 0.5]))).astype(int)
    belief = reference.learn(al.logistic(3, prior=PRIOR, capacity=64), x, won, np.zeros(40, np.float32))
    w = np.asarray(settle(belief.weights, belief.data), np.float64)[0]
    gradient = x.T @ (won - special.expit(x @ w)) - PRIOR * w
    np.testing.assert_allclose(gradient, 0, atol=1e-3)
    pairs = al.menu(jnp.asarray(x[:5]))
    np.testing.assert_allclose(belief.mean(pairs), special.expit(x[:5] @ np.asarray(belief.weights)[0]), rtol=1e-5)
    np.testing.assert_allclose(belief.mean(pairs) + belief.mean(al.menu(jnp.asarray(-x[:5]))), 1, atol=1e-6)
