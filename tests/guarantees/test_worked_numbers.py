"""Bounds against numbers worked out by hand, so that a wrong constant is seen, not only one that is too small."""

import math

import numpy as np
import pytest

import altheory as al
from altheory import guarantees
from altheory.designs import bounds

BANDIT = al.BernoulliBandit(np.array([0.4, 0.5, 0.9]))


def at(bound, oracle, rounds):
    return float(bound.bound(None, oracle, np.array([float(rounds)]))[0])


def test_design_constants():
    """Five dimensions, two hundred items, a hundredth of slack: 1,629 steps of Frank-Wolfe from uniform."""
    assert bounds.iteration_bound(0.01, 5, bounds.starting_deficit(200, 5)) == 1629
    assert bounds.step_gain(1.0, 2) == pytest.approx(2 * math.log(2) - math.log(3))
    assert bounds.rounding_factor(12, 4) == 9
    assert bounds.multiplicative_deficit(59, 60, 4) == pytest.approx(4 * math.log(15) / 60)
    assert bounds.multiplicative_average_worst(60, 60, 4) == pytest.approx(4 * 15 ** (1 / 60))


def test_ucb1():
    """8 ln(2000) (1/.5 + 1/.4) + 4.2899 x .9 = 277.5."""
    assert at(guarantees.ucb1_regret, BANDIT, 2000) == pytest.approx(277.5, abs=0.05)


def test_kl_ucb():
    """Divergences .5507 and .3681 from .9 at best: at least ln T times gap / divergence; .314 of half the horizon."""
    assert at(guarantees.kl_ucb_regret, BANDIT, 1500) == pytest.approx(0.3142 * 750, rel=1e-3)


def test_thompson():
    oracle = al.BernoulliBandit(np.array([0.5, 0.9]))
    assert 0.4 * math.log(1000) / 0.3681 < at(guarantees.thompson_bernoulli_regret, oracle, 1000) < 0.17 * 500


def test_exp3_ix():
    assert guarantees.exp3_ix_regret.bound(1500, 3, 0.1) == pytest.approx(320, abs=0.5)


def test_sequential_halving():
    assert guarantees.sequential_halving.bound((0.0, *[0.4] * 7), 1200) == pytest.approx(5.9e-4, rel=0.01)


def test_small_closed_forms():
    known = {g.id: g.bound for g in guarantees.ALL}
    assert known["halving-mistakes"](1000) == 9
    assert known["self-normalized"](0.1, 2.0) == pytest.approx(8 * math.log(10))
    assert known["glm-confidence"](0.1) == pytest.approx(math.sqrt(2 * math.log(10)))
    assert known["squarecb-igw"](3, 8.0) == pytest.approx(0.5)
    np.testing.assert_allclose(known["kw-equivalence"](4.0, 2)[:3], [4, 3 / 4, 1 / 2])
    np.testing.assert_allclose(known["hedge"](0.5, 8, 4)[:4], 2 * math.log(8) + np.arange(1, 5) / 16)
    np.testing.assert_allclose(known["kmeanspp"](3, 2.0), 16 * (math.log(3) + 2))
    np.testing.assert_allclose(known["conformal-loo"](9, 0.1), [0.9, -0.9, 0.1])
    assert known["plateau-false-stop"](800, np.array([guarantees.stopping.TOLERANCE + 0.1])) == pytest.approx(
        math.exp(-4)
    )
    thompson = guarantees.thompson_bayes_regret.bound(al.thompson_bernoulli(4), None, np.array([200.0]))
    np.testing.assert_allclose(thompson, 20 * math.sqrt(math.log(4)))
