"""Stop rules by hand: what each says, what it refuses, and what the loop counts."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats
from sklearn.metrics import cohen_kappa_score

import altheory as al
from altheory.policies.pick import plain_stop

KEY = jax.random.key(0)


def says(rule, **trace):
    return np.asarray(al.replay(rule, {k: np.asarray(v) for k, v in trace.items()})).tolist()


def test_a_plateau_compares_with_the_reading_a_window_ago():
    error = [0.5, 0.4, 0.39, 0.2, 0.2, 0.2]
    assert says(al.Plateau(0.05, window=1), error=error) == [False, False, True, False, True, True]
    assert says(al.Plateau(0.05, window=2), error=error) == [False, False, False, False, False, True]


def test_a_cost_plateau_sets_money_against_errors():
    rule = al.CostPlateau(100.0, window=1)
    error, spent = [0.5, 0.4, 0.3, 0.3], [0.0, 9.0, 20.0, 20.0]
    assert says(rule, error=error, spent=spent) == [False, False, True, False]


def test_patience_wants_a_run_of_yeses():
    rule = al.Patience(al.at_most("error", 0.2), 2)
    assert says(rule, error=[0.1, 0.3, 0.2, 0.1, 0.1, 0.4]) == [False, False, False, True, True, False]


def test_any_and_all_and_never():
    low, many = al.at_most("error", 0.2), al.at_least("labels", 2)
    trace = {"error": [0.1, 0.3, 0.1], "labels": [0, 1, 2]}
    assert says(al.AnyOf([low, many]), **trace) == [True, False, True]
    assert says(al.AllOf([low, many]), **trace) == [False, False, True]
    assert says(al.AnyOf(), **trace) == [False] * 3
    assert al.AllOf([low, al.Patience(many), low]).reads == ("error", "labels")


@pytest.mark.parametrize(("rule", "trace", "first"), [
    (al.fixed_budget(1.0), {"spent": np.arange(12) * 0.1, "price": np.full(12, 0.1)}, 10),
    (al.cost_balance(10.0), {"spent": np.arange(6.0), "error": np.full(6, 0.31)}, 4),
    (al.price_above_gain(2.0), {"gain": [3, 1, 0.5, 0.2], "price": np.ones(4)}, 2),
    (al.best_in_hand(), {"best": [0.2, 0.5, 0.6], "index": [[0.9, 0.1], [0.6, 0.1], [0.6, 0.6]]}, 2),
    (al.at_most("entropy", 0.3), {"entropy": [1.0, 0.3, 0.1]}, 1),
    (al.at_least("labels", 3), {"labels": [1, 2, 3]}, 2),
])  # fmt: skip
def test_rules_without_a_past(rule, trace, first):
    said = says(rule, **trace)
    assert int(al.stopping_point(np.array(said))) == first
    assert said[first]


def test_a_run_that_is_never_stopped_ends_at_its_last_reading():
    assert int(al.stopping_point(np.zeros(7, bool))) == 6
    many = np.array([[False, True, True], [False, False, False]])
    np.testing.assert_array_equal(al.stopping_point(many), [1, 2])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_kappa_is_cohens(pairs):
    a, b = np.array(pairs).T
    if len({*a, *b}) == 1:
        assert float(al.cohen_kappa(a, b)) == 1
    else:
        assert float(al.cohen_kappa(a, b)) == pytest.approx(cohen_kappa_score(a, b), abs=1e-5)


def test_agreement_waits_for_its_window():
    a, b = [0, 1, 0, 1], [0, 1, 1, 1]
    assert says(al.Agreement(4, 0.9, window=2), predictions=[a, b, b, b, b]) == [False, False, False, True, True]
    assert says(al.Agreement(4, 0.4, window=1), predictions=[a, b, a]) == [False, True, True]


def test_the_occam_bound_fails_as_rarely_as_it_says():
    """Exact: the chance that a bad hypothesis ever looks good enough, by a walk on its number of mistakes."""
    target, delta, true = 0.4, 0.2, 0.401
    rule = al.occam_bound(math.log(1), target, delta)
    assert _ever(rule, true, 300, lambda wrong, n: {"labels": n, "training_error": wrong / np.maximum(n, 1)}) <= delta
    n = np.arange(1, 400)
    said = np.asarray(al.replay(rule, {"labels": n, "training_error": np.zeros(len(n))}))
    by_hand = np.sqrt(np.log(n * (n + 1) / delta) / (2 * n)) <= target
    np.testing.assert_array_equal(said, by_hand)


@pytest.mark.parametrize("target", [0.1, 0.5])
def test_error_below_is_fooled_at_most_delta_of_the_time(target):
    """Exact crossing probability at the boundary; asking a fixed-n interval after every audit is fooled more often."""
    delta, n = 0.1, 200
    chance = _ever(al.error_below(target, delta), target, n, lambda wrong, n: {"mistakes": wrong, "audits": n})
    assert 0.01 < chance <= delta
    z = stats.norm.ppf(1 - delta)

    def peeks(mistakes, audits):
        return (audits >= 20) & (mistakes / audits + z * jnp.sqrt(target * (1 - target) / audits) < target)

    assert _ever(al.when(peeks), target, n, lambda wrong, n: {"mistakes": wrong, "audits": n}) > delta


def _ever(rule, rate, steps, read):
    """The exact probability that a memoryless rule ever says yes, for mistakes that are Bernoulli(`rate`)."""
    grid, n = np.arange(steps + 1), np.arange(1, steps + 1)
    wrong, total = np.meshgrid(grid, n)
    seen = {k: np.asarray(v, np.float32).ravel() for k, v in read(wrong, total).items()}
    stop = np.asarray(al.replay(rule, seen)).reshape(steps, steps + 1) & (wrong <= total)
    mass, crossed = np.zeros(steps + 1), 0.0
    mass[0] = 1.0
    for t in range(steps):
        mass = mass * (1 - rate) + np.r_[0, mass[:-1]] * rate
        crossed += mass[stop[t]].sum()
        mass[stop[t]] = 0
    return crossed


def test_the_bernoulli_mixture_is_a_martingale():
    """Its mean over all sequences is 1 at the true rate, also with no mistake and with nothing but mistakes."""
    for p, n in itertools.product((0.03, 0.5, 0.9), (1, 5, 12)):
        s = np.arange(n + 1)
        m = np.exp(np.asarray(al.log_bernoulli_mixture(s, n - s, p, a=0.5, b=2.0), np.float64))
        assert m @ stats.binom.pmf(s, n, p) == pytest.approx(1, abs=1e-5)
    assert float(al.log_bernoulli_mixture(0, 0, 0.3)) == 0
    assert float(al.log_bernoulli_mixture(3, 0, 0.0)) == np.inf


def test_the_normal_mixture_radius_solves_for_the_boundary():
    """At the radius, the log of the mixture's density ratio is ln(1 / delta)."""
    n, sigma, rho, delta = np.array([1.0, 10, 1e4]), 0.7, 3.0, 0.02
    s = np.asarray(al.normal_mixture_radius(n, sigma=sigma, rho=rho, delta=delta), np.float64) * n
    spread = sigma**2 * n + rho
    log_mixture = 0.5 * np.log(rho / spread) + s**2 / (2 * spread)
    np.testing.assert_allclose(log_mixture, np.log(1 / delta), rtol=1e-5)
    assert float(al.normal_mixture_radius(0)) == np.inf
    rule = al.interval_within(0.3, delta, sigma=sigma, rho=rho)
    first = int(al.stopping_point(al.replay(rule, {"audits": np.arange(200)})))
    width = np.asarray(al.normal_mixture_radius(np.array([first - 1, first]), sigma=sigma, rho=rho, delta=delta))
    assert width[0] > 0.3 >= width[1]


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(-1, 1)), min_size=2, max_size=4), st.sampled_from([0.5, 2.0]))
def test_mixture_glr_is_the_least_evidence_over_alternatives(arms, rho):
    """The infimum over means with the leader no better than a rival of the sum of their log mixtures."""
    n, m = np.array([a[0] for a in arms], float), np.array([a[1] for a in arms])
    v, best, sigma = n**2 / (n + rho), int(np.argmax(m)), 0.8

    def log_mixture(c, mean):
        return -0.5 * np.log1p(n[c] / rho) + v[c] / (2 * sigma**2) * (m[c] - mean) ** 2

    def least(b):
        return optimize.minimize_scalar(lambda u: log_mixture(best, u) + log_mixture(b, u), bounds=(-2, 2)).fun

    want = min(least(b) for b in range(len(arms)) if b != best)
    assert float(al.mixture_glr(n, m, sigma=sigma, rho=rho)) == pytest.approx(want, abs=1e-3)


