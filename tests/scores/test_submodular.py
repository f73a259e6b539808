"""Greedy rules: the same picks lazily, guarantees against brute force, and mutants that break them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow
from hypothesis import given, settings
from hypothesis import strategies as st

from altheory.scores.lazy import lazy_argmax
from altheory.scores.objectives import BallCover, Coverage, FacilityLocation, Plus, Proximity
from altheory.scores.submodular import (
    certainty_gain,
    cost_benefit_greedy,
    diverse_and_uncertain,
    facility_location,
    greedy,
)

RNG = np.random.default_rng(6)
KEY = jax.random.key(0)


def subsets(n, k):
    return itertools.combinations(range(n), k)


def covered(covers, weight, items):
    return float(weight[covers[list(items)].any(0)].sum()) if len(items) else 0.0


@pytest.mark.parametrize("method", ["lazy", "plain"])
@pytest.mark.parametrize("base", [None, "some"])
def test_facility_location_equals_plain_greedy(method, base):
    similarity = RNG.normal(size=(25, 18))
    b = np.zeros(18) if base is None else RNG.uniform(0, 1, 18)
    picks, values = slow.greedy(lambda s: slow.facility(similarity, b, s), 25, 25)
    batch = facility_location(similarity, 25, base=None if base is None else b, method=method)
    np.testing.assert_allclose(batch.values, values, rtol=1e-5)
    distinct = int(np.argmax(np.diff(values) < 1e-6)) + 1
    assert batch.picks.tolist()[:distinct] == picks[:distinct]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_lazy_equals_plain_with_many_ties(seed):
    rng = np.random.default_rng(seed)
    coverage = Coverage(rng.random((200, 12)) < 0.3, rng.integers(0, 3, 12).astype(float))
    lazy, plain = greedy(coverage, 6), greedy(coverage, 6, method="plain")
    assert lazy.picks.tolist() == plain.picks.tolist()
    assert lazy.values.tolist() == plain.values.tolist()
    covers, weight = np.asarray(coverage.covers), np.asarray(coverage.weight)
    assert lazy.picks.tolist() == slow.greedy(lambda s: covered(covers, weight, s), 200, 6)[0]


def test_lazy_evaluates_fewer_and_a_stale_top_would_be_wrong():
    bounds = jnp.array([5.0, 4.0, 3.0, 2.0, 1.0])
    truth = jnp.array([1.0, 3.5, 2.5, 2.0, 1.0])
    known, item, value, count = lazy_argmax(lambda i: truth[i], bounds, 1)
    assert (int(item), float(value), int(count)) == (1, 3.5, 2)
    assert known.tolist() == [1.0, 3.5, 3.0, 2.0, 1.0]
    assert int(jnp.argmax(bounds)) != int(item)


def test_lazy_breaks_ties_by_index():
    bounds = jnp.array([2.0, 3.0, 2.0])
    _, item, _, _ = lazy_argmax(lambda i: jnp.array([2.0, 2.0, 2.0])[i], bounds, 1)
    assert int(item) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_greedy_guarantee_and_certificate(seed):
    rng = np.random.default_rng(seed)
    covers, weight = rng.random((8, 10)) < 0.35, rng.integers(1, 5, 10).astype(float)
    batch = greedy(Coverage(covers, weight), 4)
    best = {k: max(covered(covers, weight, s) for s in subsets(8, k)) for k in (1, 2, 3, 4)}
    for k, optimum in best.items():
        for steps in range(1, 5):
            assert batch.values[steps - 1] >= (1 - (1 - 1 / k) ** steps) * optimum - 1e-4
        bounds = []
        for j in range(5):
            held = batch.picks.tolist()[:j]
            now = covered(covers, weight, held)
            gains = sorted((covered(covers, weight, [*held, i]) - now for i in range(8)), reverse=True)
            bounds.append(now + sum(gains[:k]))
        assert optimum <= min(bounds) + 1e-4


def test_gains_computed_once_break_the_guarantee():
    covers = np.zeros((6, 9), bool)
    covers[:3, :4] = True
    covers[3, 4:7], covers[4, 7:9], covers[5, 8] = True, True, True
    weight = np.ones(9)
    top = np.argsort(-covers.sum(1), kind="stable")[:3]
    best = max(covered(covers, weight, s) for s in subsets(6, 3))
    assert covered(covers, weight, top) < (1 - (2 / 3) ** 3) * best
    assert greedy(Coverage(covers, weight), 3).values[-1] >= (1 - (2 / 3) ** 3) * best


def test_every_objective_is_monotone_and_submodular():
    x = RNG.normal(size=(6, 3))
    similarity = RNG.normal(size=(6, 5))
    objectives = [
        FacilityLocation(similarity, RNG.uniform(0, 0.5, 5)),
        Proximity(x, x, np.zeros(6)),
        Coverage(RNG.random((6, 7)) < 0.4, RNG.uniform(0, 1, 7)),
        BallCover(x, np.ones(6), 1.5),
        Plus(FacilityLocation(similarity, np.zeros(5)), RNG.uniform(0, 1, 6), 0.5),
    ]
    everything = jnp.arange(6)
    for objective in objectives:
        gains = {}
        for size in range(3):
            for held in subsets(6, size):
                state = objective.start()
                for i in held:
                    state = objective.add(state, jnp.array(i))
                gains[held] = np.asarray(objective.gains(state, everything))
        for small, large in itertools.product(gains, gains):
            if set(small) <= set(large):
                outside = [i for i in range(6) if i not in large]
                assert (gains[small][outside] >= gains[large][outside] - 1e-5).all()
                assert (gains[large] >= -1e-6).all()


def test_stochastic_greedy_looks_at_the_stated_sample():
    """n = 6, k = 3: the mean over keys is that over all samples, and within the bound."""
    covers = RNG.random((6, 12)) < 0.4
    weight = RNG.integers(1, 4, 12).astype(float)
    sample = int(np.ceil(6 / 2 * np.log(1 / 0.5)))

    def expected(held):
        if len(held) == 2:
            return covered(covers, weight, held)
        left = [i for i in range(6) if i not in held]
        total = 0.0
        for drawn in itertools.combinations(left, min(sample, len(left))):
            gains = [covered(covers, weight, [*held, i]) for i in drawn]
            total += expected([*held, drawn[int(np.argmax(gains))]])
        return total / len(list(itertools.combinations(left, min(sample, len(left)))))

    run = jax.jit(
        jax.vmap(lambda k: greedy(Coverage(covers, weight), 2, method="stochastic", epsilon=0.5, key=k).values[-1])
    )
    values = np.asarray(run(jax.random.split(KEY, 5000)), float)
    assert abs(values.mean() - expected([])) < 5 * values.std() / 5000**0.5
    best = max(covered(covers, weight, s) for s in subsets(6, 2))
    assert expected([]) >= (1 - 1 / np.e - 0.5) * best


def test_a_sample_of_one_breaks_the_stochastic_bound():
    """k = 1, n = 4, one valuable item: a sample of one finds it a quarter of the time, the rule's sample always."""
    bound = 1 - 1 / np.e - 0.35
    assert bound > 1 / 4
    covers = np.eye(4, dtype=bool)
    weight = np.array([0.0, 0.0, 1.0, 0.0])
    run = jax.vmap(lambda k: greedy(Coverage(covers, weight), 1, method="stochastic", epsilon=0.35, key=k).values[0])
    assert np.asarray(jax.jit(run)(jax.random.split(KEY, 200))).mean() >= bound


