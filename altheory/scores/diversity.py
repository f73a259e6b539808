"""Batches that cover the pool: k-center in feature space, and its divergence form on predictions."""

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core.check import finite
from altheory.core.numerics import dot
from altheory.core.record import is_traced
from altheory.scores.farthest import BLOCK, Flip, Space, farthest_first, lower, swapped, twice
from altheory.scores.inputs import Mask, as_floats, check_probabilities, open_items

Features = Float[Array, "items d"] | Float[np.ndarray, "items d"]
Labelled = Bool[Array, "items"] | Bool[np.ndarray, "items"] | Float[Array, "m d"] | Float[np.ndarray, "m d"]
Metric = Literal["l2", "angular"]
FLOOR = 1e-6
"""What is added to each class probability before its logarithm is taken."""


def k_center(
    x: Features,
    size: int,
    *,
    labelled: Labelled | None = None,
    start: Int[Array, ""] | int | None = None,
    metric: Metric = "l2",
    open: Mask = None,
) -> Int[Array, "size"]:
    r"""Farthest-first traversal: each pick is the item farthest from all centres before it (CoreSet).

    The radius of the picks (and `labelled`) is at most twice the smallest any `size` centres can have. `x` is
    `[items, d]`. `labelled` holds the centres that are there already: a mask over the items, or features `[m, d]` of
    their own. The first pick is `start` if given; else the farthest from `labelled`; else the farthest from the mean of
    the open items. `metric` "l2" is Euclidean, "angular" the angle between rows. Only items `open` (and not labelled)
    are picked.

    Memory beyond the input: 4 items + 8192 d (angular: and one copy of x). Raises `ValueError` on NaN, where `size`
    exceeds the open items, and on rows of zeros under "angular". Cite: gonzalez1985clustering, sener2018active.
    """
    rows = feature_rows("x", x, metric)
    centres, mask = labelled_centres(labelled, rows, metric)
    allowed = open_items(open_and_not(open, mask), rows.shape[0], size)
    return _traverse(rows, centres, mask, allowed, _first(start, allowed), twice, size)


def covering_radius(
    x: Features, centres: Int[Array, "k"] | Any, *, labelled: Labelled | None = None, metric: Metric = "l2"
) -> Float[Array, ""]:
    r"""The largest distance from an item to its nearest centre, :math:`\max_i\min_{c}\rho(x_i,x_c)`.

    `centres [k]` are item indices; `labelled` as in `k_center`. In the unit of `x`, or radians under "angular". Memory
    and what raises: as `k_center`. Cite: gonzalez1985clustering.
    """
    rows = feature_rows("x", x, metric)
    extra, mask = labelled_centres(labelled, rows, metric)
    near = _nearest(rows, jnp.asarray(centres, jnp.int32), extra, mask, twice)
    distance = jnp.sqrt(near.max())
    return 2 * jnp.arcsin(jnp.minimum(distance / 2, 1)) if metric == "angular" else distance


def contextual_diversity(
    probs: Float[Array, "items classes"] | Float[np.ndarray, "items classes"],
    size: int,
    *,
    labelled: Labelled | None = None,
    start: Int[Array, ""] | int | None = None,
    open: Mask = None,
) -> Int[Array, "size"]:
    r"""Farthest-first traversal of predictions under symmetric divergence (CDAL).

    :math:`\rho(p,q) = \tfrac12\mathrm{KL}(p\|q) + \tfrac12\mathrm{KL}(q\|p)`, with 1e-6 added to every probability so
    that an exact zero is far but not infinitely far. `probs` is `[items, classes]`; `labelled` is a mask over the
    items or probabilities `[m, classes]`; `start` and `open` as in `k_center`. (The divergence is no metric: the
    factor 2 of `k_center` does not carry over.) Memory beyond the input: items x (2 classes + 4). Raises `ValueError`
    where rows are not probabilities or `size` exceeds the open items. Cite: agarwal2020contextual.
    """
    p = as_floats("probs", probs, axes="items classes")
    check_probabilities("probs", p)
    rows = _with_logs(p)
    centres, mask = None, None
    if labelled is not None and _is_mask(labelled, p.shape[0]):
        mask = jnp.asarray(labelled)
    elif labelled is not None:
        q = as_floats("labelled", labelled, axes="m classes")
        check_probabilities("labelled", q)
        same_width("labelled", q, p)
        centres = _with_logs(q.astype(p.dtype))
    allowed = open_items(open_and_not(open, mask), p.shape[0], size)
    return _traverse(rows, centres, mask, allowed, _first(start, allowed), swapped, size)


@partial(jax.jit, static_argnames=("flip", "size"))
def _traverse(
    rows: Array, centres: Array | None, mask: Array | None, open: Array, first: Array, flip: Flip, size: int
) -> Int[Array, "size"]:
    near = _nearest(rows, None, centres, mask, flip)
    space = _space(rows, flip)
    if centres is None:
        weight = open.astype(rows.dtype) / jnp.maximum(open.sum(), 1).astype(rows.dtype)
        middle = (dot(weight, rows) - space.shift)[None]
        far = lower(jnp.full_like(near, jnp.inf), space, middle, _norms(middle, flip), flip)
        farthest = jnp.argmax(jnp.where(open, far, -jnp.inf)).astype(jnp.int32)
        begun = jnp.zeros((), bool) if mask is None else mask.any()
        first = jnp.where((first < 0) & ~begun, farthest, first)
    return farthest_first(space, near, open, first, flip, size)[0]


