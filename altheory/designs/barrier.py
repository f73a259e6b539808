r"""Log-barrier Newton for the E criterion: maximise λ with :math:`\sum_iw_ia_ia_i^\top + P \succeq \lambda C`."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh, solve_triangular

from altheory.designs.interior import information
from altheory.designs.pool import Matrix, Vector

NEWTON = 60
COOL = 0.15
"""The factor by which the barrier falls from one centre to the next."""


@dataclass
class Smallest:
    """Weights, their slacks, the dual matrix `Z` (trace of `CZ` is 1), and the Newton steps taken."""

    weights: Vector
    slack: Vector
    dual: Matrix
    steps: int


def smallest_eigenvalue(m: Matrix, metric: Matrix) -> float:
    r"""The largest λ with :math:`M \succeq \lambda C`."""
    return float(eigh(m, metric, eigvals_only=True, subset_by_index=[0, 0])[0])


def barrier(
    rows: Matrix, metric: Matrix, prior: Matrix, constraint: tuple[Matrix, Vector], start: Vector, *, tol: float
) -> Smallest:
    """Follow the barrier's centres until their gap is below `tol` of the eigenvalue.

    `rows [m, r]`, `metric` C `[r, r]` positive definite, `start [m]` > 0. Cite: vandenberghe1998determinant.
    """
    w = start / (constraint[0][0] @ start)
    top = smallest_eigenvalue(information(rows, w, prior), metric)
    level, mu, steps = 0.5 * top, 0.5 * top / len(metric), 0
    size = len(rows) + len(metric)
    while True:
        w, level, taken = _centre(rows, metric, prior, constraint, w, level, mu)
        steps += taken
        room = information(rows, w, prior) - level * metric
        inverse = np.linalg.inv((room + room.T) / 2)
        dual = inverse / float((metric * inverse).sum())
        if mu * size <= 0.3 * tol * level or mu < 1e-13 * level:
            return Smallest(w, mu / w, (dual + dual.T) / 2, steps)
        mu *= COOL


def _centre(
    rows: Matrix, metric: Matrix, prior: Matrix, constraint: tuple[Matrix, Vector], w: Vector, level: float, mu: float
) -> tuple[Vector, float, int]:
    """Damped Newton to the centre of barrier `mu`."""
    c, b = constraint
    step = 0
    for step in range(1, NEWTON + 1):
        lower = _room(rows, metric, prior, w, level)
        if lower is None:
            break
        z = solve_triangular(lower, rows.T, lower=True, check_finite=False)
        half = solve_triangular(lower, metric, lower=True, check_finite=False)
        small = solve_triangular(lower, half.T, lower=True, check_finite=False)
        gram = z.T @ z
        k = gram * gram
        k[np.diag_indices_from(k)] += 1 / w**2
        cross = -np.einsum("im,ij,jm->m", z, small, z, optimize=True)
        slope_w = np.diag(gram) + 1 / w
        slope_level = 1 / mu - float(np.trace(small))
        border = np.concatenate([c.T, cross[:, None]], axis=1)
        corner = np.zeros((len(b) + 1, len(b) + 1))
        corner[-1, -1] = float((small * small).sum())
        chol = cho_factor(k, lower=True, overwrite_a=True, check_finite=False)
        kb = cho_solve(chol, border, check_finite=False)
        base = cho_solve(chol, slope_w, check_finite=False)
        tail = np.append(b - c @ w, slope_level)
        move = np.linalg.solve(corner - border.T @ kb, tail - border.T @ base)
        dw, dlevel = base - kb @ move, float(move[-1])
        decrement = float(np.sqrt(max(slope_w @ dw + slope_level * dlevel, 0.0)))
        along = 1.0 if decrement < 0.25 else 1 / (1 + decrement)
        while (w + along * dw).min() <= 0 or _room(rows, metric, prior, w + along * dw, level + along * dlevel) is None:
            along /= 2
            if along < 1e-12:
                return w, level, step
        w, level = w + along * dw, level + along * dlevel
        if decrement < 1e-3:
            break
    return w, level, step


def _room(rows: Matrix, metric: Matrix, prior: Matrix, w: Vector, level: float) -> Matrix | None:
    try:
        return np.linalg.cholesky(information(rows, w, prior) - level * metric)
    except np.linalg.LinAlgError:
        return None
