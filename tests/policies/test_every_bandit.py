"""What every bandit policy survives: one arm, equal arms, closed ones, late ones, rewards that it does not expect."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import altheory as al
from altheory.core.status import REWARD_RANGE

ROUNDS, SEEDS, K = 60, 4, 4


@al.record
class Script:
    """Arms that pay what is written, and are open from round `since` until `until`."""

    pays: Array
    since: Array
    until: Array
    kind: str = al.static(default="arms")

    def init(self, key):
        return jnp.zeros((), jnp.int32)

    def offer(self, world):
        arms = self.pays.shape[0]
        x = {"arms": jnp.arange(arms), "features": jnp.eye(arms), "pairs": None}[self.kind]
        open = (world >= self.since) & (world < self.until)
        if self.kind == "pairs":
            i, j = jnp.divmod(jnp.arange(arms * arms), arms)
            x, open = jnp.stack([i, j], -1), (open[:, None] & open).ravel()
        ones = jnp.ones(open.shape[0])
        return al.Menu(x, ones, 0 * ones, open)

    def answer(self, world, choice, key):
        pays = self.pays if self.kind != "pairs" else ((1 + self.pays[:, None] - self.pays) / 2).ravel()
        y = pays[choice.item]
        cost = jnp.where(choice.valid, 1.0, 0.0)
        return world + 1, al.Outcome(y, cost)

    def value(self, world):
        return self.offer(world).price


@al.record
class Rows(Script):
    """As `Script`, telling what every arm paid."""

    full = True

    def answer(self, world, choice, key):
        return world + 1, al.Outcome(self.pays, jnp.where(choice.valid, 1.0, 0.0))


class Case:
    """A policy for a number of arms, and what it asks of its oracle."""

    def __init__(self, make, kind="arms", *, ranged=True, explores=True, oracle=Script):
        self.make, self.kind, self.ranged, self.explores, self.oracle = make, kind, ranged, explores, oracle


def sure(make: Any, **more: Any) -> Case:
    """A policy that stops or plans ahead: not every arm need be played when it opens late."""
    return Case(make, explores=False, **more)


EYE: Any = np.eye
POLICIES = {
    "ucb1": Case(al.ucb1),
    "ucb-v": Case(al.ucb_v),
    "moss": Case(lambda k: al.moss(k, ROUNDS)),
    "kl-ucb": Case(al.kl_ucb),
    "bayes-ucb": Case(al.bayes_ucb),
    "thompson bernoulli": Case(al.thompson_bernoulli),
    "thompson gaussian": Case(al.thompson_gaussian, ranged=False),
    "information-directed": Case(lambda k: al.information_directed(k, draws=16)),
    "explore then commit": sure(lambda k: al.explore_then_commit(k, 3), ranged=False),
    "epsilon greedy": Case(al.epsilon_greedy),
    "epsilon decreasing": sure(lambda k: al.epsilon_decreasing(k, 0.5)),
    "successive elimination": Case(al.successive_elimination),
    "hedge": Case(al.hedge, oracle=Rows),
    "exp3": Case(al.exp3),
    "exp3-ix": Case(al.exp3_ix),
    "tsallis-inf": Case(al.tsallis_inf),
    "sw-ucb": Case(lambda k: al.sw_ucb(k, 12)),
    "discounted": Case(lambda k: al.discounted_ucb(k, 0.9)),
    "restarts": Case(lambda k: al.m_ucb(k, 4, ROUNDS)),
    "ti-ucb": Case(al.ti_ucb),
    "linucb": Case(al.linucb, "features", ranged=False),
    "lints": Case(al.lints, "features", ranged=False),
    "squarecb": Case(al.square_cb, "features", ranged=False),
    "glm-ucb": Case(lambda k: al.glm_ucb(k, capacity=ROUNDS), "features"),
    "thompson logistic": Case(lambda k: al.thompson_logistic(k, capacity=ROUNDS), "features"),
    "gittins": Case(lambda k: al.gittins_gaussian(k, 0.9), ranged=False),
    "lucb": sure(al.lucb, ranged=False),
    "track and stop": sure(al.track_and_stop),
    "sequential halving": sure(lambda k: al.SequentialHalving(k, ROUNDS // 2), ranged=False),
    "elimination by designs": sure(lambda k: al.PhasedElimination(EYE(k)), kind="features", ranged=False),
    "od-linbai": sure(lambda k: al.OdLinBai(EYE(k), ROUNDS // 2), kind="features", ranged=False),
    "rage": sure(lambda k: al.Rage(EYE(k)), kind="features", ranged=False),
    "budgeted ucb": Case(lambda k: al.budgeted_ucb(k, 1.0 * ROUNDS)),
    "knapsack, two learners": Case(lambda k: al.bwk_lagrange(k, 1.0 * ROUNDS, ROUNDS)),
    "knapsack, optimism": Case(lambda k: al.ucb_bwk(k, 1.0 * ROUNDS, ROUNDS)),
    "rucb": sure(al.rucb, kind="pairs", ranged=False),
    "double thompson": Case(al.double_thompson, "pairs", ranged=False),
}
every = pytest.mark.parametrize("name", POLICIES)
FOREVER = np.full(K, 10**6)


@jax.jit
def runs(policy, oracle, keys):
    def one(key):
        _, trace = al.simulate(policy, oracle, key, horizon=ROUNDS, record=(al.item, al.labels, al.propensity))
        return trace

    return jax.vmap(one)(keys)


def play(name, pays, since=None, until=None):
    case = POLICIES[name]
    arms = len(pays)
    since = np.zeros(arms, int) if since is None else np.asarray(since)
    until = np.full(arms, 10**6) if until is None else np.asarray(until)
    oracle = case.oracle(jnp.asarray(pays, jnp.float32), jnp.asarray(since), jnp.asarray(until), kind=case.kind)
    trace = runs(case.make(arms), oracle, jax.random.split(jax.random.key(0), SEEDS))
    item = np.asarray(trace["item"])
    if case.kind == "pairs":
        item = np.concatenate([np.where(item >= 0, half, -1) for half in np.divmod(item, arms)])
    return item, trace


def status_of(trace):
    return int(np.bitwise_or.reduce(np.ravel(trace.status if hasattr(trace, "status") else trace["status"])))


@every
def test_one_arm_is_played_until_the_policy_stops(name):
    item, trace = play(name, [0.7])
    assert set(np.unique(item)) <= {-1, 0}
    bought = np.asarray(trace["labels"]) > 0
    assert np.asarray(trace["propensity"])[bought] == pytest.approx(1)
    assert status_of(trace) == 0


@every
def test_equal_arms_closed_arms_and_late_arms(name):
    item, trace = play(name, [0.5] * K)
    assert status_of(trace) == 0
    assert (item < K).all()
    assert len(set(item[item >= 0])) == K
    item, trace = play(name, [0.2, 0.9, 0.4, 0.3], since=[0, 10**6, 0, 0])
    assert status_of(trace) == 0
    assert not (item == 1).any()
    assert (item >= 0).any()
    late = ROUNDS // 3
    item, trace = play(name, [0.2, 0.1, 0.9, 0.1], since=[0, 0, late, 0])
    assert status_of(trace) == 0
    assert not (item[:, :late] == 2).any()
    if POLICIES[name].explores:
        assert (item[:, late:] == 2).any()
    item, trace = play(name, [0.9, 0.1, 0.2, 0.1], until=[late, 10**6, 10**6, 10**6])
    assert status_of(trace) == 0
    assert not (item[:, late:] == 0).any()


@every
def test_a_reward_outside_the_range_is_told(name):
    _, trace = play(name, [3.0] * K)
    assert bool(status_of(trace) & REWARD_RANGE) == POLICIES[name].ranged
