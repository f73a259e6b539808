"""Mirror descent: laws that solve their problem, estimates, closed arms, adversaries, and the same regret as numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al
from altheory.policies.mirror import law
from altheory.sim.simulate import run

KEY = jax.random.key(0)
T, K = 100, 4
RNG = np.random.default_rng(0)
TABLE = (
    np.where(np.arange(T)[:, None] < T // 2, RNG.random((T, K)) < [0.8, 0.5, 0.4, 0.3], RNG.random((T, K)) < 0.5) * 1.0
)


tsallis_law = plain.quick(lambda scores, open: law(scores, open, "tsallis"))


@given(st.lists(st.floats(-40, 0), min_size=6, max_size=6), st.integers(0, 63))
def test_the_tsallis_law_solves_its_equation(scores, mask):
    s, open = np.array(scores), np.array([mask >> i & 1 for i in range(6)], bool)
    with jax.enable_x64(True):
        p = np.asarray(tsallis_law(s, open))
    assert (p[~open] == 0).all()
    if open.any():
        np.testing.assert_allclose(p.sum(), 1, rtol=1e-9)
        level = 1 / np.sqrt(p[open]) - (s[open].max() - s[open]) / 2  # w, the same for all
        np.testing.assert_allclose(level, level[0], rtol=1e-6)


def numpy_descent(rate, weigh, bias, seed, seeds=plain.SEEDS):
    """Total regret `[seeds]` against the best arm of the table."""
    rng, loss, total = np.random.default_rng(seed), np.zeros((seeds, K)), np.zeros(seeds)
    best = TABLE.sum(0).argmax()
    for t, rewards in enumerate(TABLE):
        p = weigh(rate(t + 1) * loss)
        arm = (p.cumsum(1) > rng.random((seeds, 1)) * p.sum(1, keepdims=True)).argmax(1)
        who = np.arange(seeds)
        loss[who, arm] += (1 - rewards[arm]) / (p[who, arm] + bias)
        total += rewards[best] - rewards[arm]
    return total


def entropy(z):
    weight = np.exp(z.min(1, keepdims=True) - z)
    return weight / weight.sum(1, keepdims=True)


def tsallis(z):
    gap, low, high = (z - z.min(1, keepdims=True)) / 2, np.ones((len(z), 1)), np.full((len(z), 1), np.sqrt(K))
    for _ in range(60):
        middle = (low + high) / 2
        over = ((middle + gap) ** -2).sum(1, keepdims=True) > 1
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return (low + gap) ** -2


IX = np.sqrt(2 * np.log(K + 1) / (T * K))
DESCENTS = {
    "exp3": (al.exp3(K, horizon=T), lambda t: np.sqrt(2 * np.log(K) / (T * K)), entropy, 0.0),
    "exp3 at any time": (al.exp3(K), lambda t: np.sqrt(np.log(K) / (t * K)), entropy, 0.0),
    "exp3_ix": (al.exp3_ix(K, horizon=T), lambda t: IX, entropy, IX / 2),
    "tsallis_inf": (al.tsallis_inf(K), lambda t: 2 / np.sqrt(t), tsallis, 0.0),
}


@pytest.mark.parametrize("name", DESCENTS)
def test_regret_and_its_law_are_those_of_a_numpy_loop(name):
    policy, rate, weigh, bias = DESCENTS[name]
    plain.agree(plain.compiled(policy, al.AdversarialBandit(TABLE)), numpy_descent(rate, weigh, bias, 1))


def told(policy, oracle, horizon):
    """The laws played `[T, K]` and the table met `[T, K]` in one run."""

    def played(r):
        return r.policy.weigh(r.policy.scores(r.before, r.menu, KEY), r.menu.open)

    def met(r):
        return r.oracle.value(r.world)

    state, trace = plain.quick(lambda: run(policy, oracle, KEY, horizon=horizon, record=(played, met)))()
    return np.asarray(trace["played"], np.float64), np.asarray(trace["met"], np.float64), state, trace


def test_hedge_plays_exponential_weights_and_hears_of_every_expert():
    policy = al.hedge(K, horizon=T)
    p, rewards, state, _ = told(policy, al.AdversarialBandit(TABLE, full=True), T)
    loss = np.vstack([np.zeros(K), (1 - rewards).cumsum(0)])
    np.testing.assert_allclose(p, entropy(np.sqrt(8 * np.log(K) / T) * loss[:-1]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(state.belief.loss, loss[-1] - loss[-1].min(), rtol=1e-5)


def test_a_sleeping_expert_is_charged_what_the_policy_loses():
    """So that it starts level when it opens: its estimate is the policy's own loss while it slept."""
    open = np.ones((T, K), bool)
    open[:60, 2] = False
    p, rewards, state, _ = told(al.hedge(K, eta=0.3), al.AdversarialBandit(TABLE, open, full=True), T)
    assert (p[:60, 2] == 0).all()
    mine = (p * (1 - rewards)).sum(1, keepdims=True)
    total = np.where(open, 1 - rewards, mine).sum(0)
    np.testing.assert_allclose(state.belief.loss, total - total.min(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("habit", ["leader", "favourite"])
def test_hedge_bears_an_adversary_that_watches(habit):
    horizon, eta = 300, np.sqrt(8 * np.log(K) / 300)
    p, rewards, _, _ = told(al.hedge(K, eta=eta), al.AdaptiveAdversary(K, habit, full=True), horizon)
    loss = 1 - rewards
    assert (p * loss).sum() - loss.sum(0).min() <= np.sqrt(horizon / 2 * np.log(K)) * (1 + 1e-6)


def test_rewards_in_another_range_play_the_same():
    """Losses are in units of the range; what lies outside is taken for the nearest end, and flagged."""
    menu = al.menu(jnp.arange(2))
    choice = al.Choice(jnp.int32(0), jnp.float32(0.25), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
    ours, theirs = al.exp3(2, eta=0.1), al.exp3(2, eta=0.1, low=-4.0, high=6.0)
    for y, other, flagged in ((0.3, -1.0, False), (1.0, 6.0, False), (1.2, 8.0, True), (-0.1, -5.0, True)):
        a, b = (
            p.update(p.init(KEY), menu, choice, al.Outcome(jnp.asarray(v), jnp.ones(())))
            for p, v in ((ours, y), (theirs, other))
        )
        np.testing.assert_allclose(a.belief.loss, b.belief.loss, rtol=1e-6)
        np.testing.assert_allclose(a.belief.loss[0], np.clip(1 - y, 0, 1) / 0.25, rtol=1e-6)
        assert bool(a.status & 16) == bool(b.status & 16) == flagged


def test_one_arm_is_played():
    trace = al.simulate(al.exp3(1), al.AdversarialBandit(TABLE[:, :1]), KEY, horizon=5)[1]
    assert trace.item.tolist() == [0] * 5


def test_exp4_follows_the_better_expert():
    advice = np.zeros((T, K, 2))
    advice[:, 0, 0] = advice[:, 3, 1] = 1
    rewards = np.tile([0.9, 0.0, 0.0, 0.1], (T, 1))
    state, trace = al.simulate(al.exp4(2, eta=0.2), al.AdviceBandit(rewards, advice), KEY, horizon=T)
    assert (np.asarray(trace.item)[T // 2 :] == 0).mean() > 0.9
    assert state.belief.loss[0] == 0


def test_what_is_told_must_be_what_is_learned_from():
    with pytest.raises(ValueError, match="tells the reward of every item and the policy learns otherwise"):
        al.simulate(al.exp3(K), al.AdversarialBandit(TABLE, full=True), KEY, horizon=2)
    with pytest.raises(ValueError, match="tells the reward of the item chosen alone"):
        al.simulate(al.hedge(K), al.AdversarialBandit(TABLE), KEY, horizon=2)
    with pytest.raises(TypeError, match="learns from one choice a round: take Batched away"):
        al.simulate(al.Batched(al.exp3(K), 2), al.AdversarialBandit(TABLE), KEY, horizon=2)
    with pytest.raises(ValueError, match=r"takes rewards in \[0, 1\] and GaussianBandit pays"):
        al.simulate(al.tsallis_inf(2), al.GaussianBandit([0.0, 1.0]), KEY, horizon=2)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: al.exp3(0), "exp3 arms must be a whole number of at least 1"),
        (lambda: al.hedge(0), "hedge experts must be a whole number of at least 1"),
        (lambda: al.exp3(2, horizon=0), "exp3 horizon must be a whole number of at least 1"),
        (lambda: al.exp3(2, eta=-1.0), "MirrorDescent eta must be at least 0"),
        (lambda: al.tsallis_inf(2, low=1.0), "tsallis_inf low must be below high"),
        (lambda: al.exp4(2, bias=-1.0), "Exp4 bias must be at least 0"),
    ],
)
def test_bad_arguments_are_one_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        build()
    assert "\n" not in str(error.value)
