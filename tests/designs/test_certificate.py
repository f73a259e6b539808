"""The certificate: an independent computation agrees with it, and weights that are not optimal are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory.designs as designs
from altheory.designs.assemble import assemble
from altheory.designs.bounds import log_det_interval
from altheory.designs.optimal import certified

NOTHING = dict.fromkeys(("c", "targets", "parts", "prior", "noise", "information", "prices", "budget"))
seeds = st.integers(0, 2**32 - 1)


def leverages(x, weights):
    v = (x * weights[:, None]).T @ x
    return np.einsum("ij,ji->i", x, np.linalg.solve(v, x.T))


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 6), st.sampled_from([1e-2, 1e-4, 1e-8]))
def test_gap_is_what_one_computes_by_hand(seed, d, tol):
    x = np.random.default_rng(seed).standard_normal((40, d))
    design = designs.g_optimal(x, tol=tol)
    assert design.gap <= tol
    assert design.weights.sum() == pytest.approx(1, abs=1e-12)
    assert design.weights.min() >= 0
    assert leverages(x, design.weights).max() / d - 1 == pytest.approx(design.gap, abs=1e-10)
    assert design.sensitivity().max() - 1 == pytest.approx(design.gap, abs=1e-10)


@pytest.mark.parametrize("criterion", ["a", "i", "e", "xy"])
def test_matrix_of_the_certificate_proves_the_gap(criterion):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((60, 4)), rng.standard_normal((7, 4))
    design = designs.optimal_design(x, criterion, targets=y if criterion in ("i", "xy") else None, tol=1e-5)
    s = design.certificate @ design.certificate.T
    v = (x * design.weights[:, None]).T @ x
    reached = np.einsum("ij,jk,ik->i", x, s, x).max()
    assert design.ratio * reached - 1 == pytest.approx(design.gap, abs=1e-9)
    for other in rng.dirichlet(np.full(60, 0.05), size=50):
        m = (x * other[:, None]).T @ x + 1e-9 * np.eye(4)
        ours, theirs = (information(criterion, k, y) for k in (v, m))
        assert theirs / ours <= 1 + design.gap + 1e-6
        assert theirs / ours <= design.ratio * np.trace(m @ s) + 1e-6


def information(criterion, m, y):
    if criterion == "e":
        return np.linalg.eigvalsh(m)[0]
    inverse = np.linalg.inv(m)
    spread = np.einsum("ij,jk,ik->i", y, inverse, y)
    return 1 / {"a": np.trace(inverse), "i": spread.mean(), "xy": spread.max()}[criterion]


@pytest.mark.parametrize("criterion", ["d", "g", "a", "i"])
def test_uniform_weights_are_refused(criterion):
    x = np.random.default_rng(4).standard_normal((50, 3))
    made = assemble(x, criterion, **NOTHING)
    with pytest.raises(designs.DesignError, match="certified gap"):
        certified(made, np.arange(50), np.full(50, 0.02), tol=1e-2, iterations=0, solver="none")


def test_a_dual_of_the_wrong_size_proves_nothing_more():
    x = np.random.default_rng(5).standard_normal((50, 3))
    design = designs.e_optimal(x)
    made = design.assembly
    made.master.dual = made.master.dual * 0.5
    again = certified(made, design.support, design.weights[design.support], tol=1e-6, iterations=0, solver="none")
    assert again.gap == pytest.approx(design.gap, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 5), st.booleans())
def test_two_sided_bound_on_the_deficit(seed, d, sparse):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((12, d))
    x = np.concatenate([x, x[:3]])
    w = rng.dirichlet(np.full(15, 0.1 if sparse else 1.0))
    w[rng.integers(15)] = 0.0
    w[:d] += 1e-6
    w /= w.sum()
    lev = leverages(x, w)
    assert w @ lev == pytest.approx(d, rel=1e-6)
    assert (w * lev).max() <= 1 + 1e-6
    best = designs.d_optimal(x, tol=1e-10).value
    deficit = best - np.linalg.slogdet((x * w[:, None]).T @ x)[1]
    low, high = log_det_interval(lev.max(), d)
    slack = 1e-6 * max(1.0, abs(deficit))
    assert low - slack <= deficit <= high + slack
    support_only = d * np.log(max(lev[w > 1e-3].max(initial=0.0) / d, 1e-300))
    assert support_only <= high + slack


def test_a_bound_over_the_support_only_is_no_bound():
    x = np.concatenate([np.eye(2), 10 * np.eye(2)])
    w = np.array([0.5, 0.5, 0, 0])
    deficit = designs.d_optimal(x).value - np.linalg.slogdet((x * w[:, None]).T @ x)[1]
    lev = leverages(x, w)
    assert deficit > 2 * np.log(lev[w > 0].max() / 2) + 1
    assert deficit <= 2 * np.log(lev.max() / 2) + 1e-9


def test_what_cannot_be_reached_is_refused(monkeypatch):
    x = np.random.default_rng(6).standard_normal((50, 3))
    monkeypatch.setattr("altheory.designs.active_set.ROUNDS", 1)
    with pytest.raises(designs.DesignError, match="not the 1e-09 asked"):
        designs.d_optimal(x, tol=1e-9)
