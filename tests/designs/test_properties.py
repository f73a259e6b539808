"""What must not matter does not: coordinates, duplicates, zero rows, scales, precision, the kind of array."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory.designs as designs

seeds = st.integers(0, 2**32 - 1)


def pool(seed, items=40, d=4):
    rng = np.random.default_rng(seed)
    return rng, rng.standard_normal((items, d))


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_d_and_g_do_not_see_a_change_of_coordinates(seed):
    rng, x = pool(seed)
    a = rng.standard_normal((4, 4)) + 2 * np.eye(4)
    if np.linalg.cond(a) > 1e4:
        return
    one, two = designs.d_optimal(x, tol=1e-9), designs.d_optimal(x @ a, tol=1e-9)
    assert two.value == pytest.approx(one.value + 2 * np.linalg.slogdet(a)[1], abs=1e-7)
    assert designs.g_optimal(x @ a, tol=1e-9).value == pytest.approx(4, rel=1e-8)
    # the fitted values of the optimum are unique, though its weights need not be
    np.testing.assert_allclose(two.information, a.T @ one.information @ a, rtol=1e-3, atol=1e-4 * np.abs(a).max() ** 2)


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["d", "g", "a", "e", "i"]))
def test_duplicates_and_zero_rows_change_nothing(seed, criterion):
    rng, x = pool(seed)
    y = x.copy()
    more = np.concatenate([x, x[rng.integers(40, size=30)], np.zeros((5, 4))])[rng.permutation(75)]
    one = designs.optimal_design(x, criterion, tol=1e-9, targets=y if criterion == "i" else None)
    two = designs.optimal_design(more, criterion, tol=1e-9, targets=y if criterion == "i" else None)
    assert two.value == pytest.approx(one.value, rel=1e-7, abs=1e-7)
    assert two.weights[~more.any(1)].max() <= 1e-6


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["d", "g", "a", "e", "i"]))
def test_column_scales_survive(seed, criterion):
    rng, x = pool(seed)
    scales = 10.0 ** rng.permutation([-6, -2, 3, 6])
    design = designs.optimal_design(x * scales, criterion)
    assert design.gap <= 1e-6
    assert design.rank == 4
    if criterion == "d":
        assert design.value == pytest.approx(designs.d_optimal(x).value + 2 * np.log(scales).sum(), abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_row_scales_survive(seed):
    rng, x = pool(seed)
    assert designs.d_optimal(x * 10.0 ** rng.uniform(-4, 4, (40, 1))).gap <= 1e-6


@pytest.mark.parametrize("criterion", ["d", "g", "a", "e", "i"])
def test_rank_deficient_pools_are_solved_in_their_span(criterion):
    rng, x = pool(0, d=3)
    basis = np.linalg.qr(rng.standard_normal((6, 3)))[0].T
    inside, outside = (
        designs.optimal_design(x, criterion, tol=1e-9),
        designs.optimal_design(x @ basis, criterion, tol=1e-9),
    )
    assert outside.rank == 3
    assert "rank 3 of 6" in outside.status
    assert outside.value == pytest.approx(inside.value, rel=1e-7, abs=1e-7)
    single = designs.optimal_design((x @ basis).astype(np.float32), criterion)
    assert single.rank == 3


@pytest.mark.parametrize("criterion", ["d", "a", "e", "i"])
def test_single_precision_and_jax_arrays(criterion):
    _, x = pool(1, items=3000, d=6)
    x = x.astype(np.float32)
    by_numpy = designs.optimal_design(x, criterion)
    by_jax = designs.optimal_design(jnp.asarray(x), criterion)
    exact = designs.optimal_design(x.astype(np.float64), criterion, tol=1e-8)
    for design in (by_numpy, by_jax):
        assert design.gap <= 1e-6
        assert design.value == pytest.approx(exact.value, rel=1e-5)


def test_a_large_common_mean_in_single_precision():
    rng = np.random.default_rng(3)
    x = np.concatenate([np.ones((2000, 1)), 300 + rng.standard_normal((2000, 3))], axis=1).astype(np.float32)
    design = designs.d_optimal(x)
    lev = np.einsum(
        "ij,ji->i", x.astype(float), np.linalg.solve((x.astype(float) * design.weights[:, None]).T @ x, x.T)
    )
    assert lev.max() / 4 - 1 <= 1e-5


def test_warm_start_takes_fewer_steps():
    _, x = pool(2, items=400, d=8)
    cold = designs.d_optimal(x, tol=1e-8)
    warm = designs.d_optimal(x, tol=1e-8, start=cold)
    assert warm.iterations < cold.iterations
    assert designs.d_optimal(x, start=np.eye(400)[0] + 0.0).gap <= 1e-6


@pytest.mark.parametrize("solver", ["frank-wolfe", "away-step", "multiplicative", "clarabel", "scs", "active-set"])
def test_every_solver_is_certified_alike(solver):
    _, x = pool(5)
    design = designs.optimal_design(x, "d", tol=1e-2, solver=solver)
    assert design.solver == solver
    assert design.gap <= 1e-2
    assert design.value == pytest.approx(designs.d_optimal(x).value, abs=4e-2)


def test_worst_target_on_binary_pools_with_many_equal_rows():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, (1500, 12))
    assert designs.xy_optimal(x, x[:40] - x[40:80]).gap <= 1e-6


def test_worst_target_where_the_optimum_is_nearly_singular():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((200, 10))
    targets = rng.standard_normal((6, 2)) @ x[:2]
    assert designs.xy_optimal(x, targets).gap <= 1e-6
    assert designs.i_optimal(x, targets).gap <= 1e-6


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(["d", "g", "a", "e", "i"]), st.floats(-3, 0.5))
def test_any_budget_above_the_cheapest_price_is_kept(seed, criterion, tightness):
    rng, x = pool(seed, d=3)
    prices = rng.uniform(0.5, 3, 40)
    budget = prices.min() * (1 + 10**tightness)
    design = designs.optimal_design(x, criterion, prices=prices, budget=budget)
    assert 0 <= design.gap <= 1e-6
    assert design.weights @ prices <= budget * (1 + 1e-9)


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["d", "g", "a", "e", "i"]), st.floats(-6, 6))
def test_priors_of_any_size_and_rank_are_part_of_the_information(seed, criterion, size):
    rng, x = pool(seed, d=5)
    flat = x.copy()
    flat[:, 3:] = 0
    root = 10 ** (size / 2) * rng.standard_normal((2, 5))
    design = designs.optimal_design(flat, criterion, prior=root.T @ root)
    assert design.rank == 5
    assert 0 <= design.gap <= 1e-6
    v = (flat * design.weights[:, None]).T @ flat + root.T @ root
    np.testing.assert_allclose(design.information, v, rtol=1e-6, atol=1e-9 * np.abs(v).max())
    if criterion == "d":
        assert design.value == pytest.approx(np.linalg.slogdet(v)[1], abs=1e-5)


def test_items_that_tell_nothing_do_not_copy_the_pool_and_get_no_weight():
    rng, x = pool(6)
    told = np.where(np.arange(40) < 10, 0.0, rng.uniform(0.1, 1, 40))
    design = designs.optimal_design(x, "d", information=told)
    alone = designs.optimal_design(x[10:], "d", information=told[10:])
    assert design.weights[:10].max() == 0
    assert design.value == pytest.approx(alone.value, abs=1e-8)
