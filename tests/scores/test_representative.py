"""Cluster representatives, typicality, covers and quotas: against numpy, and at the edges."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow

from altheory.scores.clusters import assign, fill, first_of_each, mean_distances
from altheory.scores.representative import (
    cluster_margin,
    information_density,
    k_means,
    k_means_representatives,
    k_medoids_representatives,
    probability_cover,
    typicality,
    typiclust,
)

RNG = np.random.default_rng(7)
KEY = jax.random.key(0)
BLOBS = np.concatenate(
    [c + 0.1 * RNG.normal(size=(m, 2)) for c, m in zip(([0, 0], [10, 0], [0, 9]), (12, 7, 5), strict=True)]
)
OF_BLOB = np.repeat([0, 1, 2], (12, 7, 5))


def test_assign_equals_the_nearest_centre():
    x, centres = RNG.normal(size=(50, 3)) + 100, RNG.normal(size=(4, 3)) + 100
    clusters = assign(jnp.asarray(x), jnp.asarray(centres))
    distance = slow.pairwise(x, centres)
    assert clusters.labels.tolist() == distance.argmin(1).tolist()
    np.testing.assert_allclose(clusters.distance, distance.min(1) ** 2, rtol=1e-3, atol=1e-3)


def test_k_means_is_a_fixed_point_that_finds_clear_clusters():
    for seed in range(5):
        clusters = k_means(BLOBS, 3, key=jax.random.key(seed))
        labels = np.asarray(clusters.labels)
        assert len({*zip(labels, OF_BLOB, strict=True)}) == 3
        for c in range(3):
            np.testing.assert_allclose(clusters.centres[c], BLOBS[labels == c].mean(0), atol=1e-5)


def test_weighted_k_means_moves_the_centre():
    x = np.array([[0.0], [1.0], [10.0]])
    clusters = k_means(x, 2, key=KEY, weight=np.array([1.0, 3.0, 1.0]))
    np.testing.assert_allclose(sorted(clusters.centres.ravel().tolist()), [0.75, 10.0], atol=1e-6)
    assert k_means_representatives(x, 2, key=KEY, weight=np.array([1.0, 3.0, 1.0])).tolist().count(1) == 1


def test_representatives_are_nearest_to_the_centres():
    picks = np.asarray(k_means_representatives(BLOBS, 3, key=KEY))
    for blob in range(3):
        members = np.flatnonzero(blob == OF_BLOB)
        nearest = members[((BLOBS[members] - BLOBS[members].mean(0)) ** 2).sum(1).argmin()]
        assert nearest in picks


def test_medoids_are_the_most_central_items():
    picks = np.asarray(k_medoids_representatives(BLOBS, 3, key=KEY))
    for blob in range(3):
        members = np.flatnonzero(blob == OF_BLOB)
        assert members[slow.pairwise(BLOBS[members]).sum(1).argmin()] in picks


def test_medoids_never_cost_more_than_their_seeds():
    x = RNG.normal(size=(60, 2))
    distance = slow.pairwise(x)
    for seed in range(5):
        key = jax.random.key(seed)
        seeds = np.asarray(k_medoids_representatives(x, 6, key=key, iterations=0))
        final = np.asarray(k_medoids_representatives(x, 6, key=key))
        assert distance[final].min(0).sum() < distance[seeds].min(0).sum()


@pytest.mark.parametrize("kernel", [k_means_representatives, k_medoids_representatives])
def test_edges_of_the_representatives(kernel):
    copies = np.repeat(np.array([[0.0, 0], [5, 5]]), 4, axis=0)
    picks = kernel(copies, 5, key=KEY).tolist()
    assert len(set(picks)) == 5
    assert {i // 4 for i in picks} == {0, 1}
    x = RNG.normal(size=(6, 2))
    assert sorted(kernel(x, 6, key=KEY).tolist()) == list(range(6))
    assert kernel(x[:1], 1, key=KEY).tolist() == [0]
    open = np.array([1, 0, 1, 1, 0, 0], bool)
    assert sorted(kernel(x, 3, key=KEY, open=open).tolist()) == [0, 2, 3]
    with pytest.raises(ValueError, match="from 1 to the 6 items"):
        kernel(x, 7, key=KEY)


def test_mean_distances_and_typicality():
    x = RNG.normal(size=(40, 3)) + 20
    labels = RNG.integers(0, 3, 40)
    labels[0] = 3
    distance = slow.pairwise(x)
    for neighbours in (1, 5, 39, 60):
        near = [np.sort(np.delete(distance[i], i))[:neighbours].mean() for i in range(40)]
        np.testing.assert_allclose(typicality(x, neighbours=neighbours), 1 / np.array(near), rtol=2e-3)
    expected = np.zeros(40)
    for i in range(1, 40):
        others = [j for j in range(40) if labels[j] == labels[i] and j != i]
        expected[i] = np.sort(distance[i, others])[:4].mean()
    np.testing.assert_allclose(mean_distances(jnp.asarray(x), jnp.asarray(labels), 4), expected, rtol=2e-3, atol=1e-6)
    inside = np.asarray(typicality(x, clusters=labels, neighbours=4))
    assert inside[0] == 0
    np.testing.assert_allclose(inside[1:], 1 / expected[1:], rtol=2e-3)
    assert np.isfinite(typicality(np.zeros((3, 2)))).all()


def test_typiclust_takes_the_typical_of_uncovered_clusters_largest_first():
    inside = np.asarray(typicality(BLOBS, clusters=OF_BLOB, neighbours=4))
    best = [int(np.flatnonzero(b == OF_BLOB)[inside[b == OF_BLOB].argmax()]) for b in range(3)]
    assert typiclust(BLOBS, 3, key=KEY, neighbours=4).tolist() == best
    known = np.zeros(24, bool)
    known[0] = True
    assert typiclust(BLOBS, 2, key=KEY, labelled=known, neighbours=4, clusters=3).tolist() == best[1:]
    four = typiclust(BLOBS, 4, key=KEY, clusters=3, neighbours=4).tolist()
    assert four[:3] == best
    assert OF_BLOB[four[3]] == 0
    with pytest.raises(ValueError, match="under tracing"):
        jax.jit(lambda m: typiclust(BLOBS, 2, key=KEY, labelled=m))(known)


def ball_cover(distance, radius, known, items):
    within = distance <= radius
    held = within[known].any(0)
    return (within[list(items)].any(0) & ~held).mean() if len(items) else 0.0


@pytest.mark.parametrize("known", [0, 4])
def test_probability_cover_equals_plain_greedy(known):
    x = RNG.normal(size=(30, 2))
    labelled = np.arange(30) < known
    distance = slow.pairwise(x)
    left = np.flatnonzero(~labelled)
    picks, values = slow.greedy(lambda s: ball_cover(distance, 0.7, labelled, left[s]), len(left), 4)
    batch = probability_cover(x, 4, radius=0.7, labelled=labelled)
    np.testing.assert_allclose(batch.values, values, atol=1e-6)
    assert batch.picks.tolist() == left[picks].tolist()
    best = max(ball_cover(distance, 0.7, labelled, left[list(s)]) for s in itertools.combinations(range(len(left)), 2))
    assert batch.values[1] >= 0.75 * best


def slow_round_robin(scores, clusters, size, candidates, quota):
    pool = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:candidates]
    groups = {}
    for i in pool:
        groups.setdefault(int(clusters[i]), []).append(i)
    order = sorted(groups, key=lambda g: (len(groups[g]), g))
    picks, turn = [], 0
    while len(picks) < size and turn < (quota or len(scores)):
        picks += [groups[g][turn] for g in order if turn < len(groups[g])]
        turn += 1
    while len(picks) < size:
        picks += [groups[g][turn] for g in order if turn < len(groups[g])]
        turn += 1
    return picks[:size]


@pytest.mark.parametrize("quota", [None, 1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_cluster_margin_equals_taking_turns(quota, seed):
    rng = np.random.default_rng(seed)
    scores, clusters = rng.integers(0, 6, 40).astype(float), rng.integers(0, 5, 40)
    got = cluster_margin(scores, clusters, 12, candidates=20, quota=quota)
    assert got.tolist() == slow_round_robin(scores, clusters, 12, 20, quota)


def test_cluster_margin_at_random_within_clusters():
    scores, clusters = np.arange(12.0), np.arange(12) % 3
    run = jax.vmap(lambda k: cluster_margin(scores, clusters, 3, candidates=12, key=k))
    sample = np.asarray(jax.jit(run)(jax.random.split(KEY, 3000)))
    assert (np.sort(sample % 3, axis=1) == np.arange(3)).all()
    count = np.bincount(sample.ravel(), minlength=12)
    assert ((count - 750) ** 2 / 750).sum() < slow.chi_square_threshold(9, 1e-6)


def test_information_density():
    x = RNG.normal(size=(20, 3)) + 1
    scores = RNG.uniform(0, 1, 20)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    similar = np.maximum((unit @ unit.T).mean(1), 0)
    for power in (0.0, 1.0, 2.5):
        np.testing.assert_allclose(information_density(scores, x, power=power), scores * similar**power, rtol=1e-4)


def test_first_of_each_and_fill():
    value = jnp.array([3.0, 1.0, 1.0, 5.0])
    labels = jnp.array([0, 0, 0, 2])
    open = jnp.array([True, True, True, True])
    first = first_of_each(value, labels, open, 3)
    assert first.tolist() == [1, -1, 3]
    assert fill(first, value, open).tolist() == [1, 0, 3]
    assert first_of_each(value, labels, jnp.array([True, False, False, False]), 3).tolist() == [0, -1, -1]
    assert fill(jnp.array([-1, -1]), value, jnp.array([False, True, False, False])).tolist() == [1, -1]


def test_bad_input():
    x = RNG.normal(size=(5, 2))
    with pytest.raises(ValueError, match="whole number for each of the 5 items"):
        typicality(x, clusters=np.zeros(5))
    with pytest.raises(ValueError, match=r"0\.\.4"):
        cluster_margin(np.zeros(5), np.array([0, 1, 2, 3, 9]), 2)
    with pytest.raises(ValueError, match="candidates must be at least size"):
        cluster_margin(np.zeros(5), np.zeros(5, int), 3, candidates=2)
    with pytest.raises(ValueError, match="radius must be above 0"):
        probability_cover(x, 2, radius=0.0)
    with pytest.raises(ValueError, match="weight must be at least 0"):
        k_means(x, 2, key=KEY, weight=-np.ones(5))
    with pytest.raises(ValueError, match="number of open items, 1; it is 2"):
        k_means(x, 2, key=KEY, weight=np.array([0, 0, 1.0, 0, 0]))
    with pytest.raises(ValueError, match="one entry for each of the 5 items"):
        information_density(np.zeros(4), x)
