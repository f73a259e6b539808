r"""Primal-dual interior point for the E criterion: maximise λ with :math:`\sum_iw_ia_ia_i^\top + P \succeq \lambda
C`.
"""

from dataclasses import dataclass

import numpy as np

from altheory.designs.criteria import lower_solve
from altheory.designs.interior import factor_newton, first_multipliers, information, reach, solve_newton, unpaid
from altheory.designs.pool import Matrix, Vector

STEPS = 100


@dataclass
class Smallest:
    """Weights and slacks, the level λ with its room S and dual Z (trace of `CZ` 1), multipliers, the relative gap."""

    weights: Vector
    slack: Vector
    level: float
    dual: Matrix
    multipliers: Vector
    gap: float = np.inf
    steps: int = 0


def smallest_eigenvalue(m: Matrix, metric: Matrix) -> float:
    r"""The largest λ with :math:`M \succeq \lambda C`."""
    lower = np.linalg.cholesky(m)
    half = lower_solve(lower, metric)
    return 1 / float(np.linalg.eigvalsh(lower_solve(lower, half.T))[-1])


def smallest(
    rows: Matrix, metric: Matrix, prior: Matrix, constraint: tuple[Matrix, Vector], start: Vector, *, tol: float
) -> Smallest:
    """Follow the central path until the gap is below `tol` of the eigenvalue.

    `rows [m, r]`, `metric` C `[r, r]` positive semidefinite, `start [m]` > 0. Cite: helmberg1996interior.
    """
    c, b = constraint
    w = start / (c[0] @ start)
    level = 0.5 * smallest_eigenvalue(information(rows, w, prior), metric)
    dual = _inverse(information(rows, w, prior) - level * metric)
    dual /= float((metric * dual).sum())
    along = np.einsum("ij,ij->i", rows @ dual, rows)
    y = first_multipliers(c, along, w, share=0.05)
    now = best = Smallest(w, c.T @ y - along, level, dual, y)
    for step in range(STEPS):
        now.gap, now.steps = _gap(rows, metric, prior, c, b, now), step
        best = now if now.gap < best.gap else best
        if now.gap <= tol or step - best.steps > 15:
            break
        following = _step(rows, metric, prior, c, b, now)
        if following is None:
            break
        now = following
    best.steps = step
    return best


def _gap(rows: Matrix, metric: Matrix, prior: Matrix, c: Matrix, b: Vector, now: Smallest) -> float:
    """How far the bound of the dual, made feasible, lies above the level, relative to it."""
    if now.level <= 0:
        return np.inf
    z = now.dual / float((metric * now.dual).sum())
    along = np.einsum("ij,ij->i", rows @ z, rows)
    lift = max(float((along - c.T @ now.multipliers).max()), 0.0)
    short = unpaid(c, b, now.multipliers, now.weights)
    return (float(b @ now.multipliers) + lift + short + float((prior * z).sum())) / now.level - 1


def _step(rows: Matrix, metric: Matrix, prior: Matrix, c: Matrix, b: Vector, now: Smallest) -> Smallest | None:
    w, s, z = now.weights, now.slack, now.dual
    room = information(rows, w, prior) - now.level * metric
    try:
        inverse = _inverse(room)
        by_room, by_dual = rows @ inverse, rows @ z
        q = np.einsum("ij,ij->i", by_room, rows)
        k = (by_room @ rows.T) * (by_dual @ rows.T)
        k = (k + k.T) / 2
        k[np.diag_indices_from(k)] += s / w
    except np.linalg.LinAlgError:
        return None
    chol = factor_newton(k)
    if chol is None:
        return None
    h = np.einsum("ij,jk,ik->i", by_dual, metric, by_room, optimize=True)
    border = np.concatenate([c.T, -h[:, None]], axis=1)
    corner = np.zeros((len(b) + 1, len(b) + 1))
    corner[-1, -1] = float(np.einsum("ij,ji->", metric @ z, metric @ inverse))
    kb = solve_newton(chol, border)
    schur = corner - border.T @ kb

    def solve(mu: float, on_items: Vector, second: Matrix) -> tuple[Vector, Vector, float, Matrix, Matrix, Vector]:
        rhs = on_items / w + mu * q - c.T @ now.multipliers + s + np.einsum("ij,ij->i", rows @ second, rows)
        tail = np.append(b - c @ w, 1 - float((metric * (mu * inverse + second)).sum()))
        base = solve_newton(chol, rhs)
        move = np.linalg.solve(schur, tail - border.T @ base)
        dw, dlevel = base - kb @ move, float(move[-1])
        droom = (rows * dw[:, None]).T @ rows - dlevel * metric
        dz = _sym(mu * inverse - z - z @ droom @ inverse + second)
        return dw, (on_items - s * dw) / w, dlevel, droom, dz, move[:-1]

    size = len(w) + len(z)
    mu = (float(w @ s) + float((z * room).sum())) / size
    dw, ds, _, droom, dz, _ = solve(0.0, -w * s, np.zeros_like(z))
    a = min(reach(w, dw), reach(s, ds), _reach(room, droom), _reach(z, dz))
    ahead = float((w + a * dw) @ (s + a * ds)) + float(((z + a * dz) * (room + a * droom)).sum())
    sigma = max(min(1.0, max(ahead / size / mu, 0.0) ** 3), 0.1 * (1 - a))
    dw, ds, dlevel, droom, dz, dy = solve(sigma * mu, sigma * mu - w * s - dw * ds, -_sym(dz @ droom @ inverse))
    if not np.isfinite(dw).all():
        return None
    a = min(reach(w, dw), reach(s, ds), _reach(room, droom), _reach(z, dz))
    return Smallest(w + a * dw, s + a * ds, now.level + a * dlevel, z + a * dz, now.multipliers + a * dy)


def _inverse(m: Matrix) -> Matrix:
    half = lower_solve(np.linalg.cholesky(m), np.eye(len(m)))
    return half.T @ half


def _sym(m: Matrix) -> Matrix:
    return (m + m.T) / 2


def _reach(m: Matrix, dm: Matrix) -> float:
    """The longest step, at most 1, that keeps `m` positive definite."""
    try:
        lower = np.linalg.cholesky(m)
    except np.linalg.LinAlgError:
        return 0.0
    half = lower_solve(lower, dm)
    low = float(np.linalg.eigvalsh(lower_solve(lower, half.T))[0])
    return min(1.0, -0.98 / low) if low < 0 else 1.0
