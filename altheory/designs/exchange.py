"""Exact designs for a small number of observations: improve a random start by exchanging items."""

from collections.abc import Callable
from typing import Any

import numpy as np

from altheory.core import check
from altheory.designs.frame import build_frame
from altheory.designs.pool import Matrix, Vector, as_pool

Neighbours = Callable[[int], Vector]
MISSING = 1e-8
"""A ridge, relative to the pool's second moment, while a random start does not yet span."""


def exchange_design(
    x: Any,
    n: int,
    criterion: str = "d",
    *,
    method: str = "fedorov",
    factors: Any = None,
    targets: Any = None,
    restarts: int = 8,
    seed: int = 0,
) -> Vector:
    r"""Counts `[items]` that sum to n, locally optimal for the exact criterion: no single exchange improves them.

    `criterion` is "d", "a" or "i" (mean variance over `targets [M, d]`, by default the pool). Fedorov's method makes
    the best of all exchanges of one run for one item until none helps; "coordinate" changes one of an item's `factors
    [items, k]` at a time. The best of `restarts` random starts is returned.
    Raises `ValueError` where n is below the columns of `x [N, d]`.
    Cite: fedorov1972theory, meyer1995coordinate.
    """
    pool = as_pool(x)
    rows = pool.take(np.arange(pool.shape[0]))
    check.at_least("n", n, rows.shape[1])
    check.at_least("restarts", restarts, 1)
    if criterion not in ("d", "a", "i"):
        raise ValueError(f"criterion must be d, a or i for an exact design; it is {criterion!r}")
    if method not in ("fedorov", "coordinate"):
        raise ValueError(f"method must be fedorov or coordinate; it is {method!r}")
    if method == "coordinate" and factors is None:
        raise ValueError("the coordinate method needs factors, an [items, k] array of each item's factor levels")
    if build_frame(pool).rank < rows.shape[1]:
        raise ValueError("x does not span its columns, so no exact design estimates them all: project it on its span")
    neighbours = _same_but_one(np.asarray(factors), len(rows)) if method == "coordinate" else None
    weight = _loss_matrix(criterion, rows, targets)
    rng = np.random.default_rng(seed)
    best, best_loss = np.zeros(0, dtype=np.int64), np.inf
    for _ in range(restarts):
        runs = _improve(rows, rng.integers(len(rows), size=n), weight, neighbours)
        loss = exact_loss(rows[runs], weight)
        if len(best) == 0 or loss < best_loss:
            best, best_loss = runs, loss
    return np.bincount(best, minlength=len(rows))


def _loss_matrix(criterion: str, rows: Matrix, targets: Any) -> Matrix | None:
    if criterion == "d":
        return None
    if criterion == "a":
        return np.eye(rows.shape[1])
    y = rows if targets is None else np.asarray(targets, dtype=np.float64)
    return y.T @ y / len(y)


def exact_loss(runs: Matrix, weight: Matrix | None) -> float:
    r""":math:`-\log\det X^\top X` where `weight` is None, else :math:`\mathrm{tr}\,W(X^\top X)^{-1}`; infinite where
    singular.
    """
    m = runs.T @ runs
    values = np.linalg.eigvalsh(m)
    if values[0] <= 1e-13 * values[-1]:
        return float("inf")
    return -float(np.log(values).sum()) if weight is None else float(np.trace(np.linalg.solve(m, weight)))


def _improve(rows: Matrix, runs: Vector, weight: Matrix | None, neighbours: Neighbours | None) -> Vector:
    ridge = MISSING * (rows.T @ rows) / len(rows)
    runs = runs.copy()
    for _ in range(100 * len(runs)):
        base = _scores(rows[runs].T @ rows[runs] + ridge, weight)
        moves = []
        for r in np.unique(runs, return_index=True)[1]:
            without = rows[runs].T @ rows[runs] - np.outer(rows[runs[r]], rows[runs[r]]) + ridge
            gains = _after_adding(rows, without, weight)
            if neighbours is not None:
                allowed = neighbours(int(runs[r]))
                j = int(allowed[np.argmin(gains[allowed])])
            else:
                j = int(np.argmin(gains))
            moves.append((float(gains[j]), int(r), j))
        loss, r, j = min(moves)
        if not loss < base - 1e-10 * max(abs(base), 1.0):
            break
        runs[r] = j
    return runs


def _scores(m: Matrix, weight: Matrix | None) -> float:
    return -float(np.linalg.slogdet(m)[1]) if weight is None else float(np.trace(np.linalg.solve(m, weight)))


def _after_adding(rows: Matrix, m: Matrix, weight: Matrix | None) -> Vector:
    """The loss after adding each item to `m`."""
    u = np.linalg.solve(m, rows.T)
    leverage = np.einsum("ij,ji->i", rows, u)
    if weight is None:
        return -float(np.linalg.slogdet(m)[1]) - np.log1p(leverage)
    return float(np.trace(np.linalg.solve(m, weight))) - np.einsum("ji,jk,ki->i", u, weight, u, optimize=True) / (
        1 + leverage
    )


def _same_but_one(factors: Matrix, items: int) -> Neighbours:
    """For each item, the items whose factors agree with its own in all but one."""
    levels = factors[:, None] if factors.ndim == 1 else factors
    check.one_length("factors", levels, items)

    def neighbours(i: int) -> Vector:
        return np.flatnonzero((levels != levels[i]).sum(1) <= 1)

    return neighbours
