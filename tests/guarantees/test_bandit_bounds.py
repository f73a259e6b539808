"""The numbers of the bandits' bounds, by hand and by brute force, and what lower bounds say of real policies."""

import math

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

import altheory as al
import altheory.plot
from altheory.guarantees.adversarial import igw_excess
from altheory.guarantees.halving import sequential_halving, sequential_halving_closed
from altheory.guarantees.lower import game, pulls
from altheory.guarantees.stochastic import bernoulli_kl, prior_cost, pulls_until

MEANS = np.array([0.4, 0.9, 0.5])
BANDIT = al.BernoulliBandit(MEANS)
T = np.array([10.0, 1000.0])


def test_kl_ucb_bound_by_direct_minimisation():
    def arm(mean):
        gap, level = 0.9 - mean, math.log1p(1000 * math.log(1000) ** 2)

        def value(z):
            e1, e2 = gap * np.exp(z) / (1 + np.exp(z).sum())
            return gap * (level / bernoulli_kl(mean + e1, 0.9 - e2) + 1 / (2 * e1**2) + 2 / e2**2)

        return optimize.minimize(value, [-1.0, -1.0], method="Nelder-Mead").fun

    exact, found = arm(0.4) + arm(0.5), al.kl_ucb_regret(al.kl_ucb(3), BANDIT, T)[1]
    assert exact - 1e-3 <= found <= 1.02 * exact


def test_prior_cost_by_the_definition():
    best, y, rounds = 0.7, 0.5, 12
    by_hand = []
    for k in range(rounds):
        s = np.arange(k + 1)
        by_hand.append((stats.binom.pmf(s, k, best) / stats.binom.cdf(s, k + 1, y)).sum() - 1)
    np.testing.assert_allclose(prior_cost(best, y, rounds), np.cumsum(by_hand), rtol=1e-9)
    long = prior_cost(0.95, 0.5, 400)
    assert np.isfinite(long).all()
    assert long[-1] - long[-100] < 1e-6


def test_pulls_until_is_the_least_that_will_do():
    n = pulls_until(0.3, 4, 0.1)

    def alpha(n):
        return math.sqrt(math.log(math.pi**2 * 4 * n**2 / 0.3) / (2 * n))

    assert 4 * alpha(n) <= 0.3 < 4 * alpha(n - 1)
    policy = al.successive_elimination(3, delta=0.1)
    bound = al.successive_elimination_regret(policy, BANDIT, np.array([1e9]))[0]
    np.testing.assert_allclose(bound, sum(g * pulls_until(g, 3, 0.1) for g in (0.5, 0.4)), rtol=1e-5)


@given(st.integers(0, 10_000))
def test_every_upper_bound_is_above_lai_and_robbins(seed):
    rng = np.random.default_rng(seed)
    means = rng.choice(np.linspace(0.05, 0.95, 19), 3, replace=False)
    oracle, t = al.BernoulliBandit(means), np.array([20.0, 200.0])
    wrong = means[means < means.max()]
    pulls = np.minimum(t[:, None], np.log(t)[:, None] / bernoulli_kl(wrong, means.max()))  # no arm more than t times
    below = pulls @ (means.max() - wrong)
    assert (below <= al.lai_robbins.bound(oracle, t) * (1 + 1e-4)).all()
    for g, policy in (
        (al.kl_ucb_regret, al.kl_ucb(3)),
        (al.ucb1_regret, al.ucb1(3)),
        (al.thompson_bernoulli_regret, al.thompson_bernoulli(3)),
    ):
        assert (g(policy, oracle, t) >= below * (1 - 1e-4)).all(), g.id


def test_lai_and_robbins_by_hand():
    gaussian = al.GaussianBandit([0.0, 1.0, 0.5], sd=2.0)
    np.testing.assert_allclose(al.lai_robbins.bound(gaussian, np.e), 8 * (1 / 1 + 1 / 0.5), rtol=1e-6)
    kl = 0.4 * math.log(0.4 / 0.9) + 0.6 * math.log(0.6 / 0.1)
    other = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    np.testing.assert_allclose(al.lai_robbins.bound(BANDIT, np.e), 0.5 / kl + 0.4 / other, rtol=1e-5)
    assert al.lai_robbins.bound(al.ContextualBandit([1.0], 2), T) is None


