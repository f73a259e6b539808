"""What every kernel asks of its arrays, said in one sentence where it is not so."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core.record import is_traced

ROW_SUM_TOLERANCE = 1e-3
"""How far the probabilities of one row may sum from 1."""


def as_floats(name: str, x: Any, *, axes: str) -> Float[Array, "..."]:
    """`x` as a floating array with the named `axes` (such as "items features"), none of them empty.

    A leading "..." stands for any number of axes. Half precision is widened to float32. Raises `ValueError` on
    another number of axes or an empty one; values are not looked at.
    """
    wanted = axes.split()
    open_ended = wanted[0] == "..."
    least = len(wanted) - open_ended
    shape = np.shape(x)
    if (len(shape) < least) if open_ended else (len(shape) != least):
        raise ValueError(f"{name} must be a [{', '.join(wanted)}] array; its shape is {shape}")
    if 0 in shape:
        raise ValueError(
            f"{name} is empty: its shape is {shape}; give at least one entry on each of [{', '.join(wanted)}]"
        )
    a = jnp.asarray(x)
    if not jnp.issubdtype(a.dtype, jnp.floating):
        return a.astype(jnp.result_type(float))
    return a.astype(jnp.float32) if a.dtype.itemsize < 4 else a


def size_within(name: str, size: int, items: int) -> None:
    """Raise `ValueError` where `size` is no whole number from 1 to the number of `items`."""
    if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or not 1 <= size <= items:
        raise ValueError(f"{name} must be a whole number from 1 to the {items} items; it is {size!r}")


def raise_unless_probabilities(name: str, probs: Any, ok: Any) -> None:
    """Where a kernel's own pass found its rows wanting (`ok` false), find the first bad row and say so.

    Skipped under tracing. Costs one scalar read when all is well, a slow search when it is not.
    """
    if is_traced((probs, ok)) or bool(ok):
        return
    p = np.asarray(probs, dtype=np.float64)
    sums = p.sum(-1)
    bad = np.isnan(p).any(-1) | (p < 0).any(-1) | ~(np.abs(sums - 1) <= ROW_SUM_TOLERANCE)
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    where = f"row [{', '.join(map(str, at))}]" if at else "the row"
    row = p[at]
    if np.isnan(row).any():
        raise ValueError(f"{name} must hold numbers; {where} has NaN: drop or recompute that item")
    if (row < 0).any():
        raise ValueError(f"{name} must be probabilities; {where} has {row.min():g}: if these are logits, apply softmax")
    raise ValueError(f"{name} must sum to 1 over its last axis; {where} sums to {row.sum():g}: normalise it first")


def rows_are_probabilities(probs: Float[Array, "... classes"]) -> Array:
    """Whether every row is nonnegative, free of NaN and sums to 1 within the tolerance (a traced scalar)."""
    sums_to_one = jnp.abs(probs.sum(-1) - 1) <= ROW_SUM_TOLERANCE
    return sums_to_one.all() & (probs >= 0).all()
