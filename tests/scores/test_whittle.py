"""Whittle indices: frozen arms, a restart chain in closed form, and refusals checked by value iteration."""

import numpy as np
import pytest

import altheory as al


def random_arm(seed, size=3):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(size, 0.3), (2, size))
    return p[0], p[1], np.zeros(size), rng.random(size)


def gain(arm, subsidy, discount):
    p0, p1, r0, r1 = arm
    v = np.zeros(len(r0))
    for _ in range(600):
        v = np.maximum(r0 + subsidy + discount * p0 @ v, r1 + discount * p1 @ v)
    return r1 - r0 - subsidy + discount * (p1 - p0) @ v


def test_a_frozen_arm_has_its_gittins_index():
    for seed in range(5):
        _, p1, r0, r1 = random_arm(seed, 5)
        np.testing.assert_allclose(
            al.whittle_index(np.eye(5), p1, r0, r1, 0.9), al.restart_index(p1, r1, 0.9), atol=1e-9
        )


def test_a_restart_chain_has_its_closed_form():
    k, b = 6, 0.9
    pay = -(np.arange(k) ** 1.5)
    passive, active = np.eye(k)[np.minimum(np.arange(k) + 1, k - 1)], np.eye(k)[np.zeros(k, int)]
    found = al.whittle_index(passive, active, pay, pay, b)
    for s in range(k - 1):

        def cycle(n):
            w = b ** np.arange(n + 1)
            return (w * pay[: n + 1]).sum() / w.sum(), w[:-1].sum() / w.sum()

        (c, m), (c1, m1) = cycle(s), cycle(s + 1)
        assert abs(found[s] - (c - c1) / (m1 - m)) < 1e-9


def test_states_that_tie_turn_together():
    """Two copies of an arm side by side, and a state that appears twice, have the indices of one."""
    p0, p1, r0, r1 = random_arm(3)
    alone = al.whittle_index(p0, p1, r0, r1, 0.9)
    blocks = [np.kron(np.eye(2), p) for p in (p0, p1)]
    np.testing.assert_allclose(al.whittle_index(*blocks, np.tile(r0, 2), np.tile(r1, 2), 0.9), np.tile(alone, 2))
    mixed = [np.kron(np.full((2, 2), 0.5), p) for p in (p0, p1)]
    np.testing.assert_allclose(al.whittle_index(*mixed, np.tile(r0, 2), np.tile(r1, 2), 0.9), np.tile(alone, 2))


def test_refused_where_the_passive_set_shrinks_and_an_index_is_indifferent():
    """A refusal is borne out by value iteration over a grid of subsidies; at an index acting gains nothing."""
    refused = 0
    for seed in range(300):
        arm = random_arm(seed)
        try:
            index = al.whittle_index(*arm, 0.9)
        except ValueError as error:
            refused += 1
            assert "state" in str(error)  # noqa: PT017
            rests = np.array([gain(arm, x, 0.9) < -1e-9 for x in np.linspace(-3, 3, 1201)])
            assert (rests[:-1] & ~rests[1:]).any()
            continue
        for s in range(3) if seed < 20 else ():
            assert abs(gain(arm, index[s], 0.9)[s]) < 1e-8
    assert refused
    with pytest.raises(ValueError, match="rows that add up to 1"):
        al.whittle_index(np.ones((2, 2)), np.eye(2), np.zeros(2), np.zeros(2), 0.9)
