"""Votes, consensus and sequences against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow
from hypothesis import given, settings
from hypothesis import strategies as st

from altheory.scores.committee import consensus_kl, variation_ratio, vote_entropy, vote_shares
from altheory.scores.sequences import sequence_entropy, token_average

RNG = np.random.default_rng(3)
VOTES = RNG.integers(0, 4, (6, 30))
VOTES[:, 0] = 2
VOTES[:, 1] = [0, 0, 0, 1, 1, 1]


def test_votes_equal_counting():
    share = np.array([[np.mean(VOTES[:, i] == c) for c in range(4)] for i in range(30)])
    np.testing.assert_allclose(vote_shares(VOTES, classes=4), share, atol=1e-7)
    np.testing.assert_allclose(vote_entropy(VOTES, classes=4), [slow.entropy_of(s) for s in share], atol=1e-6)
    np.testing.assert_allclose(variation_ratio(VOTES, classes=4), 1 - share.max(1), atol=1e-6)
    assert vote_entropy(VOTES, classes=4)[0] == 0
    np.testing.assert_allclose(vote_entropy(VOTES, classes=4)[1], np.log(2), rtol=1e-6)


def test_probabilities_vote_for_the_likeliest():
    p = RNG.dirichlet(np.ones(4), (6, 30))
    np.testing.assert_allclose(vote_entropy(p), vote_entropy(p.argmax(-1), classes=4), atol=1e-7)


def test_consensus_divergence():
    p = RNG.dirichlet(np.full(3, 0.2), (5, 8))
    expected = [np.mean([slow.kl(p[m, i], p[:, i].mean(0)) for m in range(5)]) for i in range(8)]
    np.testing.assert_allclose(consensus_kl(p), expected, atol=2e-6)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)), st.permutations(range(30)))
def test_members_are_exchangeable_and_items_equivariant(members, items):
    moved = VOTES[np.ix_(list(members), list(items))]
    expected = np.asarray(vote_entropy(VOTES, classes=4))[list(items)]
    np.testing.assert_allclose(vote_entropy(moved, classes=4), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("votes", "classes", "words"),
    [
        (VOTES, None, "classes must be given"),
        (VOTES, 3, r"0\.\.2"),
        (VOTES[0], 4, "members, items"),
        (VOTES.astype(float), 4, "class indices"),
        (VOTES[:0], 4, "empty"),
        (np.ones((2, 2, 2)), None, "sums to 2"),
    ],
)
def test_bad_votes(votes, classes, words):
    with pytest.raises(ValueError, match=words):
        vote_shares(votes, classes=classes)


def test_sequence_entropy_is_the_mean_over_tokens_that_count():
    p = RNG.dirichlet(np.ones(5), (4, 6))
    mask = RNG.random((4, 6)) < 0.5
    mask[0] = False
    mask[1] = True
    expected = [np.mean([slow.entropy_of(q) for q in row[m]]) if m.any() else 0 for row, m in zip(p, mask, strict=True)]
    np.testing.assert_allclose(sequence_entropy(p, mask), expected, atol=1e-6)
    np.testing.assert_allclose(jax.jit(sequence_entropy)(p, mask), expected, atol=1e-6)
    everything = np.asarray(sequence_entropy(p, np.ones_like(mask)))
    assert np.abs(everything - expected).max() > 0.01


def test_padding_does_not_leak():
    scores = jnp.array([[1.0, 3.0, jnp.nan], [jnp.inf, 2.0, 4.0]])
    mask = np.array([[True, True, False], [False, True, True]])
    assert token_average(scores, mask).tolist() == [2.0, 3.0]
    with pytest.raises(ValueError, match="NaN"):
        token_average(scores, np.ones((2, 3), bool))
    with pytest.raises(ValueError, match="shape of the token scores"):
        token_average(scores, mask[:, :2])
