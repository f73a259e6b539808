"""Rounding against brute force, and supports reduced without touching the information."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory.designs as designs
from altheory.designs.bounds import rounding_factor

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(4, 10))
def test_apportionment_is_the_best_of_all(seed, support, n):
    rng = np.random.default_rng(seed)
    w = np.zeros(6)
    w[rng.permutation(6)[:support]] = rng.dirichlet(np.ones(support)) + 1e-3
    w /= w.sum()
    counts = designs.apportion(w, n)
    live = w > 0
    assert counts.sum() == n
    assert counts[~live].sum() == 0
    ratio = (counts[live] / w[live]).min()
    every = (c for c in product(range(n + 1), repeat=support) if sum(c) == n)
    assert ratio == pytest.approx(max((np.array(c) / w[live]).min() for c in every), rel=1e-12)
    assert ratio >= rounding_factor(n, support) - 1e-9


def test_nearest_whole_numbers_are_not_the_best():
    w = np.array([0.46, 0.46, 0.08])
    plain = np.array([3, 3, 0])
    assert (plain / w).min() == 0 < (designs.apportion(w, 6) / w).min()


def test_rounded_variance_is_within_the_bound():
    x = np.random.default_rng(1).standard_normal((200, 5))
    design = designs.g_optimal(x, tol=1e-4)
    p = len(design.support)
    for n in (p, 2 * p, 20 * p):
        counts = designs.round_design(design, n)
        assert counts.sum() == n
        v = (x * counts[:, None]).T @ x
        worst = np.einsum("ij,ji->i", x, np.linalg.solve(v, x.T)).max()
        assert worst <= design.value / rounding_factor(n, p) + 1e-9


def test_fewer_observations_than_items_in_the_support():
    x = np.random.default_rng(2).standard_normal((300, 6))
    design = designs.d_optimal(x)
    n = len(design.support) - 4
    counts = designs.round_design(design, n)
    assert counts.sum() == n
    assert counts.max() == 1
    kept = np.linalg.slogdet(x[counts > 0].T @ x[counts > 0])[1]
    rng = np.random.default_rng(0)
    random = [np.linalg.slogdet((s := x[rng.choice(design.support, n, replace=False)]).T @ s)[1] for _ in range(50)]
    assert kept > np.mean(random)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 4), st.booleans())
def test_reduced_support_keeps_the_information(seed, d, wild):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((60, d))
    w = rng.dirichlet(np.full(60, 0.3 if wild else 3.0))
    reduced = designs.reduce_support(x, w)
    assert reduced.min() >= 0
    assert reduced.sum() == pytest.approx(1, abs=1e-8)
    np.testing.assert_allclose((x * reduced[:, None]).T @ x, (x * w[:, None]).T @ x, atol=1e-8)
    assert np.count_nonzero(reduced) <= d * (d + 1) // 2 + 1


@pytest.mark.parametrize("criterion", ["d", "g", "a", "i"])
def test_pruned_designs(criterion):
    x = np.random.default_rng(3).standard_normal((400, 3))
    w = np.full(400, 1 / 400)
    design = designs.optimal_design(np.concatenate([x, x, -x]), criterion, tol=1e-9, start=np.tile(w, 3) / 3)
    small = design.prune()
    assert len(small.support) <= 6 + (criterion in "ai")
    assert small.value == pytest.approx(design.value, rel=1e-6)
    np.testing.assert_allclose(small.information, design.information, rtol=1e-6, atol=1e-7)
    assert small.efficiency(design) == pytest.approx(1, abs=1e-6)


def test_pruning_a_multiplicative_design():
    x = np.random.default_rng(4).standard_normal((300, 4))
    design = designs.optimal_design(x, "d", tol=1e-2, solver="multiplicative")
    small = design.prune()
    assert len(design.support) == 300
    assert len(small.support) <= 10
    assert small.gap <= design.gap + 1e-8


def test_pruning_keeps_the_budget():
    rng = np.random.default_rng(5)
    x, prices = rng.standard_normal((100, 3)), rng.uniform(1, 3, 100)
    design = designs.optimal_design(np.tile(x, (3, 1)), "d", prices=np.tile(prices, 3), budget=1.5)
    small = design.prune()
    assert small.weights @ np.tile(prices, 3) <= 1.5 + 1e-8


def test_efficiency():
    x = np.eye(2)
    design = designs.d_optimal(x)
    assert design.efficiency(np.array([0.8, 0.2])) == pytest.approx(0.5 / 0.4)
    assert designs.a_optimal(x).efficiency(np.array([0.8, 0.2])) == pytest.approx((1 / 0.8 + 1 / 0.2) / 4)
    assert designs.g_optimal(x).efficiency(np.array([0.8, 0.2])) == pytest.approx(5 / 2)
    assert design.efficiency(np.array([1.0, 0.0])) == np.inf
    assert design.efficiency(design) == 1


def test_items_that_reach_zero_together_leave_a_design():
    """Whole numbers tie often: a tie must not end in NaN."""
    for seed in range(500, 1000):
        rng = np.random.default_rng(seed)
        d, n = int(rng.integers(1, 4)), int(rng.integers(3, 12))
        x = rng.integers(-1, 2, (n, d)).astype(float)
        x = x[np.abs(x).sum(1) > 0]
        w = rng.integers(1, 4, len(x)) / 4
        reduced = designs.reduce_support(x, w)
        assert (reduced > 0).sum() <= d * (d + 1) // 2 + 1
        np.testing.assert_allclose((x * reduced[:, None]).T @ x, (x * w[:, None]).T @ x, atol=1e-8)
