"""Every step of the classical algorithms against its inequality, with broken variants that break it."""

from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory.designs as designs
from altheory.designs import bounds

seeds = st.integers(0, 2**32 - 1)


def pool(seed, items=25, d=3):
    return np.random.default_rng(seed).standard_normal((items, d))


def best(x):
    return designs.d_optimal(x, tol=1e-11).value


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 5))
def test_frank_wolfe_gains_exactly_what_is_promised(seed, d):
    x = pool(seed, d=d)
    path = list(islice(designs.frank_wolfe(x), 120))
    top = best(x)
    for now, following in pairwise(path):
        gained = following.log_det - now.log_det
        assert gained == pytest.approx(bounds.step_gain(now.gap, d), abs=1e-7)
        assert top - following.log_det <= bounds.contract(top - now.log_det, d) + 1e-7


@pytest.mark.parametrize("eta", [1.0, 0.3, 0.1])
def test_frank_wolfe_takes_no_more_steps_than_the_bound(eta):
    for seed in range(5):
        x = pool(seed, items=60, d=4)
        start = bounds.starting_deficit(60, 4)
        limit = bounds.iteration_bound(eta, 4, start)
        assert limit <= bounds.iteration_bound_closed(eta, 4, start)
        assert min(s.gap for s in islice(designs.frank_wolfe(x), limit)) <= eta


def test_open_loop_steps_gain_less_than_promised():
    x = pool(0)
    w = np.full(25, 1 / 25)
    short = 0
    for k in range(50):
        v = (x * w[:, None]).T @ x
        lev = np.einsum("ij,ji->i", x, np.linalg.solve(v, x.T))
        following = (1 - 2 / (k + 2)) * w
        following[np.argmax(lev)] += 2 / (k + 2)
        if k > 1:
            gain = np.linalg.slogdet((x * following[:, None]).T @ x)[1] - np.linalg.slogdet(v)[1]
            short += gain < bounds.step_gain(lev.max() / 3 - 1, 3) - 1e-7
        w = following if k else w
    assert short > 10


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 5))
def test_away_steps_gain_and_drops_never_lose(seed, d):
    x = pool(seed, d=d)
    path = list(islice(designs.away_step(x), 150))
    moves = {"toward": 0, "away": 0, "drop": 0, "start": 0}
    for now, following in pairwise(path):
        gained = following.log_det - now.log_det
        moves[following.move] += 1
        if following.move == "drop":
            assert gained >= -1e-8
        elif now.slack > 1e-7:
            assert gained >= bounds.step_gain(now.slack, d) - 1e-8
        assert following.weights.min() >= 0
    assert moves["drop"] <= moves["toward"] + 25


def test_away_steps_reach_both_sides():
    x = pool(3, items=40, d=4)
    limit = bounds.iteration_bound(0.05, 4, bounds.starting_deficit(40, 4))
    moves = 0
    for now in designs.away_step(x):
        moves += now.move in ("toward", "away")
        if now.slack <= 0.05:
            break
    assert moves <= limit


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 5))
def test_multiplicative_is_monotone_with_its_rates(seed, d):
    x = pool(seed, d=d)
    path = list(islice(designs.multiplicative(x), 60))
    design = designs.d_optimal(x, tol=1e-11)
    for t, (now, following) in enumerate(pairwise(path)):
        deficit = design.value - now.log_det
        assert following.log_det - now.log_det >= d * divergence(following.weights, now.weights) - 1e-8
        before, after = divergence(design.weights, now.weights), divergence(design.weights, following.weights)
        assert deficit <= d * before + 1e-7
        assert before - after >= deficit / d - 1e-7
        assert deficit <= bounds.multiplicative_deficit(t, 25, d) + 1e-8
    average = np.mean([s.weights for s in path[:40]], axis=0)
    v = (x * average[:, None]).T @ x
    worst = np.einsum("ij,ji->i", x, np.linalg.solve(v, x.T)).max()
    assert worst <= bounds.multiplicative_average_worst(40, 25, d) + 1e-8


def divergence(p, q):
    live = p > 1e-14
    return float((p[live] * np.log(p[live] / q[live])).sum() - p[live].sum() + q.sum()) if live.any() else 0.0