@partial(jax.jit, static_argnames="flip")
def _nearest(rows: Array, picks: Array | None, centres: Array | None, mask: Array | None, flip: Flip) -> Array:
    """Distance from every item to the closest of the items picked, the further centres and the items masked."""
    space = _space(rows, flip)
    near = jnp.full(rows.shape[0], jnp.inf, rows.dtype)
    if picks is not None:
        near = _lower_all(near, space, rows[picks] - space.shift, None, flip)
    if centres is not None:
        near = _lower_all(near, space, centres - space.shift, None, flip)
    if mask is not None:
        order = jnp.argsort(~mask, stable=True)
        near = _lower_all(near, space, rows, (order, mask.sum(dtype=jnp.int32)), flip)
    return near


def _lower_all(near: Array, space: Space, centres: Array, chosen: tuple[Array, Array] | None, flip: Flip) -> Array:
    """`lower` for any number of centres, 64 at a time: all (shifted) ones, or the first so many in a given order."""
    total = jnp.asarray(centres.shape[0], jnp.int32) if chosen is None else chosen[1]
    width = min(BLOCK, centres.shape[0])

    def one(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        i, near = carry
        index = jnp.minimum(i * width + jnp.arange(width, dtype=jnp.int32), centres.shape[0] - 1)
        rows = centres[index] if chosen is None else centres[chosen[0][index]] - space.shift
        norms = jnp.where(i * width + jnp.arange(width, dtype=jnp.int32) < total, _norms(rows, flip), jnp.inf)
        return i + 1, lower(near, space, rows, norms, flip)

    return jax.lax.while_loop(lambda c: c[0] * width < total, one, (jnp.zeros((), jnp.int32), near))[1]


def _space(rows: Array, flip: Flip) -> Space:
    """The space of these rows; Euclidean ones are shifted to their mean, which saves float32 its digits."""
    shift = rows.mean(0) if flip is twice else jnp.zeros(rows.shape[1], rows.dtype)
    return Space(rows, shift, _norms(rows - shift, flip))


def _norms(rows: Array, flip: Flip) -> Float[Array, "n"]:
    return 0.5 * (rows * flip(rows)).sum(-1)


def feature_rows(name: str, x: Any, metric: str) -> Array:
    """`x [items, d]` as floats, of unit length under the angular metric; raises on NaN and rows of zeros."""
    rows = as_floats(name, x, axes="items d")
    finite(name, rows)
    return _unit(name, rows) if _is_angular(metric) else rows


def _is_angular(metric: str) -> bool:
    if metric not in ("l2", "angular"):
        raise ValueError(f"metric must be 'l2' or 'angular'; it is {metric!r}")
    return metric == "angular"


def _unit(name: str, rows: Array) -> Array:
    length = jnp.linalg.norm(rows, axis=-1, keepdims=True)
    if not is_traced(length) and not bool((length > 0).all()):
        bad = int(length.argmin())
        raise ValueError(f"{name} must have no row of zeros under the angular metric; row {bad} is one")
    return rows / jnp.where(length > 0, length, 1)


def _is_mask(labelled: Any, items: int) -> bool:
    if np.ndim(labelled) != 1:
        return False
    if np.shape(labelled) != (items,) or jnp.asarray(labelled).dtype != bool:
        raise ValueError(
            f"labelled must be a mask over the {items} items or a matrix of features; its shape is {np.shape(labelled)}"
            f" and its type {jnp.asarray(labelled).dtype}"
        )
    return True


def labelled_centres(labelled: Any, rows: Array, metric: str) -> tuple[Array | None, Array | None]:
    """Features of centres outside the pool, and the mask of those inside it; either may be None."""
    if labelled is None:
        return None, None
    if _is_mask(labelled, rows.shape[0]):
        return None, jnp.asarray(labelled)
    if np.ndim(labelled) == 2 and np.shape(labelled)[0] == 0:
        return None, None
    extra = as_floats("labelled", labelled, axes="m d").astype(rows.dtype)
    finite("labelled", extra)
    same_width("labelled", extra, rows)
    return (_unit("labelled", extra) if metric == "angular" else extra), None


def same_width(name: str, a: Array, rows: Array) -> None:
    """Raise `ValueError` where `a` has other columns than the pool."""
    if a.shape[1] != rows.shape[1]:
        raise ValueError(f"{name} must have the {rows.shape[1]} columns of the pool; it has {a.shape[1]}")


def open_and_not(open: Any, mask: Array | None) -> Any:
    """The items that are `open` and not in the `mask`; either may be None."""
    if mask is None:
        return open
    return ~mask if open is None else jnp.asarray(open).astype(bool) & ~mask


def _first(start: Any, open: Array) -> Int[Array, ""]:
    if start is None:
        return jnp.array(-1, jnp.int32)
    first = jnp.asarray(start)
    if first.ndim or not jnp.issubdtype(first.dtype, jnp.integer):
        raise ValueError(f"start must be the index of an item or None; it is {start!r}")
    if not is_traced((first, open)) and not (0 <= int(first) < open.shape[0] and bool(open[first])):
        raise ValueError(f"start must be the index of an open item; it is {int(first)}")
    return first.astype(jnp.int32)


def _with_logs(p: Array) -> Float[Array, "n twice"]:
    smooth = (p + FLOOR) / (1 + FLOOR * p.shape[1])
    return jnp.concatenate([smooth, jnp.log(smooth)], -1)
