"""Every kernel that picks runs in double precision with strict promotion, and keeps its digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from altheory.scores.batch_bald import batch_bald
from altheory.scores.diversity import k_center
from altheory.scores.gradient import badge
from altheory.scores.information import bald
from altheory.scores.representative import cluster_margin, typiclust
from altheory.scores.stochastic import power_batch
from altheory.scores.submodular import facility_location
from altheory.scores.uncertainty import entropy

RNG = np.random.default_rng(8)
P, X = RNG.dirichlet(np.ones(3), (4, 12)), RNG.normal(size=(12, 2))


@pytest.mark.parametrize(
    "pick",
    [
        lambda key: batch_bald(P, 3, key=key).picks,
        lambda key: badge(P[0], X, 3, key=key),
        lambda key: k_center(X, 3, labelled=np.arange(12) < 2),
        lambda key: facility_location(X @ X.T, 3).picks,
        lambda key: typiclust(X, 3, key=key),
        lambda key: cluster_margin(X[:, 0], np.arange(12) % 4, 3),
        lambda key: power_batch(np.abs(X[:, 0]), 3, key=key),
    ],
)
def test_double_precision_with_strict_promotion(pick):
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        picks = np.asarray(pick(jax.random.key(0)))
    assert len(set(picks.tolist())) == 3
    assert set(picks.tolist()) <= set(range(12))


def test_double_precision_keeps_its_digits():
    def plogp(p):
        return (p * np.log(p)).sum(-1)

    with jax.enable_x64(True):
        assert entropy(jnp.asarray(P)).dtype == jnp.float64
        np.testing.assert_allclose(entropy(P), -plogp(P), rtol=1e-14)
        np.testing.assert_allclose(bald(P), plogp(P).mean(0) - plogp(P.mean(0)), rtol=1e-12)
    assert entropy(P.astype(np.float16)).dtype == jnp.float32


@pytest.mark.parametrize("draws", range(1, 9))
def test_any_number_of_draws_is_summed_in_double_precision(draws):
    p = RNG.dirichlet(np.ones(3), (draws, 12))
    with jax.enable_x64(True):
        found = np.asarray(bald(p))
    mean = p.mean(0)
    np.testing.assert_allclose(found, (p * np.log(p / mean)).sum(-1).mean(0), atol=1e-12)
