"""BAIT: the trace it reports, its optimum on small pools, and what breaks without its parts."""

import itertools

import jax
import numpy as np
import pytest
import slow_scores as slow

from altheory.scores.bait import bait


def pool(seed, n=12, classes=3, d=2):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(classes), n), rng.normal(size=(n, d))


@pytest.mark.parametrize("seed", range(12))
def test_within_five_percent_of_brute_force(seed):
    p, x = pool(seed)
    ridge = [1.0, 0.1, 0.01][seed % 3]
    best = min(slow.bait_value(p, x, s, ridge) for s in itertools.combinations(range(12), 3))
    batch = bait(p, x, 3, ridge=ridge)
    picks = batch.picks.tolist()
    assert len(set(picks)) == 3
    assert slow.bait_value(p, x, picks, ridge) <= 1.05 * best
    expected = [slow.bait_value(p, x, picks[: j + 1], ridge) for j in range(3)]
    np.testing.assert_allclose(batch.values, expected, rtol=2e-3)


def test_forward_alone_equals_plain_greedy():
    p, x = pool(20)
    batch = bait(p, x, 4, oversample=1, exchanges=0)
    picks, _ = slow.greedy(lambda s: -slow.bait_value(p, x, s, 1.0), 12, 4)
    assert batch.picks.tolist() == picks


def test_backward_equals_plain_removal():
    p, x = pool(21)
    picks, _ = slow.greedy(lambda s: -slow.bait_value(p, x, s, 1.0), 12, 6)
    while len(picks) > 3:
        costs = [slow.bait_value(p, x, picks[:j] + picks[j + 1 :], 1.0) for j in range(len(picks))]
        picks.pop(int(np.argmin(costs)))
    assert bait(p, x, 3, exchanges=0).picks.tolist() == picks


def test_no_exchange_improves_the_result():
    p, x = pool(22)
    picks = bait(p, x, 3, ridge=0.01, exchanges=5).picks.tolist()
    value = slow.bait_value(p, x, picks, 0.01)
    for slot in range(3):
        for new in set(range(12)) - set(picks):
            other = [*picks[:slot], new, *picks[slot + 1 :]]
            assert slow.bait_value(p, x, other, 0.01) > value * 0.995


def test_labels_there_already_count():
    p, x = pool(23)
    known = np.arange(12) < 4
    batch = bait(p, x, 1, labelled=known, exchanges=0)
    values = {i: slow.bait_value(p, x, [0, 1, 2, 3, i], 1.0) for i in range(4, 12)}
    assert int(batch.picks[0]) == min(values, key=values.get)
    np.testing.assert_allclose(batch.values[0], min(values.values()), rtol=1e-3)
    open = np.arange(12) > 8
    assert set(bait(p, x, 3, labelled=known, open=open).picks.tolist()) == {9, 10, 11}


def test_whole_pool_one_item_and_certain_predictions():
    p, x = pool(24, n=5)
    assert sorted(bait(p, x, 5).picks.tolist()) == list(range(5))
    assert bait(p[:1], x[:1], 1).picks.tolist() == [0]
    certain = bait(np.eye(3), np.ones((3, 2)), 2)
    assert certain.values.tolist() == [0, 0]


def test_works_under_jit_and_keeps_its_trace_for_another_ridge():
    p, x = pool(25)
    count = 0

    @jax.jit
    def run(ridge):
        nonlocal count
        count += 1
        return bait(p, x, 3, ridge=ridge)

    assert run(0.5).picks.tolist() == bait(p, x, 3, ridge=0.5).picks.tolist()
    run(0.25)
    assert count == 1


def test_a_rank_is_the_leading_directions():
    """Features in three directions of eight: all is seen with three, the largest two with two."""
    p, _ = pool(27)
    rng = np.random.default_rng(27)
    u, v = np.linalg.qr(rng.normal(size=(12, 3)))[0], np.linalg.qr(rng.normal(size=(8, 3)))[0]
    x = u * [9.0, 4.0, 1.0] @ v.T
    full = bait(p, x, 3)
    for rank in (3, 5, 8, 30):
        part = bait(p, x, 3, rank=rank)
        assert part.picks.tolist() == full.picks.tolist()
    two = bait(p, x, 3, rank=2)
    np.testing.assert_allclose(two.values, bait(p, u[:, :2] * [9.0, 4.0], 3).values, rtol=1e-4)
    assert (two.values < full.values).all()


def test_bad_input():
    p, x = pool(26)
    with pytest.raises(ValueError, match="ridge must be above 0"):
        bait(p, x, 3, ridge=0.0)
    with pytest.raises(ValueError, match="rank must be a whole number of at least 1"):
        bait(p, x, 3, rank=0)
    with pytest.raises(ValueError, match="open items, 2; it is 3"):
        bait(p, x, 3, open=np.arange(12) < 2)
    with pytest.raises(ValueError, match="mask over the 12 items"):
        bait(p, x, 3, labelled=np.ones(3, bool))
