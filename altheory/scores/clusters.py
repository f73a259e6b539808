"""Clusters of a pool: k-means with careful seeds, and what is central in each."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Key
from altheory.core.numerics import dot
from altheory.scores.squared_distance import Products, squared_distance_sample

CHUNK = 4096
"""Rows of the pool handled at once."""


class Clusters(NamedTuple):
    """`centres [k, d]`, the cluster of each item `labels [items]`, and its squared distance to the centre."""

    centres: Float[Array, "k d"]
    labels: Int[Array, "items"]
    distance: Float[Array, "items"]


@partial(jax.jit, static_argnames=("k", "iterations"))
def lloyd(
    x: Float[Array, "items d"], weight: Float[Array, "items"], key: Key, k: int, iterations: int
) -> tuple[Clusters, Array]:
    """k-means from squared-distance seeds among items of positive weight, until no label changes or time is up.

    A cluster left empty keeps its centre. Returns the clusters and the number of passes made.
    """
    shift = x.mean(0)
    seeds = squared_distance_sample(Products.of(jnp.ones((x.shape[0], 1), x.dtype), x - shift), weight > 0, key, k)
    start = assign(x, x[seeds])

    def going(carry: tuple[Clusters, Array, Array]) -> Array:
        return carry[2] & (carry[1] < iterations)

    def step(carry: tuple[Clusters, Array, Array]) -> tuple[Clusters, Array, Array]:
        old, passes, _ = carry
        new = assign(x, _means(x, weight, old))
        return new, passes + 1, (new.labels != old.labels).any()

    clusters, passes, _ = jax.lax.while_loop(going, step, (start, jnp.zeros((), jnp.int32), jnp.ones((), bool)))
    return clusters, passes


def assign(x: Float[Array, "items d"], centres: Float[Array, "k d"]) -> Clusters:
    """Every item's nearest centre, in chunks of the pool."""
    n, chunk = x.shape[0], min(CHUNK, x.shape[0])
    shift = centres.mean(0)
    moved = centres - shift
    norm = (moved**2).sum(-1)

    def one(i: Array, out: tuple[Array, Array]) -> tuple[Array, Array]:
        start = jnp.minimum(i * chunk, n - chunk)
        rows = jax.lax.dynamic_slice_in_dim(x, start, chunk) - shift
        distance = norm[:, None] - 2 * dot(moved, rows.T)
        best = jnp.maximum(distance.min(0) + (rows**2).sum(-1), 0)
        return (
            jax.lax.dynamic_update_slice_in_dim(out[0], distance.argmin(0).astype(jnp.int32), start, 0),
            jax.lax.dynamic_update_slice_in_dim(out[1], best, start, 0),
        )

    start = (jnp.zeros(n, jnp.int32), jnp.zeros(n, x.dtype))
    labels, distance = jax.lax.fori_loop(0, -(-n // chunk), one, start)
    return Clusters(centres, labels, distance)


def _means(x: Array, weight: Array, clusters: Clusters) -> Float[Array, "k d"]:
    k = clusters.centres.shape[0]
    total = jax.ops.segment_sum(weight, clusters.labels, k)
    sums = jax.ops.segment_sum(x * weight[:, None], clusters.labels, k)
    return jnp.where(total[:, None] > 0, sums / jnp.where(total > 0, total, 1)[:, None], clusters.centres)


def first_of_each(
    value: Float[Array, "items"], labels: Int[Array, "items"], open: Bool[Array, "items"], k: int
) -> Int[Array, "k"]:
    """The open item of the least value in each of k clusters (the lowest index, in a tie); -1 where there is none."""
    items = jnp.arange(value.shape[0], dtype=jnp.int32)
    best = jax.ops.segment_min(jnp.where(open, value, jnp.inf), labels, k)
    first = jax.ops.segment_min(jnp.where(open & (value == best[labels]), items, value.shape[0]), labels, k)
    return jnp.where(first < value.shape[0], first, -1).astype(jnp.int32)


def fill(picks: Int[Array, "k"], value: Float[Array, "items"], open: Bool[Array, "items"]) -> Int[Array, "k"]:
    """`picks` with each -1 replaced by another open item, the largest values first (-1 stays where none is left)."""
    k = picks.shape[0]
    left = open.at[jnp.where(picks >= 0, picks, value.shape[0])].set(False, mode="drop")
    top, spare = jax.lax.top_k(jnp.where(left, value, -jnp.inf), k)
    spare = jnp.where(top > -jnp.inf, spare, -1)
    order = jnp.cumsum(picks < 0) - 1
    return jnp.where(picks < 0, spare[jnp.maximum(order, 0)], picks).astype(jnp.int32)


def mean_distances(
    x: Float[Array, "items d"], labels: Int[Array, "items"], neighbours: int | None
) -> Float[Array, "items"]:
    """Each item's mean distance to the others of its cluster: its nearest `neighbours`, or all. 0 where it is alone."""
    centred = x - x.mean(0)
    norm = (centred**2).sum(-1)
    index = jnp.arange(x.shape[0], dtype=jnp.int32)

    def one(i: Array) -> Array:
        squared = jnp.maximum(norm[i] + norm - 2 * dot(centred, centred[i]), 0)
        distance = jnp.where((labels == labels[i]) & (index != i), jnp.sqrt(squared), jnp.inf)
        if neighbours is not None and neighbours < x.shape[0]:
            distance = -jax.lax.top_k(-distance, neighbours)[0]
        near = distance < jnp.inf
        return jnp.where(near, distance, 0).sum() / jnp.maximum(near.sum(), 1).astype(x.dtype)

    return jax.lax.map(one, index, batch_size=min(64, x.shape[0]))
