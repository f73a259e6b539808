"""Noisy looks at a price: the boundary against plain induction, its limits, and the index."""

import jax
import numpy as np
import pytest
from scipy import stats

import altheory as al


def by_plain_induction(price, n, looks):
    """Where one look stops paying, from a fixed grid and plain sums."""
    grid, z = np.linspace(-9, 9, 4501), np.linspace(-7, 7, 1121)
    weight = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    stop = np.maximum(grid, 0)
    value = stop
    for m in n + np.arange(looks)[::-1]:
        spread = np.sqrt(1 / m - 1 / (m + 1))
        on = -price + sum(w * np.interp(grid + spread * x, grid, value) for w, x in zip(weight, z, strict=True))
        value = np.maximum(stop, on)
    gain = (on - stop)[2250:]
    k = int(np.argmax(gain < 0))
    return grid[2250 + k - 1] + 0.004 * gain[k - 1] / (gain[k - 1] - gain[k])


@pytest.mark.parametrize(("price", "n"), [(0.1, 1.0), (0.02, 1.0), (0.05, 0.4), (0.02, 3.0)])
def test_the_boundary_is_that_of_plain_induction(price, n):
    assert abs(al.inspection_boundary(price, prior=n)[0] - by_plain_induction(price, n, 20)) < 1e-4


def test_each_entry_is_the_first_of_a_later_start_and_the_last_is_none():
    table = al.inspection_boundary(0.02)
    for k in (1, 4, 9):
        np.testing.assert_allclose(table[k], al.inspection_boundary(0.02, prior=1.0 + k)[0], atol=2e-5)
    assert (np.diff(table) < 0).all()
    assert table[-1] == 0
    assert len(table) <= 0.4 / 0.02 + 2


def test_a_look_that_tells_all_is_pandoras_box_and_one_too_dear_is_none():
    """With a prior of 1e-4 looks, one look settles it: the bound is the reservation value less the mean."""
    price, prior = 3.0, 1e-4
    box = al.reservation_value(al.GaussianPrize(0.0, prior**-0.5), np.array(price))
    np.testing.assert_allclose(al.inspection_boundary(price, prior=prior)[0], box, rtol=2e-3)
    assert al.inspection_boundary(0.5).tolist() == [0.0]


def test_dearer_candidates_have_lower_indices_and_bad_numbers_are_named():
    table = al.inspection_table([0.01, 0.1, 0.01], prior=2.0)
    assert (table[0] == table[2]).all()
    assert (table[0] >= table[1]).all()
    belief, menu = al.gaussian_arms(3, prior=2.0), al.menu(np.arange(3))
    score = al.score(al.inspection_score, index=table.astype(np.float32), prior=2.0)
    np.testing.assert_allclose(score(belief, menu, None), table[:, 0], rtol=1e-6)
    looked = belief.update(menu[1], 0.6)
    first = table[:, 0] - 0.2
    np.testing.assert_allclose(score(looked, menu, None), [first[0], table[1, 1] - 0.2, first[2]], rtol=1e-5)
    beside = score.replace(numbers={**score.numbers, "outside": 1.0})
    np.testing.assert_allclose(
        beside(looked, menu, None), [table[0, 0] - 1, table[1, 1] - 0.8, table[2, 0] - 1], rtol=1e-5
    )
    with pytest.raises(ValueError, match="price must be above 0"):
        al.inspection_boundary(0.0)


def held(r):
    """The largest posterior mean."""
    return r.state.belief.mean(r.menu).max()


def net(policy, search, outside, *, horizon=14, seeds=20_000, stake=1.0):
    """Worth of what is taken less what was paid, in each run."""
    record = (held, al.recommended, al.cost)
    study = al.study({"p": policy}, search, jax.random.key(1), horizon=horizon, seeds=seeds, record=record)
    study.raise_for_status()
    mean, worth = (study.data[x].isel(round=-1, policy=0).values for x in ("held", "recommended"))
    return stake * np.where(mean > outside, worth, outside) - study.data["cost"].sum("round").isel(policy=0).values


def test_one_candidate_beside_a_known_one_is_worth_what_dynamic_programming_says():
    """The value of the prior, by plain induction, against 20,000 runs; any fixed number of looks is worth less."""
    price, outside = 0.03, 0.2
    grid, z = np.linspace(-9, 9, 3601), np.linspace(-6, 6, 481)
    weight = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    value = stop = np.maximum(grid, outside)
    for m in 1.0 + np.arange(12)[::-1]:
        spread = np.sqrt(1 / m - 1 / (m + 1))
        on = -price + sum(w * np.interp(grid + spread * x, grid, value) for w, x in zip(weight, z, strict=True))
        value = np.maximum(stop, on)
    truth = float(np.interp(0.0, grid, value))
    search = al.NoisySearch(al.GaussianPrize(np.zeros(1), np.ones(1)), [price])
    got = net(al.best_of([price], outside=outside), search, outside)
    assert abs(got.mean() - truth) < 5 * got.std() / np.sqrt(len(got))
    moved = np.sqrt(1 - 1 / (1 + np.arange(1, 8)))
    fixed = outside + np.asarray(al.expected_improvement(np.zeros(7), moved, outside)) - price * np.arange(1, 8)
    assert truth > max(fixed.max(), outside) + 0.01


def test_the_best_of_several_beats_equal_looks_and_one_look_each():
    """Eight candidates, money per unit of quality and deviation of a look other than 1; the same candidates for all."""
    rng = np.random.default_rng(0)
    price, stake, noise = rng.uniform(0.5, 2, 8), 40.0, 0.5
    search = al.NoisySearch(al.GaussianPrize(np.full(8, 2.0), np.full(8, 0.7)), price, noise)
    belief = al.gaussian_arms(8, mean=2.0, prior=0.7**-2, noise=noise)
    size = {"horizon": 60, "seeds": 2000, "stake": stake}
    ours = net(al.best_of(price, mean=2.0, prior=0.7**-2, noise=noise, stake=stake), search, -np.inf, **size)
    for times in (0, 1, 2, 4):
        equal = al.Argmax(belief, al.score(al.explore_first, pulls=float(times)), al.below(1e9))
        other = net(equal, search, -np.inf, **size)
        paired = ours - other
        assert paired.mean() > 5 * paired.std() / np.sqrt(len(paired))


def test_recorded_results_are_tried_on_random_items():
    rng = np.random.default_rng(1)
    table = rng.random((300, 3)) < [0.3, 0.6, 0.9]
    search = al.TrialSearch(table, [1.0, 2.0, 4.0], batch=25)
    menu = search.offer(())
    np.testing.assert_allclose(menu.noise, table.std(0) / 5, rtol=1e-5)
    pick = al.core.Choice(np.int32(1), np.float32(1), np.bool_(False), np.bool_(True), np.int32(0))
    look = jax.jit(jax.vmap(lambda key: search.answer((), pick, key)[1]))
    seen = look(jax.random.split(jax.random.key(0), 4000))
    assert abs(seen.y.mean() - table[:, 1].mean()) < 5 * menu.noise[1] / np.sqrt(4000)
    np.testing.assert_allclose(seen.y.std(), menu.noise[1], rtol=0.08)
    assert (seen.cost == 2).all()
    assert search.value(()).argmax() == 2
    with pytest.raises(ValueError, match="price must have one entry for each of the 3"):
        al.TrialSearch(table, [1.0])
    with pytest.raises(ValueError, match="best_of stake must be above 0"):
        al.best_of([1.0], stake=0.0)
