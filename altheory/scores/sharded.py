"""Batches that cover a pool spread over devices: each looks after its own rows, and all agree on every pick."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float, Int

from altheory.core.numerics import dot
from altheory.scores.diversity import Features, Metric, feature_rows, same_width
from altheory.scores.farthest import BLOCK, CANDIDATES, Space, lower, resolve, twice
from altheory.scores.inputs import Batch, Mask, as_floats, open_items
from altheory.scores.lazy import lazy_argmax

HERE, EVERYWHERE = PartitionSpec("item"), PartitionSpec()


def k_center_sharded(
    x: Features,
    size: int,
    *,
    labelled: Float[Array, "m d"] | Float[np.ndarray, "m d"] | None = None,
    start: int | None = None,
    metric: Metric = "l2",
    open: Mask = None,
    mesh: Mesh | None = None,
) -> Int[Array, "size"]:
    r"""`k_center` of a pool whose rows are spread over devices: the same picks, distances in parallel.

    `x [items, d]` is sharded over the `mesh`, all devices where none is given (one axis, "item"). Between two passes
    over the rows the devices exchange 4,096 candidates and pick up to 64 of them. `labelled [m, d]` holds features of
    centres that are there already; else as `k_center`. Memory on each device: its rows + 4 of its items + 4,096 rows.
    Raises as `k_center` does. Cite: gonzalez1985clustering.
    """
    mesh = _mesh() if mesh is None else mesh
    rows = feature_rows("x", x, metric)
    live = open_items(open, rows.shape[0], size)
    if start is not None and not (0 <= start < rows.shape[0] and bool(live[start])):
        raise ValueError(f"start must be the index of an open item; it is {start}")
    centres = jnp.zeros((0, rows.shape[1]), rows.dtype)
    if labelled is not None:
        centres = feature_rows("labelled", labelled, metric).astype(rows.dtype)
        same_width("labelled", centres, rows)
    first = jnp.int32(-1 if start is None else start)
    rows, live = _spread(rows, mesh), _spread(live, mesh)
    return _k_center(rows, live, centres, first, size=size, mesh=mesh, shifted=metric == "l2")


def facility_location_sharded(
    similarity: Float[Array, "items targets"] | Float[np.ndarray, "items targets"],
    size: int,
    *,
    base: Float[Array, "targets"] | Float[np.ndarray, "targets"] | None = None,
    open: Mask = None,
    mesh: Mesh | None = None,
) -> Batch:
    r"""`facility_location` of items whose rows are spread over devices: the same picks, each device lazy on its own.

    `similarity [items, targets]` is sharded over the `mesh`, all devices where none is given. Memory on each device:
    its rows + 64 targets + 4 of its items. Raises as `facility_location` does. Cite: cornuejols1977location.
    """
    mesh = _mesh() if mesh is None else mesh
    s = as_floats("similarity", similarity, axes="items targets")
    live = open_items(open, s.shape[0], size)
    state = jnp.zeros(s.shape[1], s.dtype) if base is None else as_floats("base", base, axes="targets").astype(s.dtype)
    if state.shape != s.shape[1:]:
        raise ValueError(f"base must have one entry for each of the {s.shape[1]} targets; its shape is {state.shape}")
    picks, gains = _facility(_spread(s, mesh), _spread(live, mesh), state, size=size, mesh=mesh)
    return Batch(picks, jnp.cumsum(gains))


def _mesh() -> Mesh:
    return jax.make_mesh((jax.device_count(),), ("item",), axis_types=(AxisType.Auto,))


def _spread(a: Array, mesh: Mesh) -> Array:
    """Rows in equal shares: short of a share, the last row again (closed, where it is a mask)."""
    short = -a.shape[0] % mesh.size
    fill = jnp.zeros(short, bool) if a.dtype == bool else jnp.repeat(a[-1:], short, axis=0)
    padded = jnp.concatenate([a, fill]) if short else a
    return jax.device_put(padded, NamedSharding(mesh, HERE))


@partial(jax.jit, static_argnames=("size", "mesh", "shifted"))
def _k_center(
    rows: Array, live: Array, centres: Array, first: Array, *, size: int, mesh: Mesh, shifted: bool
) -> Int[Array, "size"]:
    body = partial(_traverse, size=size, shifted=shifted)
    specs = (HERE, HERE, EVERYWHERE, EVERYWHERE)
    return jax.shard_map(body, mesh=mesh, in_specs=specs, out_specs=EVERYWHERE, check_vma=False)(
        rows, live, centres, first
    )


def _traverse(rows: Array, live: Array, centres: Array, first: Array, *, size: int, shifted: bool) -> Array:
    """One device's part of farthest-first traversal; what it returns is the same on all."""
    count, base = live.sum(dtype=jnp.int32), jax.lax.axis_index("item") * rows.shape[0]
    total = jax.lax.psum(count, "item").astype(rows.dtype)
    middle = jax.lax.psum(dot(live.astype(rows.dtype), rows), "item") / total
    shift = middle if shifted else jnp.zeros_like(middle)
    space = Space(rows, shift, _norms(rows - shift))
    near = jnp.full(rows.shape[0], jnp.inf, rows.dtype)
    if centres.shape[0]:
        near = _lowered(near, space, centres - shift, jnp.int32(centres.shape[0]))
    else:
        far = _lowered(near, space, (middle - shift)[None], jnp.int32(1))
        first = jnp.where(first < 0, _farthest(jnp.where(live, far, -jnp.inf), base), first)
    picks = jnp.full(size, -1, jnp.int32)

    def put(carry: Any, chosen: Array, points: Array, fresh: Array) -> Any:
        """Add the `fresh` first of the chosen items, whose rows are `points`."""
        near, live, picks, taken = carry
        place = jnp.where(jnp.arange(chosen.shape[0]) < fresh, taken + jnp.arange(chosen.shape[0]), size)
        mine = (chosen >= base) & (chosen < base + near.shape[0]) & (place < size)
        return (
            _lowered(near, space, points, fresh),
            live.at[jnp.where(mine, chosen - base, near.shape[0])].set(False, mode="drop"),
            picks.at[place].set(chosen, mode="drop"),
            taken + fresh,
        )

    def advance(carry: Any) -> Any:
        near, live, _, taken = carry
        far, index, points, bar = _exchange(jnp.where(live, near, -jnp.inf), space, base)
        block = Space(points, jnp.zeros_like(shift), _norms(points))
        slots = resolve(block, far, bar, size - taken, twice, min(BLOCK, size))
        fresh = (slots >= 0).sum(dtype=jnp.int32)
        return put(carry, index[slots], points[slots], fresh)

    start = (near, live, picks, jnp.int32(0))
    begun = put(start, first[None], _row(rows - shift, first - base)[None], (first >= 0).astype(jnp.int32))
    return jax.lax.while_loop(lambda c: c[3] < size, advance, begun)[2]


