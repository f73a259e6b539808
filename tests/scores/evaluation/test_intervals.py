"""Intervals that hold at every size, and prediction-powered means: coverage, formulas, and what they refuse."""

import math

import numpy as np
import pytest
from scipy import stats

import altheory as al
from altheory.scores.evaluation.prediction_powered import tuned_power


def too_many(failures, runs, delta):
    """Whether as many failures would have probability below 1e-6 were the level right."""
    return stats.binom.sf(failures - 1, runs, delta) < 1e-6


@pytest.mark.parametrize("interval", [al.hoeffding_interval, al.betting_interval])
@pytest.mark.parametrize("p", [0.02, 0.5])
def test_intervals_of_bounded_means_cover(interval, p):
    rng = np.random.default_rng(0)
    runs = [interval(rng.random(60) < p, delta=0.1) for _ in range(200)]
    assert not too_many(sum(not r.low <= p <= r.high for r in runs), 200, 0.1)
    assert all(0 <= r.low <= r.mean <= r.high <= 1 for r in runs)


def test_betting_is_narrow_where_the_variance_is_small_and_scales_with_the_range():
    x = np.random.default_rng(1).beta(40, 760, 300)
    wide, narrow = al.hoeffding_interval(x), al.betting_interval(x)
    assert narrow.high - narrow.low < 0.4 * (wide.high - wide.low)
    moved = al.betting_interval(4 * x - 1, low=-1.0, high=3.0)
    np.testing.assert_allclose(moved[:3], [4 * v - 1 for v in narrow[:3]], atol=1e-12)


def drawn(rng, n, total, quality):
    """Labels, predictions of the same items and of others, and the mean label of all."""
    y = (rng.random(n + total) < 0.3).astype(float)
    f = np.clip(np.where(rng.random(n + total) < quality, y, rng.random(n + total)), 0, 1)
    return y[:n], f[:n], f[n:]


def test_the_mean_and_the_normal_interval_are_the_formulas():
    y, f, other = drawn(np.random.default_rng(2), 40, 300, 0.7)
    found = al.ppi_mean(y, f, other, power=0.6, delta=0.1)
    assert found.mean == pytest.approx(0.6 * other.mean() + (y - 0.6 * f).mean())
    sd = math.sqrt(0.36 * other.var(ddof=1) / 300 + (y - 0.6 * f).var(ddof=1) / 40)
    assert found.high - found.mean == pytest.approx(stats.norm.isf(0.05) * sd)
    tuned = al.ppi_mean(y, f, other)
    best = np.cov(y, f)[0, 1] / ((1 + 40 / 300) * np.r_[f, other].var(ddof=1))
    assert tuned.power == pytest.approx(best)
    assert al.ppi_mean(y, f, other, power=0.0).mean == pytest.approx(y.mean())


def test_the_hoeffding_interval_is_the_theorem():
    y, f, other = drawn(np.random.default_rng(3), 900, 4000, 0.9)
    found = al.ppi_mean(y, f, other, interval="hoeffding", delta=0.1)
    half = math.sqrt(2 * math.log(40) / 900) + math.sqrt(math.log(40) / 8000)
    assert found.high - found.mean == pytest.approx(half)


@pytest.mark.parametrize("interval", ["normal", "betting"])
def test_bad_and_good_predictions_leave_the_coverage_right(interval):
    """Exact binomial test at alpha = 1e-6; the normal interval is granted 2 points for its n = 60."""
    rng = np.random.default_rng(4)
    allowed = 0.12 if interval == "normal" else 0.1
    for quality in (0.0, 0.95):
        runs = [al.ppi_mean(*drawn(rng, 60, 600, quality), interval=interval, delta=0.1) for _ in range(150)]
        assert not too_many(sum(not r.low <= 0.3 <= r.high for r in runs), 150, allowed)


def test_good_predictions_shorten_the_interval_and_useless_ones_do_not_lengthen_it():
    rng = np.random.default_rng(5)
    for quality, ratio in ((0.95, 0.55), (0.0, 1.05)):
        y, f, other = drawn(rng, 200, 5000, quality)
        with_them, alone = al.ppi_mean(y, f, other), al.ppi_mean(y, f, other, power=0.0)
        assert with_them.high - with_them.low < ratio * (alone.high - alone.low)


def test_strata_are_weighed_by_their_shares_and_tuned_alone():
    rng = np.random.default_rng(6)
    near, far = np.repeat([0, 1], [30, 50]), rng.permutation(np.repeat([0, 1], [100, 300]))
    y = (rng.random(80) < np.where(near, 0.8, 0.1)).astype(float)
    f, other = np.clip(y + rng.normal(size=80), 0, 1), rng.random(400)
    found = al.ppi_mean(y, f, other, strata=(near, far))
    parts = [al.ppi_mean(y[near == s], f[near == s], other[far == s]) for s in (0, 1)]
    assert found.mean == pytest.approx(0.25 * parts[0].mean + 0.75 * parts[1].mean)
    half = math.hypot(0.25 * (parts[0].high - parts[0].mean), 0.75 * (parts[1].high - parts[1].mean))
    assert found.high - found.mean == pytest.approx(half)
    exact = al.ppi_mean(y, f, other, interval="betting", strata=(near, far))
    assert exact.low < found.mean < exact.high


def test_a_constant_prediction_has_no_power():
    assert tuned_power(np.array([0.0, 1.0]), np.ones(2), np.ones(5)) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [1.0, 2.0], "interval": "betting"}, r"labels must lie in \[0, 1\]; it has 2"),
        ({"labels": [1.0]}, "labels and predictions must be of the same items; they are 1 and 2"),
        ({"labels": [1.0, np.nan]}, "labels must be finite"),
        ({"unlabelled": []}, "unlabelled must be a vector of at least one number"),
        ({"interval": "wald"}, "interval must be normal, hoeffding or betting; it is 'wald'"),
        ({"delta": 1.0}, "delta must be above 0 and below 1"),
        ({"power": 1.5, "interval": "hoeffding"}, r"power must lie in \[0, 1\]"),
        ({"strata": ([0, 1], [0, 0])}, "every stratum needs labels and unlabelled items; 1 lacks one"),
        ({"strata": ([0], [0, 0])}, r"strata must be of shapes \(2,\) and \(2,\)"),
    ],
)
def test_what_it_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        al.ppi_mean(**{"labels": [1.0, 0.0], "predictions": [0.5, 0.5], "unlabelled": [0.2, 0.4], **options})
