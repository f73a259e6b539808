"""Gittins indices: against restarting, value iteration, published tables and plain backward induction."""

import functools
import itertools

import jax
import numpy as np
import pytest

import altheory as al
from altheory.guarantees.indices import best_value, index_value


def chain(seed, size):
    rng = np.random.default_rng(seed)
    move = rng.dirichlet(np.full(size, 0.4), size)
    return move, np.round(rng.normal(size=size), 1)


@pytest.mark.parametrize("discount", [0.5, 0.9, 0.999])
def test_elimination_equals_restarting(discount):
    with jax.enable_x64(True):
        for seed in range(4):
            move, pay = chain(seed, 7)
            np.testing.assert_allclose(
                al.gittins_index(move, pay, discount), al.restart_index(move, pay, discount), atol=1e-10
            )


def test_the_best_state_has_its_own_reward_and_indices_move_with_rewards():
    move, pay = chain(5, 6)
    index = np.asarray(al.gittins_index(move, pay, 0.9))
    assert abs(index.max() - pay.max()) < 1e-6
    assert (index >= pay - 1e-6).all()
    np.testing.assert_allclose(al.gittins_index(move, 3 * pay + 2, 0.9), 3 * index + 2, atol=1e-5)


def test_index_policy_equals_value_iteration_on_products():
    with jax.enable_x64(True):
        for seed in range(3):
            arms = tuple(chain(10 * seed + i, 3) for i in range(3))
            np.testing.assert_allclose(index_value(arms, 0.9, al.gittins_index), best_value(arms, 0.9), atol=1e-9)


def by_bisection(a, b, discount, pulls):
    """The index of Beta(a, b) by halving the retirement reward, each with a whole backward induction."""
    low, high = 0.0, 1.0
    for _ in range(24):
        reward = (low + high) / 2
        wins = np.arange(pulls + 1)
        worth = np.maximum((a + wins) / (a + b + pulls), reward)
        for n in range(pulls - 1, -1, -1):
            p = (a + wins[: n + 1]) / (a + b + n)
            on = (1 - discount) * p + discount * (p * worth[1:] + (1 - p) * worth[:-1])
            worth = np.maximum(on, reward)
        low, high = (reward, high) if on[0] > reward else (low, reward)
    return (low + high) / 2


@pytest.fixture(scope="module")
def tables():
    return {discount: al.bernoulli_gittins(200, discount) for discount in (0.5, 0.9, 0.95, 0.99, 0.999)}


def test_published_values(tables):
    for discount, value in ((0.9, 0.7029), (0.95, 0.7614), (0.99, 0.8699)):
        assert f"{tables[discount].index[1, 1]:.4f}" == f"{value:.4f}"


@pytest.mark.parametrize(("discount", "pulls"), [(0.5, 40), (0.9, 200), (0.95, 300), (0.99, 1100)])
def test_tables_agree_with_bisection(tables, discount, pulls):
    for a, b in ((1, 1), (1, 9), (7, 2), (41, 154), (174, 24), (2, 46), (1, 199)):
        truth, entry = by_bisection(a, b, discount, pulls), tables[discount].index[a, b]
        assert abs(entry - truth) < 1e-5
        assert abs(entry - truth) <= tables[discount].error[a, b] + 1e-6


def test_the_table_of_a_discount_near_one(tables):
    """10,000 pulls ahead: the error stated is still of use."""
    for a, b in ((60, 120),):
        truth, table = by_bisection(a, b, 0.999, 8000), tables[0.999]
        assert abs(table.index[a, b] - truth) < 1e-5
        assert abs(table.index[a, b] - truth) <= table.error[a, b] + 1e-6
    assert np.nanmax(table.error) < 2e-4
    assert np.nanmedian(table.error) < 2e-5


def test_tables_are_monotone_and_above_the_mean(tables):
    index = tables[0.9].index
    a, b = np.indices(index.shape)
    known = (a >= 1) & (b >= 1) & (a + b <= 200)
    assert np.isfinite(index[known]).all()
    assert np.isnan(index[~known]).all()
    assert (index[known] > (a / np.maximum(a + b, 1))[known] - 1e-6).all()
    assert (np.diff(index[1:150, 1:50], axis=0) > -1e-6).all()
    assert (np.diff(index[1:150, 1:50], axis=1) < 1e-6).all()
    assert (tables[0.99].index[known] > index[known] - 1e-6).all()


PUBLISHED = {0.5: (0.2057, 0.1217, 0.0873), 0.7: (0.3691, 0.2224, 0.1614), 0.9: (0.7466, 0.4662, 0.3465)} | {
    0.95: (0.9956, 0.6343, 0.4781),
    0.99: (1.5758, 1.0415, 0.8061),
    0.995: (1.8175, 1.2157, 0.9493),
}


