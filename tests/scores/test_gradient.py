"""Expected gradient length and BADGE: the materialised gradients, the same randomness, and the exact law."""

from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow

from altheory.scores import squared_distance
from altheory.scores.gradient import badge, expected_gradient_length
from altheory.scores.squared_distance import Products, squared_distance_sample

RNG = np.random.default_rng(4)


def batches(p, x, size, trials, refresh=32, seed=0):
    run = jax.jit(jax.vmap(lambda k: badge(p, x, size, key=k, refresh=refresh)))
    return np.asarray(run(jax.random.split(jax.random.key(seed), trials)))


def chi_square(sample, law):
    count, trials = Counter(map(tuple, sample.tolist())), len(sample)
    assert all(law[b] > 0 for b in count)
    return sum((count[b] - trials * q) ** 2 / (trials * q) for b, q in law.items() if q > 0)


def test_expected_gradient_length_equals_the_loop():
    p, x = RNG.dirichlet(np.full(4, 0.5), 9), RNG.normal(size=(9, 3))
    p[0] = np.eye(4)[1]
    x[1] = 0
    expected = [sum(p[i, y] * np.linalg.norm(np.outer(p[i] - np.eye(4)[y], x[i])) for y in range(4)) for i in range(9)]
    np.testing.assert_allclose(expected_gradient_length(p, x), expected, rtol=2e-6, atol=1e-6)
    assert expected_gradient_length(p, x)[0] == 0


def test_the_surest_item_has_the_shortest_gradient():
    p = np.array([[0.98, 0.01, 0.01], [0.6, 0.3, 0.1], [0.34, 0.33, 0.33]])
    norms = np.linalg.norm(slow.gradients(p, np.ones((3, 2))), axis=1)
    assert norms[0] < norms[1] < norms[2]
    lengths = np.asarray(expected_gradient_length(p, np.ones((3, 2))))
    assert lengths[0] < lengths[1] < lengths[2]


@pytest.mark.parametrize("refresh", [1, 32])
def test_picks_have_the_law_of_squared_distance_sampling(refresh):
    p, x = RNG.dirichlet(np.ones(3), 6), RNG.normal(size=(6, 2))
    law = slow.squared_distance_law(slow.gradients(p, x), 3)
    sample = batches(p, x, 3, 20000, refresh=refresh, seed=refresh)
    assert chi_square(sample, law) < slow.chi_square_threshold(len(law) - 1, 1e-6)


def test_the_test_of_the_law_tells_mutants_apart():
    """Plain distance for squared, or the longest gradient first, are rejected at the same level."""
    p, x = RNG.dirichlet(np.ones(3), 6), RNG.normal(size=(6, 2))
    vectors = slow.gradients(p, x)
    law = slow.squared_distance_law(vectors, 2)
    rng, n = np.random.default_rng(0), 6
    distance = slow.pairwise(vectors)
    limit = slow.chi_square_threshold(len(law) - 1, 1e-6)
    plain = [(i, int(rng.choice(n, p=distance[i] / distance[i].sum()))) for i in rng.integers(0, n, 20000)]
    assert chi_square(np.array(plain), law) > limit
    longest = int(np.argmax(np.linalg.norm(vectors, axis=1)))
    mutant = [(longest, int(rng.choice(n, p=distance[longest] ** 2 / (distance[longest] ** 2).sum()))) for _ in plain]
    assert chi_square(np.array(mutant), law) > limit


def materialised(p, x, size, key, refresh):
    """The same algorithm on the gradients themselves in float64, with the same uniform numbers."""
    g = slow.gradients(p, x)
    n = len(g)

    def uniforms(t):
        return np.asarray(jax.random.uniform(jax.random.fold_in(key, t), (3,)), float)

    def draw(mass, u, v):
        shelf_of = np.arange(n) // squared_distance.SHELF
        totals = np.cumsum(np.bincount(shelf_of, mass))
        shelf = min(np.searchsorted(totals, u * totals[-1], side="right"), len(totals) - 1)
        index = np.flatnonzero(shelf_of == shelf)
        within = np.cumsum(mass[index])
        return index[min(np.searchsorted(within, v * within[-1], side="right"), len(index) - 1)]

    u = uniforms(0)
    picks = [int(draw(np.ones(n), u[0], u[1]))]
    stale, recent, tries = ((g - g[picks[0]]) ** 2).sum(1), [], 0
    for t in range(1, 10**6):
        if len(picks) == size:
            return picks
        if len(recent) == refresh or tries == squared_distance.PATIENCE:
            for c in recent:
                stale = np.minimum(stale, ((g - g[c]) ** 2).sum(1))
            recent, tries = [], 0
        stale[[c for c in picks if c not in recent]] = 0
        u = uniforms(t)
        i = int(draw(stale, u[0], u[1]))
        now = min([stale[i], *(((g[i] - g[c]) ** 2).sum() for c in recent)])
        if i not in picks and u[2] * stale[i] < now:
            picks.append(i)
            recent.append(i)
            tries = 0
        else:
            tries += 1
    raise AssertionError


