"""k-center: against the plain traversal, within twice the optimum, and where its mutants fail."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow
from hypothesis import given, settings
from hypothesis import strategies as st

from altheory.scores.diversity import FLOOR, contextual_diversity, covering_radius, k_center
from altheory.scores.farthest import Space, farthest_first, twice

RNG = np.random.default_rng(5)


def radius(distance, centres, near=None):
    r = distance[list(centres)].min(0)
    return (r if near is None else np.minimum(r, near)).max()


def from_the_mean(x):
    return int(np.argmax(((x - x.mean(0)) ** 2).sum(1)))


@pytest.mark.parametrize("size", [1, 7, 100])
def test_equals_the_plain_traversal(size):
    x = RNG.normal(size=(100, 3)) + 50
    distance = slow.pairwise(x)
    infinite = np.full(100, np.inf)
    picks = k_center(x, size)
    assert picks.tolist()[:40] == slow.farthest_first(distance, infinite, size, from_the_mean(x))[:40]
    assert sorted(set(picks.tolist())) == sorted(picks.tolist())
    assert k_center(x, size, start=13).tolist()[:40] == slow.farthest_first(distance, infinite, size, 13)[:40]


@pytest.mark.parametrize(("block", "width"), [(1, 1), (64, 5), (3, 50)])
def test_lazy_blocks_do_not_change_the_picks(block, width):
    x = RNG.normal(size=(80, 4))
    centred = jnp.asarray(x - x.mean(0))
    space = Space(centred, jnp.zeros(4), (centred**2).sum(-1))
    near = jnp.full(80, jnp.inf)
    picks, values = farthest_first(space, near, jnp.ones(80, bool), jnp.array(3), twice, 30, block, width)
    expected = slow.farthest_first(slow.pairwise(x), np.full(80, np.inf), 30, 3)
    assert picks.tolist() == expected
    distance = slow.pairwise(x)
    gaps = [distance[expected[:j], expected[j]].min() for j in range(1, 30)]
    np.testing.assert_allclose(np.sqrt(values[1:]), gaps, rtol=1e-4)


def test_angular_equals_the_traversal_of_angles():
    x = RNG.normal(size=(60, 3)) * RNG.uniform(0.1, 10, (60, 1))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    angle = np.arccos(np.clip(unit @ unit.T, -1, 1))
    np.fill_diagonal(angle, 0)
    picks = k_center(x, 20, start=0, metric="angular")
    assert picks.tolist() == slow.farthest_first(angle, np.full(60, np.inf), 20, 0)
    np.testing.assert_allclose(covering_radius(x, picks, metric="angular"), radius(angle, picks), rtol=1e-4)
    assert k_center(x, 20, start=0).tolist() != picks.tolist()


@pytest.mark.parametrize("form", ["mask", "features"])
def test_labelled_centres_count(form):
    x = RNG.normal(size=(50, 2))
    known = np.arange(50) < 6
    labelled = known if form == "mask" else x[:6]
    near = slow.pairwise(x)[:6].min(0)
    expected = slow.farthest_first(slow.pairwise(x), near, 8)
    assert k_center(x, 8, labelled=labelled).tolist() == expected
    got = covering_radius(x, expected, labelled=labelled)
    np.testing.assert_allclose(got, radius(slow.pairwise(x), expected, near), rtol=1e-4)
    jitted = jax.jit(lambda m: k_center(x, 8, labelled=m))
    assert jitted(labelled).tolist() == expected


def test_an_empty_mask_is_no_label():
    x = RNG.normal(size=(50, 2))
    nothing = np.zeros(50, bool)
    assert k_center(x, 8, labelled=nothing).tolist() == k_center(x, 8).tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["normal", "grid", "chain", "copies"]))
def test_radius_is_within_twice_the_optimum(seed, kind):
    rng = np.random.default_rng(seed)
    x = {
        "normal": rng.normal(size=(10, 2)),
        "grid": rng.integers(0, 3, (10, 2)).astype(float),
        "chain": 2.0 ** np.arange(10)[:, None] * np.ones((1, 2)),
        "copies": np.repeat(rng.normal(size=(5, 2)), 2, 0),
    }[kind]
    distance = slow.pairwise(x)
    best = min(radius(distance, c) for c in itertools.combinations(range(10), 3))
    assert radius(distance, k_center(x, 3).tolist()) <= 2 * best + 1e-5
    near = distance[:2].min(0)
    best = min(radius(distance, c, near) for c in itertools.combinations(range(10), 3))
    picks = k_center(x, 3, labelled=np.arange(10) < 2).tolist()
    assert radius(distance, picks, near) <= 2 * best + 1e-5


def test_each_pick_is_a_farthest_item_under_ties():
    x = np.eye(12)
    assert sorted(k_center(x, 12).tolist()) == list(range(12))
    grid = np.array(list(itertools.product(range(5), range(5))), float)
    picks = k_center(grid, 10).tolist()
    distance = slow.pairwise(grid)
    for j in range(1, 10):
        near = distance[picks[:j]].min(0)
        assert near[picks[j]] >= near.max() - 1e-4


def test_mutants_break_the_factor_two():
    """Nearest first, or distances never updated, leave a far cluster uncovered."""
    x = np.concatenate([np.zeros((5, 1)) + np.arange(5)[:, None] * 0.1, [[100.0]], [[101.0]], [[-90.0]]])
    distance = slow.pairwise(x)
    best = min(radius(distance, c) for c in itertools.combinations(range(8), 3))
    nearest = np.argsort(distance[0], kind="stable")[:3]
    forgetful = [0, *np.argsort(-distance[0], kind="stable")[:2]]
    assert radius(distance, nearest) > 2 * best
    assert radius(distance, forgetful) > 2 * best
    assert radius(distance, k_center(x, 3, start=0).tolist()) <= 2 * best


def divergence(p):
    q = (p + FLOOR) / (1 + FLOOR * p.shape[1])
    return np.array([[0.5 * slow.kl(a, b) + 0.5 * slow.kl(b, a) for b in q] for a in q])


def test_contextual_diversity_equals_the_traversal_of_divergences():
    p = RNG.dirichlet(np.full(4, 0.3), 40)
    p[0] = np.eye(4)[2]
    distance = divergence(p)
    picks = contextual_diversity(p, 12, start=5)
    assert picks.tolist() == slow.farthest_first(distance, np.full(40, np.inf), 12, 5)
    near = distance[:3].min(0)
    expected = slow.farthest_first(distance, near, 6)
    assert contextual_diversity(p, 6, labelled=p[:3]).tolist() == expected
    assert contextual_diversity(p, 6, labelled=np.arange(40) < 3).tolist() == expected


def test_relabelling_items_moves_the_picks():
    x = RNG.normal(size=(40, 3))
    order = RNG.permutation(40)
    moved = k_center(x[order], 9)
    assert order[np.asarray(moved)].tolist() == k_center(x, 9).tolist()


def test_closed_items_and_shortage_under_tracing():
    x = RNG.normal(size=(6, 2))
    open = np.array([1, 0, 1, 1, 0, 0], bool)
    assert sorted(k_center(x, 3, open=open).tolist()) == [0, 2, 3]
    picks = jax.jit(lambda m: k_center(x, 5, open=m))(open)
    assert sorted(picks.tolist()) == [-1, -1, 0, 2, 3]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 7}, "from 1 to the 6 items"),
        ({"metric": "cosine"}, "'l2' or 'angular'"),
        ({"start": 9}, "index of an open item"),
        ({"start": 0.5}, "index of an item"),
        ({"labelled": np.ones(5, bool)}, "mask over the 6 items"),
        ({"labelled": np.ones((2, 3))}, "2 columns"),
        ({"x": np.zeros((6, 2)), "metric": "angular"}, "row of zeros"),
        ({"x": np.full((6, 2), np.nan)}, "finite"),
        ({"x": np.zeros((0, 2))}, "empty"),
        ({"x": np.zeros(4)}, "items, d"),
    ],
)
def test_bad_input(change, words):
    given = {"x": np.arange(12.0).reshape(6, 2), "size": 2} | change
    x, size = given.pop("x"), given.pop("size")
    with pytest.raises(ValueError, match=words):
        k_center(x, size, **given)
