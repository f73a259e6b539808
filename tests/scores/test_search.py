"""What searches are worth: against dynamic programming over every outcome."""

import functools

import jax
import numpy as np
import pytest
from scipy import integrate, stats

import altheory as al
from altheory.guarantees.pandora import weitzman
from altheory.guarantees.searches import achieved, optimum, random_searches
from altheory.policies.named import _by_index


def test_weitzman_is_the_optimum_of_thousands_of_searches_with_ties():
    searches = random_searches(3000, 3, 3, seed=11)
    np.testing.assert_allclose(achieved(weitzman, searches)[0], optimum(searches), atol=1e-9)


def test_its_value_is_the_formula():
    searches = random_searches(25, 4, 3, seed=12)
    best = optimum(searches)
    for i, value in enumerate(best):
        oracle = searches.oracle(i)
        assert abs(al.weitzman_value(oracle.prize, oracle.price) - value) < 1e-6


def test_value_of_laws_with_a_density():
    """Two Gaussian boxes, against the density of the larger by quadrature."""
    prize, price = al.GaussianPrize([0.0, 1.0], [2.0, 1.0]), np.array([0.3, 0.2])
    with jax.enable_x64(True):
        k = np.asarray(al.reservation_value(al.GaussianPrize([0.0, 1.0], [2.0, 1.0]), price))
    laws = stats.norm([0, 1], [2, 1])

    def above(t):
        return 1 - np.prod(1 - laws.sf(t) * (t < k))

    expected = integrate.quad(above, 0.5, k.max(), points=[k.min()], epsabs=1e-12)[0] + 0.5
    assert abs(al.weitzman_value(prize, price, outside=0.5) - expected) < 1e-9
    heavy = al.weitzman_value(al.StudentPrize(2.2), [0.01])
    assert abs(heavy - al.expected_excess(al.StudentPrize(2.2), 0.0) + 0.01) < 1e-5
    mixed = al.MixturePrize([0.5, 0.5], (al.GaussianPrize(1.0, 0.1), al.BernoulliPrize(0.5)))
    assert abs(al.weitzman_value(mixed, [0.2]) - (0.5 * 1 + 0.25 - 0.2)) < 1e-6


def k_best(values, probs, price, places):
    """The best sum of several prizes less prices, over (opened, those in hand)."""

    @functools.cache
    def best(opened, hand):
        value = sum(hand)
        for i in set(range(len(price))) - opened:
            then = sum(
                p * best(opened | {i}, tuple(sorted((*hand, v), reverse=True)[:places]))
                for v, p in zip(values[i], probs[i], strict=True)
            )
            value = max(value, then - price[i])
        return value

    return best(frozenset(), (0.0,) * places)


def test_several_winners():
    searches = random_searches(40, 3, 2, seed=13)
    best = [k_best(*x, 2) for x in zip(searches.values, searches.probs, searches.price, strict=True)]
    for i in range(0, 40, 4):
        oracle = searches.oracle(i)
        assert abs(al.weitzman_value(oracle.prize, oracle.price, winners=2) - best[i]) < 1e-6

    oracle = al.BoxSearch(al.DiscretePrize(searches.values[0], searches.probs[0]), searches.price[0], winners=2)
    policy = al.pandora(oracle.prize, winners=2)
    result = al.study({"two": policy}, oracle, jax.random.key(0), horizon=4, seeds=1000, record=(al.welfare,))
    worth = result.cumulative("welfare").isel(round=-1).values[0]
    assert abs(worth.mean() - best[0]) < 5 * worth.std() / np.sqrt(1000) + 1e-9


PARENTS = ([-1, 0, 1, 2], [-1, 0, 0, 1], [-1, -1, 0, 1], [3, 0, 3, -1])


@pytest.mark.parametrize("parent", PARENTS, ids=str)
def test_precedence(parent):
    """The index policy's value over every outcome, the formula, and dynamic programming agree."""
    searches = random_searches(25, 4, 2, seed=14)
    best = optimum(searches, parent=np.array(parent))
    laws = [searches.oracle(i).prize for i in range(25)]
    found = [al.precedence_indices(p, c, parent) for p, c in zip(laws, searches.price, strict=True)]
    np.testing.assert_allclose([value for _, value in found], best, atol=1e-6)
    index = np.stack([index for index, _ in found])
    # Ties between an index and a prize are broken by rounding, either way with the same welfare.
    np.testing.assert_allclose(achieved(by_index, searches, parent=parent, given=(index,))[0], best, atol=1e-5)
    policy = al.pandora_in_order(laws[0], searches.price[0], parent)
    np.testing.assert_allclose(policy.score.hyper["index"], index[0], rtol=1e-6)


def by_index(prize, price, index):
    return al.Argmax(al.boxes(prize), al.score(_by_index, index=index), al.weitzman_stop)


def test_other_orders_of_precedence_are_refused():
    coins = al.BernoulliPrize([0.5, 0.5])
    with pytest.raises(ValueError, match="box 0 waits for itself"):
        al.precedence_indices(coins, [0.1, 0.1], [1, 0])
    with pytest.raises(ValueError, match="NP-hard and has no index"):
        al.precedence_indices(coins, [0.1, 0.1], [[-1, -1], [0, 0]])
    with pytest.raises(ValueError, match="has a density: use SamplePrize"):
        al.precedence_indices(al.GaussianPrize([0.0, 1.0]), [0.1, 0.1], [-1, 0])


def test_prizes_taken_unseen():
    """A fair coin of 0 or 2 for .3: opened it is worth .7, kept shut 1."""
    lower, upper, keep = al.nonobligatory_bounds(al.BernoulliPrize([0.5], 2.0), [0.3])
    np.testing.assert_allclose((lower, upper, keep), (1, 1, 0))
    assert abs(al.weitzman_value(al.BernoulliPrize([0.5], 2.0), [0.3]) - 0.7) < 1e-6
    assert al.nonobligatory_bounds(al.BernoulliPrize([0.5], 2.0), [0.3], outside=1.5)[2] == -1


def test_assumptions_that_fail_are_named():
    table = al.TableSearch(np.eye(3), np.full(3, 0.1))
    coins = al.BernoulliPrize(np.full(3, 1 / 3))
    with pytest.raises(
        ValueError, match="TableSearch draws its prizes jointly, and the theorem needs independent boxes"
    ):
        al.weitzman_optimal(al.pandora(coins), table)
    chain = al.BoxSearch(coins, np.full(3, 0.1), parent=[-1, 0, 1])
    with pytest.raises(ValueError, match="opened only after others, which is another problem"):
        al.weitzman_optimal(al.pandora(coins), chain)
    free = al.BoxSearch(coins, np.full(3, 0.1))
    with pytest.raises(ValueError, match="laws, outside option or number of winners are not the oracle's"):
        al.weitzman_optimal(al.pandora(coins, outside=0.5), free)
    with pytest.raises(ValueError, match="not Weitzman's rule"):
        al.weitzman_optimal(al.random(al.boxes(coins)), free)
    assert abs(al.weitzman_optimal(al.pandora(coins), free) - al.weitzman_value(coins, np.full(3, 0.1))) < 1e-7
