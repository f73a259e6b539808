"""Batches under vmap, exact designs, local information, greedy demonstrations and the picture."""

import pickle
from itertools import combinations_with_replacement

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory.designs as designs
from altheory.designs import bounds

seeds = st.integers(0, 2**32 - 1)


def test_batch_agrees_with_one_at_a_time():
    x = np.random.default_rng(0).standard_normal((40, 50, 4))
    weights, gaps = designs.d_optimal_batch(x, tol=1e-7)
    assert gaps.max() <= 1e-7
    for pool, w, gap in zip(x, weights, gaps, strict=True):
        lev = np.einsum("ij,ji->i", pool, np.linalg.solve((pool * w[:, None]).T @ pool, pool.T))
        assert lev.max() / 4 - 1 == pytest.approx(gap, abs=1e-9)
        value = np.linalg.slogdet((pool * w[:, None]).T @ pool)[1]
        assert value == pytest.approx(designs.d_optimal(pool).value, abs=1e-5)


def test_ten_thousand_small_designs():
    x = np.random.default_rng(1).standard_normal((10_000, 100, 5))
    weights, gaps = designs.d_optimal_batch(x)
    assert weights.shape == (10_000, 100)
    assert gaps.max() <= 1e-6
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-12)


def test_kernel_under_vmap_and_in_single_precision():
    x = jnp.asarray(np.random.default_rng(2).standard_normal((8, 30, 3)), jnp.float32)
    weights, gaps = jax.jit(jax.vmap(lambda p: designs.d_optimal_kernel(p, tol=1e-3)))(x)
    assert gaps.dtype == jnp.float32
    assert float(gaps.max()) <= 1e-3
    alone = designs.d_optimal_kernel(x[3], tol=1e-3)[0]
    np.testing.assert_allclose(weights[3], alone, atol=1e-4)


def test_a_flat_pool_in_a_batch_is_named():
    x = np.random.default_rng(3).standard_normal((4, 20, 3))
    x[2, :, 2] = 0
    with pytest.raises(designs.DesignError, match="first is pool 2"):
        designs.d_optimal_batch(x)
    with pytest.raises(ValueError, match="pool 1 is not"):
        designs.d_optimal_batch(np.where(np.arange(4)[:, None, None] == 1, np.inf, x))


@pytest.mark.parametrize("criterion", ["d", "a", "i"])
def test_exact_design_is_the_best_of_all(criterion):
    x = np.random.default_rng(4).standard_normal((8, 2))
    found = designs.exchange_design(x, 4, criterion, restarts=20)

    def loss(runs):
        m = x[list(runs)].T @ x[list(runs)]
        if len(set(runs)) == 1:
            return np.inf
        if criterion == "d":
            return -np.linalg.slogdet(m)[1]
        weight = np.eye(2) if criterion == "a" else x.T @ x / 8
        return np.trace(np.linalg.solve(m, weight))

    best = min(map(loss, combinations_with_replacement(range(8), 4)))
    assert found.sum() == 4
    assert loss(np.repeat(np.arange(8), found)) == pytest.approx(best, rel=1e-9)


def test_coordinate_exchange_on_a_factorial():
    levels = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], [-1, 0, 1]), -1).reshape(-1, 3)
    x = np.concatenate([np.ones((27, 1)), levels], axis=1)
    found = designs.exchange_design(x, 4, "d", method="coordinate", factors=levels)
    chosen = np.repeat(x, found, axis=0)
    np.testing.assert_allclose(chosen.T @ chosen, 4 * np.eye(4), atol=1e-9)  # a half fraction of the 2^3 factorial


def test_local_information():
    rng = np.random.default_rng(5)
    x, theta = rng.standard_normal((30, 3)), rng.standard_normal((6, 3))
    p = 1 / (1 + np.exp(-x @ theta[0]))
    np.testing.assert_allclose(designs.glm_weights(x, theta[0]), p * (1 - p), rtol=1e-12)
    np.testing.assert_allclose(
        designs.glm_weights(x, theta), np.mean([designs.glm_weights(x, t) for t in theta], axis=0), rtol=1e-12
    )
    np.testing.assert_allclose(designs.glm_weights(x, theta[0], family="poisson"), np.exp(x @ theta[0]), rtol=1e-12)
    assert designs.glm_weights(np.zeros((1, 3)), theta[0], family="probit")[0] == pytest.approx(2 / np.pi)
    assert np.isfinite(designs.glm_weights(1e3 * x, theta[0])).all()


