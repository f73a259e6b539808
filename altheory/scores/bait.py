"""BAIT: the batch that leaves least Fisher-weighted uncertainty about the last layer: forward, backward, exchange."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core.check import at_least, finite, positive
from altheory.core.numerics import cho_solve, cholesky, dot, einsum, inverse_spd
from altheory.scores.gradient import probabilities_and_features
from altheory.scores.inputs import Batch, Mask, open_items
from altheory.scores.uncertainty import Probs

CHUNK = 256
"""Items whose blocks are contracted with a full information matrix at once."""
FRESH = 512
"""The inverse is computed afresh every 1 + parameters // 512 removals: each one magnifies its rounding."""
GAIN = 1e-4
"""The relative gain below which an exchange is rounding."""


class _State(NamedTuple):
    r"""`inverse` is :math:`P = M^{-1}`, `target` is :math:`PFP`; of each item's block, `own` and `gain` under these."""

    inverse: Float[Array, "C d C d"]
    target: Float[Array, "C d C d"]
    own: Float[Array, "items C C"]
    gain: Float[Array, "items C C"]


def bait(
    probs: Probs,
    x: Float[Array, "items d"] | Float[np.ndarray, "items d"],
    size: int,
    *,
    labelled: Bool[Array, "items"] | Bool[np.ndarray, "items"] | None = None,
    open: Mask = None,
    ridge: Float[Array, ""] | float = 1.0,
    oversample: int = 2,
    exchanges: int = 2,
    rank: int | None = None,
) -> Batch:
    r"""Pick `size` items S to minimise :math:`\mathrm{tr}\,(\lambda I + \sum_{i\in L\cup S}F_i)^{-1}\bar F`.

    :math:`F_i = (\mathrm{diag}\,p_i - p_ip_i^\top)\otimes x_ix_i^\top` is the last layer's Fisher information,
    :math:`\bar F` its mean over the items, L the `labelled` mask, :math:`\lambda` the `ridge`. First `oversample` x
    `size` items are added greedily, then the least useful taken away one by one; then, `exchanges` times over, each
    pick gives way to the best item in its place. `values` is the trace left after the first j of the picks. `probs` is
    `[items, classes]`, `x [items, d]`. Labelled items are not picked. With a `rank` below d, `x` is first projected on
    its `rank` leading right singular vectors: d is then `rank` below.

    Each step is a rank-`classes` update: every item's `classes` x `classes` block is carried along, so that a step
    costs items x d x classes^2 and no item's matrix is ever formed. Memory beyond the input: 8 items x classes^2 + 3
    (classes d)^2 + 256 d classes^2. Raises `ValueError` where rows are not probabilities, on NaN, where the items
    differ, `size` exceeds the open items, `rank` is below 1, or `ridge` is not above 0. Cite: ash2021gone.
    """
    p, h = probabilities_and_features(probs, x)
    finite("x", h)
    positive("ridge", ridge)
    known = jnp.zeros(p.shape[0], bool) if labelled is None else jnp.asarray(labelled).astype(bool)
    if known.shape != (p.shape[0],):
        raise ValueError(f"labelled must be a mask over the {p.shape[0]} items; its shape is {known.shape}")
    allowed = ~known if open is None else jnp.asarray(open).astype(bool) & ~known
    mask = open_items(allowed, p.shape[0], size)
    at_least("oversample", oversample, 1)
    at_least("exchanges", exchanges, 0)
    if rank is not None:
        at_least("rank", rank, 1)
        h = _leading(h, rank)
    extra = min(oversample * size, p.shape[0])
    return _bait(p, h, known, mask, jnp.asarray(ridge, p.dtype), size, extra, exchanges)


def _leading(x: Float[Array, "items d"], rank: int) -> Float[Array, "items rank"]:
    """The items in the span of their `rank` leading right singular vectors; as they are where d is no more."""
    if rank >= x.shape[1]:
        return x
    return dot(x, jnp.linalg.eigh(dot(x.T, x))[1][:, -rank:])


@partial(jax.jit, static_argnames=("size", "extra", "exchanges"))
def _bait(p: Array, h: Array, known: Array, open: Array, ridge: Array, size: int, extra: int, exchanges: int) -> Batch:
    """Pools in a batch take turns: side by side, each would invert afresh wherever one of them must."""

    @jax.custom_batching.sequential_vmap
    def alone(p: Array, h: Array, known: Array, open: Array, ridge: Array) -> Batch:
        return _in_turn(p, h, known, open, ridge, size, extra, exchanges)

    return alone(p, h, known, open, ridge)


def _in_turn(
    p: Array, h: Array, known: Array, open: Array, ridge: Array, size: int, extra: int, exchanges: int
) -> Batch:
    base = _regular(p, h, known.astype(p.dtype), ridge)
    pool = _information(p, h, jnp.full(p.shape[0], 1 / p.shape[0], p.dtype))
    added = _forward(_start(base, pool, p, h), p, h, open, extra)
    picks = _backward(base, pool, p, h, added, size)
    if exchanges:
        picks = _exchange(base, pool, p, h, open, picks, exchanges)
    return Batch(picks, _values(p, h, base, pool, picks))


