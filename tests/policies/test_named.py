"""The named algorithms, against plain numpy loops of the same algorithms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al

MEANS = np.array([0.9, 0.7, 0.6, 0.3])
HORIZON, SEEDS, ALPHA = 150, 1500, 1e-6
KEY = jax.random.key(0)


def numpy_loop(index, seed):
    """Total regret of each seed of an index policy on Bernoulli arms, ties broken at random."""
    rng = np.random.default_rng(seed)
    wins, plays, total = np.zeros((SEEDS, 4)), np.zeros((SEEDS, 4)), np.zeros(SEEDS)
    for t in range(HORIZON):
        score = index(wins, plays, t, rng)
        noise = rng.random(score.shape)
        arm = np.where(score == score.max(1, keepdims=True), noise, -1).argmax(1)
        wins[np.arange(SEEDS), arm] += rng.random(SEEDS) < MEANS[arm]
        plays[np.arange(SEEDS), arm] += 1
        total += MEANS.max() - MEANS[arm]
    return total


def ucb1(wins, plays, t, rng):
    bonus = np.sqrt(2 * np.log(max(t, 1)) / np.maximum(plays, 1))
    return np.where(plays > 0, wins / np.maximum(plays, 1) + bonus, np.inf)


def greedy(wins, plays, t, rng):
    return np.where(plays > 0, wins / np.maximum(plays, 1), np.inf)


def thompson(wins, plays, t, rng):
    return rng.beta(1 + wins, 1 + plays - wins)


def uniform(wins, plays, t, rng):
    return rng.random(plays.shape)


def compiled(policy):
    result = al.study({"it": policy}, al.BernoulliBandit(MEANS), KEY, horizon=HORIZON, seeds=SEEDS)
    result.raise_for_status()
    return result.data["regret"].sel(policy="it").values.astype(np.float64).sum(1)


@pytest.mark.parametrize(
    ("policy", "index"),
    [
        (al.ucb1(4), ucb1),
        (al.ucb1(4, scale=0.0), greedy),
        (al.thompson_bernoulli(4), thompson),
        (al.random(4), uniform),
    ],
    ids=["ucb1", "greedy", "thompson", "random"],
)
def test_mean_regret_and_its_law_are_those_of_a_numpy_loop(policy, index):
    """Welch's test of the means and Kolmogorov-Smirnov of the whole law, at alpha = 1e-6 each."""
    ours, theirs = compiled(policy), numpy_loop(index, 1)
    assert ours.std() > 0
    assert stats.ttest_ind(ours, theirs, equal_var=False).pvalue > ALPHA
    assert stats.ks_2samp(np.round(ours, 2), np.round(theirs, 2)).pvalue > ALPHA


def test_the_comparison_has_power():
    assert stats.ttest_ind(numpy_loop(ucb1, 1), numpy_loop(thompson, 1), equal_var=False).pvalue < ALPHA


X = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], np.float32)


def fitted(policy):
    belief = policy.belief
    for i, y in [(0, 1.0), (1, 0.5), (0, 0.8)]:
        belief = belief.update(al.menu(X)[i], y)
    return belief


def test_linucb_scores_are_its_index():
    precision = 2 * np.eye(2) + 2 * np.outer(X[0], X[0]) + np.outer(X[1], X[1])
    theta = np.linalg.solve(precision, 1.8 * X[0] + 0.5 * X[1])
    width = np.sqrt(np.einsum("kd,de,ke->k", X, np.linalg.inv(precision), X))
    radius = np.sqrt(2 * np.log(10) + np.log(np.linalg.det(precision) / 4)) + np.sqrt(2) * 3
    for policy, beta in (
        (al.linucb(2, prior=2.0, delta=0.1, bound=3.0), radius),
        (al.linucb(2, prior=2.0, alpha=0.5), 0.5),
    ):
        np.testing.assert_allclose(
            policy.score(fitted(policy), al.menu(X), KEY), X @ theta + beta * width, rtol=1e-4, atol=1e-5
        )


def test_lints_scores_are_a_posterior_draw():
    policy = al.lints(2, prior=2.0)
    belief = fitted(policy)
    np.testing.assert_array_equal(policy.score(belief, al.menu(X), KEY), belief.sample(al.menu(X), KEY))


@pytest.mark.parametrize("policy", [al.linucb(2), al.linucb(2, alpha=1.0), al.lints(2)], ids=["oful", "ucb", "lints"])
def test_linear_policies_find_the_best_arm(policy):
    bandit = al.LinearBandit(X, [0.0, 1.0], sd=0.1)
    _, trace = al.simulate(policy, bandit, KEY, horizon=200)
    assert float(trace["regret"][100:].mean()) < 0.5 * float(trace["regret"][:5].mean()) + 0.05
    assert int(jnp.bincount(trace.item[100:], length=3).argmax()) == 2


def test_random_learns_with_the_belief_it_is_given():
    belief = al.linear(2)
    assert al.random(belief).belief is belief
    assert isinstance(al.random(3).belief, al.Counts)
