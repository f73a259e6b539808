"""What every kernel asks of its arrays, said in one sentence where it is not so; and sums over short rows."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core.record import is_traced

ROW_SUM_TOLERANCE = 1e-3
"""How far the probabilities of one row may sum from 1."""

UNROLLED_CLASSES = 128
"""Up to this many classes the class axis is unrolled, which leaves the items minor and every lane busy."""

Mask = Bool[Array, "items"] | Bool[np.ndarray, "items"] | None
"""The items that may be chosen; None for all."""


class Batch(NamedTuple):
    """A batch chosen in order: `picks [size]`, and `values [size]`, what the objective was worth after each pick."""

    picks: Int[Array, "size"]
    values: Float[Array, "size"]


def as_floats(name: str, x: Any, *, axes: str) -> Float[Array, "..."]:
    """`x` as a floating array with the named `axes` (such as "items features"), none of them empty.

    A leading "..." stands for any number of axes. Half precision is widened to float32. Raises `ValueError` on
    another number of axes or an empty one; values are not looked at.
    """
    wanted = axes.split()
    open_ended = wanted[0] == "..."
    least = len(wanted) - open_ended
    shape, layout = np.shape(x), f"[{', '.join(wanted)}]"
    if (len(shape) < least) if open_ended else (len(shape) != least):
        raise ValueError(f"{name} must be a {layout} array; its shape is {shape}")
    if 0 in shape:
        raise ValueError(f"{name} is empty: its shape is {shape}; give at least one entry on each axis of {layout}")
    a = jnp.asarray(x)
    if not jnp.issubdtype(a.dtype, jnp.floating):
        return a.astype(jnp.result_type(float))
    return a.astype(jnp.float32) if a.dtype.itemsize < 4 else a


def size_within(name: str, size: int, items: int) -> None:
    """Raise `ValueError` where `size` is no whole number from 1 to the number of `items`."""
    if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or not 1 <= size <= items:
        raise ValueError(f"{name} must be a whole number from 1 to the {items} items; it is {size!r}")


def open_items(open: Any, items: int, size: int) -> Bool[Array, "items"]:
    """The mask of items that may be chosen; all of them where `open` is None.

    Raises `ValueError` on a wrong shape or, outside tracing, where fewer than `size` are open.
    """
    size_within("size", size, items)
    if open is None:
        return jnp.ones(items, bool)
    if np.shape(open) != (items,):
        raise ValueError(f"open must be a mask over the {items} items; its shape is {np.shape(open)}")
    mask = jnp.asarray(open).astype(bool)
    if not is_traced(mask) and int(mask.sum()) < size:
        raise ValueError(f"size must be at most the number of open items, {int(mask.sum())}; it is {size}")
    return mask


def raise_if_nan(name: str, x: Any, result: Any) -> None:
    """Where a kernel's result has NaN, find the first NaN of its input and say so (skipped under tracing)."""
    if is_traced(result) or not bool(jnp.isnan(result).any()):
        return
    bad = np.argwhere(np.isnan(np.asarray(x, dtype=np.float64)))
    where = f" at {bad[0].tolist()}" if len(bad) else " after overflow: rescale it"
    raise ValueError(f"{name} must hold numbers; it has NaN{where}")


def raise_unless_probabilities(name: str, probs: Any, ok: Any) -> None:
    """Where a kernel's own pass found its rows wanting (`ok` false), find the first bad row and say so.

    Skipped under tracing. Costs one scalar read when all is well, a slow search when it is not.
    """
    if is_traced((probs, ok)) or bool(ok):
        return
    p = np.asarray(probs, dtype=np.float64)
    sums = p.sum(-1)
    bad = np.isnan(p).any(-1) | (p < 0).any(-1) | ~(np.abs(sums - 1) <= ROW_SUM_TOLERANCE)
    at = tuple(int(i) for i in np.argwhere(bad)[0]) if bad.any() else ()
    where = f"row [{', '.join(map(str, at))}]" if at else "the row"
    row = p[at]
    if np.isnan(row).any():
        raise ValueError(f"{name} must hold numbers; {where} has NaN: drop or recompute that item")
    if (row < 0).any():
        raise ValueError(f"{name} must be probabilities; {where} has {row.min():g}: if these are logits, apply softmax")
    raise ValueError(f"{name} must sum to 1 over its last axis; {where} sums to {row.sum():g}: normalise it first")


def rows_are_probabilities(probs: Float[Array, "... classes"]) -> Array:
    """Whether every row is nonnegative, free of NaN and sums to 1 within the tolerance (a traced scalar)."""
    if probs.shape[-1] > UNROLLED_CLASSES:
        total, least = probs.sum(-1), probs.min(-1)
    else:
        total, least = probs[..., 0], probs[..., 0]
        for c in range(1, probs.shape[-1]):
            total, least = total + probs[..., c], jnp.minimum(least, probs[..., c])
    return ((jnp.abs(total - 1) <= ROW_SUM_TOLERANCE) & (least >= 0)).all()


def check_probabilities(name: str, probs: Any) -> None:
    """Raise `ValueError` where a row of `probs` is not a distribution (skipped under tracing)."""
    if not is_traced(probs):
        raise_unless_probabilities(name, probs, rows_are_probabilities(jnp.asarray(probs)))


def sum_rows(a: Float[Array, "... classes"]) -> Float[Array, "..."]:
    """The sum over a short last axis, with that axis unrolled so that the items fill the lanes."""
    if a.shape[-1] > UNROLLED_CLASSES:
        return a.sum(-1)
    total = a[..., 0]
    for c in range(1, a.shape[-1]):
        total = total + a[..., c]
    return total