def test_no_policy_of_the_package_beats_the_game_between_two_instances():
    """Bretagnolle and Huber on every event of the form N_1 <= n/2, data processing, and the two-point regret."""
    here, there, n = np.array([0.6, 0.5]), np.array([0.6, 0.7]), 4
    for policy in (al.exp3(2, eta=0.5), al.epsilon_greedy(2, eps=0.3), al.tsallis_inf(2)):
        items, _, p = game(policy, here, n)
        q = game(policy, there, n)[2]
        np.testing.assert_allclose([p.sum(), q.sum()], 1, rtol=1e-5)
        divergence = pulls(items, p, 2) @ bernoulli_kl(here, there)
        few = (items == 0).sum(1) <= n / 2
        one, other = p[few].sum(), q[~few].sum()
        assert one + other >= 0.5 * math.exp(-divergence)
        assert bernoulli_kl(one, 1 - other) <= divergence * (1 + 1e-5) + 1e-9
        regret = 0.1 * (pulls(items, p, 2)[1] + pulls(items, q, 2)[0])
        assert regret >= al.two_point_regret(0.1, n, divergence)


def test_the_excess_of_inverse_gap_weights_is_the_supremum_over_rewards():
    rng = np.random.default_rng(0)
    for _ in range(5):
        guess, gamma = rng.normal(size=3), rng.uniform(1, 20)
        weigh = al.InverseGap(al.linear(1), gamma=gamma).weigh
        p = np.asarray(weigh(jnp.asarray(guess, jnp.float32), jnp.ones(3, bool)), np.float64)

        def lost(f, best, p=p, guess=guess, gamma=gamma):
            return -(p @ (f[best] - f - gamma / 4 * (guess - f) ** 2))

        top = max(-optimize.minimize(lost, guess, args=(a,), tol=1e-12).fun for a in range(3))
        np.testing.assert_allclose(igw_excess(p, guess, gamma), top, rtol=1e-4)
        assert top <= al.squarecb_igw(3, gamma) * (1 + 1e-6)


def test_horizon_tuned_forms():
    steps, experts = 400, 5
    eta = math.sqrt(8 * math.log(experts) / steps)
    np.testing.assert_allclose(
        al.hedge_regret(eta, experts, steps)[steps - 1], math.sqrt(steps / 2 * math.log(experts)), rtol=1e-12
    )
    assert al.exp3_ix_regret(1500, 3, 0.1) == pytest.approx(320, rel=0.01)


def test_a_bound_says_what_it_does_not_cover():
    for g, policy, oracle, why in (
        (al.kl_ucb_regret, al.ucb1(3), BANDIT, "not KL-UCB"),
        (al.kl_ucb_regret, al.kl_ucb(3, high=2.0), BANDIT, "rewards are not 0 or 1"),
        (al.thompson_bernoulli_regret, al.thompson_bernoulli(3, a=2.0), BANDIT, "prior is not uniform"),
        (al.successive_elimination_regret, al.successive_elimination(3, delta=0.2), BANDIT, "delta is 0.2"),
        (al.ucb1_regret, al.ucb1(2), al.PiecewiseBandit([[0.1, 0.2], [0.2, 0.1]], [3]), "has no fixed means"),
    ):
        with pytest.raises(ValueError, match=why):
            g(policy, oracle, T)


