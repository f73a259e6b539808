"""The learning-curve posterior against plain linear algebra, and what stopping by it costs."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al
from altheory.stopping.curve import EXPONENTS, NOISES, PRIOR_MEAN, PRIOR_SD

RATIOS = np.geomspace(10, 1e4, 7)
T = 800


def folded(labels, error, **options):
    return al.fit_curve(np.asarray(labels, np.float64), np.asarray(error, np.float64), **options)


def by_hand(labels, error, weights, c, noise):
    """Mean and covariance of (a, b) by normal equations in float64; the prior has the first weight."""
    h = np.stack([np.ones(len(labels)), labels**-c], 1)
    prior = np.diag(1 / np.square(PRIOR_SD)) * weights[0]
    precision = prior + (h * weights[:, None]).T @ h / noise**2
    return np.linalg.solve(precision, prior @ PRIOR_MEAN + (h * weights[:, None]).T @ error / noise**2), precision


@pytest.mark.parametrize("forget", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("wide", [False, True])
def test_each_cell_is_a_weighted_regression(forget, wide):
    rng = np.random.default_rng(0)
    labels = np.array([1.0, 2, 3, 5, 8, 20, 21, 60])
    error = 0.1 + 0.5 * labels**-0.6 + 0.02 * rng.normal(size=8)
    with jax.enable_x64() if wide else contextlib.nullcontext():
        curve = folded(labels, error, forget=forget)
        mean, root = np.asarray(curve.mean, np.float64), np.asarray(curve.root, np.float64)
    weights = (labels / labels[-1]) ** forget
    for i, j in ((0, 0), (9, 3), (20, 5), (27, 2)):
        want, precision = by_hand(labels, error, weights, EXPONENTS[i], NOISES[j])
        np.testing.assert_allclose(mean[i, j], want, rtol=2e-3, atol=1e-10 if wide else 3e-4)
        cov = root[i, j] @ root[i, j].T
        np.testing.assert_allclose(cov, np.linalg.inv(precision), rtol=1e-8 if wide else 5e-3, atol=1e-6)


def test_the_evidence_is_the_marginal_likelihood():
    rng = np.random.default_rng(1)
    labels = np.array([1.0, 4, 9, 30])
    error = 0.2 + 0.4 * labels**-1.0 + 0.03 * rng.normal(size=4)
    with jax.enable_x64():
        got = np.asarray(folded(labels, error, forget=0.0).evidence)
    want = np.zeros_like(got)
    for i, c in enumerate(EXPONENTS):
        h = np.stack([np.ones(4), labels**-c], 1)
        for j, noise in enumerate(NOISES):
            cov = h @ np.diag(np.square(PRIOR_SD)) @ h.T + noise**2 * np.eye(4)
            want[i, j] = stats.multivariate_normal(h @ PRIOR_MEAN, cov).logpdf(error)
    np.testing.assert_allclose(got - got.max(), want - want.max(), atol=1e-6)


@pytest.mark.parametrize(("a", "b", "c"), [(0.05, 0.6, 0.5), (0.0, 0.9, 1.0), (0.3, 0.4, 0.2), (0.1, 0.8, 2.0)])
def test_a_curve_that_is_a_power_law_is_found_and_continued(a, b, c):
    n = np.arange(1.0, 101)
    curve = folded(n, a + b * n**-c)
    ahead = np.array([100.0, 200.0, 400.0])
    true = a + b * ahead**-c
    np.testing.assert_allclose(curve.predict(ahead), true, atol=0.01)
    drawn = np.asarray(curve.draw(jnp.asarray(ahead), jax.random.key(0), 2000))
    low, high = np.quantile(drawn, [0.005, 0.995], axis=0)
    assert (low - 2e-3 <= true).all()
    assert (true <= high + 2e-3).all()
    fall = a + b * 100**-c - (a + b * 110**-c)
    assert float(curve.fall(10.0)) == pytest.approx(fall, rel=0.1, abs=1e-4)


def test_the_interval_covers_the_curve_as_often_as_it_says():
    """Errors with the model's own noise, exponents from its grid: 95 % intervals cover at least 90 % of 400 curves
    (binomial, alpha = 1e-6: fewer than 337 would reject 90 %).
    """
    rng = np.random.default_rng(2)
    n, runs = np.arange(1.0, 41), 400
    a, b = np.abs(rng.normal(0.1, 0.15, runs)), np.abs(rng.normal(0.6, 0.4, runs))
    c, noise = rng.choice(EXPONENTS, runs), rng.choice(NOISES, runs)
    error = a[:, None] + b[:, None] * n ** -c[:, None] + noise[:, None] * rng.normal(size=(runs, len(n)))

    @jax.jit
    def edges(errors, key):
        drawn = jax.vmap(lambda e: al.fit_curve(n, e, forget=0.0).draw(jnp.array([80.0]), key, 400))(errors)
        return jnp.quantile(drawn[..., 0], jnp.array([0.025, 0.975]), axis=1)

    low, high = np.asarray(edges(error, jax.random.key(1)))
    true = a + b * 80.0**-c
    covered = int(((low <= true) & (true <= high)).sum())
    assert stats.binom.cdf(covered, runs, 0.9) > 1e-6


def test_the_chance_of_a_fall_is_that_of_draws():
    rng = np.random.default_rng(3)
    n = np.arange(1.0, 31)
    curve = folded(n, 0.15 + 0.5 * n**-0.7 + 0.03 * rng.normal(size=30))
    drawn = np.asarray(curve.draw(jnp.array([30.0, 40.0]), jax.random.key(2), 8000))
    fell = drawn[:, 0] - drawn[:, 1]
    for least in np.quantile(fell, [0.1, 0.5, 0.9]):
        assert float(curve.falls_by(least, 10.0)) == pytest.approx((fell > least).mean(), abs=0.06)
    assert float(curve.falls_by(1e-9, 10.0)) > 0.9
    assert float(curve.falls_by(0.5, 10.0)) < 1e-3


def test_measurements_that_say_nothing_new_change_nothing():
    n = np.arange(1.0, 11)
    curve = folded(n, 1 / n)
    for labels, error in ((10, 0.0), (4, 0.9), (11, np.nan)):
        for x, y in zip(jax.tree.leaves(curve.update(labels, error)), jax.tree.leaves(curve), strict=True):
            np.testing.assert_array_equal(x, y)
    assert np.isnan(curve.predict(np.array([0.0, 0.5]))).all()
    assert float(al.learning_curve().predict(1.0)) == pytest.approx(0.7)


def test_float32_stays_with_float64_over_long_traces():
    n = np.arange(1.0, 20_001)
    error = np.random.default_rng(4).binomial(500, 0.05 + 0.5 * n**-0.4) / 500
    single = folded(n, error)
    with jax.enable_x64():
        double = folded(n, error)
        want = float(double.fall(100.0)), np.asarray(double.predict(np.array([1e4, 1e5])))
    assert np.isfinite(np.asarray(single.evidence)).all()
    assert float(single.fall(100.0)) == pytest.approx(want[0], rel=0.05)
    np.testing.assert_allclose(single.predict(np.array([1e4, 1e5])), want[1], atol=2e-3)


def curves(runs=80, items=500):
    """True errors of power laws, and their measurements on `items` validation items drawn afresh each time."""
    rng = np.random.default_rng(5)
    a, b, c = rng.uniform(0, 0.2, runs), rng.uniform(0.3, 0.8, runs), rng.uniform(0.2, 1.2, runs)
    n = np.arange(1.0, T + 1)
    true = a[:, None] + b[:, None] * n ** -c[:, None]
    return n, true, rng.binomial(items, true) / items


@pytest.fixture(scope="module")
def losses():
    """The share of the optimal total cost lost, `[ratios, curves]` by the rule and `[ratios, curves, T]` by each n."""
    n, true, measured = curves()

    @jax.jit
    def decide(stakes, errors):
        def one(stake):
            return jax.vmap(lambda e: al.replay(al.CostOptimum(stake), {"labels": n, "spent": n, "error": e}))(errors)

        return jax.vmap(one)(stakes)

    at = np.asarray(al.stopping_point(decide(jnp.asarray(RATIOS), jnp.asarray(measured))))
    cost = n + RATIOS[:, None, None] * true
    lost = cost / cost.min(-1, keepdims=True) - 1
    return at, np.take_along_axis(lost, at[..., None], -1)[..., 0], lost


def upper(x):
    """An upper limit for the mean over curves, Student's t, alpha = 1e-6."""
    return x.mean(-1) + stats.t.isf(1e-6, x.shape[-1] - 1) * x.std(-1, ddof=1) / np.sqrt(x.shape[-1])