@pytest.mark.parametrize("discount", PUBLISHED)
def test_gaussian_arms_have_the_published_indices(discount):
    """Unit noise, after one, two and three observations and nothing known before."""
    table = al.gaussian_gittins(2, discount)
    np.testing.assert_allclose(table.index, PUBLISHED[discount], atol=1.5e-4)
    assert (table.error < 5e-5).all()


def by_plain_induction(discount, n, batch, pulls):
    """Minus the mean at which a Gaussian arm with n pulls behind it is given up for 0: a fixed grid, plain sums."""
    grid, z = np.linspace(-9, 9, 4501), np.linspace(-7, 7, 1121)
    weight = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    beta, worth = discount**batch, np.maximum(grid, 0) / (1 - discount**batch)
    for m in n + batch * np.arange(pulls)[::-1]:
        spread = np.sqrt(1 / m - 1 / (m + batch))
        ahead = sum(w * np.interp(grid + spread * x, grid, worth) for w, x in zip(weight, z, strict=True))
        on = grid + beta * ahead
        worth = np.maximum(on, 0)
    return -np.interp(0.0, on, grid)


@pytest.mark.parametrize(("discount", "n", "batch"), [(0.6, 0.5, 1), (0.6, 3.0, 1), (0.8, 1.0, 3), (0.8, 0.3, 1)])
def test_gaussian_indices_agree_with_plain_induction(discount, n, batch):
    truth = by_plain_induction(discount, n, batch, 30)
    table = al.gaussian_gittins(2, discount, prior=n, batch=batch)
    assert abs(table.index[0] - truth) < 3e-5
    later = al.gaussian_gittins(0, discount, prior=n + batch, batch=batch)
    np.testing.assert_allclose(table.index[1], later.index[0], atol=2e-5)


def test_gaussian_score_reads_mean_noise_and_prior():
    policy = al.gittins_gaussian(3, 0.9, mean=2.0, prior=0.25, noise=2.0)
    belief, menu = policy.init(jax.random.key(0)).belief, al.menu(np.arange(3))
    index = al.gaussian_gittins(2, 0.9).index
    np.testing.assert_allclose(policy.score(belief, menu, None), 2 + 2 * index[0], rtol=1e-5)
    belief = belief.update(menu[1], 3.0).update(menu[1], 5.0)
    np.testing.assert_allclose(belief.mean(menu)[1], 10 / 3, rtol=1e-6)
    np.testing.assert_allclose(policy.score(belief, menu, None)[1], 10 / 3 + 2 * index[2], rtol=1e-5)
    far = belief.replace(precision=belief.precision * 1000)
    above = policy.score(far, menu, None) - far.mean(menu)
    assert ((above > 0) & (above < 0.01)).all()
    threes = al.gittins_gaussian(2, 0.9, batch=3)
    start = threes.score(threes.init(jax.random.key(0)).belief, al.menu(np.arange(2)), None)
    np.testing.assert_allclose(start, al.gaussian_gittins(0, 0.9, batch=3).index[0], rtol=1e-5)


def finite_by_bisection(left, won, lost):
    """The charge at which the best stopping of at most `left` pulls earns nothing."""
    low, high = 0.0, 1.0
    for _ in range(40):
        charge = (low + high) / 2
        worth = np.zeros(left + 1)
        for n in range(left - 1, -1, -1):
            p = (won + 1 + np.arange(n + 1)) / (won + lost + 2 + n)
            gain = p - charge + p * worth[1 : n + 2] + (1 - p) * worth[: n + 1]
            worth = np.maximum(gain, 0)
        low, high = (charge, high) if gain[0] > 0 else (low, charge)
    return low


def test_finite_horizon_indices_agree_with_bisection():
    table = al.bernoulli_finite_gittins(30)
    for left, won, lost in ((1, 0, 0), (2, 0, 0), (30, 0, 0), (10, 3, 9), (25, 5, 0), (20, 4, 6), (1, 20, 9)):
        assert abs(table[left, won, lost] - finite_by_bisection(left, won, lost)) < 1e-6
    left, won, lost = np.indices(table.shape)
    known = (left >= 1) & (left + won + lost <= 30)
    assert np.isfinite(table[known]).all()
    assert np.isnan(table[~known]).all()
    np.testing.assert_allclose(table[2, 0, 0], 5 / 9, atol=1e-6)