def test_every_bandit_theorem_says_of_every_policy_whether_it_applies():
    """A sentence or nothing, never an error, however the policy is wrapped and whatever the oracle is."""
    policies = [
        al.random(3),
        al.epsilon_greedy(3),
        al.epsilon_decreasing(3, 0.1),
        al.exp3(3),
        al.linucb(2),
        al.glm_ucb(2),
    ]
    policies += [
        al.Budgeted(al.Batched(al.kl_ucb(3), 2), 5.0),
        al.ti_ucb(3),
        al.InformationDirected(al.gaussian_arms(3)),
    ]
    oracles = [BANDIT, al.GaussianBandit(MEANS), al.ContextualBandit([1.0, 0.0], 3), al.AdversarialBandit(np.eye(3))]
    oracles += [
        al.LogisticBandit([1.0, 0.0], 3),
        al.PiecewiseBandit([MEANS, MEANS[::-1]], [3]),
        al.RisingBandit(np.eye(3)),
    ]
    theorems = [g for g in al.guarantees.ALL if g.family == "bandits" and g.assumes]
    assert len(theorems) >= 8
    for g in theorems:
        for policy in policies:
            for oracle in oracles:
                assert all(isinstance(sentence, str) for sentence in g.unmet(policy, oracle)), g.id


def test_lower_bounds_are_drawn_once():
    study = al.study({"ucb1": al.ucb1(3), "random": al.random(3)}, BANDIT, jax.random.key(0), horizon=20, seeds=2)
    figure = altheory.plot.regret(study, bounds=[al.ucb1_regret], lower=[al.lai_robbins])
    labels = [t.get_text() for t in figure.figure.axes[0].get_legend().get_texts()]
    assert sum("lai-robbins lower bound" in text for text in labels) == 1
    plt.close("all")


def test_halving_s_closed_form_is_never_below_its_sum():
    """For powers of two and budgets that divide, on random gaps; and the worked number of two arms."""
    rng = np.random.default_rng(0)
    for log in (1, 2, 3, 5):
        for _ in range(20):
            gaps = (0.0, *np.sort(rng.uniform(0.02, 1, 2**log - 1)).tolist())
            budget = 2**log * log * int(rng.integers(1, 400))
            total, closed = sequential_halving(gaps, budget), sequential_halving_closed(gaps, budget)
            assert total <= closed * (1 + 1e-9)
    assert sequential_halving((0.0, 0.2), 200) == pytest.approx(np.exp(-100 * 0.2**2))
    assert sequential_halving((0.0,), 10) == 0


@pytest.mark.parametrize(
    ("means", "shares"),
    [
        ([0.5, 0.45, 0.43, 0.4], [0.417, 0.390, 0.136, 0.057]),
        ([0.3, 0.21, 0.2, 0.19, 0.18], [0.336, 0.251, 0.177, 0.132, 0.104]),
    ],
)
def test_best_shares_of_pulls_are_the_published_ones(means, shares):
    """Garivier and Kaufmann 2016, section 6, to their printed digits; and no other shares do better."""
    found = al.guarantees.characteristic_time(means)
    np.testing.assert_allclose(found.weights, shares, atol=5.1e-4)
    mu = np.array(means)

    def rate(w):
        middle = (w[0] * mu[0] + w[1:] * mu[1:]) / (w[0] + w[1:])
        return (w[0] * bernoulli_kl(mu[0], middle) + w[1:] * bernoulli_kl(mu[1:], middle)).min()

    assert rate(found.weights) == pytest.approx(1 / found.time, rel=1e-9)
    rng = np.random.default_rng(0)
    for size in (1e-4, 1e-2, 1):
        for _ in range(200):
            other = np.abs(found.weights * (1 + size * rng.normal(size=len(mu))))
            assert rate(other / other.sum()) <= 1 / found.time * (1 + 1e-9)


def test_characteristic_time_of_gaussians_and_edges():
    found = al.guarantees.characteristic_time([0.1, 0.7, 0.2], sd=2.0)
    unit = al.guarantees.characteristic_time([0.1, 0.7, 0.2], sd=1.0)
    assert found.time == pytest.approx(4 * unit.time)
    np.testing.assert_allclose(found.weights, unit.weights)
    assert np.argmax(found.weights) == 1
    assert al.guarantees.characteristic_time([0.5, 0.5]).time == np.inf
    assert np.isfinite(al.guarantees.characteristic_time([1.0, 0.0, 0.5]).time)
    for means, sd, words in (
        ([0.5], None, "two arms or more"),
        ([0.5, 1.2], None, "probabilities"),
        ([0, 1], 0.0, "sd"),
    ):
        with pytest.raises(ValueError, match=words):
            al.guarantees.characteristic_time(means, sd=sd)
