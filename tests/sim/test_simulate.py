"""The compiled loop: pure, repeatable, traced once, and faithful to the same loop written in Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al
from altheory.core.keys import initial_keys, round_keys
from altheory.core.status import CLOSED_ITEM, NAN_BELIEF, NAN_OUTCOME, NAN_SCORE, OK
from altheory.sim.metrics import Round

KEY = jax.random.key(0)
BANDIT = al.BernoulliBandit([0.9, 0.5, 0.1])
EVERYTHING = (al.regret, al.cost, al.labels, al.item, al.reward)
POOL = al.LabelPool(np.random.default_rng(0).normal(size=(6, 2)), np.arange(6) % 2, [0.1, 1.0], [0.3, 0.0])


def leaves(tree):
    return [np.asarray(x) for x in jax.tree.leaves(tree)]


def same_bits(a, b):
    return all(x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in zip(leaves(a), leaves(b), strict=True))


def test_the_same_key_gives_the_same_bits_and_another_does_not():
    run = [al.simulate(al.thompson_bernoulli(3), BANDIT, jax.random.key(k), horizon=30) for k in (0, 0, 1)]
    assert same_bits(run[0], run[1])
    assert not same_bits(run[0][1].item, run[2][1].item)


def test_it_equals_the_loop_in_python():
    policy, horizon = al.Budgeted(al.Batched(al.random(al.linear(2)), 2), 1.0), 5
    state, trace = al.simulate(policy, POOL, KEY, horizon=horizon, record=(al.cost, al.labels))
    policy_key, oracle_key = initial_keys(KEY)
    select, update, answer = jax.jit(policy.select), jax.jit(policy.update), jax.jit(POOL.answer)
    told, world, items, paid = policy.init(policy_key), POOL.init(oracle_key), [], []
    for t in range(1, horizon + 1):
        select_key, answer_key = round_keys(KEY, t)
        menu = POOL.offer(world)
        choice = select(told, menu, select_key)
        world, outcome = answer(world, choice, answer_key)
        told = update(told, menu, choice, outcome)
        items.append(np.where(choice.valid, choice.item, -1))
        paid.append(float(outcome.cost.sum()))
    np.testing.assert_array_equal(trace.item, items)
    np.testing.assert_allclose(trace["cost"], paid, rtol=1e-6)
    np.testing.assert_allclose(state.inner.belief.moment, told.inner.belief.moment, rtol=1e-5)
    assert trace.item.shape == (horizon, 2)
    np.testing.assert_array_equal(trace["labels"], (trace.item >= 0).sum(1))


def test_metrics_agree_with_the_items():
    _, trace = al.simulate(al.ucb1(3), BANDIT, KEY, horizon=40, record=EVERYTHING)
    gap = 0.9 - np.array([0.9, 0.5, 0.1], np.float32)
    np.testing.assert_allclose(trace["regret"], gap[trace.item], atol=1e-6)
    np.testing.assert_array_equal(trace["item"], trace.item)
    np.testing.assert_array_equal(trace["cost"], 1)
    np.testing.assert_array_equal(trace["labels"], 1)
    assert set(np.asarray(trace["reward"])) == {0.0, 1.0}
    assert int(trace.status) == OK


def test_after_a_stop_nothing_is_bought_and_nothing_changes():
    policy = al.Argmax(al.linear(2), al.variance, al.below(0.5))
    state, trace = al.simulate(policy, POOL, KEY, horizon=12, record=(al.cost, al.regret, al.item))
    stop = int(np.argmax(trace.stopped))
    assert 0 < stop < 11
    assert np.asarray(trace.stopped)[stop:].all()
    np.testing.assert_array_equal(trace.item[stop:], -1)
    np.testing.assert_array_equal(trace["item"], trace.item)
    np.testing.assert_array_equal(trace["cost"][stop:], 0)
    np.testing.assert_array_equal(trace["regret"][stop:], 0)
    short, _ = al.simulate(policy, POOL, KEY, horizon=stop)
    np.testing.assert_array_equal(short.belief.precision, state.belief.precision)


def test_one_trace_for_any_float_and_a_grid_is_a_vmap():
    traces = []

    def tempered(belief, menu, key, *, power=1.0):
        traces.append(1)
        return belief.mean(menu) * power + jax.random.uniform(key, menu.price.shape)

    def run(power, means):
        policy = al.Argmax(al.counts(3), al.score(tempered, power=power))
        return al.simulate(policy, al.BernoulliBandit(means), KEY, horizon=10)[1].item

    loop = [run(p, m) for p, m in ((0.0, [0.1, 0.2, 0.3]), (0.5, [0.3, 0.2, 0.1]), (9.0, [0.9, 0.9, 0.0]))]
    assert len(traces) == 1
    grid = jax.vmap(run)(jnp.array([0.0, 0.5, 9.0]), jnp.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.9, 0.9, 0.0]]))
    np.testing.assert_array_equal(grid, loop)
    assert len(traces) == 2


@al.record
class Stubborn:
    """A policy that always picks item 0, open or not."""

    def init(self, key):
        return al.Argmax(al.counts(3), al.uniform).init(key)

    def select(self, state, menu, key):
        return al.Choice(jnp.int32(0), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))

    def update(self, state, menu, choice, outcome):
        return al.Argmax(al.counts(3), al.uniform).update(state, menu, choice, outcome)


@al.record
class Shut:
    """An oracle whose item 0 is closed, or that answers NaN."""

    nan: bool = al.static(default=False)

    def init(self, key):
        return ()

    def offer(self, world):
        return al.menu(jnp.arange(3), open=jnp.array([self.nan, True, True]))

    def answer(self, world, choice, key):
        y = jnp.where(self.nan, jnp.nan, 1.0)
        return world, al.Outcome(y, jnp.where(choice.valid, 1.0, 0.0))

    def value(self, world):
        return jnp.zeros(3)


def test_a_closed_item_is_not_bought_and_flagged():
    state, trace = al.simulate(Stubborn(), Shut(), KEY, horizon=3, record=(al.cost,))
    assert int(trace.status) == CLOSED_ITEM
    np.testing.assert_array_equal(trace.item, -1)
    assert float(trace["cost"].sum()) == float(state.belief.plays.sum()) == 0


def test_a_nan_answer_is_flagged_and_the_run_goes_on():
    _, trace = al.simulate(Stubborn(), Shut(nan=True), KEY, horizon=3)
    assert int(trace.status) == NAN_OUTCOME | NAN_BELIEF
    np.testing.assert_array_equal(trace.item, 0)


def test_a_nan_score_is_flagged_and_the_run_goes_on():
    def broken(belief, menu, key):
        return jnp.where(menu.x == 1, jnp.nan, 0.0)

    _, trace = al.simulate(al.Argmax(al.counts(3), broken), BANDIT, KEY, horizon=20)
    assert int(trace.status) == NAN_SCORE
    assert 1 not in trace.item


def test_coverage_counts_intervals_that_hold():
    belief = al.counts(3).replace(plays=jnp.full(3, 4.0), total=jnp.array([3.6, 2.0, 3.0]))
    state, world = al.Argmax(belief, al.ucb).init(KEY), BANDIT.init(KEY)
    choice = al.Choice(jnp.int32(0), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
    outcome = al.Outcome(jnp.ones(()), jnp.ones(()))
    seen = Round(None, BANDIT, None, state, world, BANDIT.offer(world), choice, outcome)
    np.testing.assert_allclose(al.coverage(seen), 2 / 3, rtol=1e-6)


@pytest.mark.parametrize("horizon", [0, -1, True])
def test_a_horizon_below_one_is_refused(horizon):
    with pytest.raises(ValueError, match="simulate horizon must be a whole number of at least 1"):
        al.simulate(al.ucb1(3), BANDIT, KEY, horizon=horizon)