def _forward(state: _State, p: Array, h: Array, open: Array, extra: int) -> Int[Array, "extra"]:
    """Add the item that lowers the trace most, `extra` times (-1 where none is left)."""

    def add(carry: tuple[_State, Array], _: None) -> tuple[tuple[_State, Array], Array]:
        state, live = carry
        item = _best(state, p, live)
        moved = _move(state, p, h, jnp.maximum(item, 0), (item >= 0).astype(p.dtype))
        return (moved, live.at[item].set(False)), item

    return jax.lax.scan(add, (state, open), None, length=extra)[1]


def _backward(base: Array, pool: Array, p: Array, h: Array, added: Array, size: int) -> Int[Array, "size"]:
    """Take away the item that raises the trace least, until `size` are left, in the order they were added."""
    rows, extra = (p[added], h[added]), added.shape[0]
    period = 1 + p.shape[1] * h.shape[1] // FRESH

    def fresh(kept: Array) -> _State:
        return _start(base + _information(*rows, kept.astype(p.dtype)), pool, *rows)

    def remove(carry: tuple[_State, Array], t: Array) -> tuple[tuple[_State, Array], None]:
        state, kept = carry
        state = jax.lax.cond(t % period == 0, lambda: fresh(kept), lambda: state)
        worst = jnp.argmin(jnp.where(kept, _change(state, rows[0], -1.0), jnp.inf))
        some = kept.sum() > size
        moved = _move(state, *rows, worst, jnp.where(some, -1.0, 0.0).astype(p.dtype))
        return (moved, kept.at[worst].set(kept[worst] & ~some)), None

    kept = jax.lax.scan(remove, (fresh(added >= 0), added >= 0), jnp.arange(extra - size, dtype=jnp.int32))[0][1]
    slots = jnp.nonzero(kept, size=size, fill_value=extra)[0]
    return jnp.where(slots < extra, added[jnp.minimum(slots, extra - 1)], -1)


def _exchange(
    base: Array, pool: Array, p: Array, h: Array, open: Array, picks: Array, rounds: int
) -> Int[Array, "size"]:
    """Take each pick away in turn and put the best item in its place, where one is better.

    Taking away magnifies rounding, so the state is inverted afresh after a change, and kept as it was without one.
    """
    none = p.shape[0]

    def fresh(picks: Array) -> _State:
        return _start(base + _of(p, h, picks), pool, p, h)

    def swap(t: Array, carry: tuple[_State, Array]) -> tuple[_State, Array]:
        state, picks = carry
        slot = t % picks.shape[0]
        old = jnp.maximum(picks[slot], 0)
        drop = _change(_move(state, p, h, old, -(picks[slot] >= 0).astype(p.dtype)), p, 1.0)
        live = open.at[jnp.where(picks >= 0, picks, none)].set(False, mode="drop")
        new = jnp.argmax(jnp.where(live, drop, -jnp.inf)).astype(jnp.int32)
        better = (picks[slot] >= 0) & live[new] & (drop[new] > (1 + GAIN) * drop[old])
        picks = picks.at[slot].set(jnp.where(better, new, picks[slot]))
        return jax.lax.cond(better, lambda: fresh(picks), lambda: state), picks

    return jax.lax.fori_loop(0, rounds * picks.shape[0], swap, (fresh(picks), picks))[1]


def _best(state: _State, p: Array, live: Array) -> Int[Array, ""]:
    """The live item whose information lowers the trace most, -1 where none is live."""
    item = jnp.argmax(jnp.where(live, _change(state, p, 1.0), -jnp.inf)).astype(jnp.int32)
    return jnp.where(live[item], item, -1)


def _of(p: Array, h: Array, items: Array) -> Float[Array, "C d C d"]:
    return _information(p[items], h[items], (items >= 0).astype(p.dtype))


def _values(p: Array, h: Array, base: Array, pool: Array, picks: Array) -> Float[Array, "size"]:
    """The trace left after each of the picks, each from a fresh factorisation."""
    wide = pool.reshape(p.shape[1] * h.shape[1], -1)

    def add(matrix: Array, item: Array) -> tuple[Array, Array]:
        matrix = matrix + _of(p, h, item[None])
        return matrix, jnp.trace(cho_solve(cholesky(matrix.reshape(wide.shape)), wide))

    return jax.lax.scan(add, base, picks)[1]


def _information(p: Array, h: Array, weight: Float[Array, "n"]) -> Float[Array, "C d C d"]:
    """The weighted sum of the items' Fisher information."""

    def pair(c: Array) -> Float[Array, "d C d"]:
        column = (weight * p[:, c])[:, None] * ((jnp.arange(p.shape[1], dtype=jnp.int32) == c).astype(p.dtype) - p)
        return jax.lax.map(
            lambda e: dot(h.T, column[:, e, None] * h), jnp.arange(p.shape[1], dtype=jnp.int32)
        ).transpose(1, 0, 2)

    return jax.lax.map(pair, jnp.arange(p.shape[1], dtype=jnp.int32))