def test_certainty_gain_is_the_average_rise_of_certainty():
    x = RNG.normal(size=(12, 3))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = unit @ unit.T
    for known in (np.zeros(12, bool), np.arange(12) < 3):
        base = np.maximum(cosine[known].max(0), 0) if known.any() else np.zeros(12)
        left = np.flatnonzero(~known)
        picks, values = slow.greedy(lambda s, b=base, r=left: slow.facility(cosine[r], b, s) / 12, len(left), 3)
        for labelled in (known, x[known]):
            batch = certainty_gain(x, 3, labelled=labelled, open=~known)
            np.testing.assert_allclose(batch.values, values, rtol=1e-4)
            assert batch.picks.tolist() == left[picks].tolist()


def test_certainty_gain_ignores_what_is_certain_already():
    """The mutant with a stale base would take the copy of a labelled item; the clipped gain is exactly 0 there."""
    x = np.array([[1.0, 0], [1.0, 0], [0.6, 0.8], [-1.0, 0.1]])
    known = np.array([True, False, False, False])
    state = Proximity(x, x, np.maximum(x @ x[0], 0))
    assert state.gains(state.start(), jnp.array([1]))[0] == 0
    assert int(certainty_gain(x, 1, labelled=known).picks[0]) != 1
    targets = certainty_gain(x, 1, labelled=known, targets=np.array([[-1.0, 0.0]]))
    assert int(targets.picks[0]) == 3


