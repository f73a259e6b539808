"""Phased elimination and OD-LinBAI: designs, plans, what is kept, and the contract of every policy."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory as al
from altheory.core.status import NAN_BELIEF
from altheory.policies.span import average_design, difference_design, inverse, least_squares, span_coordinates

RNG = np.random.default_rng(0)
K, D = 10, 3
POOLS = {
    "normal": RNG.standard_normal((K, D)),
    "near-collinear": np.outer(RNG.standard_normal(K), np.ones(D)) + 1e-2 * RNG.standard_normal((K, D)),
    "rank two": RNG.standard_normal((K, 2)) @ RNG.standard_normal((2, D)),
    "wild rows": RNG.standard_normal((K, D)) * 10.0 ** RNG.uniform(-3, 3, (K, 1)),
    "wild columns": RNG.standard_normal((K, D)) * [1e3, 1.0, 1e-3],
    "copies": np.repeat(RNG.standard_normal((2, D)), 5, axis=0),
    "zero row": np.concatenate([np.zeros((1, D)), RNG.standard_normal((K - 1, D))]),
}
UNIT = POOLS["normal"] / np.linalg.norm(POOLS["normal"], axis=1, keepdims=True)
BANDIT = al.LinearBandit(UNIT, UNIT[4])
POLICIES = {
    "elimination": al.PhasedElimination(UNIT, 0.1),
    "best arm": al.OdLinBai(UNIT, 200),
    "differences": al.Rage(UNIT, 0.1),
}
MASKS = st.integers(1, 2**K - 1).map(lambda bits: np.array([bits >> i & 1 for i in range(K)], bool))
every = pytest.mark.parametrize("name", POLICIES)


@jax.jit
def designed(x, active):
    z, inside = span_coordinates(x, active)
    return z, inside, *average_design(z, inside, active)


@given(st.sampled_from(sorted(POOLS)), MASKS)
def test_the_averaged_design_has_the_largest_leverage_it_reports_and_promises(name, active):
    x = np.asarray(POOLS[name], np.float32)
    z, inside, weights, worst = (np.asarray(a, np.float64) for a in designed(jnp.asarray(x), jnp.asarray(active)))
    rows = x[active] / np.maximum(np.abs(x[active]).max(0), 1e-30)
    rank = np.linalg.matrix_rank(rows, tol=3e-5 * max(np.linalg.norm(rows, axis=1).max(), 1e-30))
    assert inside.sum() == rank
    assert np.abs(z[active]).max() <= 1 + 1e-5
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert (weights[~active] == 0).all()
    v = (rows * weights[active, None]).T @ rows
    leverages = np.einsum("ij,jk,ik->i", rows, np.linalg.pinv(v, rcond=1e-12), rows)
    assert leverages.max(initial=0) == pytest.approx(worst, rel=2e-2)
    assert worst <= max(rank, 1) * (active.sum() / max(rank, 1)) ** (1 / 64) * (1 + 1e-3)


@jax.jit
def told_apart(x, active):
    return difference_design(*span_coordinates(x, jnp.ones_like(active)), active)


@settings(max_examples=40)
@given(st.sampled_from(sorted(set(POOLS) - {"near-collinear", "zero row", "copies"})), MASKS)
def test_the_design_of_differences_is_within_six_percent_of_the_best(name, active):
    x, worst = POOLS[name], 0.0
    weights, told = (np.asarray(a, np.float64) for a in told_apart(jnp.asarray(x, jnp.float32), jnp.asarray(active)))
    i, j = np.triu_indices(int(active.sum()), 1)
    y = x[active][i] - x[active][j]
    if len(y):
        v = np.linalg.pinv((x.T * weights) @ x, rcond=1e-14)
        worst = np.einsum("ij,jk,ik->i", y, v, y).max()
        assert worst <= al.xy_optimal(x, y, tol=1e-3).value * 1.06
    assert told == pytest.approx(worst, rel=1e-2, abs=1e-6)


@given(st.integers(0, 1000), st.integers(1, 12))
def test_the_inverse_is_one_on_the_directions_inside(seed, d):
    rng = np.random.default_rng(seed)
    inside = rng.uniform(size=d) < 0.8
    rows = rng.standard_normal((2 * d, d)) * inside
    v = rows.T @ rows
    found = np.asarray(inverse(jnp.asarray(v, jnp.float32), jnp.asarray(inside)))
    np.testing.assert_allclose(found @ v, np.diag(inside.astype(float)), atol=2e-2)
    assert (found[~inside] == 0).all()


@pytest.mark.parametrize("name", POOLS)
def test_least_squares_recovers_means_without_noise(name):
    x = jnp.asarray(POOLS[name], jnp.float32)
    means = np.asarray(x @ (jnp.arange(1.0, D + 1) / jnp.maximum(jnp.abs(x).max(0), 1e-30)), np.float64)
    z, inside = span_coordinates(x, jnp.ones(K, bool))
    pulled = jnp.arange(1.0, K + 1)
    found = least_squares(z, inside, pulled, pulled * jnp.asarray(means, jnp.float32))
    np.testing.assert_allclose(found, means, atol=2e-3 * np.abs(means).max())


def test_a_phase_plans_what_the_theorem_says():
    policy = al.PhasedElimination(UNIT, 0.1)
    state = policy.init(jax.random.key(0))
    _, _, weights, worst = designed(policy.x, state.active)
    expected = np.ceil(2 * float(worst) * np.asarray(weights, np.float64) / 0.25 * np.log(4 * K / 0.1))
    assert np.abs(np.asarray(state.left) - expected).max() <= 1
    assert int(state.number) == 1


def test_elimination_uses_only_the_phase_and_keeps_arms_within_twice_the_width():
    policy = al.PhasedElimination(UNIT, 0.1)
    state = policy.init(jax.random.key(0))
    rewards = jnp.asarray(UNIT @ np.array([1.5, 0.0, 0.5]), jnp.float32)
    menu = BANDIT.offer(())
    step = jax.jit(lambda s, item: policy.update(
        s, menu, al.Choice(item, jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0)),
        al.Outcome(rewards[item], jnp.ones(()))))  # fmt: skip
    before = state
    while int(state.number) == 1:
        state = step(state, jnp.argmax(state.left))
    np.testing.assert_allclose(state.estimate, rewards, atol=1e-4)
    np.testing.assert_array_equal(state.active, rewards.max() - rewards <= 1.0)
    assert int(state.best) == int(jnp.argmax(rewards))
    assert int(state.pulled.sum()) == 0
    assert float(jnp.abs(state.sums).sum()) == 0
    assert int(state.left.sum()) > int(before.left.sum())
    assert not np.asarray(state.left)[~np.asarray(state.active)].any()


def test_elimination_finds_the_best_arm():
    state, trace = jax.vmap(lambda k: al.simulate(POLICIES["elimination"], BANDIT, k, horizon=4000))(
        jax.random.split(jax.random.key(1), 5)
    )
    np.testing.assert_array_equal(state.best, 4)
    assert (np.asarray(trace["regret"][:, -500:]).mean() < np.asarray(trace["regret"][:, :100]).mean() / 3).all()
    assert not trace.stopped.any()


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_od_linbai_keeps_half_and_half_within_its_budget(d):
    x = np.random.default_rng(d).standard_normal((8, d))
    policy = al.OdLinBai(x, 90)
    state, trace = al.simulate(policy, al.LinearBandit(x, x[2], 0.0), jax.random.key(0), horizon=100)
    assert policy.phases == {1: 1, 2: 1, 3: 2, 5: 3}[d]
    assert policy.kept == {1: (1,), 2: (1,), 3: (2, 1), 5: (3, 2, 1)}[d]
    spent = int((np.asarray(trace.item) >= 0).sum())
    assert policy.phases * policy.per_phase <= spent <= 90
    assert bool(trace.stopped[-1])
    assert int(state.active.sum()) == 1
    assert int(state.best) == int(np.argmax(x @ x[2]))


HALVED = {1: (0,), 2: (1,), 3: (2, 1), 5: (3, 2, 1), 8: (4, 2, 1)}


@pytest.mark.parametrize("arms", HALVED)
@pytest.mark.parametrize("fresh", [True, False])
def test_halving_plays_as_a_plain_loop_does(arms, fresh):
    """On recorded rewards: the pulls of each arm, the arm that is left, and the stop."""
    rewards = np.random.default_rng(arms).uniform(size=arms)
    budget = 60
    policy = al.SequentialHalving(arms, budget, fresh)
    if arms > 1:
        assert policy.kept == HALVED[arms]
    state, trace = al.simulate(
        policy, al.GaussianBandit(rewards, sd=0.3), jax.random.key(arms), horizon=budget + 1, record=(al.reward,)
    )
    items, got = np.asarray(trace.item), np.asarray(trace["reward"])
    at, left, sums, pulled = 0, list(range(arms)), np.zeros(arms), np.zeros(arms, int)
    for each in policy.pulls:
        now = items[at : at + each * len(left)]
        assert sorted(now.tolist()) == sorted(left * each)
        if fresh:
            sums, pulled = np.zeros(arms), np.zeros(arms, int)
        np.add.at(sums, now, got[at : at + len(now)])
        np.add.at(pulled, now, 1)
        at += len(now)
        left = sorted(left, key=lambda i: (-sums[i] / pulled[i], i))[: -(-len(left) // 2)]
    assert (items[at:] == -1).all()
    assert int(state.best) == left[0]
    assert at <= budget


def test_halving_leaves_out_what_is_closed_and_says_what_it_needs():
    with pytest.raises(ValueError, match="SequentialHalving budget must be at least 24 for 8 arms; it is 23"):
        al.SequentialHalving(8, 23)
    policy = al.SequentialHalving(3, 30)
    menu = al.menu(jnp.arange(3)).replace(open=jnp.array([False, True, False]))
    choice = policy.select(policy.init(jax.random.key(0)), menu, jax.random.key(1))
    assert int(choice.item) == 1
    nothing = policy.select(policy.init(jax.random.key(0)), menu.replace(open=jnp.zeros(3, bool)), jax.random.key(1))
    assert bool(nothing.stop)
    assert not bool(nothing.valid)


def test_the_smallest_budget_is_named_and_enough():
    with pytest.raises(ValueError, match="OdLinBai budget must be at least 14 for 10 arms in 3 dimensions; it is 5"):
        al.OdLinBai(UNIT, 5)
    assert al.OdLinBai(UNIT, 14).per_phase == 1
    with pytest.raises(ValueError, match="at least 14"):
        al.OdLinBai(UNIT, 13)


@pytest.mark.parametrize("delta", [0.0, 1.0, float("nan")])
def test_bad_levels_are_one_sentence(delta):
    with pytest.raises(ValueError, match="PhasedElimination delta must lie between 0 and 1"):
        al.PhasedElimination(UNIT, delta)


@every
def test_vmap_equals_a_loop_and_it_can_be_saved(name):
    keys = jax.random.split(jax.random.key(2), 3)
    run = jax.jit(lambda policy, k: al.simulate(policy, BANDIT, k, horizon=150))
    together = jax.vmap(run, (None, 0))(POLICIES[name], keys)
    alone = run(pickle.loads(pickle.dumps(POLICIES[name])), keys[1])
    np.testing.assert_array_equal(together[1].item[1], alone[1].item)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-3, atol=1e-4), together[0], alone[0])


@every
def test_closed_items_are_never_bought_and_a_closed_menu_stops(name):
    policy = POLICIES[name]
    state, menu = policy.init(jax.random.key(0)), BANDIT.offer(())
    for shut in (np.arange(K) < 5, np.arange(K) != 7, np.ones(K, bool)):
        choice = policy.select(state, menu.closing(jnp.asarray(shut)), jax.random.key(0))
        due = (np.asarray(state.left) > 0) & ~shut
        assert bool(choice.stop) == (not due.any())
        assert bool(choice.valid) == due.any()
        assert not due.any() or due[int(choice.item)]


@every
def test_five_instances_are_traced_once_and_types_stay(name):
    traces = []

    @jax.jit
    def counted(policy, menu, key):
        traces.append(1)
        state = policy.init(key)
        choice = policy.select(state, menu, key)
        return state, policy.update(state, menu, choice, al.Outcome(menu.price[choice.item], menu.price[choice.item]))

    for f in (0.5, 0.6, 0.7, 0.8, 0.9):
        before, after = counted.eval_shape(
            POLICIES[name].replace(x=f * POLICIES[name].x), BANDIT.offer(()), jax.random.key(0)
        )
        assert [x.dtype for x in jax.tree.leaves(before)] == [x.dtype for x in jax.tree.leaves(after)]
    assert len(traces) == 1


@every
def test_a_nan_reward_sets_its_bit_and_keeps_every_arm(name):
    broken = al.LinearBandit(UNIT, UNIT[4]).replace(theta=jnp.full(D, jnp.nan))
    state, trace = al.simulate(POLICIES[name], broken, jax.random.key(0), horizon=150)
    assert int(trace.status) & NAN_BELIEF
    assert bool(state.active.all())