def test_mixture_glr_knows_nothing_of_an_unplayed_arm():
    assert float(al.mixture_glr(np.array([9.0, 0.0]), np.array([5.0, 0.0]))) == -np.inf


def test_outpriced_looks_at_each_items_own_price():
    def gain(belief, menu, key):
        return jnp.array([0.5, 0.2, 0.9])

    menu = al.menu(jnp.arange(3), price=[0.4, 0.3, 0.1], open=[True, True, False])
    for stake, stops in ((0.79, True), (0.81, False)):
        policy = al.Argmax(al.counts(3), gain, al.outpriced(stake))
        assert bool(policy.select(policy.init(KEY), menu, KEY).stop) == stops


def test_a_known_best_arm_ends_the_run():
    oracle = al.BernoulliBandit([0.1, 0.9])
    policy = al.Until(al.ucb1(2), al.best_arm_known(0.05))
    state, trace = al.simulate(policy, oracle, KEY, horizon=300, record=(al.labels,))
    assert bool(trace.stopped[-1])
    b = state.belief
    assert float(al.mixture_glr(b.plays, b.total / b.plays)) >= np.log(1 / 0.05)


def test_token_prices_broadcast_over_items_and_models():
    price = al.token_price(np.array([1000, 200])[:, None], 50, input_rate=np.array([0.5, 10]), output_rate=20.0)
    np.testing.assert_allclose(price, [[0.0015, 0.011], [0.0011, 0.003]], rtol=1e-5)
    with pytest.raises(ValueError, match="completion must be at least 0"):
        al.token_price(1, -1, input_rate=1, output_rate=1)


