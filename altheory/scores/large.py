"""Batches that cover a pool too large for memory: a few passes over a file, each for many picks."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core.check import at_least, finite
from altheory.core.numerics import dot
from altheory.scores.diversity import Metric, feature_rows
from altheory.scores.farthest import Space, lower, resolve, twice
from altheory.scores.inputs import as_floats, size_within
from altheory.scores.lazy import lazy_argmax
from altheory.scores.stream import chunks

CANDIDATES = 4096
"""Items whose rows are fetched between two passes."""
WIDTHS = (8, 64, 256)
"""Centres that one pass takes, filled up to the next of these, so that three programs serve all passes."""

Mask = Bool[np.ndarray, "items"] | None


def k_center_stream(
    pool: Any,
    size: int,
    *,
    labelled: Float[np.ndarray, "m d"] | Float[Array, "m d"] | None = None,
    start: int | None = None,
    metric: Metric = "l2",
    open: Mask = None,
    chunk: int = 16384,
) -> Int[np.ndarray, "size"]:
    r"""`k_center` of a pool of any size, such as a memory-mapped array `[items, d]`: farthest-first traversal.

    One pass over the file serves up to 256 picks: the distances of the 4,096 farthest items are kept current between
    passes, and the farthest of them is the farthest of all while no item outside could be farther. `labelled [m, d]`
    holds features of centres that are there already; `start`, `metric` and `open` as in `k_center`. Returns 64-bit
    indices. Memory: 8 items + 3 chunks + 4,096 rows, whatever the pool. Raises `ValueError` as `k_center` does.
    Cite: gonzalez1985clustering.
    """
    items, d = _shape(pool)
    live = _live(open, items, size)
    at_least("chunk", chunk, 1)
    chunk = min(chunk, items)
    shift = jnp.asarray(_rows(pool[:chunk], metric).mean(0) if metric == "l2" else np.zeros(d, np.float32))
    passing = partial(_pass, pool, shift=shift, metric=metric, chunk=chunk)
    near = np.full(items, np.inf, np.float32)
    picks: list[int] = []
    if labelled is not None and len(labelled):
        known = _rows(labelled, metric)
        for i in range(0, len(known), WIDTHS[-1]):
            near = passing(near, known[i : i + WIDTHS[-1]])
    if start is None and not np.isfinite(near).all():
        start = int(np.argmax(np.where(live, passing(near, _middle(pool, live, metric, chunk)), -np.inf)))
    if start is not None:
        if not (0 <= start < items and live[start]):
            raise ValueError(f"start must be the index of an open item; it is {start}")
        picks.append(int(start))
        live[start] = False
        near = passing(near, _rows(pool[start : start + 1], metric)) if size > 1 else near
    while len(picks) < size:
        index, far, bar = _top(near, live, CANDIDATES)
        rows = jnp.asarray(_rows(pool[index], metric))
        slots = np.asarray(resolve(Space(rows, shift, _norms(rows - shift)), far, bar, size - len(picks), twice))
        fresh = index[slots[slots >= 0]]
        picks += fresh.tolist()
        live[fresh] = False
        if len(picks) < size:
            near = passing(near, np.asarray(rows)[slots[slots >= 0]])
    return np.array(picks, np.int64)


def facility_location_stream(
    pool: Any,
    size: int,
    *,
    targets: Float[np.ndarray, "T d"] | Float[Array, "T d"] | None = None,
    base: Float[np.ndarray, "T"] | Float[Array, "T"] | None = None,
    open: Mask = None,
    chunk: int = 4096,
) -> tuple[Int[np.ndarray, "size"], Float[np.ndarray, "size"]]:
    r"""`facility_location` of a pool of any size: the items, and the objective's value after each pick.

    `pool` is `[items, T]`, the similarity of each item to each target; or, where `targets [T, d]` are given,
    `[items, d]` features, whose similarity is the cosine. `base [T]` as in `facility_location`. One pass over the file:
    its gains are upper bounds of all later ones, and the rows of the 1,024 most hopeful items are fetched as needed.
    Memory: 8 items + 3 chunks + 1,024 (T + d). Raises `ValueError` as `facility_location` does.
    Cite: cornuejols1977location, minoux1978accelerated.
    """
    items, _ = _shape(pool)
    live = _live(open, items, size)
    at_least("chunk", chunk, 1)
    goals = None if targets is None else feature_rows("targets", targets, "angular").astype(jnp.float32)
    width = pool.shape[1] if goals is None else goals.shape[0]
    state = jnp.zeros(width, jnp.float32) if base is None else as_floats("base", base, axes="T").astype(jnp.float32)
    if state.shape != (width,):
        raise ValueError(f"base must have one entry for each of the {width} targets; its shape is {state.shape}")
    bounds = np.empty(items, np.float32)
    for first, part in chunks(pool, items, min(chunk, items), 0):
        gains = np.asarray(_gains(_similar(part, goals), state))
        bounds[first : first + len(gains)] = gains[: items - first]
    finite("pool", bounds)
    picks: list[int] = []
    values: list[float] = []
    while len(picks) < size:
        index, hope, bar = _top(bounds, live, CANDIDATES // 4)
        similar = _similar(jnp.asarray(np.ascontiguousarray(pool[index])), goals)
        slots, gained, known, state = _greedily(similar, hope, bar, state, size - len(picks))
        bounds[index] = np.asarray(known)
        taken = np.asarray(slots) >= 0
        fresh = index[np.asarray(slots)[taken]]
        picks += fresh.tolist()
        values += np.asarray(gained)[taken].tolist()
        live[fresh] = False
    return np.array(picks, np.int64), np.cumsum(np.array(values, np.float64)).astype(np.float32)


def _shape(pool: Any) -> tuple[int, int]:
    shape = np.shape(pool)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"pool must be a nonempty [items, columns] array; its shape is {shape}")
    return shape


def _live(open: Any, items: int, size: int) -> Bool[np.ndarray, "items"]:
    size_within("size", size, items)
    live = np.ones(items, bool) if open is None else np.array(open, bool)
    if live.shape != (items,):
        raise ValueError(f"open must be a mask over the {items} items; its shape is {live.shape}")
    if live.sum() < size:
        raise ValueError(f"size must be at most the number of open items, {live.sum()}; it is {size}")
    return live


def _rows(part: Any, metric: Metric) -> Float[np.ndarray, "n d"]:
    """Rows as float32, of unit length under the angular metric."""
    return np.asarray(feature_rows("pool", np.asarray(part), metric), np.float32)


def _top(
    values: Float[np.ndarray, "items"], live: Bool[np.ndarray, "items"], count: int
) -> tuple[Int[np.ndarray, "n"], Float[np.ndarray, "n"], np.float32]:
    """Where the largest `count` live values are, largest first, what they are, and the largest one left out."""
    worth = np.where(live, values, -np.inf)
    if count >= len(worth):
        kept, bar = np.arange(len(worth)), -np.inf
    else:
        order = np.argpartition(-worth, count)
        kept, bar = order[:count], worth[order[count]]
    kept = kept[np.lexsort((kept, -worth[kept]))]
    return kept, worth[kept], np.float32(bar)


def _pass(
    pool: Any, near: np.ndarray, centres: Any, *, shift: Array, metric: Metric, chunk: int
) -> Float[np.ndarray, "items"]:
    """`near`, lowered to the distance to the closest of the centres, in one pass over the file."""
    width = next(w for w in WIDTHS if w >= len(centres))
    padded = jnp.zeros((width, centres.shape[1]), jnp.float32).at[: len(centres)].set(centres) - shift
    norms = jnp.where(jnp.arange(width) < len(centres), _norms(padded), jnp.inf)
    out = np.empty_like(near)
    for first, part in chunks(pool, len(near), chunk, 0):
        old = near[first : first + chunk]
        old = np.pad(old, (0, chunk - len(old)))
        now = np.asarray(_lowered(part, old, shift, padded, norms, metric))
        out[first : first + chunk] = now[: len(near) - first]
    finite("pool", out)
    return out


@partial(jax.jit, static_argnames="metric")
def _lowered(part: Array, near: Array, shift: Array, centres: Array, norms: Array, metric: Metric) -> Array:
    rows = part.astype(jnp.float32)
    if metric == "angular":
        rows = rows / jnp.linalg.norm(rows, axis=-1, keepdims=True)
    return lower(near, Space(rows, shift, _norms(rows - shift)), centres, norms, twice)


def _norms(rows: Array) -> Float[Array, "n"]:
    return (rows * rows).sum(-1)


def _middle(pool: Any, live: np.ndarray, metric: Metric, chunk: int) -> Float[np.ndarray, "1 d"]:
    """The mean of the live rows."""
    total = np.zeros(pool.shape[1])
    for first in range(0, len(live), chunk):
        rows = _rows(pool[first : first + chunk], metric)
        total += rows[live[first : first + chunk]].sum(0, dtype=np.float64)
    return (total / max(live.sum(), 1))[None].astype(np.float32)


@jax.jit
def _similar(part: Array, targets: Array | None) -> Float[Array, "n T"]:
    rows = part.astype(jnp.float32)
    if targets is None:
        return rows
    return dot(rows / jnp.linalg.norm(rows, axis=-1, keepdims=True), targets.T)


@jax.jit
def _gains(similar: Array, state: Array) -> Float[Array, "n"]:
    return jnp.maximum(similar - state, 0).sum(-1)


@jax.jit
def _greedily(similar: Array, bounds: Array, bar: Array, state: Array, room: Array | int) -> Any:
    """Pick among the candidates while the best gain is no lower than any bound outside them."""
    width = similar.shape[0]

    def going(carry: Any) -> Array:
        return carry[0] & (carry[1] < jnp.minimum(room, width))

    def step(carry: Any) -> Any:
        _, taken, slots, gained, known, state = carry
        known, slot, gain, _count = lazy_argmax(lambda i: _gains(similar[i], state), known, min(64, width))
        good = (gain >= bar) & (gain > -jnp.inf)
        return (
            good,
            taken + good,
            slots.at[taken].set(jnp.where(good, slot, -1)),
            gained.at[taken].set(gain),
            jnp.where(good, known.at[slot].set(-jnp.inf), known),
            jnp.where(good, jnp.maximum(state, similar[slot]), state),
        )

    none = jnp.full(width, -1, jnp.int32)
    begun = (jnp.bool_(True), jnp.int32(0), none, jnp.zeros(width, jnp.float32), bounds, state)
    return jax.lax.while_loop(going, step, begun)[2:]