@pytest.mark.parametrize("refresh", [1, 4, 32])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_materialised_version_with_the_same_randomness(refresh, seed):
    rng = np.random.default_rng(seed)
    p, x = rng.dirichlet(np.full(5, 0.5), 700), rng.normal(size=(700, 6))
    key = jax.random.key(seed)
    assert badge(p, x, 40, key=key, refresh=refresh).tolist() == materialised(p, x, 40, key, refresh)


def test_duplicates_are_picked_only_once_all_else_is_spent():
    p = np.repeat(RNG.dirichlet(np.ones(3), 3), 4, axis=0)
    x = np.repeat(RNG.normal(size=(3, 2)), 4, axis=0)
    for seed in range(5):
        picks = np.asarray(badge(p, x, 5, key=jax.random.key(seed)))
        assert len(set(picks // 4)) == 3
        assert len(set(picks[:3] // 4)) == 3
        assert len(set(picks)) == 5


def test_every_item_once_where_all_gradients_vanish():
    sure = np.tile(np.eye(3)[0], (6, 1))
    sample = batches(sure, np.ones((6, 2)), 6, 3000)
    assert all(sorted(b) == list(range(6)) for b in sample.tolist())
    first = np.bincount(sample[:, 1], minlength=6)
    assert ((first - 500) ** 2 / 500).sum() < slow.chi_square_threshold(5, 1e-6)


def test_closed_items_are_never_picked():
    p, x = RNG.dirichlet(np.ones(3), 8), RNG.normal(size=(8, 2))
    open = np.array([0, 1, 0, 1, 1, 0, 0, 1], bool)
    run = jax.jit(jax.vmap(lambda k: badge(p, x, 4, key=k, open=open)))
    sample = np.asarray(run(jax.random.split(jax.random.key(0), 200)))
    assert all(sorted(b) == [1, 3, 4, 7] for b in sample.tolist())


def test_minus_one_where_nothing_is_left_under_tracing():
    p, x = RNG.dirichlet(np.ones(3), 5), RNG.normal(size=(5, 2))
    picks = jax.jit(lambda m: badge(p, x, 4, key=jax.random.key(0), open=m))(np.array([1, 0, 1, 0, 0], bool))
    assert sorted(picks.tolist()) == [-1, -1, 0, 2]


def far_clusters():
    """Three far clusters of points: two of two points, one of three."""
    return np.array([[0.0, 0], [0, 1], [50, 0], [50, 1], [0, 50], [1, 50], [0, 51]])


def potential(points, centres):
    return (slow.pairwise(points, points[list(centres)]) ** 2).min(1).sum()


def test_seeding_is_within_its_expected_factor():
    points = far_clusters()
    law = slow.squared_distance_law(points, 3)
    expected = sum(q * potential(points, b) for b, q in law.items())
    best = 0.5 + 0.5 + slow.pairwise(points[4:], points[4:].mean(0)[None]).__pow__(2).sum()
    assert expected <= 8 * (np.log(3) + 2) * best
    uniform = np.mean([potential(points, b) for b in law])
    assert uniform > 8 * (np.log(3) + 2) * best


def test_seeding_kernel_has_the_enumerated_cost():
    points = far_clusters()
    law = slow.squared_distance_law(points, 2)
    items = Products.of(jnp.ones((7, 1)), jnp.asarray(points))
    run = jax.jit(jax.vmap(lambda k: squared_distance_sample(items, jnp.ones(7, bool), k, 2)))
    sample = np.asarray(run(jax.random.split(jax.random.key(5), 20000)))
    assert chi_square(sample, law) < slow.chi_square_threshold(len(law) - 1, 1e-6)


def test_bad_input():
    p, x = RNG.dirichlet(np.ones(3), 5), RNG.normal(size=(5, 2))
    key = jax.random.key(0)
    with pytest.raises(ValueError, match="row for each of the 5 items"):
        badge(p, x[:4], 2, key=key)
    with pytest.raises(ValueError, match="from 1 to the 5 items"):
        badge(p, x, 6, key=key)
    x[2, 0] = np.nan
    with pytest.raises(ValueError, match="x must be finite"):
        badge(p, x, 2, key=key)
    with pytest.raises(ValueError, match="x must hold numbers"):
        expected_gradient_length(p, x)
