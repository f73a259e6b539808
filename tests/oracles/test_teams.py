"""Cascades and votes: what they ask, pay and answer, and the best ones by brute force."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

N, K = 80, 4
rng = np.random.default_rng(0)
RIGHT = (rng.random((N, K)) < [0.5, 0.6, 0.7, 0.9]) * 1.0
COST = np.array([0.01, 0.03, 0.1, 0.4]) * rng.gamma(2, 0.5, (N, K))
SURE = np.clip(0.3 + 0.4 * RIGHT + 0.2 * rng.normal(size=(N, K)), 0, 1)
ANSWERS = np.where(RIGHT > 0, "yes", rng.choice(["no", "maybe"], (N, K))).astype(object)


def test_a_cascade_asks_until_it_is_sure_and_pays_for_all_it_asked():
    made = al.cascade(RIGHT, COST, SURE, (0, 2, 3), (0.6, 0.5))
    for i in range(N):
        asked = [0]
        if SURE[i, 0] < 0.6:
            asked.append(2)
            if SURE[i, 2] < 0.5:
                asked.append(3)
        assert made.quality[i] == RIGHT[i, asked[-1]]
        assert made.cost[i] == pytest.approx(COST[i, asked].sum())
    alone = al.cascade(RIGHT, COST, SURE, (1,), ())
    np.testing.assert_array_equal(alone.quality, RIGHT[:, 1])


@pytest.mark.parametrize("budget", [0.02, 0.06, 0.15, 0.5])
def test_the_best_pair_is_found_within_the_budget(budget):
    chain = al.fit_cascade(RIGHT, COST, SURE, budget, longest=2, levels=N)
    best = max(RIGHT.mean(0)[COST.mean(0) <= budget])
    for a, b in itertools.permutations(range(K), 2):
        for cut in SURE[:, a]:
            made = al.cascade(RIGHT, COST, SURE, (a, b), (cut,))
            if made.cost.mean() <= budget:
                best = max(best, made.quality.mean())
    assert chain.quality == pytest.approx(best)
    assert chain.cost <= budget + 1e-12
    longer = al.fit_cascade(RIGHT, COST, SURE, budget, longest=3)
    assert len(longer.models) <= 3
    assert longer.cost <= budget + 1e-12
    made = al.cascade(RIGHT, COST, SURE, chain.models, chain.thresholds)
    assert (made.quality.mean(), made.cost.mean()) == pytest.approx((chain.quality, chain.cost))


def test_a_vote_is_a_plurality_and_ties_go_to_the_first():
    made = al.vote(RIGHT, COST, ANSWERS, (3, 0, 1))
    for i in range(N):
        told = [ANSWERS[i, k] for k in (3, 0, 1)]
        most = max(told.count(a) for a in told)
        winner = next(k for k, a in zip((3, 0, 1), told, strict=True) if told.count(a) == most)
        assert made.quality[i] == RIGHT[i, winner]
        assert made.cost[i] == pytest.approx(COST[i, [3, 0, 1]].sum())
    silent = np.array([["", "a"], [None, None]], object)
    np.testing.assert_array_equal(al.vote([[1, 0], [1, 0]], [[1, 1], [1, 1]], silent, (0, 1)).quality, [0, 1])


def test_the_best_panel_is_that_of_brute_force():
    panel = al.fit_vote(RIGHT, COST, ANSWERS, 0.2)
    found = {}
    for members in itertools.combinations(range(K), 3):
        if COST.mean(0)[list(members)].sum() <= 0.2:
            order = sorted(members, key=lambda k: -RIGHT.mean(0)[k])
            found[members] = al.vote(RIGHT, COST, ANSWERS, order).quality.mean()
    assert panel.quality == max(found.values())
    assert panel.cost <= 0.2
    assert al.fit_vote(RIGHT, COST, ANSWERS, 0.001) is None


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="models must be different numbers from 0 to 3"):
        al.cascade(RIGHT, COST, SURE, (0, 0), (0.5,))
    with pytest.raises(ValueError, match="thresholds must have one entry for each of the 1 items"):
        al.cascade(RIGHT, COST, SURE, (0, 1), ())
    with pytest.raises(ValueError, match="the cheapest model costs"):
        al.fit_cascade(RIGHT, COST, SURE, 1e-6)
    with pytest.raises(ValueError, match="answers must be"):
        al.vote(RIGHT, COST, ANSWERS[:, :2], (0, 1))


def test_preferences_take_the_place_of_quality_and_pay_for_the_answer_compared_with():
    x, price = np.ones((N, 1), np.float32), np.full(K, 5.0)
    stream = al.PromptStream(x, RIGHT, COST, price=price, against=1)
    world = stream.init(jax.random.key(0))
    menu = stream.offer(world)
    np.testing.assert_allclose(menu.price, [10, 5, 10, 10])
    keys = jax.random.split(jax.random.key(1), 4000)
    i = int(world.order[0])
    for k in range(K):
        choice = al.Choice(jnp.int32(k), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
        _, outcome = jax.jit(jax.vmap(lambda key, choice=choice: stream.answer(world, choice, key)))(keys)
        chance = (1 + RIGHT[i, k] - RIGHT[i, 1]) / 2
        assert float(outcome.y.mean()) == pytest.approx(chance, abs=5 * 0.5 / np.sqrt(4000))
        paid = COST[i, k] + (COST[i, 1] if k != 1 else 0)
        np.testing.assert_allclose(outcome.cost, paid, rtol=1e-5)
    with pytest.raises(ValueError, match="against must be a model from 0 to 3"):
        al.PromptStream(x, RIGHT, COST, against=4)


def test_routing_by_preferences_finds_the_better_models_within_the_budget():
    gen, n = np.random.default_rng(4), 1500
    hard = gen.random(n) < 0.5
    x = np.c_[np.where(hard, 1.0, -1.0), np.ones(n)].astype(np.float32)
    right = gen.random((n, 3)) < np.where(hard[:, None], [0.2, 0.3, 0.9], [0.9, 0.9, 0.9])
    cost = np.tile(np.array([0.001, 0.002, 0.02], np.float32), (n, 1))
    stream = al.PromptStream(x, right, cost, against=0)
    budget = 0.013 * n
    policies = {
        "router": al.router(2, 3, budget=budget, horizon=n, explore="thompson", noise=0.5),
        "squarecb": al.router(2, 3, budget=budget, horizon=n, explore="squarecb", gamma=500.0),
        "even": al.FixedMix(np.full(3, 1 / 3), budget, n),
    }
    data = al.study(policies, stream, jax.random.key(2), horizon=n, seeds=6, record=(al.earned, al.cost)).data
    assert (data["cost"].sum("round") <= budget * (1 + 1e-6)).all()
    quality = data["earned"].mean("round")
    for name in ("router", "squarecb"):
        assert (quality.sel(policy=name) - quality.sel(policy="even")).median() > 0.1
