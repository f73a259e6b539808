"""Scores of beliefs are their kernels, on the predictions a belief gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

K, C = 12, 3
KEY = jax.random.key(0)
P = np.random.default_rng(0).dirichlet(np.ones(C), (8, K)).astype(np.float32)
MENU = al.menu(jnp.arange(K))
ROWS = al.menu(np.random.default_rng(1).normal(size=(K, 2)).astype(np.float32))


class Table:
    """Predictions that are known: the first `draws` rows of a table."""

    def predictive(self, menu, key, draws):
        return jnp.asarray(P[:draws])


@pytest.mark.parametrize(
    ("score", "kernel"),
    [
        (al.vote_entropy_score, al.vote_entropy),
        (al.variation_ratio_score, al.variation_ratio),
        (al.consensus_kl_score, al.bald),
        (al.bald_score, al.bald),
    ],
)
def test_disagreement_is_that_of_as_many_draws_as_asked_for(score, kernel):
    np.testing.assert_allclose(score(Table(), MENU, KEY, draws=5), kernel(P[:5]), rtol=1e-6)


def test_gradients_are_as_long_as_what_the_belief_sees():
    """The menu's features, or the embedding of a belief that has one."""

    class Known:
        def probs(self, menu):
            return jnp.asarray(P[0])

    class Embedded(Known):
        def embed(self, menu):
            return 3 * menu.x

    plain = al.gradient_length_score(Known(), ROWS, KEY)
    np.testing.assert_allclose(plain, al.expected_gradient_length(P[0], ROWS.x), rtol=1e-6)
    np.testing.assert_allclose(al.gradient_length_score(Embedded(), ROWS, KEY), 3 * plain, rtol=1e-5)


@pytest.mark.parametrize("loss", ["error", "brier", "log"])
def test_error_reduction_has_the_menu_for_targets(loss):
    score = al.error_reduction_score(Table(), MENU, KEY, draws=8, targets=K, loss=loss)
    np.testing.assert_allclose(score, al.expected_error_reduction(P, P, loss=loss), rtol=1e-6)
    if loss == "log":
        np.testing.assert_array_equal(score, al.epig_score(Table(), MENU, KEY, draws=8))


def test_a_sample_of_targets_is_fresh_and_has_the_mean_of_all():
    sampled = jax.jit(jax.vmap(lambda k: al.epig_score(Table(), MENU, k, draws=8, targets=3)))
    some = sampled(jax.random.split(KEY, 2000))
    full = al.epig(P, P)
    error = some.std(0) / np.sqrt(len(some))
    assert (error > 0).all()
    assert (np.abs(some.mean(0) - full) < 5 * error).all()