def test_the_finite_horizon_policy_is_close_to_optimal():
    """Twelve rounds of two arms, by dynamic programming: the index loses under 0.2 % of the best, the mean far more."""
    horizon = 12
    policy = al.gittins_finite(2, horizon)
    table = np.asarray(al.bernoulli_finite_gittins(horizon))

    @functools.cache
    def worth(state, rule):
        left = horizon - sum(state)
        if left == 0:
            return 0.0
        means = [(state[i] + 1) / (state[i] + state[i + 1] + 2) for i in (0, 2)]
        values = []
        for k, p in enumerate(means):
            won, lost = (tuple(x + (j == 2 * k + f) for j, x in enumerate(state)) for f in (0, 1))
            values.append(p * (1 + worth(won, rule)) + (1 - p) * worth(lost, rule))
        if rule == "best":
            return max(values)
        index = means if rule == "mean" else [table[left, state[i], state[i + 1]] for i in (0, 2)]
        top = [v for v, x in zip(values, index, strict=True) if x >= max(index) - 1e-12]
        return sum(top) / len(top)

    start = (0, 0, 0, 0)
    best, index, mean = (worth(start, rule) for rule in ("best", "index", "mean"))
    assert best * 0.998 <= index <= best + 1e-12
    assert best - index < 0.5 * (best - mean)
    belief = policy.init(jax.random.key(0)).belief.replace(a=np.float32([3, 1]), b=np.float32([2, 4]))
    scores = policy.score(belief, al.menu(np.arange(2)), None)
    np.testing.assert_allclose(scores, [table[6, 2, 1], table[6, 0, 3]], rtol=1e-6)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="discount must be above 0 and below 1; it is 1"):
        al.gaussian_gittins(3, 1.0)
    with pytest.raises(ValueError, match="prior must be above 0"):
        al.gaussian_gittins(3, 0.9, prior=0.0)
    with pytest.raises(ValueError, match="batch must be a whole number of at least 1"):
        al.gittins_gaussian(3, 0.9, batch=0)
    with pytest.raises(ValueError, match="horizon must be a whole number of at least 1"):
        al.gittins_finite(2, 0)
    with pytest.raises(ValueError, match="rows that add up to 1"):
        al.gittins_index(np.ones((2, 2)), np.ones(2), 0.9)
    with pytest.raises(ValueError, match=r"must be \[states, states\] for the 3 rewards"):
        al.gittins_index(np.eye(2), np.ones(3), 0.9)
    with pytest.raises(ValueError, match="a finite horizon has no Gittins index"):
        al.bernoulli_gittins(10, 1.0)
    with pytest.raises(ValueError, match="limit must be a whole number"):
        al.bernoulli_gittins(1, 0.9)


def test_the_policy_plays_as_dynamic_programming_does():
    """Two arms, discount 0.6: in every state of the first eight pulls the index's arm is worth the most."""
    discount, depth = 0.6, 26
    policy = al.gittins_bernoulli(2, discount, limit=40)

    @functools.cache
    def worth(state):
        if sum(state) == depth:
            return max(state[i] / (state[i] + state[i + 1]) for i in (0, 2)) / (1 - discount)
        return max(pull(state, 0), pull(state, 2))

    def pull(state, i):
        p = state[i] / (state[i] + state[i + 1])
        won, lost = (tuple(x + (j == k) for j, x in enumerate(state)) for k in (i, i + 1))
        return p * (1 + discount * worth(won)) + (1 - p) * discount * worth(lost)

    menu, start = al.menu(np.arange(2)), policy.init(jax.random.key(0))
    scores = jax.jit(lambda a, b: policy.score(start.belief.replace(a=a, b=b), menu, jax.random.key(0)))
    states = [s for s in itertools.product(range(1, 8), repeat=4) if sum(s) <= 12]
    for state in states:
        a, b = np.array(state[::2], np.float32), np.array(state[1::2], np.float32)
        best = int(np.argmax(scores(a, b)))
        assert pull(state, 2 * best) >= worth(state) - 1e-4
    near = [abs(pull(s, 0) - pull(s, 2)) for s in states]
    assert np.mean(np.array(near) > 1e-3) > 0.5


def test_beyond_the_table_the_entry_of_the_same_mean_is_read():
    policy = al.gittins_bernoulli(2, 0.9, limit=20)
    belief = policy.init(jax.random.key(0)).belief.replace(a=np.float32([60, 6]), b=np.float32([40, 4]))
    index = policy.score(belief, al.menu(np.arange(2)), jax.random.key(0))
    table = al.bernoulli_gittins(20, 0.9).index
    np.testing.assert_allclose(index, [table[12, 8], table[6, 4]], rtol=1e-6)
