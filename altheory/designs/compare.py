"""What one does with a design: compare it with another, and prune its support."""

from typing import Any

import numpy as np

from altheory.core import check
from altheory.designs.design import Design
from altheory.designs.pool import Matrix, Vector

SAME = 1e-10


def relative_information(design: Design, other: Any) -> float:
    """H(M) / H(M') by the first design's criterion; see `Design.efficiency`."""
    weights = other.weights if isinstance(other, Design) else np.asarray(other, dtype=np.float64)
    check.one_length("other", weights, len(design.weights))
    check.nonnegative("other", weights)
    values = [_log_information(design, w) for w in (design.weights, weights)]
    return float(np.exp(values[0] - values[1]))


def _log_information(design: Design, weights: Vector) -> float:
    made = design.assembly
    index = np.flatnonzero(weights)
    share = made.scaled(index, weights[index] / weights[index].sum())
    try:
        return made.log_information(made.problem.information(index, share))
    except np.linalg.LinAlgError:
        return -np.inf


def reduce_support(rows: Matrix, weights: Vector, *, extra: Matrix | None = None) -> Vector:
    r"""Weights `[m]` with the same :math:`\sum_iw_ix_ix_i^\top`, the same sum, and at most d(d+1)/2 + 1 above zero.

    `rows [m, d]`, `weights [m]`; `extra [m, k]` are further sums to keep, at the price of k more items.
    Cite: pukelsheim2006optimal.
    """
    rows = np.asarray(rows, dtype=np.float64)
    w = np.array(weights, dtype=np.float64)
    moments = _moments(rows, w)
    columns = [moments, np.ones((len(w), 1))] + ([] if extra is None else [extra / np.abs(extra).max()])
    return _to_basis(np.concatenate(columns, axis=1), w)


def _moments(rows: Matrix, weights: Vector) -> Matrix:
    """The upper triangles of the rows' outer products, in coordinates where the information is the identity."""
    live = weights > 0
    values, vectors = np.linalg.eigh((rows[live] * weights[live, None]).T @ rows[live])
    inside = values > 1e-12 * values[-1]
    z = rows @ (vectors[:, inside] / np.sqrt(values[inside]))
    i, j = np.triu_indices(z.shape[1])
    return z[:, i] * z[:, j]


def _to_basis(columns: Matrix, w: Vector) -> Vector:
    """Move along null directions to the nearest zero, a block of items at a time, until none is left."""
    block = 2 * columns.shape[1] + 8
    while True:
        live = np.flatnonzero(w)[:block]
        scaled = columns[live] * w[live, None]  # relative moves: the first zero is where one reaches -1
        u, s, _ = np.linalg.svd(scaled, full_matrices=True)
        rank = int((s > SAME * s[0]).sum())
        null = u[:, rank:].T
        if len(null) == 0:
            return w
        factors = np.ones(len(live))
        for k in range(len(null)):
            c = null[k]
            c = c if c.max() >= -c.min() else -c
            up = c > 1e-14 * np.abs(c).max()
            # one that is at zero already, by a tie, allows no step, and leaves the directions to come
            ratios = np.where(up, np.maximum(factors, 0.0) / np.where(up, c, 1.0), np.inf)
            first = int(np.argmin(ratios))
            factors = factors - ratios[first] * c
            factors[first] = 0.0
            null[k + 1 :] -= np.outer(null[k + 1 :, first] / c[first], c)
            null[k + 1 :, first] = 0.0
        w[live] *= np.maximum(factors, 0.0)


def pruned(design: Design) -> Design:
    """The design on few items; see `Design.prune`."""
    from altheory.designs.optimal import certified

    made = design.assembly
    index = design.support
    share = made.scaled(index, design.weights[index])
    prices = None if made.problem.prices is None else made.problem.prices[index, None]
    w = reduce_support(made.problem.rows(index), share, extra=prices)
    if design.criterion in ("d", "g") and prices is None:
        w = drop_one(made.problem.rows(index), w)
    keep = w > 0
    return certified(
        made,
        index[keep],
        w[keep] / w[keep].sum(),
        tol=design.gap + 1e-9 * (1 + design.gap),
        iterations=design.iterations,
        solver=design.solver,
    )


def drop_one(rows: Matrix, weights: Vector) -> Vector:
    r"""Where d(d+1)/2 + 1 items are left, one fewer whose information, once rescaled to mass 1, is no smaller.

    A null direction of the information alone changes the mass; taken with the sign that lowers it, rescaling only adds
    information. For a D-optimal design the mass does not change at all.
    """
    live = np.flatnonzero(weights)
    moments = _moments(rows, weights)[live]
    if len(live) <= moments.shape[1]:
        return weights
    u, _, _ = np.linalg.svd(moments * weights[live, None], full_matrices=True)
    c = u[:, -1]
    c = c if float(c @ weights[live]) >= 0 else -c
    if c.max() <= 0:
        return weights
    step = float(1 / c.max())
    w = weights.copy()
    w[live] = np.maximum(weights[live] * (1 - step * c), 0.0)
    w[live[np.argmax(c)]] = 0.0
    return w / w.sum()