def test_it_loses_at_most_a_tenth_at_every_ratio(losses):
    assert (upper(losses[1]) <= 0.1).all(), upper(losses[1])


def test_every_fixed_number_of_labels_loses_half_at_one_end(losses):
    fixed = np.moveaxis(losses[2], 1, -1)
    lower = -upper(-fixed)
    assert (np.maximum(lower[0], lower[-1]) > 0.5).all()


def test_a_higher_stake_never_stops_earlier(losses):
    assert (np.diff(losses[0], axis=0) >= 0).all()


def test_money_is_counted_in_any_unit_and_batch():
    """Prices and stake in cents decide as in dollars; batches of ten stop within a batch of the optimum."""
    n, true, measured = (x[:3] if x.ndim > 1 else x for x in curves(3))
    for error in measured:
        dollars = al.replay(al.CostOptimum(300.0), {"labels": n, "spent": n, "error": error})
        cents = al.replay(al.CostOptimum(30_000.0), {"labels": n, "spent": 100 * n, "error": error})
        np.testing.assert_array_equal(dollars, cents)
    tens = slice(9, None, 10)
    for error in true[:, tens]:
        says = al.replay(al.CostOptimum(3000.0), {"labels": n[tens], "spent": n[tens], "error": error})
        total = n[tens] + 3000 * error
        assert total[int(al.stopping_point(says))] <= 1.05 * total.min()


def test_dear_labels_stop_sooner_and_prices_may_change():
    n, true, _ = curves(1)
    at = [
        int(al.stopping_point(al.replay(al.CostOptimum(500.0), {"labels": n, "spent": spent, "error": true[0]})))
        for spent in (n, 5 * n, n + 20 * np.maximum(n - 20, 0))
    ]
    assert at[1] < at[0]
    assert 19 <= at[2] < at[0]


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda: al.CostOptimum(0.0), "stake must be above 0"),
    (lambda: al.CostOptimum(1.0, 1.5), "doubt must lie in"),
    (lambda: al.CostOptimum(1.0, forget=-1.0), "forget must be at least 0"),
    (lambda: al.learning_curve(forget=-0.5), "forget must be at least 0"),
])  # fmt: skip
def test_what_is_refused_says_why(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
