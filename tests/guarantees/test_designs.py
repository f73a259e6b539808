"""The bounds of the theorems on designs, by hand and by their own properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al
from altheory.designs import bounds
from altheory.guarantees.pools import divergence, hard_pools, leverages, log_det

GAPS = st.floats(0.01, 10)
SIZES = st.integers(1, 8)


def test_kiefer_wolfowitz_by_hand():
    """Weights (1/3, 2/3) on the axes of the plane: g = 3, and log det is log(2/9) where the best is log(1/4)."""
    x, weights = np.eye(2), np.array([1 / 3, 2 / 3])
    assert leverages(x, weights) == pytest.approx([3, 1.5])
    h = math.log(1 / 4) - math.log(2 / 9)
    bound = al.kw_equivalence(3.0, 2)
    assert bound[:3] == pytest.approx([(3 / 2) ** 2, 8 / 9, 1 / 2])
    assert math.exp(h) <= bound[0]
    assert math.exp(-h) == pytest.approx(8 / 9)


@given(GAPS, SIZES)
def test_the_two_sides_enclose_and_meet_at_the_optimum(gap, d):
    high, low = np.log(al.kw_equivalence((1 + gap) * d, d)[:2]) * [1, -1]
    assert 0 <= low <= high * (1 + 1e-12)
    assert np.log(al.kw_equivalence(float(d), d)[:2]) == pytest.approx(0)


@given(st.floats(0.02, 0.9), st.integers(2, 8), st.integers(2, 50))
def test_more_exact_designs_take_more_steps(eta, d, ratio):
    start = bounds.starting_deficit(ratio * d, d)
    steps = [al.fw_d_optimal(e, d, start)[0] for e in (eta, eta / 2)]
    assert 1 <= steps[0] < steps[1] <= bounds.iteration_bound_closed(eta / 2, d, start)
    away = al.away_step_d_optimal(eta, d, start, 5)
    assert away[0] == steps[0]
    assert away[1] == steps[0] + 5


def test_multiplicative_bounds_by_hand():
    bound = al.multiplicative_d_optimal(2, 8, 2)
    assert bound == pytest.approx([1 + 2 * math.log(4), 1 + math.log(4), 4.0])


def test_rounding_by_hand():
    assert al.efficient_rounding(10, 3, 6.0, 9.0) == pytest.approx([1 / 8, 1 / 9, 10, 1 / 10, 6 / 8])


@given(st.integers(0, 100), st.integers(1, 4))
def test_elfving_is_homogeneous_and_at_most_the_variance_of_any_design(seed, d):
    rng = np.random.default_rng(seed)
    x, c = rng.standard_normal((12, d)), rng.standard_normal(d)
    least = al.c_optimal_elfving(x, c)
    assert al.c_optimal_elfving(2 * x, -3 * c) == pytest.approx(9 / 4 * least)
    weights = rng.dirichlet(np.ones(12))
    variance = c @ np.linalg.solve((x * weights[:, None]).T @ x, c)
    assert least <= variance * (1 + 1e-9)


def test_extrapolation_is_the_square_of_a_chebyshev_polynomial():
    levels = np.linspace(-1, 1, 101)
    x = np.stack([levels**0, levels, levels**2], 1)
    assert al.c_optimal_elfving(x, np.array([1.0, 2.0, 4.0])) == pytest.approx((2 * 2**2 - 1) ** 2)


def test_target_variance_of_the_pool_is_the_largest_leverage():
    x = np.random.default_rng(0).standard_normal((9, 3))
    weights = np.full(9, 1 / 9)
    assert al.xy_optimal_certificate(x, x, weights) == pytest.approx(leverages(x, weights).max())
    assert al.xy_optimal_certificate(x, None, None) == 12


def test_greedy_bounds_after_one_pick():
    assert al.go_greedy_variance(3.0, 1, (2.0,), 4, 3.0) == pytest.approx([3.0, 2 - 4 / 12, 3 / 4])


@given(st.integers(2, 50), st.integers(0, 50))
def test_the_width_grows_with_items_and_falls_with_pulls(items, more):
    width = al.gls_confidence(3.0, 60 + more, 5, items)
    assert width >= al.gls_confidence(3.0, 61 + more, 5, items)
    assert width < al.gls_confidence(3.0, 60 + more, 5, items + 1)


def test_hard_pools_span_and_hold_what_they_are_named_for():
    kinds = set()
    for name, x in hard_pools(5):
        assert np.linalg.matrix_rank(x / np.abs(x).max(0), tol=1e-9) == x.shape[1]
        kinds.add(name.rsplit(" ", 1)[0])
    assert len(kinds) == 8


def test_log_det_and_divergence_agree_with_their_definitions():
    x = np.random.default_rng(1).standard_normal((6, 2)) * [1e3, 1e-3]
    weights = np.full(6, 1 / 6)
    assert log_det(x, weights) == pytest.approx(np.linalg.slogdet(x.T @ x / 6)[1])
    assert divergence(np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])) == pytest.approx(math.log(2))
