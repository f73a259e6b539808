r"""Primal-dual interior point on a working set: maximise log H of the information over weights with `Cw = b`."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from altheory.designs.criteria import Criterion
from altheory.designs.pool import Matrix, Vector

STEPS = 100
CAUTIOUS = 3
"""After so many steps without a smaller gap the corrector is left out: where the objective is far from quadratic, it
may go round in circles.
"""
SHORT = 0.995
"""How much of the way to the boundary a step may go."""


@dataclass
class Centre:
    """Where the solver stands: weights, dual slacks, multipliers of `Cw = b`, and its own optimality gap."""

    weights: Vector
    slack: Vector
    multipliers: Vector
    gap: float
    steps: int


def information(rows: Matrix, weights: Vector, prior: Matrix) -> Matrix:
    r""":math:`\sum_i w_ia_ia_i^\top + P`."""
    m = (rows * weights[:, None]).T @ rows + prior
    return (m + m.T) / 2


def interior(
    criterion: Criterion,
    rows: Matrix,
    prior: Matrix,
    constraint: tuple[Matrix, Vector],
    start: Vector,
    *,
    tol: float,
) -> Centre:
    r"""Follow the central path by predictor and corrector until the duality gap is below `tol`.

    `rows [m, d]`, `constraint` = (C `[k, m]`, b `[k]`), `start [m]` > 0. With :math:`\varphi` the sensitivities and
    :math:`y` the multipliers, dual slacks are :math:`s = C^\top y - \varphi \ge 0` and :math:`w_is_i \to 0`.
    Cite: lu2013computing.
    """
    c, b = constraint
    w = start / (c[0] @ start)
    m = information(rows, w, prior)
    phi, hessian = criterion.curvature(rows, m)
    y = first_multipliers(c, phi, w, share=0.01)
    s = np.maximum(c.T @ y - phi, 1e-3 * (1 + phi.max()))
    best = Centre(w, s, y, np.inf, 0)
    for step in range(STEPS):
        gap = _gap(c, b, y, phi, w) + unpaid(c, b, y, w)
        if gap < best.gap:
            best = Centre(w, s, y, gap, step)
        if gap <= tol or step - best.steps > 15:
            break
        move = _direction(hessian, c, b, phi, w, s, y, cautious=step - best.steps > CAUTIOUS)
        if move is None:
            break
        w, s, y = _advance(w, s, y, *move)
        phi, hessian = criterion.curvature(rows, information(rows, w, prior))
    best.steps = step
    return best


def first_multipliers(c: Matrix, phi: Vector, w: Vector, *, share: float) -> Vector:
    """Multipliers that leave every item a slack of at least a `share` of the largest sensitivity; that of a budget is
    the slope of sensitivities in prices, where it is positive.
    """
    top = float(phi.max())
    y = np.zeros(len(c))
    if len(c) == 2:
        items, p, f = w[:-1] / w[:-1].sum(), c[1, :-1], phi[:-1]
        spread = p - items @ p
        y[1] = max(float(items @ (spread * f)) / max(float(items @ spread**2), 1e-12), share * top)
    y[0] = float((phi - c[1:].T @ y[1:])[c[0] > 0].max()) + share * top
    return y


def _gap(c: Matrix, b: Vector, y: Vector, phi: Vector, w: Vector) -> float:
    """How far the multipliers, lifted until they are dual feasible, lie above the sensitivities' mean."""
    lift = max(0.0, float((phi - c.T @ y).max()))
    return float(b @ y) + lift - float(phi @ w)


def unpaid(c: Matrix, b: Vector, y: Vector, w: Vector) -> float:
    """What the weights' breach of `Cw = b` is worth at the multipliers: a gap means nothing before it is gone."""
    return float(np.abs(y) @ np.abs(b - c @ w))


def factor_newton(k: Matrix) -> Matrix | None:
    """Cholesky of a Newton matrix, with the least ridge that lets it through where items depend on each other."""
    diagonal = np.diag(k).copy()
    for ridge in (0.0, 1e-15, 1e-14, 1e-13, 1e-11):
        k[np.diag_indices_from(k)] = diagonal + ridge * diagonal.max()
        chol, failed = dpotrf(k.T, lower=1, clean=0)
        if not failed:
            return chol
    return None


def solve_newton(chol: Matrix, b: Matrix) -> Matrix:
    """Solve with a factored Newton matrix."""
    return dpotrs(chol, b, lower=1)[0]


def _direction(
    hessian: Matrix, c: Matrix, b: Vector, phi: Vector, w: Vector, s: Vector, y: Vector, *, cautious: bool
) -> tuple[Vector, Vector, Vector] | None:
    k = hessian.copy()
    k[np.diag_indices_from(k)] += s / w
    chol = factor_newton(k)
    if chol is None:
        return None
    kc = solve_newton(chol, c.T)
    schur = c @ kc
    dual = phi - c.T @ y + s
    primal = b - c @ w

    def solve(complement: Vector) -> tuple[Vector, Vector, Vector]:
        rhs = dual + complement / w
        base = solve_newton(chol, rhs)
        dy = np.linalg.solve(schur, c @ base - primal)
        dw = base - kc @ dy
        return dw, (complement - s * dw) / w, dy

    mu = float(w @ s) / len(w)
    dw, ds, _ = solve(-w * s)
    along = min(reach(w, dw), reach(s, ds))
    ahead = float((w + along * dw) @ (s + along * ds)) / len(w)
    sigma = max(min(1.0, max(ahead / mu, 0.0) ** 3), 0.1 * (1 - along))
    if cautious:
        return solve(max(sigma, 0.3) * mu - w * s)
    return solve(sigma * mu - w * s - dw * ds)


def reach(v: Vector, dv: Vector) -> float:
    """The longest step, at most 1, that keeps `v` positive."""
    down = dv < 0
    return float(min(1.0, SHORT * np.min(-v[down] / dv[down]))) if down.any() else 1.0


def _advance(w: Vector, s: Vector, y: Vector, dw: Vector, ds: Vector, dy: Vector) -> tuple[Vector, Vector, Vector]:
    along = min(reach(w, dw), reach(s, ds))
    return w + along * dw, s + along * ds, y + along * dy