def _exchange(worth: Array, space: Space, base: Array) -> tuple[Array, Array, Array, Array]:
    """The farthest items of every device, on every device: distance, index, shifted row, and the most left out."""
    devices = jax.lax.axis_size("item")
    width = min(-(-CANDIDATES // devices), worth.shape[0])
    top, where = jax.lax.top_k(worth, min(width + 1, worth.shape[0]))
    bar = top[width] if width < worth.shape[0] else jnp.asarray(-jnp.inf, worth.dtype)
    mine = (top[:width], where[:width].astype(jnp.int32) + base, space.rows[where[:width]] - space.shift)
    far, index, points = (jax.lax.all_gather(a, "item", tiled=True) for a in mine)
    order = jnp.lexsort((index, -far))
    return far[order], index[order], points[order], jax.lax.pmax(bar, "item")


def _lowered(near: Array, space: Space, points: Array, count: Array) -> Array:
    """`lower` by the first `count` of the shifted points, 64 at a time."""
    width = min(BLOCK, points.shape[0])

    def one(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        i, near = carry
        place = i * width + jnp.arange(width, dtype=jnp.int32)
        some = points[jnp.minimum(place, points.shape[0] - 1)]
        return i + 1, lower(near, space, some, jnp.where(place < count, _norms(some), jnp.inf), twice)

    return jax.lax.while_loop(lambda c: c[0] * width < count, one, (jnp.int32(0), near))[1]


def _norms(rows: Array) -> Float[Array, "n"]:
    return (rows * rows).sum(-1)


def _farthest(worth: Array, base: Array) -> Int[Array, ""]:
    """The index of the largest value on any device, the lowest in a tie."""
    best = jax.lax.pmax(worth.max(), "item")
    mine = jnp.where(worth.max() == best, base + jnp.argmax(worth).astype(jnp.int32), jnp.iinfo(jnp.int32).max)
    return jax.lax.pmin(mine, "item")


def _row(rows: Array, place: Array) -> Float[Array, "d"]:
    """A row that one device holds (at `place`, elsewhere out of its range), on every device."""
    here = (place >= 0) & (place < rows.shape[0])
    return jax.lax.psum(jnp.where(here, rows[jnp.clip(place, 0, rows.shape[0] - 1)], 0), "item")


@partial(jax.jit, static_argnames=("size", "mesh"))
def _facility(similarity: Array, live: Array, state: Array, *, size: int, mesh: Mesh) -> tuple[Array, Array]:
    body = partial(_cover, size=size)
    return jax.shard_map(
        body, mesh=mesh, in_specs=(HERE, HERE, EVERYWHERE), out_specs=(EVERYWHERE, EVERYWHERE), check_vma=False
    )(similarity, live, state)


def _cover(
    similarity: Float[Array, "n targets"], live: Bool[Array, "n"], state: Array, *, size: int
) -> tuple[Array, Array]:
    """One device's part of greedy facility location; what it returns is the same on all."""
    base = jax.lax.axis_index("item") * similarity.shape[0]
    width = min(BLOCK, similarity.shape[0])

    def gains(state: Array, index: Array) -> Array:
        return jnp.maximum(similarity[index] - state, 0).sum(-1)

    def pick(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        state, bounds = carry
        bounds, slot, gain, _count = lazy_argmax(lambda i: gains(state, i), bounds, width)
        item = _farthest(jnp.full(1, gain), base + slot)
        row = _row(similarity, item - base)
        mine = (item >= base) & (item < base + similarity.shape[0])
        bounds = bounds.at[jnp.where(mine, item - base, similarity.shape[0])].set(-jnp.inf, mode="drop")
        return (jnp.maximum(state, row), bounds), (item, jax.lax.pmax(gain, "item"))

    alone = jnp.maximum(similarity - state, 0).sum(-1)
    start = (state, jnp.where(live, alone, -jnp.inf))
    return jax.lax.scan(pick, start, None, length=size)[1]
