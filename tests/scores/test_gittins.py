"""Gittins indices: against restarting, value iteration, published tables and plain backward induction."""

import functools
import itertools

import jax
import numpy as np
import pytest

import altheory as al
from altheory.guarantees.indices import best_value, index_value


def chain(seed, size):
    rng = np.random.default_rng(seed)
    move = rng.dirichlet(np.full(size, 0.4), size)
    return move, np.round(rng.normal(size=size), 1)


@pytest.mark.parametrize("discount", [0.5, 0.9, 0.999])
def test_elimination_equals_restarting(discount):
    with jax.enable_x64(True):
        for seed in range(4):
            move, pay = chain(seed, 7)
            np.testing.assert_allclose(
                al.gittins_index(move, pay, discount), al.restart_index(move, pay, discount), atol=1e-10
            )


def test_the_best_state_has_its_own_reward_and_indices_move_with_rewards():
    move, pay = chain(5, 6)
    index = np.asarray(al.gittins_index(move, pay, 0.9))
    assert abs(index.max() - pay.max()) < 1e-6
    assert (index >= pay - 1e-6).all()
    np.testing.assert_allclose(al.gittins_index(move, 3 * pay + 2, 0.9), 3 * index + 2, atol=1e-5)


def test_index_policy_equals_value_iteration_on_products():
    with jax.enable_x64(True):
        for seed in range(3):
            arms = tuple(chain(10 * seed + i, 3) for i in range(3))
            np.testing.assert_allclose(index_value(arms, 0.9, al.gittins_index), best_value(arms, 0.9), atol=1e-9)


def by_bisection(a, b, discount, pulls):
    """The index of Beta(a, b) by halving the retirement reward, each with a whole backward induction."""
    low, high = 0.0, 1.0
    for _ in range(24):
        reward = (low + high) / 2
        wins = np.arange(pulls + 1)
        worth = np.maximum((a + wins) / (a + b + pulls), reward)
        for n in range(pulls - 1, -1, -1):
            p = (a + wins[: n + 1]) / (a + b + n)
            on = (1 - discount) * p + discount * (p * worth[1:] + (1 - p) * worth[:-1])
            worth = np.maximum(on, reward)
        low, high = (reward, high) if on[0] > reward else (low, reward)
    return (low + high) / 2


@pytest.fixture(scope="module")
def tables():
    return {discount: al.bernoulli_gittins(200, discount) for discount in (0.5, 0.9, 0.95, 0.99)}


def test_published_values(tables):
    for discount, value in ((0.9, 0.7029), (0.95, 0.7614), (0.99, 0.8699)):
        assert f"{tables[discount].index[1, 1]:.4f}" == f"{value:.4f}"


@pytest.mark.parametrize(("discount", "pulls"), [(0.5, 40), (0.9, 200), (0.95, 300), (0.99, 1100)])
def test_tables_agree_with_bisection(tables, discount, pulls):
    for a, b in ((1, 1), (1, 9), (7, 2), (41, 154), (174, 24), (2, 46), (1, 199)):
        truth, entry = by_bisection(a, b, discount, pulls), tables[discount].index[a, b]
        assert abs(entry - truth) < 1e-5
        assert abs(entry - truth) <= tables[discount].error[a, b] + 1e-6


def test_tables_are_monotone_and_above_the_mean(tables):
    index = tables[0.9].index
    a, b = np.indices(index.shape)
    known = (a >= 1) & (b >= 1) & (a + b <= 200)
    assert np.isfinite(index[known]).all()
    assert np.isnan(index[~known]).all()
    assert (index[known] > (a / np.maximum(a + b, 1))[known] - 1e-6).all()
    assert (np.diff(index[1:150, 1:50], axis=0) > -1e-6).all()
    assert (np.diff(index[1:150, 1:50], axis=1) < 1e-6).all()
    assert (tables[0.99].index[known] > index[known] - 1e-6).all()


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="rows that add up to 1"):
        al.gittins_index(np.ones((2, 2)), np.ones(2), 0.9)
    with pytest.raises(ValueError, match=r"must be \[states, states\] for the 3 rewards"):
        al.gittins_index(np.eye(2), np.ones(3), 0.9)
    with pytest.raises(ValueError, match="a finite horizon has no Gittins index"):
        al.bernoulli_gittins(10, 1.0)
    with pytest.raises(ValueError, match="limit must be a whole number"):
        al.bernoulli_gittins(1, 0.9)


def test_the_policy_plays_as_dynamic_programming_does():
    """Two arms, discount 0.6: in every state of the first eight pulls the index's arm is worth the most."""
    discount, depth = 0.6, 26
    policy = al.gittins_bernoulli(2, discount, limit=40)

    @functools.cache
    def worth(state):
        if sum(state) == depth:
            return max(state[i] / (state[i] + state[i + 1]) for i in (0, 2)) / (1 - discount)
        return max(pull(state, 0), pull(state, 2))

    def pull(state, i):
        p = state[i] / (state[i] + state[i + 1])
        won, lost = (tuple(x + (j == k) for j, x in enumerate(state)) for k in (i, i + 1))
        return p * (1 + discount * worth(won)) + (1 - p) * discount * worth(lost)

    menu, start = al.menu(np.arange(2)), policy.init(jax.random.key(0))
    scores = jax.jit(lambda a, b: policy.score(start.belief.replace(a=a, b=b), menu, jax.random.key(0)))
    states = [s for s in itertools.product(range(1, 8), repeat=4) if sum(s) <= 12]
    for state in states:
        a, b = np.array(state[::2], np.float32), np.array(state[1::2], np.float32)
        best = int(np.argmax(scores(a, b)))
        assert pull(state, 2 * best) >= worth(state) - 1e-4
    near = [abs(pull(s, 0) - pull(s, 2)) for s in states]
    assert np.mean(np.array(near) > 1e-3) > 0.5


def test_beyond_the_table_the_entry_of_the_same_mean_is_read():
    policy = al.gittins_bernoulli(2, 0.9, limit=20)
    belief = policy.init(jax.random.key(0)).belief.replace(a=np.float32([60, 6]), b=np.float32([40, 4]))
    index = policy.score(belief, al.menu(np.arange(2)), jax.random.key(0))
    table = al.bernoulli_gittins(20, 0.9).index
    np.testing.assert_allclose(index, [table[12, 8], table[6, 4]], rtol=1e-6)
