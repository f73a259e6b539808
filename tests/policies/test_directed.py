"""Inverse gaps and information-directed sampling, against brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al
from altheory.policies.directed import best_pair

KEY = jax.random.key(0)


weigh = plain.quick(lambda policy, scores, open: policy.weigh(scores, open))
score_and_weigh = plain.quick(
    lambda policy, k: policy.weigh(policy.scores(policy.init(KEY), al.menu(jnp.arange(k)), KEY), jnp.ones(k, bool)),
    static_argnums=1,
)


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=6), st.floats(0, 1e4), st.integers(0, 63))
def test_inverse_gap_weights_by_hand(scores, gamma, mask):
    s, open = np.array(scores, np.float32), np.array([mask >> i & 1 for i in range(6)], bool)
    p = np.asarray(weigh(al.InverseGap(al.linear(1), gamma=gamma), s, open), np.float64)
    assert (p[~open] == 0).all()
    if not open.any():
        return
    best = np.argmax(np.where(open, s, -np.inf))
    by_hand = np.where(open, 1 / (open.sum() + gamma * (s[best] - s.astype(np.float64))), 0)
    by_hand[best] = 1 - np.delete(by_hand, best).sum()
    np.testing.assert_allclose(p, by_hand, atol=1e-5)
    assert p[best] >= 1 / open.sum() - 1e-6


@given(st.integers(0, 10_000))
def test_the_best_pair_is_no_worse_than_a_fine_grid_over_pairs_and_laws(seed):
    rng = np.random.default_rng(seed)
    gap, gain = rng.exponential(size=4), rng.exponential(size=4) * (rng.random(4) < 0.7)
    usable = np.array([True, True, True, seed % 2 == 0])
    if not (gain[usable] > 0).any():
        return
    with jax.enable_x64(True):
        i, j, q = best_pair(jnp.asarray(gap), jnp.asarray(gain), jnp.asarray(usable))
        p = np.zeros(4)
        p[int(i)] += 1 - float(q)
        p[int(j)] += float(q)
    assert usable[p > 0].all()

    def ratio(p):
        told = p @ gain
        return np.where(told > 0, (p @ gap) ** 2 / np.maximum(told, 1e-300), np.inf)

    others = rng.dirichlet(np.ones(4) * 0.3, 2000) * usable
    others = others / np.maximum(others.sum(1, keepdims=True), 1e-12)
    assert ratio(p) <= min(ratio(o) for o in others[others.sum(1) > 0]) * (1 + 1e-9)


def test_where_nothing_can_be_learned_the_smallest_regret_is_played():
    i, j, q = best_pair(jnp.array([0.5, 0.1, 0.3]), jnp.zeros(3), jnp.array([True, False, True]))
    assert int(jnp.where(q > 0.5, j, i)) == 2


def test_regret_and_information_are_those_of_the_posterior():
    """Two Gaussian arms, by numerical integration: E max, and the variance of the conditional means."""
    belief = al.gaussian_arms(2).replace(moment=jnp.array([0.0, 2.0]), precision=jnp.array([1.0, 4.0]))
    policy = al.InformationDirected(belief, 20_000)
    ask = plain.quick(lambda p: p.scores(p.init(KEY), al.menu(jnp.arange(2)), KEY))
    found = np.asarray(ask(policy), np.float64)
    x = np.random.default_rng(0).normal([0.0, 0.5], [1.0, 0.5], (2_000_000, 2))
    first = x[:, 0] > x[:, 1]
    share = first.mean()
    np.testing.assert_allclose(-found[0], x.max(1).mean() - x.mean(0), atol=0.03)
    given = np.stack([x[first].mean(0), x[~first].mean(0)]) - x.mean(0)
    np.testing.assert_allclose(found[1], share * given[0] ** 2 + (1 - share) * given[1] ** 2, atol=0.03)


def test_at_most_two_arms_are_played_and_no_arm_that_is_known_to_be_worse():
    """Arm 2 is known and worthless and never played; without it the law has at most two arms, too."""
    belief = al.gaussian_arms(3)
    assert (score_and_weigh(al.InformationDirected(belief, 400), 3) > 0).sum() <= 2
    sure = belief.replace(moment=jnp.array([0.0, 0.0, -1e6]), precision=jnp.array([1.0, 1.0, 1e6]))
    assert score_and_weigh(al.InformationDirected(sure, 400), 3)[2] < 1e-6


def test_they_learn():
    bandit = al.BernoulliBandit(plain.MEANS)
    assert (
        plain.compiled(al.InformationDirected(al.gaussian_arms(4, noise=0.5), 32), bandit, seeds=100).mean()
        < 0.6 * 27.5
    )
    contexts = al.ContextualBandit([0.6, -0.3, 0.2], 5, 0.1)
    ours, chance = (
        plain.compiled(p, contexts, seeds=50).mean() for p in (al.square_cb(3, gamma=50.0), al.random(al.linear(3)))
    )
    assert ours < 0.4 * chance


def test_a_belief_without_draws_is_refused():
    with pytest.raises(TypeError, match="needs a belief with `sample`; Counts has none"):
        al.InformationDirected(al.counts(2))
