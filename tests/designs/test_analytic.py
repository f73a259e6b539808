"""Designs whose optimum is known in closed form."""

import numpy as np
import pytest
from numpy.polynomial import Chebyshev, Legendre

import altheory.designs as designs


def powers(points, degree):
    return np.vander(points, degree + 1, increasing=True)


def grid_with(points):
    return np.unique(np.concatenate([np.linspace(-1, 1, 401), points]).round(15))


def optimal_points(degree):
    """The roots of (1 - x^2) P_d'(x)."""
    return np.concatenate([[-1.0], np.sort(np.real(Legendre.basis(degree).deriv().roots())), [1.0]]).round(15)


@pytest.mark.parametrize("degree", range(1, 7))
@pytest.mark.parametrize("criterion", ["d", "g"])
def test_polynomial_regression(degree, criterion):
    points = optimal_points(degree)
    grid = grid_with(points)
    design = designs.optimal_design(powers(grid, degree), criterion, tol=1e-12)
    at = np.searchsorted(grid, points)
    np.testing.assert_allclose(design.weights[at], 1 / (degree + 1), atol=1e-6)
    best = np.linalg.slogdet(powers(points, degree))[1] * 2 - (degree + 1) * np.log(degree + 1)
    np.testing.assert_allclose(design.value, best if criterion == "d" else degree + 1, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("criterion", "middle", "value"), [("a", 0.5, 8.0), ("e", 0.6, 0.2), ("d", 1 / 3, np.log(4 / 27))]
)
def test_quadratic(criterion, middle, value):
    grid = np.linspace(-1, 1, 201)
    design = designs.optimal_design(powers(grid, 2), criterion, tol=1e-12)
    ends = (1 - middle) / 2
    np.testing.assert_allclose(design.weights[[0, 100, 200]], [ends, middle, ends], atol=1e-6)
    np.testing.assert_allclose(design.value, value, rtol=1e-8)


@pytest.mark.parametrize("degree", range(1, 7))
def test_extrapolation(degree):
    points = np.cos(np.pi * np.arange(degree, -1, -1) / degree)
    grid = grid_with(points)
    design = designs.c_optimal(powers(grid, degree), powers(np.array([1.5]), degree)[0], tol=1e-9)
    np.testing.assert_allclose(design.value, Chebyshev.basis(degree)(1.5) ** 2, rtol=1e-7)
    assert set(grid[design.support].round(6)) == set(points.round(6))


def test_slope_of_a_line_needs_only_the_ends():
    design = designs.c_optimal(powers(np.linspace(-1, 1, 11), 1), [0.0, 1.0])
    np.testing.assert_allclose(design.value, 1.0, atol=1e-9)
    np.testing.assert_allclose(design.weights[[0, -1]], 0.5, atol=1e-9)


@pytest.mark.parametrize("criterion", ["d", "g", "a", "e", "i"])
def test_simplex_vertices_are_weighted_alike(criterion):
    rng = np.random.default_rng(0)
    inside = rng.dirichlet(np.ones(5), size=40) * 0.9
    design = designs.optimal_design(
        np.concatenate([np.eye(5), inside]), criterion, tol=1e-10, targets=np.eye(5) if criterion == "i" else None
    )
    np.testing.assert_allclose(design.weights[:5], 0.2, atol=1e-6)


def test_scaled_axes_by_a():
    scales = np.array([0.5, 1.0, 4.0])
    design = designs.a_optimal(np.diag(scales), tol=1e-11)
    np.testing.assert_allclose(design.weights, (1 / scales) / (1 / scales).sum(), atol=1e-8)
    np.testing.assert_allclose(design.value, (1 / scales).sum() ** 2, rtol=1e-9)


def test_ball():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 4))
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1) * 1.01
    ball = np.concatenate([x, np.eye(4), -np.eye(4)])
    assert designs.d_optimal(ball, tol=1e-9).value == pytest.approx(-4 * np.log(4), abs=1e-8)
    assert designs.a_optimal(ball, tol=1e-9).value == pytest.approx(16, rel=1e-8)
    assert designs.e_optimal(ball, tol=1e-9).value == pytest.approx(0.25, rel=1e-8)


def test_noise_moves_weight_and_agrees_with_scaled_rows():
    rng = np.random.default_rng(2)
    x, noise = rng.standard_normal((50, 3)), rng.uniform(0.5, 2, 50)
    by_noise = designs.optimal_design(x, "d", noise=noise, tol=1e-9)
    by_rows = designs.d_optimal(x / noise[:, None], tol=1e-9)
    assert by_noise.value == pytest.approx(by_rows.value, abs=1e-8)
    by_information = designs.optimal_design(x, "d", information=noise**-2, tol=1e-9)
    np.testing.assert_allclose(by_information.weights, by_noise.weights, atol=1e-6)


def test_prices_alone_buy_information_per_unit_of_money():
    prices = np.array([1.0, 4.0])
    design = designs.optimal_design(np.eye(2), "d", prices=prices)
    np.testing.assert_allclose(design.weights * prices / (design.weights @ prices), 0.5, atol=1e-6)


def test_budget_binds():
    x = np.eye(2)
    design = designs.optimal_design(x, "d", prices=[1.0, 3.0], budget=1.5, tol=1e-9)
    np.testing.assert_allclose(design.weights, [0.75, 0.25], atol=1e-7)
    free = designs.optimal_design(x, "d", prices=[1.0, 3.0], budget=2.5, tol=1e-9)
    np.testing.assert_allclose(free.weights, 0.5, atol=1e-6)