def test_until_counts_labels_and_money_of_batches_within_a_budget():
    pool = al.LabelPool(np.eye(6, 2) + 0.1, np.arange(6) % 2, price=[0.1, 0.7])
    inner = al.Batched(al.Until(al.random(al.linear(2)), al.AnyOf()), 3)
    policy = al.Budgeted(inner, 2.0)
    names = tuple(al.reading(n) for n in ("labels", "spent", "price"))
    metrics = al.simulate(policy, pool, KEY, horizon=9, record=(al.cost, *names))[1].metrics
    before = np.r_[0, np.cumsum(np.asarray(metrics["cost"], np.float64))[:-1]]
    np.testing.assert_allclose(metrics["spent"], before, atol=1e-6)
    assert metrics["labels"][-1] >= 6
    assert float(metrics["price"][0]) == pytest.approx(0.1)


def pool_policy():
    return al.Argmax(al.logistic(2), al.margin_score)


def broken(error, limit):
    return error


REFUSED = {
    "unmeasured": (lambda: al.Until(pool_policy(), al.Plateau()), ValueError, "reads error, which nothing measures"),
    "taken": (lambda: al.Until(pool_policy(), al.AnyOf(), {"spent": al.mean_entropy}), ValueError, "by itself"),
    "memory in Argmax": (lambda: plain_stop(al.Plateau()), TypeError, "wrap the policy instead"),
    "function in AnyOf": (lambda: al.AnyOf([al.never]), TypeError, "AnyOf combines rules"),
    "empty AllOf": (lambda: al.AllOf([]), ValueError, "at least one rule"),
    "window": (lambda: al.Plateau(0.1, window=0), ValueError, "window must be a whole number of at least 1"),
    "patience": (lambda: al.Patience(al.best_in_hand(), 1.5), ValueError, "whole number of at least 1"),
    "kappa": (lambda: al.Agreement(5, 1.5), ValueError, "kappa must lie in"),
    "stake": (lambda: al.cost_balance(0.0), ValueError, "stake must be above 0"),
    "delta": (lambda: al.error_below(0.1, 2.0), ValueError, "delta must lie in"),
    "argument": (lambda: al.when(broken, nope=1), TypeError, "the stop rule broken must take 2 readings"),
    "uneven": (lambda: al.replay(al.CostPlateau(1.0), {"error": np.ones(3), "spent": np.ones(4)}), ValueError, "one"),
    "no rows": (lambda: al.replay(al.Plateau(), {"error": np.ones(0)}), ValueError, "of at least 1"),
    "items": (lambda: al.replay(al.Agreement(3), {"predictions": np.ones((4, 2), int)}), ValueError, "as many predict"),
    "nobody reads": (lambda: _read(pool_policy(), "error"), TypeError, "wrap the policy"),
    "no such gauge": (lambda: _read(al.Until(pool_policy(), al.AnyOf()), "error"), ValueError, "no 'error'"),
}  # fmt: skip


def _read(policy, name):
    return al.simulate(policy, al.LabelPool(np.eye(4, 2), [0, 1, 0, 1]), KEY, horizon=2, record=(al.reading(name),))


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why(case):
    make, kind, sentence = REFUSED[case]
    with pytest.raises(kind, match=sentence):
        make()


def test_beta_ratio_reference():
    """The mixture in closed form, by scipy's beta function."""
    got = float(al.log_bernoulli_mixture(7, 3, 0.4, a=1.0, b=1.0))
    assert got == pytest.approx(special.betaln(8, 4) - 7 * np.log(0.4) - 3 * np.log(0.6), abs=1e-4)
