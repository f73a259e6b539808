"""Expected improvement, knowledge gradient and PBGI: against Monte Carlo sums on a fine grid, and each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al

Z = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
RNG = np.random.default_rng(0)
MEAN, STD = RNG.normal(size=5), RNG.exponential(size=5)
PAIRS = list(zip(MEAN, STD, strict=True))


def test_expected_improvement_and_its_logarithm():
    with jax.enable_x64(True):
        found = al.expected_improvement(MEAN, STD, 0.4)
        np.testing.assert_allclose(found, [np.maximum(m + s * Z - 0.4, 0).mean() for m, s in PAIRS], atol=1e-4)
        np.testing.assert_allclose(np.exp(al.log_expected_improvement(MEAN, STD, 0.4)), found, rtol=1e-12)
        assert np.isfinite(al.log_expected_improvement(0.0, 1.0, 200.0))
        assert np.isfinite(jax.grad(al.log_expected_improvement)(0.0, 1.0, 200.0))


def test_knowledge_gradient_of_independent_items():
    with jax.enable_x64(True):
        found = np.asarray(al.knowledge_gradient(MEAN, STD))
    for i in range(5):
        rest = np.delete(MEAN, i).max()
        assert abs(found[i] - (np.maximum(MEAN[i] + STD[i] * Z, rest).mean() - MEAN.max())) < 1e-4


def test_knowledge_gradient_of_items_that_tell_of_one_another():
    slopes = RNG.normal(size=(6, 5))
    slopes[1] = 0.0
    slopes[2] = slopes[2, 0]
    slopes[3, 1:3] = slopes[3, 0]
    with jax.enable_x64(True):
        found = np.asarray(al.knowledge_gradient(MEAN, slopes))
        alone = al.knowledge_gradient(MEAN, np.diag(STD))
        np.testing.assert_allclose(alone, al.knowledge_gradient(MEAN, STD), atol=1e-12)
    truth = [(MEAN[:, None] + s[:, None] * Z).max(0).mean() - MEAN.max() for s in slopes]
    np.testing.assert_allclose(found, truth, atol=1e-4)
    np.testing.assert_allclose(found[1:3], 0, atol=1e-12)


@pytest.fixture
def learned():
    belief = al.linear(3)
    x = jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32)
    row = al.menu(x)[0]
    return belief.update(row, 1.0), al.menu(x, price=jnp.array([0.01, 0.1, 0.1, 0.0]), noise=jnp.full(4, 0.5))


def test_pbgi_stops_where_improvement_is_below_the_price(learned):
    belief, menu = learned
    for scale in (0.1, 1.0, 3.0):
        index = np.asarray(al.pbgi(belief, menu, None, scale=scale))
        for best in (-0.5, 0.3, 2.0):
            gain = np.asarray(al.expected_improvement(belief.mean(menu), belief.std(menu), best))
            np.testing.assert_array_equal(index <= best, gain <= scale * np.asarray(menu.price))
    assert np.isinf(index[3])


def test_scores_ask_the_belief(learned):
    belief, menu = learned
    mean, std = belief.mean(menu), belief.std(menu)
    change = std**2 / jnp.sqrt(std**2 + 0.25)
    np.testing.assert_allclose(
        al.knowledge_gradient_score(belief, menu, None), al.knowledge_gradient(mean, change), atol=1e-6
    )
    np.testing.assert_allclose(
        al.expected_improvement_score(belief, menu, None), al.expected_improvement(mean, std, mean.max()), atol=1e-6
    )
    boxes = al.boxes(al.GaussianPrize(mean, std), outside=0.7)
    arms = al.menu(jnp.arange(4))
    np.testing.assert_allclose(
        al.expected_improvement_score(boxes, arms, None), al.expected_improvement(mean, std, 0.7), atol=1e-6
    )
