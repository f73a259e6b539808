"""Streams of prompts, and routing under a hard budget on every path."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import altheory as al

N, K, D = 60, 4, 3
rng = np.random.default_rng(0)
X = np.c_[rng.normal(size=(N, D - 1)), np.ones(N)].astype(np.float32)
RIGHT = (rng.random((N, K)) < [0.4, 0.6, 0.7, 0.9]).astype(np.float32)
COST = (np.array([0.01, 0.03, 0.1, 0.4]) * rng.gamma(2, 0.5, (N, K))).astype(np.float32)


def test_a_stream_offers_each_prompt_once_in_an_order_of_its_own():
    stream = al.PromptStream(X, RIGHT, COST)
    orders = set()
    for seed in range(3):
        world, seen = stream.init(jax.random.key(seed)), []
        for t in range(N):
            menu = stream.offer(world)
            i = int(np.flatnonzero((np.asarray(menu.x.table[0]) == X).all(1))[0])
            np.testing.assert_array_equal(stream.value(world), RIGHT[i])
            choice = al.Choice(jnp.int32(t % K), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
            world, outcome = stream.answer(world, choice, jax.random.key(t))
            assert outcome.y == RIGHT[i, t % K]
            np.testing.assert_allclose(outcome.cost, COST[i, t % K])
            assert outcome.cost <= menu.price[t % K]
            seen.append(i)
        assert sorted(seen) == list(range(N))
        orders.add(tuple(seen))
    assert len(orders) == 3


def test_models_arrive_prices_change_and_judges_err():
    stream = al.PromptStream(X, RIGHT, COST, judge=0.25, since=[0, 0, 5, 0], change=3, factor=[1.0, 3.0, 1.0, 0.5])
    play = al.FixedMix(np.eye(K)[1], 1e9, N)
    _, trace = al.simulate(play, stream, jax.random.key(0), horizon=N, record=(al.item, al.cost, al.reward, al.earned))
    order = np.asarray(stream.init(jax.random.key(0)).order)
    assert (np.asarray(trace["item"]) == 1).all()
    study = al.study(
        {"p": play}, stream, jax.random.key(1), horizon=N, seeds=60, record=(al.reward, al.earned, al.cost)
    )
    wrong = (study.data["reward"] != study.data["earned"]).values
    assert abs(wrong.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / wrong.size)
    total = study.data["cost"].sum("round").mean().item()
    assert 1.5 * COST[:, 1].sum() < total < 3 * COST[:, 1].sum()
    assert len(set(order.tolist())) == N
    late = al.FixedMix(np.eye(K)[2], 1e9, N)
    _, trace = al.simulate(late, stream, jax.random.key(2), horizon=10, record=(al.item,))
    assert (np.asarray(trace["item"])[5:] == 2).all()
    assert (np.asarray(trace["item"])[:5] != 2).all()


@st.composite
def tables(draw):
    """Costs up to their declared prices, spikes among them, and a budget that can answer every prompt."""
    seed = draw(st.integers(0, 2**31))
    gen = np.random.default_rng(seed)
    price = gen.choice([0.125, 0.25, 1.0, 4.0], K)
    share = gen.choice([0.0, 1.0], (N, K)) if draw(st.booleans()) else gen.random((N, K))
    return price, (share * price).astype(np.float32), draw(st.sampled_from([1.0, 1.01, 1.5, 4.0])), seed


@settings(max_examples=25, deadline=None, derandomize=True)
@given(tables())
def test_no_budget_is_exceeded_and_no_prompt_is_left_whatever_the_costs(made):
    price, cost, slack, seed = made
    budget = float(slack * N * price.min())
    stream = al.PromptStream(X, RIGHT, cost, price=price)
    for policy in (
        al.router(D, K, budget=budget, horizon=N, step=0.5),
        al.FixedMix(np.array([0.1, 0.2, 0.3, 0.4]), budget, N),
    ):
        _, trace = run(policy, stream, jax.random.key(seed))
        assert np.asarray(trace["cost"], np.float64).sum() <= budget * (1 + 1e-6)
        assert np.asarray(trace["labels"]).sum() == N


run = jax.jit(lambda p, o, k: al.simulate(p, o, k, horizon=N, record=(al.cost, al.labels)))


def test_a_budget_too_small_for_every_prompt_stops_within_it():
    stream = al.PromptStream(X, RIGHT, np.full((N, K), 1.0, np.float32), price=np.ones(K))
    _, trace = run(al.router(D, K, budget=7.5, horizon=N), stream, jax.random.key(0))
    assert np.asarray(trace["cost"]).sum() == 7
    assert trace.stopped[7:].all()


def test_one_model_and_equal_models():
    one = al.PromptStream(X, RIGHT[:, :1], COST[:, :1])
    _, trace = al.simulate(
        al.router(D, 1, budget=9.0, horizon=N), one, jax.random.key(0), horizon=N, record=(al.labels,)
    )
    assert np.asarray(trace["labels"]).sum() == N
    twins = al.PromptStream(X, RIGHT[:, [1, 1]], COST[:, [1, 1]])
    _, trace = al.simulate(
        al.router(D, 2, budget=9.0, horizon=N), twins, jax.random.key(0), horizon=N, record=(al.item,)
    )
    assert 5 < np.asarray(trace["item"]).sum() < N - 5


def test_the_router_learns_who_is_good_at_what_within_its_budget():
    """Two kinds of prompts: one that the cheap model gets right, one that only the dear one does."""
    gen = np.random.default_rng(1)
    hard = gen.random(800) < 0.4
    x = np.c_[np.where(hard, 1.0, -1.0) + 0.2 * gen.normal(size=800), np.ones(800)].astype(np.float32)
    right = gen.random((800, 2)) < np.where(hard[:, None], [0.2, 0.9], [0.9, 0.92])
    cost = np.tile([0.1, 1.0], (800, 1))
    stream = al.PromptStream(x, right, cost)
    budget = 800 * 0.5
    policies = {
        "router": al.router(2, 2, budget=budget, horizon=800),
        "mixture": al.FixedMix(al.best_mixture(right.mean(0), cost[0], 0.5).weights, budget, 800),
    }
    study = al.study(policies, stream, jax.random.key(0), horizon=800, seeds=20, record=(al.earned, al.cost))
    earned = study.data["earned"].mean("round")
    gain = (earned.sel(policy="router") - earned.sel(policy="mixture")).values
    assert gain.mean() > 0.05
    assert gain.mean() > 5 * gain.std() / np.sqrt(20)
    assert (study.data["cost"].sum("round") <= budget * (1 + 1e-6)).all()
    bound = al.best_routing(right, cost, budget).bound / 800
    assert earned.max() <= bound + 1e-6


def test_beliefs_apart_learn_apart_and_what_is_frozen_stays():
    apart = al.separate(al.linear(D), K)
    menu = al.PromptStream(X, RIGHT, COST).offer(al.PromptStream(X, RIGHT, COST).init(jax.random.key(0)))
    after = apart.update(menu[2], 1.0).update(menu[2], 0.0).update(menu[0], 1.0)
    alone = al.linear(D).update(al.menu(menu.x.table)[0], 1.0).update(al.menu(menu.x.table)[0], 0.0)
    np.testing.assert_allclose(after.mean(menu)[2], alone.mean(al.menu(menu.x.table))[0], rtol=1e-6)
    assert after.mean(menu)[1] == after.mean(menu)[3] == 0
    kept = al.frozen(after)
    assert kept.update(menu[1], 5.0) is kept
    np.testing.assert_array_equal(kept.mean(menu), after.mean(menu))
    both = apart.taught(jnp.asarray(X), jnp.asarray(RIGHT))
    ridge = np.linalg.solve(X.T @ X + np.eye(D), X.T @ RIGHT)
    np.testing.assert_allclose(both.mean(menu), np.asarray(menu.x.table[0]) @ ridge, rtol=1e-4)
    with pytest.raises(TypeError, match="has none"):
        al.frozen(3)


def test_routing_within_a_budget_is_close_to_its_bound_and_the_bound_is_the_linear_program():
    for seed in range(6):
        gen = np.random.default_rng(seed)
        q, c = gen.random((5, 3)), gen.exponential(size=(5, 3))
        budget = float(c.min(1).sum() + gen.random() * 3)
        found = al.best_routing(q, c, budget)
        rows = np.arange(5)
        assert found.cost <= budget + 1e-9
        np.testing.assert_allclose(found.quality, q[rows, found.model].sum())
        best = max(
            q[rows, list(m)].sum() for m in itertools.product(range(3), repeat=5) if c[rows, list(m)].sum() <= budget
        )
        assert best - (q.max(1) - q.min(1)).max() <= found.quality <= best + 1e-12
        one = np.kron(np.eye(5), np.ones(3))
        program = linprog(-q.ravel(), A_ub=c.reshape(1, -1), b_ub=[budget], A_eq=one, b_eq=np.ones(5))
        np.testing.assert_allclose(found.bound, -program.fun, rtol=1e-7)
        means = gen.random(6), gen.exponential(size=6)
        rate = float(means[1].min() + gen.random())
        mixed = linprog(-means[0], A_ub=means[1][None], b_ub=[rate], A_eq=np.ones((1, 6)), b_eq=[1])
        np.testing.assert_allclose(al.best_mixture(*means, rate).quality, -mixed.fun, rtol=1e-7)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"declares at most 0.001 for model 0, whose answer to prompt"):
        al.PromptStream(X, RIGHT, COST, price=np.array([0.001, 9, 9, 9]))
    with pytest.raises(ValueError, match=r"quality must lie in \[0, 1\]"):
        al.PromptStream(X, 2 * RIGHT, COST)
    with pytest.raises(ValueError, match="cheapest models cost"):
        al.best_routing(RIGHT, COST, 0.0)
    with pytest.raises(ValueError, match="explore must be one of ucb, thompson, squarecb, mean"):
        al.router(D, K, budget=1.0, horizon=3, explore="luck")
    with pytest.raises(ValueError, match="Router budget must be above 0"):
        al.router(D, K, budget=0.0, horizon=3)