def test_local_logistic_design_of_a_line():
    # D-optimal for the intercept and slope of a logistic curve: equal weight where p is 0.176 and 0.824
    grid = np.linspace(-4, 4, 1601)
    x = np.stack([np.ones_like(grid), grid], axis=1)
    design = designs.optimal_design(x, "d", information=designs.glm_weights(x, [0.0, 1.0]), tol=1e-9)
    heavy = grid[design.weights > 0.01]
    np.testing.assert_allclose(np.abs(heavy), 1.5434, atol=6e-3)


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(["gaussian", "orthogonal", "dominant", "duplicates"]))
def test_greedy_variance_is_within_its_bounds(seed, kind):
    rng = np.random.default_rng(seed)
    x = {
        "gaussian": rng.standard_normal((30, 4)),
        "orthogonal": np.eye(4),
        "dominant": rng.standard_normal((30, 4)) * [10, 1, 0.1, 0.1],
        "duplicates": np.tile(rng.standard_normal((3, 4)), (5, 1)),
    }[kind]
    noise = 0.7
    uncertain = designs.go_greedy(x, 12, rule="uncertain", noise=noise, repeat=True)
    for n in range(1, 13):
        assert uncertain.worst[n] <= bounds.greedy_variance(n, uncertain.worst[0], 4, noise=noise) + 1e-9
    mean = designs.go_greedy(x, 12, rule="mean", noise=noise, repeat=True)
    for before, after in zip(mean.mean, mean.mean[1:], strict=False):
        assert after <= bounds.greedy_mean_variance(before, len(x), noise=noise) + 1e-9
    single = designs.go_greedy(x, 12, rule="mean", targets=x[:1], noise=noise, repeat=True)
    for n in range(13):
        assert single.worst[n] <= bounds.single_target_variance(n, single.worst[0], noise=noise) + 1e-9


def test_greedy_variances_are_posterior_variances():
    rng = np.random.default_rng(6)
    x, y, prior = rng.standard_normal((20, 3)), rng.standard_normal((5, 3)), np.diag([1.0, 2.0, 0.5])
    found = designs.go_greedy(x, 6, targets=y, noise=0.5, prior=prior)
    assert len(set(found.picks)) == 6
    chosen = x[found.picks]
    covariance = np.linalg.inv(prior + chosen.T @ chosen / 0.25)
    np.testing.assert_allclose(found.mean[-1], np.einsum("ij,jk,ik->i", y, covariance, y).mean(), rtol=1e-9)


def test_picking_the_least_uncertain_breaks_the_bound():
    x = np.concatenate([np.eye(3) * 3, np.full((1, 3), 1e-3)])
    sigma, start = np.eye(3), 9.0
    for _ in range(12):
        i = np.argmin(np.einsum("ij,jk,ik->i", x, sigma, x))
        u = sigma @ x[i]
        sigma = sigma - np.outer(u, u) / (1 + x[i] @ u)
    assert np.einsum("ij,jk,ik->i", x, sigma, x).max() > bounds.greedy_variance(12, start, 3)


def test_the_worst_rule_breaks_ties_by_the_mean():
    found = designs.go_greedy(np.eye(3), 6, rule="worst", repeat=True)
    assert sorted(found.picks) == [0, 0, 1, 1, 2, 2]


def test_plot(monkeypatch):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    grid = np.linspace(-1, 1, 101)
    design = designs.d_optimal(np.vander(grid, 4), tol=1e-8)
    axes = design.plot()
    curve, bound = axes.lines
    np.testing.assert_allclose(curve.get_xdata(), grid, atol=1e-12)
    assert curve.get_ydata().max() == pytest.approx(4, rel=1e-6)
    assert bound.get_ydata()[0] == 4
    projected = designs.a_optimal(np.random.default_rng(0).standard_normal((50, 3))).plot()
    assert projected.get_xlabel() == "first principal direction"
    given_axis = design.plot(along=np.arange(101), ax=plt.figure().subplots())
    assert given_axis.get_xlabel() == "item"
    with pytest.raises(ValueError, match="along must have one entry"):
        design.plot(along=np.arange(3))
    monkeypatch.setattr("altheory.designs.picture.SHOWN", 20)
    assert len(design.plot().lines[0].get_xdata()) < 60
    plt.close("all")


def test_a_design_is_a_record():
    design = designs.e_optimal(np.random.default_rng(7).standard_normal((30, 3)))
    again = pickle.loads(pickle.dumps(design))
    np.testing.assert_array_equal(again.weights, design.weights)
    assert again.efficiency(design.weights) == pytest.approx(1)
    assert len(jax.tree.leaves(design)) >= 6
    assert "criterion='e'" in repr(design)
