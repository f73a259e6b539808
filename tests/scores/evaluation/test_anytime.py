"""Intervals at all times: the ends are where the mixture refutes, and what is refused (coverage is a theorem)."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

import altheory as al


@pytest.mark.parametrize(("s", "n", "a", "b"), [(3, 10, 0.5, 0.5), (0, 7, 1.0, 2.0), (7, 7, 0.5, 0.5)])
def test_the_ends_are_where_the_mixture_of_ratios_reaches_one_over_delta(s, n, a, b):
    low, high = (float(e) for e in al.bernoulli_interval(s, n, delta=0.1, a=a, b=b))
    assert low <= s / n <= high
    for end in (low, high):
        if 0 < end < 1:
            mixed = integrate.quad(
                lambda t, end=end: (t / end) ** s * ((1 - t) / (1 - end)) ** (n - s) * stats.beta.pdf(t, a, b), 0, 1
            )[0]
            assert mixed == pytest.approx(10, rel=1e-4)
    assert (low == 0) == (s == 0)
    assert (high == 1) == (s == n)


def test_before_any_trial_every_rate_is_possible():
    low, high = al.bernoulli_interval(np.array([0, 5]), np.array([0, 50]))
    assert (low[0], high[0]) == (0, 1)
    assert low[1] < 0.1 < high[1] < 0.35


def test_the_normal_boundary_is_where_the_normal_mixture_reaches_one_over_delta():
    n, sigma, rho, delta = 40, 0.5, 9.0, 0.05
    total = n * float(al.normal_width(n, sigma=sigma, rho=rho, delta=delta))
    mixed = integrate.quad(
        lambda u: math.exp(u * total - u**2 * sigma**2 * n / 2) * stats.norm.pdf(u, scale=rho**-0.5), -10, 10
    )[0]
    assert mixed == pytest.approx(1 / delta, rel=1e-6)


def test_votes_are_log_odds():
    odds = al.vote_log_odds(np.array([[1, 0, 1], [-1, 1, 0]]), np.array([0.9, 0.6, 0.2]))
    expected = [math.log(9) - math.log(1.5) + math.log(0.25), math.log(1.5) - math.log(0.25)]
    np.testing.assert_allclose(odds, expected)
    assert np.isfinite(al.vote_log_odds([1], [1.0]))
    with pytest.raises(ValueError, match=r"ballots must be \[..., n\] for the n accuracies"):
        al.vote_log_odds([1, 0], [0.5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: al.bernoulli_interval(3, 2), "trials less successes must lie in"),
        (lambda: al.bernoulli_interval(1, 2, a=0.0), "a must be above 0"),
        (lambda: al.bernoulli_interval(1, 2, delta=0.0), "delta must be above 0"),
        (lambda: al.normal_width(0, rho=1.0), "trials must lie in"),
        (lambda: al.normal_width(3, rho=0.0), "rho must be above 0"),
    ],
)
def test_what_they_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()
