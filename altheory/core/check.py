"""One clear sentence at the boundary: which argument, what it got, what to do."""

from typing import Any

import jax
import numpy as np

from altheory.core.record import is_traced


def finite(name: str, tree: Any) -> None:
    """Raise `ValueError` where a number in `tree` is NaN or infinite (skipped under tracing)."""
    if is_traced(tree):
        return
    for x in jax.tree.leaves(tree):
        a = np.asarray(x)
        if a.dtype.kind == "f" and not np.isfinite(a).all():
            bad = np.argwhere(~np.isfinite(a))[0]
            at = ", ".join(map(str, bad)) or "the scalar"
            raise ValueError(
                f"{name} must be finite; it has {a[tuple(bad)]} at [{at}]: drop or impute the rows that are not"
            )


def nonnegative(name: str, x: Any) -> None:
    """Raise `ValueError` where a number is below zero or not finite."""
    if is_traced(x):
        return
    finite(name, x)
    low = np.min(np.asarray(x), initial=0.0)
    if low < 0:
        raise ValueError(f"{name} must be at least 0; its smallest entry is {low:g}")


def positive(name: str, x: Any) -> None:
    """Raise `ValueError` where a number is zero or below, or not finite."""
    if is_traced(x):
        return
    finite(name, x)
    low = np.min(np.asarray(x, np.float64), initial=np.inf)
    if low <= 0:
        raise ValueError(f"{name} must be above 0; its smallest entry is {low:g}")


def within(name: str, x: Any, low: float, high: float) -> None:
    """Raise `ValueError` where a number is outside `[low, high]` or not finite."""
    if is_traced(x):
        return
    finite(name, x)
    a = np.asarray(x)
    bad = a[(a < low) | (a > high)]
    if bad.size:
        raise ValueError(f"{name} must lie in [{low:g}, {high:g}]; it has {bad.ravel()[0]:g}")


def between(name: str, x: Any, low: float, high: float) -> None:
    """Raise `ValueError` where a number is not strictly between `low` and `high`."""
    if is_traced(x):
        return
    finite(name, x)
    a = np.asarray(x)
    bad = a[(a <= low) | (a >= high)]
    if bad.size:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}; it is {bad.ravel()[0]:g}")


def one_of(name: str, value: str, among: tuple[str, ...]) -> None:
    """Raise `ValueError` where a word is none of those there are."""
    if value not in among:
        raise ValueError(f"{name} must be one of {', '.join(among)}; it is {value!r}")


def at_least(name: str, value: int, low: int) -> None:
    """Raise `ValueError` where a size is no whole number of at least `low`."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < low:
        raise ValueError(f"{name} must be a whole number of at least {low}; it is {value!r}")


def one_length(name: str, x: Any, size: int) -> None:
    """Raise `ValueError` where an array's first axis is not `size` long."""
    if np.ndim(x) < 1 or np.shape(x)[0] != size:
        raise ValueError(f"{name} must have one entry for each of the {size} items; its shape is {np.shape(x)}")


def matrix(name: str, x: Any) -> None:
    """Raise `ValueError` where `x` is no finite, nonempty `[rows, columns]` array of numbers."""
    if np.ndim(x) != 2:
        raise ValueError(f"{name} must be a [rows, columns] array; its shape is {np.shape(x)}")
    if 0 in np.shape(x):
        raise ValueError(f"{name} is empty: its shape is {np.shape(x)}; give at least one row and one column")
    finite(name, x)
