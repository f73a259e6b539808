"""From a design to whole numbers of observations."""

from typing import Any

import numpy as np

from altheory.core import check
from altheory.designs.design import Design
from altheory.designs.pool import Vector

DUST = 1e-6
"""Weights below this share are dropped where the items outnumber the observations."""


def apportion(weights: Any, n: int) -> Vector:
    r"""Efficient rounding: whole numbers `[items]` that sum to n and maximise :math:`\min_in_i/\pi_i` over the support.

    With p items in the support, :math:`\min_in_i/\pi_i \ge n - p + 1`. Raises `ValueError` where n < p, or weights
    are not nonnegative with a positive sum. Cite: pukelsheim1992efficient.
    """
    w = np.asarray(weights, dtype=np.float64)
    check.nonnegative("weights", w)
    check.at_least("n", n, 1)
    support = np.flatnonzero(w)
    p = len(support)
    if p == 0:
        raise ValueError("weights must have an entry above 0")
    if n < p:
        raise ValueError(f"n must be at least the {p} items in the design's support; it is {n}: prune the design first")
    share = w[support] / w[support].sum()
    counts = np.ceil((n - p / 2) * share).astype(np.int64)
    while counts.sum() < n:
        counts[np.argmin(counts / share)] += 1
    while counts.sum() > n:
        counts[np.argmax((counts - 1) / share)] -= 1
    full = np.zeros(len(w), dtype=np.int64)
    full[support] = counts
    return full


def round_design(design: Design, n: int) -> Vector:
    r"""Whole numbers of observations `[items]` that sum to n, for a design.

    With n at least the p items of the support this is `apportion`, whose information is at least n - p + 1 times the
    design's. With fewer, weights below one in a million go first; then items are dropped one by one, each time the
    one whose loss costs :math:`\log\det` least, until n are left with one observation each: no bound holds there but
    the one you compute. Raises `ValueError` where n is below the rank of the pool and there is no prior.
    """
    check.at_least("n", n, 1)
    w = np.where(design.weights > (DUST if n < len(design.support) else 0.0), design.weights, 0.0)
    if n >= np.count_nonzero(w):
        return apportion(w, n)
    if n < design.rank and design.prior is None:
        raise ValueError(
            f"n must be at least the rank {design.rank} of the pool to estimate every direction; it is {n}"
        )
    return _thin(design, np.flatnonzero(w), n)


def _thin(design: Design, index: Vector, n: int) -> Vector:
    """Drop items, cheapest first, until n are left."""
    rows = design.problem.rows(index)
    prior = n * design.problem.prior
    keep = np.ones(len(index), dtype=bool)
    inverse = np.linalg.inv(rows.T @ rows + prior)
    for dropped in range(len(index) - n):
        if dropped % 32 == 0:
            inverse = np.linalg.inv(rows[keep].T @ rows[keep] + prior)
        leverage = np.einsum("ij,ij->i", rows @ inverse, rows)
        leverage[~keep] = np.inf
        i = int(np.argmin(leverage))
        u = inverse @ rows[i]
        inverse = inverse + np.outer(u, u) / max(1 - float(leverage[i]), 1e-12)
        keep[i] = False
    counts = np.zeros(len(design.weights), dtype=np.int64)
    counts[index[keep]] = 1
    return counts