def test_an_over_relaxed_multiplicative_step_is_not_monotone():
    x = pool(1, d=4)
    w, values = np.full(25, 1 / 25), []
    for _ in range(40):
        v = (x * w[:, None]).T @ x
        values.append(np.linalg.slogdet(v)[1])
        w = w * np.einsum("ij,ji->i", x, np.linalg.solve(v, x.T)) ** 3
        w /= w.sum()
    assert np.diff(values).min() < -1e-3


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 6))
def test_kumar_yildirim_start(seed, d):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((50, d)) * 10.0 ** rng.uniform(-3, 3, (50, 1))
    picks = designs.kumar_yildirim(x)
    assert len(set(picks)) == d
    start = np.linalg.slogdet(x[picks])[1] * 2 - d * np.log(d)
    assert designs.d_optimal(x).value - start <= bounds.starting_deficit(50, d, kumar_yildirim=True) + 1e-6


def test_the_first_rows_are_no_such_start():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((50, 4)) * 10.0 ** np.linspace(-3, 3, 50)[:, None]
    start = np.linalg.slogdet(x[:4])[1] * 2 - 4 * np.log(4)
    assert designs.d_optimal(x).value - start > bounds.starting_deficit(50, 4, kumar_yildirim=True)


def test_kumar_yildirim_steps_need_no_more_than_their_bound_for_any_pool_size():
    for items in (50, 500):
        x = pool(4, items=items, d=3)
        start = np.zeros(items)
        start[designs.kumar_yildirim(x)] = 1 / 3
        limit = bounds.iteration_bound(0.1, 3, bounds.starting_deficit(items, 3, kumar_yildirim=True))
        assert min(s.gap for s in islice(designs.frank_wolfe(x, start), limit)) <= 0.1


def test_confidence_width_covers_all_items():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((30, 3))
    design = designs.g_optimal(x, tol=1e-6)
    counts = designs.round_design(design, 60)
    v = (x * counts[:, None]).T @ x
    p = len(design.support)
    rows = np.repeat(x, counts, axis=0)
    errors = rng.choice([-1.0, 1.0], size=(4000, 60)) @ rows @ np.linalg.solve(v, x.T)
    width = bounds.confidence_width(design.value, 60, p, 30, sigma=1.0, delta=0.1)
    worst = np.abs(errors).max(1)
    assert (worst > width).mean() <= 0.1
    assert (worst > 0.35 * width).mean() > 0.1


def test_elimination_regret_grows_with_the_horizon_and_like_its_root():
    values = [bounds.elimination_regret(n, 0.01, 5, 50, 0.05) for n in (10**4, 10**5, 10**6, 10**7)]
    assert np.all(np.diff(values) > 0)
    assert values[3] / values[2] < 5


def test_best_arm_error_falls_with_pulls():
    gaps = [0.0, 0.3, 0.4, 0.5, 0.6, 0.7]
    errors = [bounds.best_arm_error(gaps, m, 4) for m in (10, 100, 1000, 10_000)]
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < 1e-6
    assert bounds.best_arm_pulls(100, 6, 4) * 2 + 6 + 2 <= 100


@given(seeds, st.integers(2, 9), st.integers(1, 30), st.integers(1, 100_000))
def test_the_closed_form_of_the_best_arm_error_is_never_below_the_sum(seed, d, more, pulls):
    gaps = [0.0, *np.sort(np.random.default_rng(seed).uniform(0.05, 1, d + more - 1))]
    total, closed = bounds.best_arm_error(gaps, pulls, d), bounds.best_arm_error_closed(gaps, pulls, d)
    assert total <= closed * (1 + 1e-9)


def test_the_least_largest_variance_with_ties_to_the_first_never_falls():
    sigma, x = np.eye(3), np.eye(3)
    for _ in range(10):
        left = [np.diag(sigma - np.outer(sigma[i], sigma[i]) / (1 + sigma[i, i])).max() for i in range(3)]
        i = int(np.argmin(left))
        sigma = sigma - np.outer(sigma[i], sigma[i]) / (1 + sigma[i, i])
        assert i == 0
    assert np.diag(sigma).max() == 1
    assert designs.go_greedy(x, 10, rule="worst", repeat=True).worst[-1] < 0.3