def test_diverse_and_uncertain_weighs_both():
    x = np.concatenate([np.tile([[1.0, 0.0]], (4, 1)), [[0.0, 1.0]]])
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.3])
    assert diverse_and_uncertain(scores, x, 2, weight=0.0).picks.tolist() == [0, 1]
    assert diverse_and_uncertain(scores, x, 2, weight=10.0).picks.tolist() == [0, 4]
    picks, values = slow.greedy(lambda s: scores[s].sum() + 2.2 * slow.facility(x @ x.T, np.zeros(5), s) / 5, 5, 3)
    batch = diverse_and_uncertain(scores, x, 3, weight=2.2)
    assert batch.picks.tolist() == picks
    np.testing.assert_allclose(batch.values, values, rtol=1e-5)


def best_within(covers, weight, price, budget):
    n = len(price)
    affordable = (s for k in range(1, n + 1) for s in subsets(n, k) if price[list(s)].sum() <= budget)
    return max((covered(covers, weight, s) for s in affordable), default=0.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_cost_benefit_guarantee(seed):
    rng = np.random.default_rng(seed)
    covers, weight = rng.random((7, 9)) < 0.3, rng.integers(1, 5, 9).astype(float)
    price = rng.integers(1, 8, 7).astype(float)
    budget = 9.0
    batch = cost_benefit_greedy(Coverage(covers, weight), price, budget)
    picks = [i for i in batch.picks.tolist() if i >= 0]
    assert len(set(picks)) == len(picks)
    assert price[picks].sum() <= budget
    np.testing.assert_allclose(batch.values[-1], covered(covers, weight, picks), rtol=1e-5)
    assert batch.values[-1] >= 0.5 * (1 - 1 / np.e) * best_within(covers, weight, price, budget) - 1e-4


def test_the_best_single_item_saves_the_ratio_rule():
    """A cheap near-useless item first leaves no money for the one that matters; the mutant keeps it."""
    covers = np.eye(2, dtype=bool)
    weight, price = np.array([2.0, 100.0]), np.array([1.0, 100.0])
    batch = cost_benefit_greedy(Coverage(covers, weight), price, 100.0)
    assert batch.picks.tolist() == [1, -1]
    assert batch.values.tolist() == [100, 100]
    ratio_alone = 2.0
    assert ratio_alone < 0.5 * (1 - 1 / np.e) * 100


def test_cost_benefit_skips_what_does_not_fit_and_stops():
    covers, weight = np.eye(4, dtype=bool), np.array([6.0, 5.0, 2.0, 1.0])
    batch = cost_benefit_greedy(Coverage(covers, weight), np.array([3.0, 3.0, 2.0, 1.0]), 5.0, size=3)
    assert batch.picks.tolist() == [0, 2, -1]
    assert batch.values.tolist() == [6, 8, 8]


def test_closed_items():
    similarity = RNG.normal(size=(9, 5))
    open = np.arange(9) % 3 == 0
    for method in ("lazy", "plain", "stochastic"):
        batch = facility_location(similarity, 3, open=open, method=method, key=KEY)
        assert sorted(batch.picks.tolist()) == [0, 3, 6]


def test_bad_input():
    s = RNG.normal(size=(5, 4))
    with pytest.raises(ValueError, match="'lazy', 'plain' or 'stochastic'"):
        facility_location(s, 2, method="exact")
    with pytest.raises(ValueError, match="key must be given"):
        facility_location(s, 2, method="stochastic")
    with pytest.raises(ValueError, match="epsilon"):
        facility_location(s, 2, method="stochastic", key=KEY, epsilon=0.9)
    with pytest.raises(ValueError, match="base"):
        facility_location(s, 2, base=np.zeros(3))
    with pytest.raises(ValueError, match="similarity must be finite"):
        facility_location(np.full((2, 2), np.nan), 1)
    with pytest.raises(ValueError, match="price must be above 0"):
        cost_benefit_greedy(FacilityLocation(s, np.zeros(4)), np.zeros(5), 1.0)
    with pytest.raises(ValueError, match="budget must cover"):
        cost_benefit_greedy(FacilityLocation(s, np.zeros(4)), np.ones(5), 0.5)
    with pytest.raises(ValueError, match="scores must be at least 0"):
        diverse_and_uncertain(-np.ones(5), s, 2)
    with pytest.raises(ValueError, match="weight must be at least 0"):
        Coverage(np.ones((2, 2), bool), -np.ones(2))
    with pytest.raises(ValueError, match="radius"):
        BallCover(s, np.ones(5), 0.0)
