r"""Criteria as information functions: concave, homogeneous of degree 1, so one inequality certifies them all.

An information function :math:`H(M)` has the normalised slope :math:`S = \nabla H(M)/H(M)` with
:math:`\mathrm{tr}(MS) = 1`, and by concavity :math:`H(M')/H(M) \le \mathrm{tr}(M'S)` for every :math:`M'`.
Cite: pukelsheim2006optimal.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from scipy.linalg.lapack import dtrtrs

from altheory.designs.pool import Matrix, Vector


@runtime_checkable
class Criterion(Protocol):
    """A smooth information function of a positive definite matrix."""

    def log_value(self, m: Matrix) -> float:
        r""":math:`\log H(M)`."""
        ...

    def root(self, m: Matrix) -> Matrix:
        r"""A root :math:`R` of the normalised slope :math:`S = RR^\top`."""
        ...

    def curvature(self, rows: Matrix, m: Matrix) -> tuple[Vector, Matrix]:
        r"""The sensitivities :math:`a_i^\top S a_i` and the Hessian of :math:`-\log H` in the weights."""
        ...


def factor(m: Matrix) -> Matrix:
    """The lower Cholesky factor."""
    return np.linalg.cholesky(m)


def lower_solve(lower: Matrix, b: Matrix, *, transposed: bool = False) -> Matrix:
    """Solve `L z = b` or `L' z = b`, by LAPACK at once: what wraps it in SciPy takes longer than a small system."""
    solved, failed = dtrtrs(lower.T, b, lower=0, trans=0 if transposed else 1)
    if failed:
        raise np.linalg.LinAlgError("a triangular matrix is singular")
    return solved


class Determinant:
    r"""D: :math:`H(M) = \det(M)^{1/d}`, :math:`S = M^{-1}/d`."""

    def log_value(self, m: Matrix) -> float:
        return float(2 * np.log(np.diag(factor(m))).sum() / len(m))

    def root(self, m: Matrix) -> Matrix:
        return lower_solve(factor(m), np.eye(len(m))).T / np.sqrt(len(m))

    def curvature(self, rows: Matrix, m: Matrix) -> tuple[Vector, Matrix]:
        z = lower_solve(factor(m), rows.T)
        gram = z.T @ z
        return np.diag(gram) / len(m), gram * gram / len(m)


class Trace:
    r"""A, I and c: :math:`H(M) = 1/\mathrm{tr}(WM^{-1})` for :math:`W = KK^\top`, and :math:`S = M^{-1}WM^{-1}H(M)`."""

    def __init__(self, k: Matrix) -> None:
        self.k = k

    def log_value(self, m: Matrix) -> float:
        return -float(np.log((lower_solve(factor(m), self.k) ** 2).sum()))

    def root(self, m: Matrix) -> Matrix:
        lower = factor(m)
        y = lower_solve(lower, self.k)
        return lower_solve(lower, y, transposed=True) / np.sqrt((y * y).sum())

    def curvature(self, rows: Matrix, m: Matrix) -> tuple[Vector, Matrix]:
        lower = factor(m)
        z = lower_solve(lower, rows.T)
        y = lower_solve(lower, self.k)
        u = (y.T @ z) / np.sqrt((y * y).sum())
        gram = u.T @ u
        phi = np.diag(gram).copy()
        return phi, 2 * (z.T @ z) * gram - np.outer(phi, phi)


class Compound:
    r"""A product :math:`\prod_k H_k(M)^{\alpha_k}` with :math:`\sum_k\alpha_k = 1`: efficiencies traded off."""

    def __init__(self, parts: list[tuple[float, Criterion]]) -> None:
        self.parts = parts

    def log_value(self, m: Matrix) -> float:
        return sum(a * part.log_value(m) for a, part in self.parts)

    def root(self, m: Matrix) -> Matrix:
        return np.concatenate([np.sqrt(a) * part.root(m) for a, part in self.parts], axis=1)

    def curvature(self, rows: Matrix, m: Matrix) -> tuple[Vector, Matrix]:
        phi, hessian = np.zeros(len(rows)), np.zeros((len(rows), len(rows)))
        for a, part in self.parts:
            p, h = part.curvature(rows, m)
            phi, hessian = phi + a * p, hessian + a * h
        return phi, hessian
