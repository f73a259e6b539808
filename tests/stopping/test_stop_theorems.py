"""What the theorems on stopping leave out, and their bounds by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al
from altheory.guarantees import stopping


def stopped(rule, **trace):
    return int(al.stopping_point(np.r_[np.asarray(al.replay(rule, trace)), True]))


def test_backward_induction_agrees_with_all_stopping_times_of_a_small_tree():
    """Two labels: buy none, one, or two after one or both first outcomes: five rules, by hand."""
    for seed in range(20):
        tree = stopping.gain_tree(np.random.default_rng(seed), 2, noise=1.0, late=True)
        rules = [np.array(r, bool) for r in ([[1, 0]] * 4, [[0, 1]] * 4, [[0, 0]] * 4, [[0, 0]] * 2 + [[0, 1]] * 2)]
        rules.append(np.array([[0, 1]] * 2 + [[0, 0]] * 2, bool))
        assert tree.best() == pytest.approx(max(tree.worth(r) for r in rules), abs=1e-12)


def test_gains_that_grow_later_cost_the_monotone_rule_dearly():
    gain = np.array([[0.2, 2.0, 2.0]] * 8)
    tree = stopping.Tree(gain, np.full((8, 3), 0.3), gain, np.full(8, 1 / 8), np.full(3, 0.5))
    says = np.asarray(stopping._by_expected_gain(tree.gain, tree.price, tree.realised))
    assert tree.worth(says) == 0
    assert tree.best() == pytest.approx(0.2 + 4.0 - 0.9)
    wild = [stopping.gain_tree(np.random.default_rng(s), 6, noise=0.5, late=True) for s in range(10)]
    losses = [t.best() - t.worth(stopping._by_expected_gain(t.gain, t.price, t.realised)) for t in wild]
    assert min(losses) > -1e-6
    assert max(losses) > 0.1


@given(
    st.lists(st.floats(0, 1), min_size=40, max_size=40),
    st.sampled_from([0.1, 1.0, 7.0, 40.0, 1000.0]),
    st.sampled_from([0.01, 1.0, 30.0]),
)
def test_balance_costs_at_most_twice_the_optimum_on_any_falling_curve(errors, stake, price):
    error = np.sort(np.array(errors, np.float32))[::-1]
    spent = np.arange(40, dtype=np.float32) * np.float32(price)
    total = al.total_cost(spent.astype(float), error.astype(float), stake)
    at = min(stopped(al.cost_balance(stake), spent=spent, error=error), 39)
    assert total[at] <= 2 * total.min() + price * (1 + 1e-5)


@given(st.floats(0.1, 2), st.floats(0, 0.3), st.floats(0.1, 0.7), st.sampled_from([3.0, 40.0, 900.0]))
def test_the_marginal_rule_is_exactly_optimal_on_convex_curves(c, a, b, stake):
    n = np.arange(1, 200, dtype=np.float64)
    error = a + b * n**-c
    gain = -np.diff(error)
    at = stopped(al.price_above_gain(stake), gain=gain, price=np.ones(len(gain)))
    total = al.total_cost(n, error, stake)
    assert total[at] == pytest.approx(total.min(), rel=1e-6)


def test_two_is_nearly_reached():
    """On a flat curve the optimum buys nothing."""
    spent, error, stake = np.arange(500.0), np.full(500, 0.4), 1000.0
    at = stopped(al.cost_balance(stake), spent=spent, error=error)
    assert (spent[at] + stake * error[at]) / (stake * 0.4) > 1.99


def test_the_law_of_net_gains_is_that_of_independent_items():
    """Against enumeration of every outcome of four items."""
    share, law = stopping.net_gains(0.1, 0.4, 4)
    p = {-1: 0.15, 0: 0.6, 1: 0.25}
    want = dict.fromkeys(range(-4, 5), 0.0)
    for outcome in np.ndindex(3, 3, 3, 3):
        d = [k - 1 for k in outcome]
        want[sum(d)] += np.prod([p[k] for k in d])
    np.testing.assert_allclose(law, list(want.values()), atol=1e-12)
    np.testing.assert_allclose(share, np.arange(-4, 5) / 4)


def test_the_plateau_bound_by_hand():
    bound = al.plateau_false_stop(100, np.array([0.12, 0.02, 0.32]))
    assert bound == pytest.approx(np.exp(-100 * 0.1**2 / 2) + np.exp(-100 * 0.3**2 / 2))


def test_the_best_arm_theorem_asks_for_its_own_level_and_noise():
    oracle = al.GaussianBandit([0.0, 1.0], sd=1.0)
    policy = al.Until(al.ucb1(2), al.best_arm_known(0.1, sigma=1.0))
    assert al.mixture_glr_stop(policy, oracle, np.arange(3)).tolist() == [0, 0, 0]
    for other, why in (
        (al.Until(al.ucb1(2), al.best_arm_known(0.2, sigma=1.0)), "delta is 0.2"),
        (al.Until(al.ucb1(2), al.best_arm_known(0.1)), "below the noise"),
        (al.ucb1(2), "does not stop by"),
    ):
        with pytest.raises(ValueError, match=why):
            al.mixture_glr_stop(other, oracle, np.arange(3))
