"""Batches, stops and budgets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import altheory as al

K = 6
VALUES = jnp.array([0.1, 0.9, 0.5, 0.7, 0.3, 0.8])
MENU = al.menu(jnp.arange(K), open=jnp.arange(K) != 5)
KEY = jax.random.key(0)


def known(belief, menu, key, *, values=0.0):
    return values


FIXED = al.score(known, values=VALUES)
TOP = al.Argmax(al.counts(K), FIXED)


def select(policy, menu=MENU, key=KEY):
    return policy.select(policy.init(key), menu, key)


@pytest.mark.parametrize("q", [1, 3, 5])
def test_a_batch_of_argmax_is_the_top_q(q):
    choice = select(al.Batched(TOP, q))
    np.testing.assert_array_equal(choice.item, [1, 3, 2, 4, 0][:q])
    assert choice.valid.all()
    np.testing.assert_allclose(choice.prob, 1)


def test_a_batch_larger_than_the_menu_is_masked():
    choice = select(al.Batched(TOP, 8))
    np.testing.assert_array_equal(choice.valid, [True] * 5 + [False] * 3)
    np.testing.assert_array_equal(choice.item[:5], [1, 3, 2, 4, 0])


def test_a_batch_of_softmax_draws_without_replacement():
    """The second pick follows the law renormalised without the first (chi-square, alpha = 1e-6)."""
    policy = al.Batched(al.Softmax(al.counts(K), FIXED, 0.5), 2)
    keys = jax.random.split(KEY, 8000)
    items = np.asarray(jax.jit(jax.vmap(lambda k: select(policy, key=k).item))(keys))
    weight = np.exp(np.asarray(VALUES, np.float64) / 0.5) * (np.arange(K) != 5)
    law = weight / weight.sum()
    joint = np.where(np.eye(K) > 0, 0, law[:, None] * law[None] / (1 - law[:, None]))
    counts = np.zeros((K, K))
    np.add.at(counts, (items[:, 0], items[:, 1]), 1)
    assert counts[joint == 0].sum() == 0
    assert stats.chisquare(counts[joint > 0], 8000 * joint[joint > 0]).pvalue > 1e-6


def test_a_batch_teaches_the_belief_every_valid_outcome():
    policy = al.Batched(TOP, 8)
    choice = select(policy)
    y = jnp.where(choice.valid, 1.0, jnp.nan)
    after = policy.update(policy.init(KEY), MENU, choice, al.Outcome(y, jnp.ones(8)))
    np.testing.assert_array_equal(after.belief.plays, [1, 1, 1, 1, 1, 0])
    np.testing.assert_array_equal(after.belief.total, [1, 1, 1, 1, 1, 0])


@pytest.mark.parametrize(("threshold", "stops"), [(0.89, False), (0.9, True), (0.95, True)])
def test_below_stops_once_no_open_item_is_worth_more(threshold, stops):
    for policy in (al.Argmax(al.counts(K), FIXED, al.below(threshold)), al.Until(TOP, al.below(threshold))):
        choice = select(policy)
        assert (bool(choice.stop), bool(choice.valid)) == (stops, not stops)
        batch = select(al.Batched(policy, 2))
        assert bool(batch.stop) == stops
        assert bool(batch.valid.any()) == (not stops)
        assert bool(select(al.Budgeted(policy, 10.0)).stop) == stops


def test_until_keeps_the_inner_rule():
    inner = al.Argmax(al.counts(K), FIXED, al.below(0.95))
    assert select(al.Until(inner, al.below(0.0))).stop
    assert not select(al.Until(TOP, al.never)).stop


def rich_pool(price):
    return al.LabelPool(np.eye(4, 2) + 0.1, [0, 1, 0, 1], price)


POLICIES = {
    "one by one": al.random(al.logistic(2, capacity=4)),
    "cheapest value": al.Argmax(al.linear(2), al.per_dollar(al.variance)),
    "batches": al.Batched(al.random(al.linear(2)), 3),
}
spend = jax.jit(
    lambda policy, pool: al.simulate(policy, pool, KEY, horizon=14, record=(al.cost,)),
    compiler_options={"xla_backend_optimization_level": 0},
)


def purse(name, budget):
    return al.Budgeted(POLICIES[name], budget)


@pytest.mark.parametrize("name", POLICIES)
@given(tenths=st.lists(st.integers(0, 7), min_size=3, max_size=3), budget=st.integers(0, 60))
def test_a_budget_is_never_overspent_and_only_left_when_nothing_fits(name, tenths, budget):
    price = np.array(tenths, np.float32) / np.float32(10)
    state, trace = spend(purse(name, budget / 10), rich_pool(price))
    rows = np.asarray(trace.item).reshape(-1)
    bought = rows[rows >= 0]
    spent = sum(tenths[r // 4] for r in bought)
    assert spent <= budget
    assert len(set(bought)) == len(bought)
    left = sorted(tenths[r // 4] for r in set(range(12)) - set(bought))
    assert not left or left[0] > budget - spent
    np.testing.assert_allclose(float(state.spent[0]) + float(state.spent[1]), spent / 10, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(np.asarray(trace["cost"], np.float64).sum(), spent / 10, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", POLICIES)
def test_ten_labels_at_a_tenth_fit_a_budget_of_one(name):
    _, trace = spend(purse(name, 1.0), rich_pool(np.full(3, 0.1)))
    assert int((trace.item >= 0).sum()) == 10
    assert bool(trace.stopped[-1])


@given(
    cents=st.lists(st.integers(0, 1000), min_size=K, max_size=K), budget=st.integers(0, 2000), spent=st.integers(0, 500)
)
def test_a_choice_within_a_budget_is_affordable_to_the_cent(cents, budget, spent):
    menu = al.menu(jnp.arange(K), price=jnp.asarray(np.array(cents) / 100, jnp.float32))
    policy = al.Budgeted(TOP, budget / 100)
    state = policy.init(KEY).replace(spent=(jnp.float32(spent / 100), jnp.float32(0)))
    choice = select_from(policy, state, menu)
    fits = [c + spent <= budget for c in cents]
    assert bool(choice.stop) == (not any(fits))
    if any(fits):
        assert int(choice.item) == max((i for i in range(K) if fits[i]), key=lambda i: float(VALUES[i]))


select_from = jax.jit(lambda policy, state, menu: policy.select(state, menu, KEY))
