"""Policies for rewards that change: the same regret as plain numpy, windows recomputed from the history, and trends."""

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest

import altheory as al
from altheory.guarantees.changing import best_split, total_interval

KEY = jax.random.key(0)
MEANS, BREAK, TAU, GAMMA = np.array([[0.9, 0.5, 0.2], [0.1, 0.5, 0.8]]), 50, 30, 0.95
BANDIT = al.PiecewiseBandit(MEANS, [BREAK])


def numpy_loop(index, *, eps=0.0, seed=5):
    """Total regret `[seeds]`; `index(arms, rewards, t)` sees the history `[seeds, t]`."""
    rng, seeds = np.random.default_rng(seed), plain.SEEDS
    arms, rewards, total = np.zeros((seeds, 0), int), np.zeros((seeds, 0)), np.zeros(seeds)
    for t in range(plain.HORIZON):
        means = MEANS[int(t >= BREAK)]
        score = np.where(rng.random((seeds, 1)) < eps, 0.0, index(arms, rewards, t))
        arm = np.where(score == score.max(1, keepdims=True), rng.random(score.shape), -1).argmax(1)
        y = (rng.random(seeds) < means[arm]) * 1.0
        arms, rewards = np.c_[arms, arm], np.c_[rewards, y]
        total += means.max() - means[arm]
    return total


def tally(arms, weight, rewards):
    hit = (arms[..., None] == np.arange(3)) * weight[..., None]
    return hit.sum(1), (hit * rewards[..., None]).sum(1)


def indexed(n, total, bonus):
    safe = np.where(n > 0, n, 1)
    return np.where(n > 0, total / safe + bonus(safe), np.inf)


def sw_ucb(arms, rewards, t):
    arms, rewards = arms[:, -TAU:], rewards[:, -TAU:]
    n, total = tally(arms, np.ones(arms.shape), rewards)
    return indexed(n, total, lambda n: np.sqrt(np.log(TAU) / n))


def discounted_ucb(arms, rewards, t):
    n, total = tally(arms, np.broadcast_to(GAMMA ** np.arange(t)[::-1], arms.shape), rewards)
    return indexed(n, total, lambda m: np.sqrt(2 * np.log(np.maximum(n.sum(1, keepdims=True), 1)) / m))


@pytest.mark.parametrize(
    ("policy", "index"),
    [(al.sw_ucb(3, TAU), sw_ucb), (al.discounted_ucb(3, GAMMA), discounted_ucb)],
    ids=["sw_ucb", "discounted_ucb"],
)
def test_regret_and_its_law_are_those_of_a_numpy_loop(policy, index):
    plain.agree(plain.compiled(policy, BANDIT), numpy_loop(index))


