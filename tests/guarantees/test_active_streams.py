"""Theorems on streams: their bounds by hand, and what their instances leave out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al
from altheory.guarantees.disagreement import a2_labels, thresholds
from altheory.guarantees.evidence import log_e_value
from altheory.guarantees.selective import largest_margin
from altheory.guarantees.version_space import (
    expected_depth,
    information_gain,
    least_depth,
    normalised_mass,
    query_masses,
    reachable,
)


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_the_disagreement_coefficient_of_thresholds_is_at_most_two_under_every_law(seed, items):
    rng = np.random.default_rng(seed)
    mass = rng.dirichlet(np.full(items, rng.choice([0.05, 1.0])))
    table = thresholds(items)
    assert al.disagreement_coefficient(table, mass, table[rng.integers(items + 1)]) <= 2 + 1e-9


@pytest.mark.parametrize("items", [2, 5, 24])
def test_the_disagreement_coefficient_of_singletons_is_their_number(items):
    table = np.r_[np.zeros((1, items), int), np.eye(items, dtype=int)]
    found = al.disagreement_coefficient(table, np.full(items, 1 / items), table[0])
    assert found == pytest.approx(items)


def test_the_disagreement_coefficient_is_the_supremum_over_a_fine_grid_of_radii():
    rng = np.random.default_rng(4)
    table, mass = rng.integers(0, 2, (15, 8)), rng.dirichlet(np.ones(8))
    radii = np.linspace(1e-3, 1, 20_000)
    distance = (table != table[2]) @ mass
    ratio = [mass @ (np.ptp(table[distance <= r], axis=0) > 0) / r for r in radii]
    assert al.disagreement_coefficient(table, mass, table[2]) == pytest.approx(max(ratio), rel=2e-3)


@pytest.mark.parametrize("score", [information_gain, normalised_mass])
def test_only_the_unnormalised_mass_is_adaptive_submodular_yet_all_choose_alike(score):
    """A query that splits 1 to 99 may come to split evenly: both normalised scores then rise."""
    table, prior = np.array([[0, 0], [0, 1], [1, 0], [1, 0]]), np.array([0.49, 0.49, 0.01, 0.01])
    rises = []
    for alive, left in reachable(np.c_[table, [0, 1, 1, 0]]):
        before, after = (query_masses(np.c_[table, [0, 1, 1, 0]], prior * m, 2) for m in (alive, left))
        rises.append((score(after) - score(before)).max())
        np.testing.assert_array_less(al.removed_mass(after), np.asarray(al.removed_mass(before)) + 1e-6)
        ranked = np.asarray(al.removed_mass(before))
        assert ranked[score(before).argmax()] == pytest.approx(ranked.max())
    assert max(rises) > 0.3


def test_costs_of_small_trees_by_hand():
    """Three singletons of masses 1/2, 1/4, 1/4: the heavy one first, then one more query, 1.5 in the mean."""
    table, prior = np.eye(3, dtype=int), np.array([0.5, 0.25, 0.25])
    assert least_depth(table, prior) == pytest.approx(1.5)
    assert expected_depth(table, prior, 2, lambda m: int(np.argmax(m.min(1)))) == (1.5, 2)
    bounds = al.gbs_cost(1.5, 1.5, prior, 2)
    np.testing.assert_allclose(bounds, [6 * np.log(4), np.inf, 1.5, 1.5, 0.5])
    np.testing.assert_allclose(al.gbs_cost(2.0, 2.0, np.full(4, 0.25), 2)[1], 2 + 2 * np.log(4))


def test_bounds_by_hand():
    np.testing.assert_allclose(al.cal_thresholds(np.array([1, 2]), 0.5), [1, 1 + 0.75])
    np.testing.assert_allclose(al.cal_thresholds(np.array([3]), 0.0), [1 + 1 / 2 + 1 / 3])
    n = np.arange(1, 2000)
    for q in (0.0, 0.01, 0.5):
        assert (al.cal_thresholds(n, q) <= 2 * (1 + np.log(n))).all()
    assert a2_labels(2.0, 0.0, 10, 0.1, 1)[0] == pytest.approx(1 + 2 * np.log(2 * 10 * 2 / 0.1) * 4)
    assert al.iwal_deviation(1000, 0.25, 24, 0.1, "range") == pytest.approx(4 * np.sqrt(np.log(480) / 2000))
    four = np.log(480)
    expected = np.sqrt(2 * four / 250) + 2 * four / 750
    assert al.iwal_deviation(1000, 0.25, 24, 0.1, "variance") == pytest.approx(expected)
    policy = al.QueryRate(al.finite(thresholds(3)), al.margin_score, rate=0.2, step=0.1, threshold=0.5)
    np.testing.assert_allclose(al.query_rate(policy, None, np.array([1.0, 9.0])), 15 + 0.8)


def test_the_largest_margin():
    x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.5, 3.0], [-0.5, 3.0]])
    assert largest_margin(x, np.array([1, 0, 1, 0])) == pytest.approx(0.5)
    assert largest_margin(np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([1, 0])) == 0
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 2))
    y = (x @ [1, -0.5] > 0).astype(int)
    angle = np.linspace(0, 2 * np.pi, 100_001)
    best = ((2 * y - 1)[:, None] * (x @ np.stack([np.cos(angle), np.sin(angle)]))).min(0).max()
    assert largest_margin(x, y) == pytest.approx(best, rel=1e-3)


def test_assumptions_are_named():
    table = thresholds(4)
    noisy = al.LabelStream(np.eye(4), table[2], flip=0.1)
    with pytest.raises(ValueError, match="labels may be wrong"):
        al.cal_disagreement(al.cal(table), noisy, np.array([3]))
    with pytest.raises(ValueError, match="no hypothesis gives every item its class"):
        al.cal_disagreement(al.cal(table), al.LabelStream(np.eye(4), [1, 0, 1, 0]), np.array([3]))
    with pytest.raises(ValueError, match="not CAL"):
        al.cal_disagreement(al.gbs(table), noisy, np.array([3]))
    with pytest.raises(ValueError, match=r"the policy's delta is 0\.5, the theorem's 0\.1"):
        al.iwal_consistency(al.IWAL(al.finite(table), delta=0.5), noisy, np.array([3.0]))
    with pytest.raises(ValueError, match="no halfspace through the origin"):
        al.selective_perceptron_mistakes(al.selective_perceptron(1), al.LabelStream([[1.0], [2.0]], [0, 1]), 1)
    with pytest.raises(ValueError, match="range of entropy_score is not known"):
        al.query_rate(al.QueryRate(al.finite(table), al.entropy_score), noisy, 1)


CUTS = jnp.linspace(-0.005, 0.995, 101)


def uniform_point(key):
    x = jax.random.uniform(key, ())
    return jnp.stack([x, jnp.ones(())]), (x > 0.3).astype(jnp.int32)


def test_cal_on_a_continuous_stream_of_300_buys_no_more_than_the_exact_number():
    """A grid of thresholds can only know sooner; the betting test has level 1e-6."""
    belief = al.halfspaces(jnp.stack([jnp.ones(101), -CUTS], 1))
    stream = al.SampledStream(uniform_point)
    run = jax.jit(jax.vmap(lambda k: al.simulate(al.cal(belief), stream, k, horizon=300, record=(al.labels,))[1]))
    asked = np.asarray(run(jax.random.split(jax.random.key(0), 100))["labels"].sum(1), np.float64)[:, None]
    bound = al.cal_thresholds(np.array([300]), 0.3)
    assert log_e_value(asked, bound)[0] < np.log(1e6)
    assert 0.5 * bound[0] < asked.mean() <= bound[0] < 300 / 20
