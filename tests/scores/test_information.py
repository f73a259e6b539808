"""BALD: three ways to write it, its bounds, and its bias with few draws."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow
from hypothesis import given, settings
from hypothesis import strategies as st

from altheory.scores.information import bald, bald_from_logits, conditional_entropy
from altheory.scores.uncertainty import entropy

RNG = np.random.default_rng(1)
NOISELESS = np.eye(3)[RNG.integers(0, 3, (6, 8))]
MIXED = np.concatenate([NOISELESS[:3], RNG.dirichlet(np.ones(3), (3, 8))])
CASES = {
    "random": RNG.dirichlet(np.ones(4), (7, 9)),
    "noiseless": NOISELESS,
    "mixed": MIXED,
    "duplicated draws": np.repeat(RNG.dirichlet(np.ones(3), (2, 5)), 3, axis=0),
    "one draw": RNG.dirichlet(np.ones(3), (1, 5)),
    "one class": np.ones((4, 3, 1)),
    "one item": RNG.dirichlet(np.ones(2), (5, 1)),
    "many classes": RNG.dirichlet(np.full(200, 0.1), (3, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_mean_divergence_from_the_average(name):
    p = CASES[name]
    np.testing.assert_allclose(bald(p), slow.bald(p), atol=2e-6)
    np.testing.assert_allclose(jax.jit(bald)(jnp.asarray(p)), slow.bald(p), atol=2e-6)


@pytest.mark.parametrize("name", CASES)
def test_logits_give_the_same(name):
    with np.errstate(divide="ignore"):
        logits = np.log(CASES[name]) + RNG.normal(size=CASES[name].shape[:-1])[..., None]
    np.testing.assert_allclose(bald_from_logits(logits), slow.bald(CASES[name]), atol=3e-6)


def test_logits_of_any_size_are_safe():
    logits = np.array([[[1e4, 0.0]], [[-1e4, 0.0]]])
    np.testing.assert_allclose(bald_from_logits(logits), [np.log(2)], rtol=1e-6)


def test_equals_expected_fall_of_the_posterior_entropy():
    """I(theta; y) from the side of theta: prior entropy less expected posterior entropy."""
    p = CASES["mixed"]
    draws = p.shape[0]
    for i in range(p.shape[1]):
        after = 0.0
        for c in range(p.shape[2]):
            posterior = p[:, i, c] / draws
            if posterior.sum() > 0:
                after += posterior.sum() * slow.entropy_of(posterior / posterior.sum())
        np.testing.assert_allclose(bald(p)[i], np.log(draws) - after, atol=2e-6)


def test_a_particular_label_can_raise_entropy_but_never_the_average():
    prior, likelihood = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    posterior = prior * likelihood / (prior * likelihood).sum()
    assert slow.entropy_of(posterior) > slow.entropy_of(prior)
    other = prior * (1 - likelihood) / (prior * (1 - likelihood)).sum()
    chance = (prior * likelihood).sum()
    after = chance * slow.entropy_of(posterior) + (1 - chance) * slow.entropy_of(other)
    assert after < slow.entropy_of(prior)
    uniform = 0.5 * slow.entropy_of(posterior) + 0.5 * slow.entropy_of(other)
    assert uniform > slow.entropy_of(prior)


probabilities = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).dirichlet(
        np.full(3, np.random.default_rng(seed).choice([0.02, 0.3, 1.0, 20.0])), (4, 6)
    )
)


@settings(max_examples=60, deadline=None)
@given(probabilities)
def test_bounds(p):
    score = np.asarray(bald(p))
    assert (score >= 0).all()
    assert (score <= np.log(3) + 1e-6).all()
    assert (score <= np.log(4) + 1e-6).all()
    assert (score <= np.asarray(entropy(p.mean(0))) + 2e-6).all()


@settings(max_examples=30, deadline=None)
@given(probabilities, st.permutations(range(6)), st.permutations(range(4)), st.permutations(range(3)))
def test_relabelling_items_draws_and_classes(p, items, draws, classes):
    moved = p[np.ix_(list(draws), list(items), list(classes))]
    np.testing.assert_allclose(bald(moved), np.asarray(bald(p))[list(items)], atol=3e-6)


def expected_plug_in(law, atoms, size, score):
    """E of the plug-in over every sample of `size` atoms, by enumeration."""
    total = 0.0
    for sample in itertools.product(range(len(atoms)), repeat=size):
        chance = np.prod([law[s] for s in sample])
        total += chance * score(np.stack([atoms[s] for s in sample])[:, None])
    return total


def test_few_draws_bias_downwards_by_at_most_the_bound():
    atoms = RNG.dirichlet(np.full(3, 0.3), 4)
    law = np.array([0.4, 0.3, 0.2, 0.1])
    truth = slow.entropy_of(law @ atoms) - law @ [slow.entropy_of(a) for a in atoms]
    means = [expected_plug_in(law, atoms, m, lambda q: slow.bald(q)[0]) for m in (1, 2, 3, 4)]
    assert np.all(np.diff(means) >= -1e-12)
    for m, mean in enumerate(means, 1):
        assert -1e-12 <= truth - mean <= 2 / m
    draws = RNG.choice(4, p=law, size=(4000, 3))
    kernel = np.asarray(jax.jit(bald)(jnp.asarray(atoms[draws].transpose(1, 0, 2))))
    assert abs(kernel.mean() - means[2]) < 5 * kernel.std() / 4000**0.5


def test_predictive_entropy_in_place_of_bald_is_told_apart():
    """The mutant survives on noiseless draws, where the two agree, and dies on noisy ones."""
    np.testing.assert_allclose(bald(NOISELESS), entropy(NOISELESS.mean(0)), atol=2e-6)
    assert np.max(np.asarray(entropy(MIXED.mean(0))) - np.asarray(bald(MIXED))) > 0.05


def test_conditional_entropy():
    p = CASES["random"]
    expected = [np.mean([slow.entropy_of(p[m, i]) for m in range(7)]) for i in range(9)]
    np.testing.assert_allclose(conditional_entropy(jnp.asarray(p)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("probs", "words"),
    [(np.ones((2, 2)), "draws, items, classes"), (np.ones((2, 3, 2)), "sums to 2"), (np.zeros((0, 1, 2)), "empty")],
)
def test_bad_input(probs, words):
    with pytest.raises(ValueError, match=words):
        bald(probs)


def test_nan_logits_are_named():
    with pytest.raises(ValueError, match=r"logits must hold numbers; it has NaN at \[0, 1, 0\]"):
        bald_from_logits(np.array([[[0.0, 0.0], [np.nan, 0.0]]]))


def test_works_under_vmap():
    p = np.stack([CASES["random"], CASES["random"][:, ::-1]])
    both = jax.vmap(bald)(jnp.asarray(p))
    np.testing.assert_allclose(both, [slow.bald(q) for q in p], atol=2e-6)
