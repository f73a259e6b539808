"""Thresholds, conformal rules, audits and deferral on small cases by hand (their promises are theorems)."""

import math

import numpy as np
import pytest
from scipy import stats

import altheory as al

LEVELS = [0.9, 0.8, 0.7]


def test_the_walk_ends_at_the_first_threshold_that_fails():
    confidence, wrong = np.repeat([0.95, 0.85, 0.75], 40), np.zeros(120)
    assert al.selective_threshold(confidence, wrong, LEVELS, alpha=0.1) == 0.7
    wrong[40:60] = 1
    assert al.selective_threshold(confidence, wrong, LEVELS, alpha=0.1) == 0.9
    assert al.joint_threshold(confidence, wrong, LEVELS, alpha=0.1) == 0.9
    assert al.selective_threshold(confidence, np.ones(120), LEVELS, alpha=0.1) == np.inf
    assert al.selective_threshold(confidence, wrong, [0.99, 0.9], alpha=0.1) == np.inf


def test_the_tests_are_binomial():
    confidence, wrong = np.full(50, 0.95), np.arange(50) < 2
    p = stats.binom.cdf(2, 50, 0.1)
    assert al.selective_threshold(confidence, wrong, [0.9], alpha=0.1, delta=p + 1e-9) == 0.9
    assert al.selective_threshold(confidence, wrong, [0.9], alpha=0.1, delta=p - 1e-9) == np.inf
    upper = stats.beta.ppf(0.9, 3, 48)
    assert al.joint_threshold(confidence, wrong, [0.9], alpha=upper + 1e-9) == 0.9
    assert al.joint_threshold(confidence, wrong, [0.9], alpha=upper - 1e-9) == np.inf


def test_conformal_rules_by_hand():
    assert al.conformal_quantile(np.arange(9.0), alpha=0.1) == 8
    assert al.conformal_quantile(np.arange(8.0), alpha=0.1) == np.inf
    assert al.conformal_quantile(np.arange(9.0), alpha=0.5) == 4
    losses = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0.0]])
    assert [al.conformal_risk(losses, alpha=a) for a in (0.99, 0.75, 0.5, 0.1)] == [1, 1, 2, 3]


def test_a_sequential_audit_stops_where_its_ratio_says():
    bad, right = math.log(0.1 / 0.3), math.log(0.9 / 0.7)
    assert al.sprt(np.zeros(50), p0=0.3, p1=0.1) == ("accept", math.ceil(math.log(20) / right))
    assert al.sprt(np.ones(50), p0=0.3, p1=0.1) == ("reject", math.ceil(math.log(20) / -bad))
    assert al.sprt([1, 0], p0=0.3, p1=0.1) == ("undecided", 2)


def test_audits_of_a_batch():
    assert al.audit_size(0.05, delta=0.1) == 45
    assert al.acceptance_probability(10, 3, 4) == pytest.approx(math.comb(7, 4) / math.comb(10, 4))
    assert al.acceptance_probability(10, 3, 4, allowed=3) == pytest.approx(1)


def test_who_is_deferred():
    p = np.array([[0.95, 0.05], [0.6, 0.4]])
    np.testing.assert_array_equal(al.defer(p, human_cost=1.0, error_price=5.0), [False, True])
    np.testing.assert_array_equal(al.defer(p, human_cost=1.0, error_price=5.0, human_error=0.2), [False, False])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: al.selective_threshold([0.9], [1, 0], LEVELS), "confidence and wrong must be vectors of one length"),
        (lambda: al.joint_threshold([0.9], [1], [0.1, 0.5]), "thresholds must be a vector that falls"),
        (lambda: al.conformal_risk([[0.0, 1.0]]), "losses must not rise"),
        (lambda: al.conformal_quantile([]), "scores must be a vector of at least one number"),
        (lambda: al.sprt([1], p0=0.1, p1=0.3), "must be 0 < p1 < p0 < 1"),
        (lambda: al.acceptance_probability(3, 4, 1), "items must be a whole number of at least 4"),
        (lambda: al.defer(np.ones((1, 1)), human_cost=-1.0, error_price=1.0), "human_cost must be at least 0"),
    ],
)
def test_what_they_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()
