"""Recorded data against assumptions: named where they fail, silent at the stated rate where they hold."""

import numpy as np
import pytest
from scipy import stats

import altheory as al


def test_independent_boxes_at_fixed_prices_are_rarely_accused():
    """2,000 searches of six independent boxes and random prices at alpha .05: at most twice that, at 1e-6."""
    rng = np.random.default_rng(0)
    accused = sum(
        bool(al.search_assumptions(rng.exponential(size=(40, 6)), rng.random((40, 6)), alpha=0.05)) for _ in range(2000)
    )
    assert stats.binom.sf(accused - 1, 2000, 0.1) > 1e-6
    assert accused > 20


@pytest.mark.parametrize("strength", [0.5, -0.6])
def test_dependent_boxes_are_named(strength):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 5))
    values[:, 3] += strength * 2 * values[:, 1]
    (said,) = al.search_assumptions(values)
    assert "boxes are not independent: prizes 1 and 3" in said
    assert (f"correlation {'-' if strength < 0 else '0'}") in said


def test_prices_that_tell_of_prizes_and_boxes_that_may_be_taken_unopened_are_named():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(300, 4)) + 1
    price = np.exp(rng.normal(size=values.shape))
    price[:, 2] *= np.exp(values[:, 0])
    (said,) = al.search_assumptions(values, price)
    assert "price 2 and prize 0" in said
    (said,) = al.search_assumptions(values, price.mean(0), obligatory=False)
    assert "inspection is not obligatory" in said
    assert "nonobligatory_bounds" in said
    assert al.search_assumptions(values, price.mean(0), obligatory=False, outside=9.0) == []


def test_gains_that_grow_are_named_and_gains_that_fall_are_not():
    rng = np.random.default_rng(3)
    fall = 1 / np.sqrt(1 + np.arange(64)) + 0.05 * rng.normal(size=(20, 64))
    assert al.gain_assumptions(fall) == []
    late = np.where(np.arange(64) > 40, 0.6, 0.1) + 0.05 * rng.normal(size=(20, 64))
    (said,) = al.gain_assumptions(late)
    assert "gains grow along the run" in said
    flat = sum(bool(al.gain_assumptions(rng.normal(size=(12, 30)), alpha=0.05)) for _ in range(100))
    assert stats.binom.sf(flat - 1, 100, 0.05) > 1e-6


def test_models_on_the_same_items_are_not_independent_boxes():
    """Recorded or simulated answers: hard workloads are hard for all models."""
    from altheory.cli.search_study import model_search

    _, oracle = model_search()
    assert any("not independent" in said for said in al.search_assumptions(oracle.table))


def test_theorems_refuse_what_they_do_not_cover():
    prize, price = al.GaussianPrize([0.5, 0.4], [1.0, 2.0]), np.array([0.1, 0.2])
    with pytest.raises(ValueError, match="may be taken unopened"):
        al.weitzman_optimal(al.pandora(prize), al.NoisySearch(prize, price))
    survey = al.PathSurvey(np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match="prices depend on what was bought"):
        al.weitzman_optimal(al.pandora(prize), survey)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="rows must be a whole number of at least 8"):
        al.search_assumptions(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"price must be \[2\] or \(9, 2\)"):
        al.search_assumptions(np.ones((9, 2)), np.ones(3))
    with pytest.raises(ValueError, match="runs must be a whole number of at least 2"):
        al.gain_assumptions(np.ones((1, 5)))
