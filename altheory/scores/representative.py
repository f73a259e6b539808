"""Batches that stand for the pool: cluster representatives, typical items, covers, and quotas by cluster."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core import Key
from altheory.core.check import at_least, finite, nonnegative, positive
from altheory.core.numerics import dot
from altheory.core.record import is_traced
from altheory.scores.clusters import Clusters, assign, fill, first_of_each, lloyd, mean_distances
from altheory.scores.diversity import Features, feature_rows
from altheory.scores.inputs import Batch, Mask, as_floats, open_items, raise_if_nan
from altheory.scores.objectives import BallCover
from altheory.scores.submodular import greedy

Scores = Float[Array, "items"] | Float[np.ndarray, "items"]
Labels = Int[Array, "items"] | Int[np.ndarray, "items"]


def k_means(x: Features, clusters: int, *, key: Key, weight: Scores | None = None, iterations: int = 50) -> Clusters:
    r"""k-means by Lloyd's passes from k-means++ seeds: centres, labels and squared distances.

    `x` is `[items, d]`; `weight [items]`, at least 0, counts an item more or less (0: not at all). Memory beyond the
    input: a copy of x + items x 4 + 4096 x clusters. Raises `ValueError` on NaN, negative weights or more clusters than
    items of positive weight. Cite: lloyd1982least, arthur2007kmeans.
    """
    rows = feature_rows("x", x, "l2")
    at_least("iterations", iterations, 0)
    w = jnp.ones(rows.shape[0], rows.dtype) if weight is None else _scores("weight", weight, rows)
    nonnegative("weight", w)
    open_items(w > 0, rows.shape[0], clusters)
    return lloyd(rows, w, key, clusters, iterations)[0]


def k_means_representatives(
    x: Features, size: int, *, key: Key, weight: Scores | None = None, open: Mask = None, iterations: int = 50
) -> Int[Array, "size"]:
    r"""The item nearest to each of `size` k-means centres.

    With uncertainty scores as `weight [items]` this is weighted k-means selection. Closed items are not clustered.
    Where duplicates leave a cluster empty, the item farthest from its centre is taken. Memory and what raises: as
    `k_means`, and where `size` exceeds the open items. Cite: zhdanov2019diverse, lloyd1982least.
    """
    rows = feature_rows("x", x, "l2")
    at_least("iterations", iterations, 0)
    mask = open_items(open, rows.shape[0], size)
    w = jnp.ones(rows.shape[0], rows.dtype) if weight is None else _scores("weight", weight, rows)
    nonnegative("weight", w)
    return _means(rows, w, mask, key, size, iterations)


def k_medoids_representatives(
    x: Features, size: int, *, key: Key, open: Mask = None, iterations: int = 20
) -> Int[Array, "size"]:
    r"""`size` items of small total distance :math:`\sum_i\min_{m}\|x_i-x_m\|` to the rest: alternating k-medoids.

    From k-means++ seeds, items go to their nearest medoid and each cluster to its most central item, until nothing
    changes. Time items^2 x d a pass. Closed items are clustered, but are no medoids. Memory beyond the input: a copy of
    x + 64 items. Raises as `k_means_representatives`. Cite: park2009simple.
    """
    rows = feature_rows("x", x, "l2")
    at_least("iterations", iterations, 0)
    return _medoids(rows, open_items(open, rows.shape[0], size), key, size, iterations)


def typicality(
    x: Features, *, clusters: Int[Array, "items"] | Int[np.ndarray, "items"] | None = None, neighbours: int = 20
) -> Scores:
    r"""How densely an item is surrounded: the inverse of its mean distance to its nearest `neighbours`.

    :math:`\bigl(\tfrac1K\sum_{j\in\mathrm{NN}_K(i)}\|x_i-x_j\|\bigr)^{-1}`, in inverse units of `x`, among the items
    of its cluster where `clusters [items]` is given (fewer neighbours, where there are no more). An item alone scores
    0, one on top of all its neighbours the largest float. Time items^2 x d. Memory beyond the input: a copy of x + 64
    items. Raises `ValueError` on NaN or where the items differ. Cite: hacohen2022active.
    """
    rows = feature_rows("x", x, "l2")
    at_least("neighbours", neighbours, 1)
    labels = jnp.zeros(rows.shape[0], jnp.int32) if clusters is None else _labels(clusters, rows.shape[0])
    return _typicality(rows, labels, neighbours)


def typiclust(
    x: Features,
    size: int,
    *,
    key: Key,
    labelled: Mask = None,
    open: Mask = None,
    clusters: int | None = None,
    neighbours: int = 20,
    iterations: int = 50,
) -> Int[Array, "size"]:
    r"""The most typical item of each of the clusters that hold fewest labels, the largest clusters first (TypiClust).

    k-means into `clusters` (where not given: `size` plus the number labelled), then `size` times: of the clusters with
    an item left, those with the fewest labels so far, of these the largest, and there the item of largest `typicality`
    within the cluster. Labelled items are not picked. Time items^2 x d. Memory: as `k_means` + 64 items. Raises as
    `k_means_representatives`; under tracing `clusters` must be given where `labelled` is. Cite: hacohen2022active.
    """
    rows = feature_rows("x", x, "l2")
    at_least("neighbours", neighbours, 1)
    known = jnp.zeros(rows.shape[0], bool) if labelled is None else jnp.asarray(labelled).astype(bool)
    if known.shape != (rows.shape[0],):
        raise ValueError(f"labelled must be a mask over the {rows.shape[0]} items; its shape is {known.shape}")
    mask = open_items(~known if open is None else jnp.asarray(open).astype(bool) & ~known, rows.shape[0], size)
    if clusters is None and is_traced(known):
        raise ValueError("clusters must be given under tracing: it depends on the number labelled")
    k = min(size + int(known.sum()), rows.shape[0]) if clusters is None else clusters
    at_least("clusters", k, 1)
    return _typiclust(rows, known, mask, key, size, k, neighbours, iterations)


def probability_cover(
    x: Features, size: int, *, radius: Float[Array, ""] | float, labelled: Mask = None, open: Mask = None
) -> Batch:
    r"""Pick items whose balls of `radius` hold most of the pool (ProbCover).

    Greedy on :math:`|\{j: \min_{i\in L\cup S}\|x_i-x_j\|\le\delta\}|`, lazily; `values` are the share of the items
    covered by the picks and not by the `labelled` ones, after each pick. `radius` is in the unit of `x`. Labelled
    items are not picked. Time items^2 x d for the first pick, less from there on. Memory beyond the input: a copy of x
    + 70 items. Raises `ValueError` on NaN, where `size` exceeds the open items or `radius` is not above 0. Cite:
    yehuda2022active.
    """
    rows = feature_rows("x", x, "l2")
    positive("radius", radius)
    known = jnp.zeros(rows.shape[0], bool) if labelled is None else jnp.asarray(labelled).astype(bool)
    if known.shape != (rows.shape[0],):
        raise ValueError(f"labelled must be a mask over the {rows.shape[0]} items; its shape is {known.shape}")
    allowed = ~known if open is None else jnp.asarray(open).astype(bool) & ~known
    one = jnp.ones(rows.shape[0], rows.dtype)
    left = _uncovered(BallCover(rows, one, radius), known)
    batch = greedy(BallCover(rows, left, radius), size, open=allowed)
    return Batch(batch.picks, batch.values / rows.shape[0])


def cluster_margin(
    scores: Scores,
    clusters: Labels,
    size: int,
    *,
    candidates: int | None = None,
    quota: int | None = None,
    key: Key | None = None,
    open: Mask = None,
) -> Int[Array, "size"]:
    r"""Round-robin over the clusters of the best-scored candidates, the smallest clusters first (Cluster-Margin).

    The `candidates` open items of the largest `scores` (such as `margin`; where not given, ten times `size`) are
    grouped by `clusters [items]`, whole numbers from 0. Each turn takes one from every group that has one left, from
    the group with the fewest candidates to the one with the most: a random one where a `key` is given, else the best.
    No group gives more than `quota` before all others are spent. Memory: a few items. Raises `ValueError` on NaN,
    wrong shapes, or where `size` exceeds the open items or the candidates. Cite: citovsky2021batch.
    """
    s = as_floats("scores", scores, axes="items")
    raise_if_nan("scores", s, s)
    labels = _labels(clusters, s.shape[0])
    mask = open_items(open, s.shape[0], size)
    some = min(10 * size, s.shape[0]) if candidates is None else min(candidates, s.shape[0])
    if some < size:
        raise ValueError(f"candidates must be at least size, {size}; it is {some}")
    at_least("quota", 1 if quota is None else quota, 1)
    noise = jnp.zeros(s.shape) if key is None else jax.random.uniform(key, s.shape)
    return _round_robin(s, labels, mask, noise, size, some, s.shape[0] if quota is None else quota)


def information_density(scores: Scores, x: Features, *, power: Float[Array, ""] | float = 1.0) -> Scores:
    r"""A score weighted by how central its item is, :math:`s_i\,\max(0, \tfrac1n\sum_j\cos(x_i,x_j))^\beta`.

    `power` is :math:`\beta`; `scores [items]`, `x [items, d]`. One pass over a normalised copy of x, which is the
    memory. Raises `ValueError` on NaN, rows of zeros, or where the items differ. Cite: settles2008analysis.
    """
    rows = feature_rows("x", x, "angular")
    s = _scores("scores", scores, rows)
    similar = jnp.maximum(dot(rows, rows.mean(0)), 0)
    return s * similar ** jnp.asarray(power, rows.dtype)


def _scores(name: str, scores: Any, rows: Array) -> Float[Array, "items"]:
    s = as_floats(name, scores, axes="items").astype(rows.dtype)
    if s.shape != (rows.shape[0],):
        raise ValueError(f"{name} must have one entry for each of the {rows.shape[0]} items; its shape is {s.shape}")
    finite(name, s)
    return s


def _labels(clusters: Any, items: int) -> Int[Array, "items"]:
    labels = jnp.asarray(clusters)
    if labels.shape != (items,) or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(
            f"clusters must be a whole number for each of the {items} items; its shape is {labels.shape} and its type"
            f" {labels.dtype}"
        )
    if not is_traced(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < items):
        raise ValueError(f"clusters must lie in 0..{items - 1}; they span {int(labels.min())}..{int(labels.max())}")
    return labels.astype(jnp.int32)


@partial(jax.jit, static_argnames=("size", "iterations"))
def _means(x: Array, weight: Array, open: Array, key: Key, size: int, iterations: int) -> Int[Array, "size"]:
    live = jnp.where((weight > 0).sum() >= size, open & (weight > 0), open)
    clusters = lloyd(x, jnp.where(live, jnp.maximum(weight, jnp.finfo(x.dtype).tiny), 0), key, size, iterations)[0]
    return fill(first_of_each(clusters.distance, clusters.labels, open, size), clusters.distance, open)


@partial(jax.jit, static_argnames=("size", "iterations"))
def _medoids(x: Array, open: Array, key: Key, size: int, iterations: int) -> Int[Array, "size"]:
    seeds = lloyd(x, open.astype(x.dtype), key, size, 0)[0]
    start = fill(first_of_each(seeds.distance, seeds.labels, open, size), seeds.distance, open)

    def going(carry: tuple[Array, Array, Array]) -> Array:
        return carry[2] & (carry[1] < iterations)

    def step(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        old, passes, _ = carry
        clusters = assign(x, x[old])
        central = first_of_each(mean_distances(x, clusters.labels, None), clusters.labels, open, size)
        new = fill(jnp.where(central >= 0, central, -1), clusters.distance, open)
        return new, passes + 1, (new != old).any()

    return jax.lax.while_loop(going, step, (start, jnp.zeros((), jnp.int32), jnp.ones((), bool)))[0]


@partial(jax.jit, static_argnames="neighbours")
def _typicality(x: Array, labels: Array, neighbours: int) -> Float[Array, "items"]:
    mean = mean_distances(x, labels, neighbours)
    alone = jnp.bincount(labels, length=x.shape[0])[labels] <= 1
    inverse = jnp.where(mean > 0, 1 / jnp.where(mean > 0, mean, 1), jnp.finfo(x.dtype).max)
    return jnp.where(alone, 0, inverse)


@partial(jax.jit, static_argnames=("size", "k", "neighbours", "iterations"))
def _typiclust(
    x: Array, known: Array, open: Array, key: Key, size: int, k: int, neighbours: int, iterations: int
) -> Int[Array, "size"]:
    labels = lloyd(x, jnp.ones(x.shape[0], x.dtype), key, k, iterations)[0].labels
    typical = _typicality(x, labels, neighbours)
    sizes = jnp.bincount(labels, length=k)
    counts = jax.ops.segment_sum(known.astype(jnp.int32), labels, k)

    def pick(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        live, counts = carry
        any_left = jax.ops.segment_max(live.astype(jnp.int32), labels, k) > 0
        cluster = jnp.lexsort((-sizes, counts, ~any_left))[0].astype(labels.dtype)
        item = jnp.argmax(jnp.where(live & (labels == cluster), typical, -jnp.inf)).astype(jnp.int32)
        found = live[item]
        return (live.at[item].set(False), counts.at[cluster].add(1)), jnp.where(found, item, -1)

    return jax.lax.scan(pick, (open, counts), None, length=size)[1]


@jax.jit
def _uncovered(balls: BallCover, known: Array) -> Float[Array, "items"]:
    """1 for each item that no known item's ball holds."""
    width = min(64, known.shape[0])
    order, total = jnp.argsort(~known, stable=True), known.sum(dtype=jnp.int32)

    def one(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        i, covered = carry
        place = i * width + jnp.arange(width, dtype=jnp.int32)
        within = balls.within(order[jnp.minimum(place, known.shape[0] - 1)])
        return i + 1, covered | (within & (place < total)[:, None]).any(0)

    start = (jnp.zeros((), jnp.int32), jnp.zeros(known.shape, bool))
    covered = jax.lax.while_loop(lambda c: c[0] * width < total, one, start)[1]
    return (~covered).astype(balls.x.dtype)


@partial(jax.jit, static_argnames=("size", "candidates", "quota"))
def _round_robin(
    scores: Array, labels: Array, open: Array, noise: Array, size: int, candidates: int, quota: int
) -> Int[Array, "size"]:
    top, items = jax.lax.top_k(jnp.where(open, scores, -jnp.inf), candidates)
    valid = top > -jnp.inf
    group = labels[items]
    count = jax.ops.segment_sum(valid.astype(jnp.int32), group, scores.shape[0])[group]
    place = jnp.arange(candidates, dtype=jnp.int32)
    within = jnp.lexsort((place, noise[items], group, ~valid))
    begins = jnp.concatenate([jnp.ones(1, bool), group[within][1:] != group[within][:-1]])
    first = jax.lax.cummax(jnp.where(begins, place, 0))
    turn = jnp.zeros(candidates, place.dtype).at[within].set(place - first)
    order = jnp.lexsort((group, count, turn, turn >= quota, ~valid))[:size]
    return jnp.where(valid[order], items[order], -1).astype(jnp.int32)
