"""Farthest-first traversal with lazy blocks: many centres for one pass over the pool."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.core.numerics import dot

BLOCK = 64
"""Centres added between two passes over the pool, at most."""
CANDIDATES = 4096
"""Items whose distances are kept current between two passes."""
CHUNK = 8192
"""Rows of the pool handled at once."""


class Space(NamedTuple):
    """Items such that `distance(i, c) = norm[i] + norm[c] - (rows[i] - shift) . flip(rows[c] - shift)`."""

    rows: Float[Array, "items d"]
    shift: Float[Array, "d"]
    norm: Float[Array, "items"]


Flip = Callable[[Array], Array]


def twice(rows: Array) -> Array:
    """The flip of squared Euclidean distance."""
    return 2 * rows


def swapped(rows: Array) -> Array:
    """The flip of symmetric divergence, for rows `[p, log p]`."""
    half = rows.shape[-1] // 2
    return 0.5 * jnp.concatenate([rows[..., half:], rows[..., :half]], -1)


def lower(near: Array, space: Space, centres: Float[Array, "b d"], norms: Float[Array, "b"], flip: Flip) -> Array:
    """`near`, lowered to the distance to the closest of b shifted `centres` (those of infinite norm do not taken)."""
    items = near.shape[0]
    chunk = min(CHUNK, items)
    right = flip(centres)

    def one(i: Array, near: Array) -> Array:
        start = jnp.minimum(i * chunk, items - chunk)
        rows = jax.lax.dynamic_slice_in_dim(space.rows, start, chunk) - space.shift
        norm = jax.lax.dynamic_slice_in_dim(space.norm, start, chunk)
        old = jax.lax.dynamic_slice_in_dim(near, start, chunk)
        distance = norm + (norms[:, None] - dot(right, rows.T)).min(0)
        return jax.lax.dynamic_update_slice_in_dim(near, jnp.minimum(old, jnp.maximum(distance, 0)), start, 0)

    return jax.lax.fori_loop(0, -(-items // chunk), one, near)


class _Run(NamedTuple):
    near: Array
    live: Array
    picks: Array
    values: Array
    taken: Array


class _Block(NamedTuple):
    distance: Array
    slots: Array
    picks: Array
    values: Array
    taken: Array


@partial(jax.jit, static_argnames=("flip", "size", "block", "width"))
def farthest_first(
    space: Space,
    near: Float[Array, "items"],
    open: Bool[Array, "items"],
    first: Int[Array, ""],
    flip: Flip,
    size: int,
    block: int = BLOCK,
    width: int = CANDIDATES,
) -> tuple[Int[Array, "size"], Float[Array, "size"]]:
    """Picks, each farthest from all before it, and their distances when picked; `first` below 0 is no forced start.

    Between two passes the distances of the `width` farthest items are kept current. As distances only fall, the
    farthest of them is the farthest of all while it is no closer than the next item was at the last pass.
    """
    width, block = min(width, near.shape[0]), min(block, size)
    none = jnp.full(size, -1, jnp.int32)
    run = _Run(near, open, none, jnp.zeros(size, near.dtype), jnp.zeros((), jnp.int32))
    run = jax.lax.cond(first >= 0, lambda: _force(run, space, first, flip), lambda: run)

    def advance(run: _Run) -> _Run:
        top, candidates = jax.lax.top_k(jnp.where(run.live, run.near, -jnp.inf), min(width + 1, near.shape[0]))
        bar = top[width] if width < near.shape[0] else jnp.asarray(-jnp.inf, near.dtype)
        candidates = candidates[:width]
        rows = space.rows[candidates] - space.shift
        start = _Block(top[:width], jnp.full(block, -1, jnp.int32), run.picks, run.values, run.taken)
        done = _within(start, rows, space.norm[candidates], candidates, bar, flip, size)
        picked = done.slots >= 0
        centres = rows[done.slots]
        norms = jnp.where(picked, space.norm[candidates][done.slots], jnp.inf)
        few = min(8, block)
        near_now = jax.lax.cond(
            picked.sum() <= few,
            lambda: lower(run.near, space, centres[:few], norms[:few], flip),
            lambda: lower(run.near, space, centres, norms, flip),
        )
        chosen = jnp.where(picked, candidates[done.slots], near.shape[0])
        return _Run(near_now, run.live.at[chosen].set(False, mode="drop"), done.picks, done.values, done.taken)

    run = jax.lax.while_loop(lambda r: r.taken < size, advance, run)
    return run.picks, run.values


@partial(jax.jit, static_argnames=("flip", "block"))
def resolve(
    space: Space, near: Float[Array, "items"], bar: Array, room: Array | int, flip: Flip, block: int = 4 * BLOCK
) -> Int[Array, "block"]:
    """Picks among candidates alone, each farthest from all before it, while none is closer than `bar`: where they are.

    At most `block` and `room` picks, at least one; -1 where there are fewer. `near` is minus infinity where closed.
    """
    none, zero = jnp.full(block, -1, jnp.int32), jnp.zeros((), jnp.int32)
    start = _Block(near, none, none, jnp.zeros(block, near.dtype), zero)
    where = jnp.arange(near.shape[0], dtype=jnp.int32)
    return _within(start, space.rows - space.shift, space.norm, where, bar, flip, room).slots


def _force(run: _Run, space: Space, first: Array, flip: Flip) -> _Run:
    value = run.near[first]
    near = lower(run.near, space, (space.rows[first] - space.shift)[None], space.norm[first][None], flip)
    picks = run.picks.at[0].set(first.astype(jnp.int32))
    return _Run(near, run.live.at[first].set(False), picks, run.values.at[0].set(value), run.taken + 1)


def _within(
    start: _Block, rows: Array, norm: Array, candidates: Array, bar: Array, flip: Flip, size: Array | int
) -> Any:
    """Pick among the candidates until the block is full or the next pick could lie outside them."""
    begun = start.taken

    def going(b: _Block) -> Array:
        return (
            (b.taken < size) & (b.taken - begun < b.slots.shape[0]) & ((b.taken == begun) | (b.distance.max() >= bar))
        )

    def step(b: _Block) -> _Block:
        slot = jnp.argmax(b.distance).astype(jnp.int32)
        value = b.distance[slot]
        found = value > -jnp.inf
        distance = norm + norm[slot] - dot(rows, flip(rows[slot]))
        lowered = jnp.minimum(b.distance, jnp.maximum(distance, 0)).at[slot].set(-jnp.inf)
        return _Block(
            jnp.where(found, lowered, b.distance),
            b.slots.at[b.taken - begun].set(jnp.where(found, slot, -1)),
            b.picks.at[b.taken].set(jnp.where(found, candidates[slot], -1).astype(jnp.int32)),
            b.values.at[b.taken].set(value),
            b.taken + 1,
        )

    return jax.lax.while_loop(going, step, start)
