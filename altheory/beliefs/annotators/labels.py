"""Labels of several annotators as triples (item, worker, label), and what is counted on them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core.record import is_traced

Triples = Int[Array, "n 3"] | Int[np.ndarray, "n 3"]


class Votes(NamedTuple):
    """Labels sorted by item: `item [n]`, `cell [n]` = worker x C + label, `weight [n]`, and the true sizes."""

    item: Int[Array, "n"]
    cell: Int[Array, "n"]
    weight: Float[Array, "n"]
    sizes: tuple[int, int, int]


def triples(table: Any) -> Int[np.ndarray, "n 3"]:
    """Triples (item, worker, label) of a table `[items, workers]` whose missing entries are negative or NaN.

    Raises `ValueError` where the table has another number of axes or entries that are no whole numbers.
    """
    table = np.asarray(table)
    if table.ndim != 2:
        raise ValueError(f"a table of labels must be [items, workers]; its shape is {table.shape}")
    given = np.nan_to_num(table, nan=-1.0)
    if table.dtype.kind not in "iuf" or (given != np.round(given)).any():
        raise ValueError("a table of labels must hold whole numbers, negative or NaN where there is no label")
    item, worker = np.nonzero(given >= 0)
    return np.stack([item, worker, given[item, worker].astype(int)], 1)


def votes(
    labels: Triples,
    *,
    items: int | None = None,
    workers: int | None = None,
    classes: int | None = None,
    weight: Any = None,
) -> Votes:
    """Check triples, find what sizes were not given, and sort by item.

    Raises `ValueError` on another shape, entries below 0 or past a given size, and weights that are not one
    nonnegative number a label.
    """
    if np.ndim(labels) != 2 or np.shape(labels)[1] != 3 or not np.shape(labels)[0]:
        raise ValueError(
            f"labels must be [n, 3] triples of (item, worker, label); their shape is {np.shape(labels)}: `triples` "
            "makes them from a table [items, workers]"
        )
    a = np.asarray(labels)
    if a.dtype.kind not in "iu" or a.min() < 0:
        raise ValueError(f"labels must hold whole numbers of at least 0; their type is {a.dtype}, the least {a.min()}")
    sizes = _sizes(a, items, workers, classes)
    order = np.argsort(a[:, 0], kind="stable")
    a = a[order]
    w = np.ones(len(a)) if weight is None else weight
    if np.shape(w) != (len(a),):
        raise ValueError(f"weight must have one entry for each of the {len(a)} labels; its shape is {np.shape(w)}")
    if not is_traced(w) and not (np.asarray(w) >= 0).all():
        raise ValueError("weight must be at least 0 for every label")
    cell = a[:, 1] * sizes[2] + a[:, 2]
    kept = jnp.asarray(w, jnp.result_type(float))[order]
    return Votes(jnp.asarray(a[:, 0], jnp.int32), jnp.asarray(cell, jnp.int32), kept, sizes)


def _sizes(a: np.ndarray, items: int | None, workers: int | None, classes: int | None) -> tuple[int, int, int]:
    found = []
    for name, column, given, least in (("items", 0, items, 1), ("workers", 1, workers, 1), ("classes", 2, classes, 2)):
        size = int(a[:, column].max()) + 1
        if given is not None and size > given:
            raise ValueError(f"labels name {size} {name} and {name}={given} was given")
        found.append(max(size, least) if given is None else given)
    return found[0], found[1], found[2]


def tally(posterior: Float[Array, "items C"], data: Votes) -> Float[Array, "workers C C"]:
    """Expected counts `[workers, true class, label]` of labels under the items' class posteriors."""
    _, workers, classes = data.sizes
    rows = data.weight[:, None] * posterior[data.item]
    counts = jax.ops.segment_sum(rows, data.cell, workers * classes)
    return jnp.swapaxes(counts.reshape(workers, classes, classes), 1, 2)


def evidence(log_confusion: Float[Array, "workers C C"], data: Votes) -> Float[Array, "items C"]:
    """The log likelihood of each item's labels under each true class."""
    items, _, classes = data.sizes
    rows = jnp.swapaxes(log_confusion, 1, 2).reshape(-1, classes)
    picked = data.weight[:, None] * rows[data.cell]
    return jax.ops.segment_sum(picked, data.item, items, indices_are_sorted=True)


def vote_shares(
    labels: Triples, *, items: int | None = None, classes: int | None = None, weight: Any = None
) -> Float[Array, "items C"]:
    """The share of each item's labels that name each class; uniform where an item has none.

    The majority is its argmax, and a tie is one. `weight [n]` counts a label so many times. Memory: items x C + n.
    Raises `ValueError` as `dawid_skene` does.
    """
    return shares(votes(labels, items=items, classes=classes, weight=weight))


def shares(data: Votes) -> Float[Array, "items C"]:
    """The votes of `data` as distributions, uniform where there are none."""
    items, _, classes = data.sizes
    count = jax.ops.segment_sum(data.weight, data.item * classes + data.cell % classes, items * classes)
    count = count.reshape(items, classes)
    total = count.sum(1, keepdims=True)
    return jnp.where(total > 0, count / jnp.where(total > 0, total, 1), 1 / classes)
