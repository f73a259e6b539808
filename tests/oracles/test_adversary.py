"""Adversarial and moving rewards, against their tables and laws, and bad input refused in one sentence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al

KEY, ALPHA = jax.random.key(0), 1e-6
ONE = al.Choice(jnp.int32(1), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
TABLE = np.random.default_rng(0).random((4, 3)).astype(np.float32)


def rounds(oracle, count, choice=ONE):
    """Values, outcomes and benchmarks over rounds in which `choice` is made."""

    def step(world, key):
        bench = oracle.benchmark(world) if hasattr(oracle, "benchmark") else 0.0
        after, outcome = oracle.answer(world, choice, key)
        return after, (oracle.value(world), outcome.y, bench)

    return jax.lax.scan(step, oracle.init(KEY), jax.random.split(KEY, count))[1]


def test_a_table_is_paid_row_by_row_and_starts_anew():
    value, y, bench = rounds(al.AdversarialBandit(TABLE), 6)
    np.testing.assert_array_equal(value, TABLE[[0, 1, 2, 3, 0, 1]])
    np.testing.assert_array_equal(y, value[:, 1])
    np.testing.assert_array_equal(bench, value[:, TABLE.sum(0).argmax()])
    told = rounds(al.AdversarialBandit(TABLE, full=True), 4)[1]
    np.testing.assert_array_equal(told, TABLE)


def test_a_table_may_close_arms():
    bandit = al.AdversarialBandit(TABLE, np.eye(4, 3) == 0)
    assert bandit.offer(bandit.init(KEY)).open.tolist() == [False, True, True]
    with pytest.raises(ValueError, match=r"open must have the rewards' shape, \(4, 3\); it is \(3, 3\)"):
        al.AdversarialBandit(TABLE, np.ones((3, 3)))


def test_the_adversary_hits_the_leader_or_the_favourite():
    value = rounds(al.AdaptiveAdversary(3), 6)[0]
    np.testing.assert_array_equal(np.argmin(value, 1), [0, 1, 2, 0, 1, 2])
    value = rounds(al.AdaptiveAdversary(3, "favourite"), 3)[0]
    np.testing.assert_array_equal(np.argmin(value, 1), [0, 1, 1])


def test_means_change_after_the_breaks():
    bandit = al.PiecewiseBandit([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [2, 5])
    np.testing.assert_array_equal(rounds(bandit, 7)[1], [1, 1, 0, 0, 0, 1, 1])


def test_a_walk_has_its_step_and_stays_inside():
    value = np.asarray(rounds(al.DriftingBandit(50, 0.02), 400)[0], np.float64)
    assert (value >= 0).all()
    assert (value <= 1).all()
    moved = np.diff(value, axis=0)[(value[:-1] > 0.2) & (value[:-1] < 0.8)]
    assert stats.kstest(moved / 0.02, "norm").pvalue > ALPHA
    assert stats.kstest(value[0], "uniform").pvalue > ALPHA


def test_an_arm_rises_with_its_own_pulls():
    curves = np.stack([[0.1, 0.5, 0.9], [0.6, 0.6, 0.6]], 1)
    bandit = al.RisingBandit(curves)
    value, y, bench = rounds(bandit, 4, ONE.replace(item=jnp.int32(0)))
    np.testing.assert_allclose(y, [0.1, 0.5, 0.9, 0.9], rtol=1e-6)
    np.testing.assert_allclose(value[:, 1], 0.6, rtol=1e-6)
    np.testing.assert_allclose(bench, 0.6, rtol=1e-6)
    trace = al.simulate(al.random(2), al.RisingBandit(curves, 0.5), KEY, horizon=3, record=(al.regret, al.reward))[1]
    assert np.isfinite(trace["reward"]).all()


def test_advice_is_offered_and_the_best_expert_is_the_benchmark():
    advice = np.random.default_rng(1).dirichlet(np.ones(3), (4, 2)).swapaxes(1, 2)
    bandit = al.AdviceBandit(TABLE, advice)
    np.testing.assert_allclose(bandit.offer(bandit.init(KEY)).x, advice[0], rtol=1e-6)
    earned = np.einsum("tk,tkm->tm", TABLE, advice)
    np.testing.assert_allclose(rounds(bandit, 4)[2], earned[:, earned.sum(0).argmax()], rtol=1e-5)


def test_logistic_arms_pay_their_chance():
    bandit = al.LogisticBandit([2.0, -1.0], 3)
    ask = ONE.replace(item=jnp.tile(jnp.arange(3), 20_000), valid=jnp.ones(60_000, bool))
    world = bandit.init(KEY)
    y = np.asarray(bandit.answer(world, ask, KEY)[1].y, np.float64).reshape(-1, 3)
    p = np.asarray(bandit.value(world), np.float64)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-np.asarray(world) @ [2.0, -1.0])), rtol=1e-5)
    assert (np.abs(y.mean(0) - p) / np.sqrt(p * (1 - p) / len(y)) < stats.norm.isf(ALPHA / 6)).all()


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: al.AdversarialBandit(TABLE * 2), r"AdversarialBandit rewards must lie in \[0, 1\]"),
        (lambda: al.AdaptiveAdversary(0), "AdaptiveAdversary arms must be a whole number of at least 1"),
        (
            lambda: al.AdaptiveAdversary(2, "all"),
            "AdaptiveAdversary habit must be one of leader, favourite; it is 'all'",
        ),
        (lambda: al.PiecewiseBandit(TABLE, [1, 1, 2]), "PiecewiseBandit breaks must be rising rounds from 1"),
        (lambda: al.PiecewiseBandit(TABLE), "one fewer than the 4 rows of means"),
        (lambda: al.DriftingBandit(2, 2.0), r"DriftingBandit step must lie in \[0, 1\]"),
        (lambda: al.RisingBandit(TABLE, -1.0), "RisingBandit sd must be at least 0"),
        (lambda: al.AdviceBandit(TABLE, np.ones((4, 3, 2))), "must be laws over items; one sums to 3"),
        (lambda: al.AdviceBandit(TABLE, np.ones((4, 3))), r"advice must be \[T, K, M\]"),
        (lambda: al.LogisticBandit([np.nan], 2), "LogisticBandit theta must be finite"),
    ],
)
def test_bad_oracles_are_one_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        build()
    assert "\n" not in str(error.value)
