"""Random pools against two cone solvers, every criterion and every extra."""

import numpy as np
import pytest

import altheory.designs as designs

RNG = np.random.default_rng(7)
X = RNG.standard_normal((40, 4)) * [1, 1, 2, 0.3]
TARGETS = RNG.standard_normal((4, 4))
PRICES = RNG.uniform(0.5, 3, 40)
PRIOR = np.diag([1.0, 0.1, 0.01, 0.0])
CRITERIA = {
    "d": {},
    "g": {},
    "a": {},
    "e": {},
    "i": {},
    "c": {"c": TARGETS[0]},
    "xy": {"targets": TARGETS},
    "compound": {"parts": {"d": 0.3, "a": 0.7}},
}
EXTRAS = {
    "plain": {},
    "prior": {"prior": PRIOR},
    "budget": {"prices": PRICES, "budget": 1.2},
    "per money": {"prices": PRICES},
    "all": {"noise": PRICES[::-1].copy(), "prior": PRIOR, "prices": PRICES, "budget": 1.0},
}


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_agrees_with_cone_solvers(criterion, extra):
    options = CRITERIA[criterion] | EXTRAS[extra]
    ours = designs.optimal_design(X, criterion, tol=1e-7, **options)
    assert 0 <= ours.gap <= 1e-7
    solvers = ["clarabel", "scs"] if extra == "plain" else ["clarabel"]
    if criterion == "g" and extra != "plain":
        solvers = ["scs"] if extra == "all" else []  # forty quadratic cones: slow for a cone solver
    for solver in solvers:
        theirs = designs.optimal_design(X, criterion, tol=1e-3, solver=solver, **options)
        assert ours.value == pytest.approx(theirs.value, rel=1e-6, abs=1e-6 if criterion != "g" else 1e-5)


def test_budget_is_respected():
    for criterion, options in CRITERIA.items():
        design = designs.optimal_design(X, criterion, prices=PRICES, budget=1.0, **options)
        assert design.weights @ PRICES <= 1.0 + 1e-9
        assert design.weights.sum() == pytest.approx(1, abs=1e-12)
