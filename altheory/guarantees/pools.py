"""Hard pools for the theorems on designs, and the few quantities they are about."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from altheory.designs import d_optimal

Matrix = np.ndarray


def hard_pools(trials: int, *, seed: int = 0) -> Iterator[tuple[str, Matrix]]:
    """Pools `[N, d]` that span their columns, `trials` of each kind: N = d, copies, near-collinear rows, wild scales,
    ties.
    """
    rng = np.random.default_rng(seed)
    for i in range(trials):
        d = 1 + i % 5
        x = rng.standard_normal((20, d))
        yield f"normal {i}", x
        yield f"one dimension {i}", rng.standard_normal((9, 1))
        yield f"N = d {i}", rng.standard_normal((d, d))
        yield f"copies {i}", np.repeat(rng.standard_normal((d + 2, d)), 3, axis=0)
        yield f"near-collinear {i}", np.outer(rng.standard_normal(20), np.ones(d)) + 1e-3 * x
        yield f"wild rows {i}", x * 10.0 ** rng.uniform(-3, 3, (20, 1))
        yield f"wild columns {i}", x * 10.0 ** rng.uniform(-3, 3, d)
        yield f"ties {i}", np.concatenate([np.eye(d), -np.eye(d), np.ones((1, d)) / d])


def information(x: Matrix, weights: Matrix) -> Matrix:
    r""":math:`V(\pi) = \sum_i\pi_ix_ix_i^\top` of rows `x [N, d]`."""
    return (x * weights[:, None]).T @ x


def leverages(x: Matrix, weights: Matrix) -> Matrix:
    r""":math:`w_i = x_i^\top V(\pi)^{-1}x_i` `[N]`, in columns of unit size."""
    z = x / np.abs(x).max(0)
    return np.einsum("ij,ji->i", z, np.linalg.solve(information(z, weights), z.T))


def log_det(x: Matrix, weights: Matrix) -> float:
    r""":math:`\log\det V(\pi)`."""
    scale = np.abs(x).max(0)
    return float(np.linalg.slogdet(information(x / scale, weights))[1] + 2 * np.log(scale).sum())


def best(x: Matrix) -> Any:
    """The D-optimal design, certified to 1e-10."""
    return d_optimal(x, tol=1e-10)


def divergence(p: Matrix, q: Matrix) -> float:
    r""":math:`\mathrm{KL}(p\|q)` for measures: :math:`\sum p\log(p/q) - p + q`."""
    live = p > 0
    return float((p[live] * np.log(p[live] / q[live])).sum() - p.sum() + q.sum())
