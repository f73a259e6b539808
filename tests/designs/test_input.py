"""Bad input gets one clear sentence."""

import numpy as np
import pytest

import altheory.designs as designs

X = np.random.default_rng(0).standard_normal((20, 3))
FLAT = X[:, :2] @ np.ones((2, 3))
NAN = np.where(np.arange(60).reshape(20, 3) == 16, np.nan, X)

CASES = {
    "not a number": ((NAN, "d"), {}, "row 5 is not"),
    "no items": ((np.zeros((0, 3)), "d"), {}, "x is empty"),
    "one axis": ((np.ones(3), "d"), {}, "items, features"),
    "text": ((np.array([["a"]]), "d"), {}, "real numbers"),
    "all zero": ((np.zeros((4, 2)), "d"), {}, "zero in every entry"),
    "too few items": ((X[:2], "d"), {}, "prior precision"),
    "criterion": ((X, "z"), {}, "criterion must be one of"),
    "solver": ((X, "d"), {"solver": "magic"}, "solver must be one of"),
    "solver and criterion": ((X, "a"), {"solver": "frank-wolfe"}, "does D and G"),
    "tol": ((X, "d"), {"tol": 0.0}, "tol must be"),
    "tol not a number": ((X, "d"), {"tol": np.nan}, "tol must be"),
    "contrast missing": ((X, "c"), {}, "needs the argument c"),
    "contrast shape": ((X, "c"), {"c": [1.0]}, "one entry for each of the 3 columns"),
    "contrast zero": ((X, "c"), {"c": np.zeros(3)}, "nothing to estimate"),
    "contrast outside": ((FLAT, "c"), {"c": [1.0, 0, 0]}, "outside the span"),
    "targets missing": ((X, "xy"), {}, "needs the argument targets"),
    "targets shape": ((X, "xy"), {"targets": np.ones((2, 2))}, r"targets must be an \[M, 3\]"),
    "targets outside": ((FLAT, "xy"), {"targets": np.eye(3)}, "row 0 of targets lies outside the span"),
    "parts missing": ((X, "compound"), {}, "needs the argument parts"),
    "parts unknown": ((X, "compound"), {"parts": {"z": 1.0}}, "parts must name"),
    "parts negative": ((X, "compound"), {"parts": {"d": -1.0}}, "parts must be at least 0"),
    "parts zero": ((X, "compound"), {"parts": {"d": 0.0}}, "weight above 0"),
    "prices negative": ((X, "d"), {"prices": -np.ones(20), "budget": 1.0}, "prices must be at least 0"),
    "prices zero": ((X, "d"), {"prices": np.zeros(20)}, "prices must be above 0"),
    "prices length": ((X, "d"), {"prices": np.ones(3), "budget": 1.0}, "one entry for each of the 20 items"),
    "budget too small": ((X, "d"), {"prices": np.ones(20), "budget": 0.5}, "above the cheapest price"),
    "budget alone": ((X, "d"), {"budget": 0.5}, "budget needs prices"),
    "noise": ((X, "d"), {"noise": np.zeros(20)}, "noise must be above 0"),
    "information": ((X, "d"), {"information": np.zeros(20)}, "information must be above 0 for some"),
    "prior shape": ((X, "d"), {"prior": np.eye(2)}, "precision matrix"),
    "prior negative": ((X, "d"), {"prior": -np.eye(3)}, "positive semidefinite"),
    "prior asymmetric": ((X, "d"), {"prior": np.triu(np.ones((3, 3)))}, "symmetric"),
    "start": ((X, "d"), {"start": np.ones(3)}, "start must have one entry"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence(case):
    arguments, options, words = CASES[case]
    with pytest.raises(ValueError, match=words) as caught:
        designs.optimal_design(*arguments, **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_other_entry_points():
    design = designs.d_optimal(X)
    with pytest.raises(ValueError, match="n must be"):
        designs.round_design(design, 0)
    with pytest.raises(ValueError, match="at least the rank 3"):
        designs.round_design(design, 2)
    with pytest.raises(ValueError, match="support"):
        designs.apportion(design.weights, 2)
    with pytest.raises(ValueError, match="20 items"):
        design.efficiency(np.ones(3))
    with pytest.raises(ValueError, match="n must be"):
        designs.exchange_design(X, 2)
    with pytest.raises(ValueError, match="needs factors"):
        designs.exchange_design(X, 5, method="coordinate")
    with pytest.raises(ValueError, match="d, a or i"):
        designs.exchange_design(X, 5, "e")
    with pytest.raises(ValueError, match="does not span"):
        designs.exchange_design(FLAT, 5)
    with pytest.raises(ValueError, match="spans 2 dimensions"):
        designs.kumar_yildirim(X @ np.diag([1.0, 1.0, 0.0]))
    with pytest.raises(ValueError, match="family"):
        designs.glm_weights(X, np.ones(3), family="gamma")
    with pytest.raises(ValueError, match="theta must be"):
        designs.glm_weights(X, np.ones(2))
    with pytest.raises(ValueError, match="at most the 20 items"):
        designs.go_greedy(X, 21)
    with pytest.raises(ValueError, match="two items"):
        designs.preference_design(X[:1])
    with pytest.raises(ValueError, match="over pairs"):
        designs.pair_items(design)


def test_prior_admits_fewer_items_than_columns():
    design = designs.optimal_design(X[:2], "d", prior=np.eye(3))
    assert design.gap <= 1e-6
