"""Bandits with knapsacks: the linear program, budgets on every path, and what the two players pay."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import altheory as al
from altheory.core.packing import packing

solve = jax.jit(packing)
MEANS, USE = np.array([0.9, 0.5, 0.0]), np.array([[0.8, 0.1], [0.2, 0.6], [0.0, 0.0]])
POLICIES = {"two learners": al.bwk_lagrange, "optimism": al.ucb_bwk}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**31), ties=st.booleans(), tight=st.booleans())
def test_the_packing_program_is_solved_as_scipy_does(seed, ties, tight):
    rng = np.random.default_rng(seed)
    arms, resources = 5, 3
    value = rng.choice([0.0, 0.5, 1.0], arms) if ties else rng.random(arms)
    use = rng.choice([0.0, 0.5, 1.0], (arms, resources)) if ties else rng.random((arms, resources))
    limit = rng.choice([0.0, 0.3], resources) if tight else rng.random(resources)
    law, price = (np.asarray(a) for a in solve(*(jnp.asarray(a, jnp.float32) for a in (value, use, limit))))
    best = -linprog(-value, np.vstack([use.T, np.ones(arms)]), np.append(limit, 1.0)).fun
    assert law @ value == pytest.approx(best, abs=1e-5)
    assert (law >= 0).all()
    assert law.sum() <= 1 + 1e-5
    assert (law @ use <= limit + 1e-5).all()
    slack = (value - use @ price).max(initial=0)
    assert price @ limit + slack == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("name", POLICIES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), budget=st.floats(1, 20), other=st.floats(1, 20))
def test_no_budget_is_exceeded_on_any_path(name, seed, budget, other):
    policy = POLICIES[name](3, [budget, other], 40)
    rng = np.random.default_rng(seed)
    use = jnp.asarray(rng.choice([0.0, 0.3, 0.999, 1.0], (40, 2), p=[0.1, 0.2, 0.2, 0.5]))
    used, stopped = walk(policy, use, jax.random.key(seed))
    assert (used <= np.array([budget, other]) * (1 + 1e-6)).all()
    assert stopped == (used > np.array([budget, other]) - 1).any()


@jax.jit
def walk(policy, use, key):
    """Rounds that use what an adversary likes, as long as the policy plays."""
    menu = al.menu(jnp.arange(3))

    def one(carry, seen):
        state, used = carry
        mine, key = seen
        choice = policy.select(state, menu, key)
        state = policy.update(state, menu, choice, al.Outcome(mine.sum() / 2, jnp.ones(()), use=mine))
        return (state, used + jnp.where(choice.valid, mine, 0)), None

    (state, used), _ = jax.lax.scan(one, (policy.init(key), jnp.zeros(2)), (use, jax.random.split(key, len(use))))
    return used, policy.select(state, menu, key).stop


def test_both_players_pay_what_their_theorems_say_on_every_path():
    horizon, budget = 400, 100.0
    policy, oracle = al.bwk_lagrange(3, [budget, budget], horizon), al.KnapsackBandit(MEANS, USE)
    menu, ratio = oracle.offer(()), horizon / budget

    @jax.jit
    def one(state, key):
        choice = policy.select(state, menu, key)
        _, outcome = oracle.answer((), choice, key)
        shares = policy.inner.weigh(policy.inner.scores(state.inner, menu, key), menu.open)
        return policy.update(state, menu, choice, outcome), (shares, policy.prices(state), choice, outcome)

    state, keys = policy.init(jax.random.key(1)), jax.random.split(jax.random.key(2), horizon)
    state, (shares, prices, choice, outcome) = jax.lax.scan(one, state, keys)
    played = np.asarray(choice.valid)
    gains = np.where(played[:, None], 1 - ratio * np.asarray(outcome.use, np.float64), 0)
    hedged = (np.asarray(prices, np.float64) * gains).sum()
    assert hedged <= np.append(gains.sum(0), 0).min() + ratio * np.sqrt(horizon / 2 * np.log(3)) + 1e-3
    payoff = np.asarray(outcome.y) + (np.asarray(prices) * gains).sum(1)
    shares, item = np.asarray(shares, np.float64), np.asarray(choice.item)
    guess = np.zeros((horizon, 3))
    guess[np.arange(horizon), item] = np.where(played, (2 - payoff) / (ratio + 1) / shares[np.arange(horizon), item], 0)
    eta = float(policy.inner.eta)
    lost = (shares * guess).sum() - guess.sum(0).min()
    assert lost <= np.log(3) / eta + eta / 2 * (shares * guess**2).sum() + 1e-3
    assert not int(state.status)


def test_optimism_agrees_with_a_plain_version():
    policy, oracle = al.ucb_bwk(3, [30.0, 40.0], 100), al.KnapsackBandit(MEANS, USE)
    state = policy.init(jax.random.key(0))
    rng, pulls, total = np.random.default_rng(0), np.zeros(3), np.zeros((3, 3))
    update = jax.jit(policy.update)
    for _ in range(60):
        k = int(rng.integers(3))
        told = np.append(rng.random() < MEANS[k], rng.random(2) < USE[k]).astype(np.float32)
        choice = al.Choice(jnp.int32(k), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
        outcome = al.Outcome(jnp.float32(told[0]), jnp.ones(()), use=jnp.asarray(told[1:]))
        state = update(state, oracle.offer(()), choice, outcome)
        pulls[k] += 1
        total[k] += told
    half = np.sqrt(np.log(4 * 3 * 3 * 100 / 0.05) / (2 * pulls))[:, None]
    upper, lower = np.minimum(total / pulls[:, None] + half, 1)[:, 0], np.maximum(total / pulls[:, None] - half, 0)
    best = -linprog(-upper, np.vstack([lower[:, 1:].T, np.ones(3)]), [0.3, 0.4, 1.0]).fun
    law = policy.law(state, jnp.ones(3, bool))
    assert float(law @ upper) == pytest.approx(best, abs=1e-5)
    shut = policy.law(state, jnp.array([False, True, True]))
    assert float(shut[0]) == 0
    assert float(shut.sum()) > 0.5


def test_money_is_the_resource_where_there_is_no_other():
    oracle = al.PricedBandit(jnp.array([0.9, 0.6]), jnp.array([0.9, 0.3]))
    for make in POLICIES.values():
        found = al.study({"p": make(2, 50.0, 200)}, oracle, jax.random.key(0), horizon=200, seeds=4, record=(al.cost,))
        assert not found.data["status"].any()
        spent = found.data["cost"].sum("round")
        assert (spent <= 50).all()
        assert (spent > 49 - 0.9).all()


def test_a_use_or_a_reward_out_of_range_is_told():
    menu, key = al.menu(jnp.arange(2)), jax.random.key(0)
    for make in POLICIES.values():
        policy = make(2, 5.0, 10)
        state = policy.init(key)
        choice = policy.select(state, menu, key)
        for y, used in ((3.0, 0.5), (0.5, 2.0)):
            told = policy.update(state, menu, choice, al.Outcome(jnp.float32(y), jnp.ones(()), use=jnp.array([used])))
            later = policy.select(told, menu, key)
            assert int(later.status) or bool(later.stop)


@pytest.mark.parametrize("make", POLICIES.values())
@pytest.mark.parametrize("budget", [0.5, [5.0, 11.0], []])
def test_a_budget_that_is_none_is_refused(make, budget):
    with pytest.raises(ValueError, match="budget must have a number from 1 to the horizon, 10"):
        make(3, budget, 10)