def _regular(p: Array, h: Array, weight: Array, ridge: Array) -> Float[Array, "C d C d"]:
    classes, d = p.shape[1], h.shape[1]
    eye = jnp.eye(classes * d, dtype=p.dtype).reshape(classes, d, classes, d)
    return ridge * eye + _information(p, h, weight)


def _start(matrix: Array, pool: Array, p: Array, h: Array) -> _State:
    """Invert the information afresh, and contract each item's block with it."""
    wide = matrix.reshape(p.shape[1] * h.shape[1], -1)
    inverse = inverse_spd(wide)
    target = dot(inverse, dot(pool.reshape(wide.shape), inverse))
    inverse, target = inverse.reshape(matrix.shape), target.reshape(matrix.shape)
    return _State(inverse, target, _blocks(inverse, h), _blocks(target, h))


def _blocks(matrix: Float[Array, "C d C d"], h: Float[Array, "n d"]) -> Float[Array, "n C C"]:
    r"""Every item's :math:`(I\otimes x)^\top A(I\otimes x)`."""
    classes, d = matrix.shape[:2]
    wide = matrix.transpose(1, 0, 2, 3).reshape(d, -1)
    chunk = min(CHUNK, h.shape[0])

    def one(i: Array, out: Array) -> Array:
        start = jnp.minimum(i * chunk, h.shape[0] - chunk)
        rows = jax.lax.dynamic_slice_in_dim(h, start, chunk)
        half = dot(rows, wide).reshape(chunk, classes * classes, d)
        block = einsum("nkd,nd->nk", half, rows).reshape(chunk, classes, classes)
        return jax.lax.dynamic_update_slice_in_dim(out, block, start, 0)

    return jax.lax.fori_loop(0, -(-h.shape[0] // chunk), one, jnp.zeros((h.shape[0], classes, classes), h.dtype))


def _root(p: Float[Array, "... C"]) -> Float[Array, "... C C"]:
    r"""`A` with :math:`AA^\top = \mathrm{diag}\,p - pp^\top`: column k is :math:`\sqrt{p_k}(e_k - p)`."""
    return (jnp.eye(p.shape[-1], dtype=p.dtype) - p[..., :, None]) * jnp.sqrt(p)[..., None, :]


def _inner(root: Array, block: Array) -> Float[Array, "... C C"]:
    return einsum("...ca,...ce,...eb->...ab", root, block, root)


def _change(state: _State, p: Array, sign: float) -> Float[Array, "n"]:
    """By how much adding (`sign` 1) or removing (-1) each item would lower or raise the trace."""
    root = _root(p)
    eye = jnp.eye(p.shape[-1], dtype=p.dtype)
    return _traces(eye + sign * _inner(root, state.own), _inner(root, state.gain))


def _traces(a: Float[Array, "n C C"], b: Float[Array, "n C C"]) -> Float[Array, "n"]:
    r"""Every :math:`\mathrm{tr}\,A^{-1}B` for positive definite A, by elimination over all items at once."""
    classes = a.shape[-1]
    start = jnp.concatenate([a, b], -1).transpose(1, 2, 0)

    def eliminate(k: Array, wide: Float[Array, "C two_C n"]) -> Float[Array, "C two_C n"]:
        row = wide[k] / wide[k, k]
        return (wide - wide[:, k, None] * row).at[k].set(row)

    done = jax.lax.fori_loop(0, classes, eliminate, start)
    return jnp.trace(done[:, classes:])


def _move(state: _State, p: Array, h: Array, item: Array, sign: Array) -> _State:
    """The state with one item's information added (`sign` 1), removed (-1) or neither (0)."""
    root = _root(p[item])
    eye = jnp.eye(p.shape[1], dtype=p.dtype)
    w = einsum("cdef,f,ea->cda", state.inverse, h[item], root)
    z = einsum("cdef,f,ea->cda", state.target, h[item], root)
    step = sign * jnp.linalg.inv(eye + sign * _inner(root, state.own[item]))
    turn = dot(step, dot(_inner(root, state.gain[item]), step))
    wide = partial(_outer, step=step, turn=turn)
    inverse = state.inverse - einsum("cda,ab,efb->cdef", w, step, w)
    target = state.target + wide("cda,ab,efb->cdef", w, z)
    r, u = einsum("nd,cda->nca", h, w), einsum("nd,cda->nca", h, z)
    own = state.own - einsum("nca,ab,neb->nce", r, step, r)
    gain = state.gain + wide("nca,ab,neb->nce", r, u)
    return _State(inverse, target, own, gain)


def _outer(spec: str, w: Array, z: Array, *, step: Array, turn: Array) -> Any:
    return einsum(spec, w, turn, w) - einsum(spec, w, step, z) - einsum(spec, z, step, w)
