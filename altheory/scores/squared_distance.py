"""Sampling by squared distance (k-means++ seeding) of outer products, by rejection from a stale distribution."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Key
from altheory.core.numerics import dot

REFRESH = 32
"""Picks between two passes over the pool, at most."""
PATIENCE = 48
"""Rejections in a row after which the pool is passed over early."""
CHUNK = 4096
"""Rows of the pool handled at once."""
SHELF = 512
"""Items a shelf: a draw picks a shelf by its total, then an item on it."""


class Products(NamedTuple):
    """Items that stand for the outer products `r_i h_i'`, none of which is ever formed."""

    r: Float[Array, "items C"]
    h: Float[Array, "items D"]
    norm: Float[Array, "items"]

    @staticmethod
    def of(r: Float[Array, "items C"], h: Float[Array, "items D"]) -> "Products":
        return Products(r, h, (r**2).sum(-1) * (h**2).sum(-1))


class _Run(NamedTuple):
    live: Array
    left: Array
    picks: Array
    taken: Array
    draws: Array


class _Block(NamedTuple):
    run: _Run
    slots: Array
    centres: Products
    fresh: Array
    tries: Array


@partial(jax.jit, static_argnames=("size", "refresh"))
def squared_distance_sample(
    items: Products, open: Bool[Array, "items"], key: Key, size: int, refresh: int = REFRESH
) -> Int[Array, "size"]:
    r"""The first pick uniform, each other with probability proportional to its squared distance to the nearest pick.

    :math:`\|r_ih_i^\top - r_jh_j^\top\|^2 = \|r_i\|^2\|h_i\|^2 + \|r_j\|^2\|h_j\|^2 - 2(r_i^\top r_j)(h_i^\top h_j)`.
    As distances only fall, a draw from those of the last pass, accepted with the ratio of the present distance to the
    stale one, has exactly the present law. Distances below rounding error count as 0; where all are 0, a pick is
    uniform among the open items left, and -1 where there is none.
    """
    refresh = min(refresh, size)
    dtype = items.norm.dtype
    u = jax.random.uniform(jax.random.fold_in(key, 0), (3,), dtype)
    first = _draw(open.astype(dtype), _shelves(open.astype(dtype)), u[0], u[1])
    first = jnp.where(open.any(), first, -1)
    near = _lower(jnp.full(items.norm.shape, jnp.inf, dtype), items, first[None], jnp.ones(1, bool))
    picks = jnp.full(size, -1, jnp.int32).at[0].set(first)
    one = jnp.ones((), jnp.int32)
    run = _Run(open.at[first].set(False), open.sum(dtype=jnp.int32) - 1, picks, one, one)

    def advance(state: tuple[Array, _Run]) -> tuple[Array, _Run]:
        near, run = state
        mass = jnp.where(run.live, near, 0)
        spread = (mass > 0).any()
        done = _propose(items, jnp.where(spread, mass, run.live.astype(dtype)), spread, run, key, refresh)
        return _lower(near, items, done.slots, jnp.arange(refresh, dtype=jnp.int32) < done.fresh), done.run

    return jax.lax.while_loop(lambda s: s[1].taken < size, advance, (near, run))[1].picks


def _propose(items: Products, mass: Array, spread: Array, run: _Run, key: Key, refresh: int) -> Any:
    """Draw from the stale `mass` and accept until the block is full, the batch is, or patience is out."""
    shelves, size = _shelves(mass), run.picks.shape[0]

    def going(b: _Block) -> Array:
        return (b.run.taken < size) & (b.fresh < refresh) & (b.tries < PATIENCE)

    def step(b: _Block) -> _Block:
        u = jax.random.uniform(jax.random.fold_in(key, b.run.draws), (3,), mass.dtype)
        i = _draw(mass, shelves, u[0], u[1])
        item = jax.tree.map(lambda a: a[i], items)
        distance = _distance(item.norm, b.centres.norm, dot(b.centres.r, item.r), dot(b.centres.h, item.h))
        now = jnp.where(jnp.arange(refresh, dtype=jnp.int32) < b.fresh, distance, jnp.inf).min()
        now = jnp.where(spread, jnp.minimum(now, mass[i]), mass[i])
        accept = (b.run.live[i] & (u[2] * mass[i] < now)) | (b.run.left <= 0)
        return _keep(b, i, item, accept)

    none = jax.tree.map(lambda a: jnp.zeros((refresh, *a.shape[1:]), a.dtype), items)
    zero = jnp.zeros((), jnp.int32)
    return jax.lax.while_loop(going, step, _Block(run, jnp.zeros(refresh, jnp.int32), none, zero, zero))


def _keep(b: _Block, i: Array, item: Products, accept: Array) -> _Block:
    """The block after a proposal: with it, or one rejection more."""
    run, one = b.run, accept.astype(jnp.int32)
    slot = jnp.where(accept, b.fresh, b.slots.shape[0])
    place = jnp.where(accept, run.taken, run.picks.shape[0])
    live = run.live.at[i].set(run.live[i] & ~accept)
    picks = run.picks.at[place].set(jnp.where(run.left > 0, i, -1), mode="drop")
    return _Block(
        _Run(live, run.left - one, picks, run.taken + one, run.draws + 1),
        b.slots.at[slot].set(i, mode="drop"),
        jax.tree.map(lambda kept, new: kept.at[slot].set(new, mode="drop"), b.centres, item),
        b.fresh + one,
        jnp.where(accept, 0, b.tries + 1),
    )


def _lower(near: Array, items: Products, picks: Int[Array, "b"], valid: Bool[Array, "b"]) -> Float[Array, "items"]:
    """`near`, lowered to the squared distance to the closest of the valid `picks`, in chunks of the pool."""
    n, chunk = near.shape[0], min(CHUNK, near.shape[0])
    r, h, norm = items.r[picks], items.h[picks], items.norm[picks]

    def one(i: Array, near: Array) -> Array:
        start = jnp.minimum(i * chunk, n - chunk)
        part = [jax.lax.dynamic_slice_in_dim(a, start, chunk) for a in (items.r, items.h, items.norm, near)]
        distance = _distance(part[2], norm[:, None], dot(r, part[0].T), dot(h, part[1].T))
        now = jnp.minimum(part[3], jnp.where(valid[:, None], distance, jnp.inf).min(0))
        return jax.lax.dynamic_update_slice_in_dim(near, now, start, 0)

    return jax.lax.fori_loop(0, -(-n // chunk), one, near)


def _distance(a: Array, b: Array, rr: Array, hh: Array) -> Array:
    """Squared distances, with what rounding could have left of a zero set to 0."""
    distance = a + b - 2 * rr * hh
    return jnp.where(distance > 8 * jnp.finfo(distance.dtype).eps * (a + b), distance, 0)


def _shelves(mass: Float[Array, "items"]) -> Float[Array, "shelves"]:
    """Running totals of the mass of each shelf."""
    padded = jnp.pad(mass, (0, -mass.shape[0] % SHELF))
    return jnp.cumsum(padded.reshape(-1, SHELF).sum(-1))


def _draw(mass: Array, shelves: Array, u: Array, v: Array) -> Int[Array, ""]:
    """An item with probability proportional to `mass`: its shelf by `u`, its place on it by `v`."""
    shelf = jnp.searchsorted(shelves, u * shelves[-1], side="right").astype(jnp.int32)
    shelf = jnp.minimum(shelf, shelves.shape[0] - 1)
    width = min(SHELF, mass.shape[0])
    index = shelf * SHELF + jnp.arange(SHELF, dtype=jnp.int32)
    within = jnp.cumsum(jnp.where(index < mass.shape[0], mass[jnp.minimum(index, mass.shape[0] - 1)], 0))
    place = jnp.searchsorted(within, v * within[-1], side="right").astype(jnp.int32)
    place = jnp.minimum(place, width - 1)
    return jnp.minimum(shelf * SHELF + place, mass.shape[0] - 1).astype(jnp.int32)