def test_m_ucb_is_that_of_a_numpy_loop():
    window, threshold, start = 10, 3.0, np.zeros((plain.SEEDS, 1), int)

    def index(arms, rewards, t):
        """UCB1 since the last restart, which is looked for after each round."""
        who = np.arange(plain.SEEDS)
        if t:
            live = (np.arange(t) >= start) & (arms == arms[:, -1:])
            place = np.where(live, live[:, ::-1].cumsum(1)[:, ::-1], 0)
            late = (rewards * ((place > 0) & (place <= window // 2))).sum(1)
            early = (rewards * ((place > window // 2) & (place <= window))).sum(1)
            start[who[(place.max(1) >= window) & (np.abs(late - early) > threshold)]] = t
        n, total = tally(arms, (np.arange(t) >= start) * 1.0, rewards)
        played = np.maximum(n.sum(1, keepdims=True), 1)
        return indexed(n, total, lambda m: np.sqrt(2 * np.log(played) / m))

    belief = al.restarting(3, window, threshold)
    ours = plain.compiled(al.Epsilon(al.Argmax(belief, al.ucb1_index), 0.1), BANDIT)
    plain.agree(ours, numpy_loop(index, eps=0.1))


def folded(belief, arms, rewards, open=None):
    """The belief after a history, whose closed rounds (`open` false) change nothing."""
    menu = al.menu(jnp.arange(belief.arms))
    open = np.ones(len(arms), bool) if open is None else open

    def one(b, seen):
        arm, y, live = seen
        row = menu[arm]
        return b.update(row.replace(open=row.open & live), y), None

    seen = (jnp.asarray(arms), jnp.asarray(rewards, jnp.float32), open)
    return plain.quick(lambda b: jax.lax.scan(one, b, seen)[0])(belief)


def test_the_window_holds_exactly_the_last_rounds():
    """After 5,000 rewards far from 0, and rounds in which nothing was bought."""
    rng = np.random.default_rng(0)
    arms, y, open = rng.integers(0, 3, 5000), rng.normal(1e3, 1, 5000).astype(np.float32), rng.random(5000) < 0.9
    belief, menu = folded(al.windowed(4, 7), arms, y, open), al.menu(jnp.arange(4))
    last = [(arms[open][-7:] == k) for k in range(4)]
    np.testing.assert_array_equal(belief.count(menu), [m.sum() for m in last])
    means = [y[open][-7:][m].astype(np.float64).mean() if m.any() else 0 for m in last]
    np.testing.assert_allclose(belief.mean(menu), means, rtol=3e-7)


def test_a_tally_restarts_at_a_change_and_not_without_one():
    rng = np.random.default_rng(1)
    steady = (rng.random(400) < 0.5) * 1.0
    calm = folded(al.restarting(1, 40, 14.0), np.zeros(400, int), steady)
    assert int(calm.restarts) == 0
    assert float(calm.plays[0]) == 400
    moved = folded(al.restarting(1, 40, 14.0), np.zeros(460, int), np.r_[steady * 0, np.ones(60)])
    assert int(moved.restarts) == 1
    assert float(moved.plays[0]) < 60


def test_lines_are_least_squares_until_they_bend():
    rng, menu = np.random.default_rng(2), al.menu(jnp.arange(1))
    y = 0.1 + 0.02 * np.arange(1, 31) + rng.normal(0, 0.01, 30)
    belief = folded(al.rising(1, 10, 0.2), np.zeros(30, int), y)
    np.testing.assert_allclose(belief.mean(menu)[0], np.polyval(np.polyfit(np.arange(1, 31), y, 1), 31), rtol=1e-4)
    assert not bool(belief.flat[0])
    bent = folded(al.rising(1, 10, 0.1), np.zeros(60, int), np.minimum(0.02 * np.arange(1, 61), 0.6))
    assert bool(bent.flat[0])
    np.testing.assert_allclose(bent.mean(menu)[0], 0.6, atol=0.05)
    assert float(bent.count(menu)[0]) == 60


def test_the_late_bloomer_is_found_and_stationary_arms_cost_no_more_than_twice_ucb1():
    late = np.minimum(0.1 + 0.8 * np.arange(1500) / 200, 0.9)
    bloomer = al.RisingBandit(np.stack([np.full(1500, 0.6), late], 1), 0.1)
    steady = al.RisingBandit(np.tile([[0.6, 0.4]], (1500, 1)), 0.1)

    def regret(policy, bandit):
        result = al.study({"it": policy}, bandit, KEY, horizon=1500, seeds=20, block=20)
        return float(result.cumulative("regret").isel(round=-1).mean())

    ti, ucb1 = al.ti_ucb(2, noise=0.5), al.ucb1(2, noise=0.5)
    assert regret(ti, bloomer) < 0.5 * regret(ucb1, bloomer)
    assert regret(ti, steady) < 2 * regret(ucb1, steady)


def test_falling_curves_break_the_single_arm_claim_and_intervals_hold():
    fall = np.stack([[1.0, 0.2, 0.1], [0.9, 0.3, 0.0]], 1)
    assert best_split(fall) > fall.sum(0).max()
    curve = np.minimum(1, np.sqrt(np.arange(1, 31)) / 4)
    for n in (1, 2, 5, 20):
        low, high = total_interval(curve[:n], 30)
        assert low <= curve.sum() <= high + 1e-12 or n == 1


def test_the_range_of_rewards_is_kept():
    for policy in (al.sw_ucb(2, 5), al.discounted_ucb(2, 0.9), al.m_ucb(2, 4, 10), al.ti_ucb(2, 3)):
        with pytest.raises(ValueError, match=r"takes rewards in \[0, 1\] and GaussianBandit pays"):
            al.simulate(policy, al.GaussianBandit([0.0, 1.0]), KEY, horizon=2)
    with pytest.raises(ValueError, match="and those of GaussianBandit have 1: build the policy"):
        al.simulate(al.sw_ucb(2, 5, noise=0.5), al.GaussianBandit([0.0, 1.0]), KEY, horizon=2)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: al.windowed(2, 0), "windowed window must be a whole number of at least 1"),
        (lambda: al.discounted(2, 1.0), "discounted gamma must lie between 0 and 1; it is 1"),
        (lambda: al.restarting(2, 5, 1.0), "restarting window must be even, to be halved; it is 5"),
        (lambda: al.restarting(2, 4, 0.0), "restarting threshold must be above 0"),
        (lambda: al.m_ucb(2, 4, 0), "m_ucb horizon must be a whole number of at least 1"),
        (lambda: al.rising(2, 1), "rising window must be a whole number of at least 2"),
        (lambda: al.ti_ucb(2, threshold=-1.0), "rising threshold must be above 0"),
    ],
)
def test_bad_arguments_are_one_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        build()
    assert "\n" not in str(error.value)
