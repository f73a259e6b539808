r"""Primal-dual interior point for :math:`\min_w\max_j y_j^\top M(w)^{-1}y_j` on small sets of items and targets."""

from dataclasses import dataclass

import numpy as np

from altheory.designs.criteria import factor, lower_solve
from altheory.designs.interior import (
    CAUTIOUS,
    factor_newton,
    first_multipliers,
    information,
    reach,
    solve_newton,
    unpaid,
)
from altheory.designs.pool import Matrix, Vector

STEPS = 120
HIGHER, HALVINGS = 3.0, 8
"""A step that leaves the value so many times higher is halved, up to so often: no linearisation holds that far."""

Move = tuple[Vector, Vector, Vector, Vector, Vector, float]
"""Changes of the fields of a `Saddle`, in their order."""


@dataclass
class Saddle:
    """Weights and slacks of the items, mixture and slacks of the targets, multipliers, the level, the gap."""

    weights: Vector
    slack: Vector
    mixture: Vector
    room: Vector
    multipliers: Vector
    level: float
    gap: float = np.inf
    steps: int = 0

    def reach(self, move: Move) -> float:
        """The longest step, at most 1, that keeps weights, mixture and all slacks positive."""
        dw, ds, dv, droom, _, _ = move
        return min(reach(self.weights, dw), reach(self.slack, ds), reach(self.mixture, dv), reach(self.room, droom))

    def moved(self, move: Move, length: float) -> "Saddle":
        """After a step."""
        dw, ds, dv, droom, dy, dlevel = move
        return Saddle(
            self.weights + length * dw,
            self.slack + length * ds,
            self.mixture + length * dv,
            self.room + length * droom,
            self.multipliers + length * dy,
            self.level + length * dlevel,
        )


@dataclass
class Local:
    """Values at a design: target variances `q`, their gradients `j [targets, items]` and what the Hessian needs."""

    q: Vector
    j: Matrix
    z: Matrix
    y: Matrix

    def hessian(self, mixture: Vector) -> Matrix:
        """The mixture's second derivative; a single mixture weight stands for the sum of all targets."""
        u = (self.y * np.sqrt(mixture)).T @ self.z
        return 2 * (self.z.T @ self.z) * (u.T @ u)


def local(rows: Matrix, targets: Matrix, prior: Matrix, weights: Vector, *, summed: bool = False) -> Local:
    """Evaluate target variances, or their sum, and their gradients in the weights."""
    lower = factor(information(rows, weights, prior))
    z, y = lower_solve(lower, rows.T), lower_solve(lower, targets.T)
    q, j = (y * y).sum(0), -((y.T @ z) ** 2)
    return Local(q.sum(keepdims=True), j.sum(0, keepdims=True), z, y) if summed else Local(q, j, z, y)


def minimax(
    rows: Matrix,
    targets: Matrix,
    prior: Matrix,
    constraint: tuple[Matrix, Vector],
    start: tuple[Vector, Vector],
    *,
    tol: float,
    summed: bool = False,
) -> Saddle:
    """Follow the central path of items and targets together until the saddle's relative gap is below `tol`.

    `rows [m, r]`, `targets [t, r]`, `start` = (weights `[m]` > 0, mixture `[t]` > 0; `[1]` where `summed`, which
    minimises the sum of the targets' variances instead of the largest).
    """
    c, b = constraint
    w, v = start[0] / (c[0] @ start[0]), start[1] / start[1].sum()
    at = local(rows, targets, prior, w, summed=summed)
    level = float(at.q.max()) * 1.05
    room = level - at.q
    y = first_multipliers(c, -at.j.T @ v, w, share=0.05)
    s = np.maximum(c.T @ y + at.j.T @ v, 1e-3 * np.abs(y).max())
    now = best = Saddle(w, s, v, room, y, level)
    for step in range(STEPS):
        now.gap, now.steps = _gap(now, at, c, b), step
        best = now if now.gap < best.gap else best
        if now.gap <= tol or step - best.steps > 25:
            break
        move = _direction(now, at, c, b, cautious=step - best.steps > CAUTIOUS)
        if move is None:
            break
        length, top = now.reach(move), float(at.q.max())
        for _ in range(HALVINGS):
            following = now.moved(move, length)
            at = local(rows, targets, prior, following.weights, summed=summed)
            if at.q.max() <= HIGHER * top:
                break
            length /= 2
        now = following
        # variances are convex, so a step leaves them above where it aimed: the level rises until there is room again
        now.level += max(float((at.q + now.room - now.level).max()), 0.0)
        now.room = np.maximum(now.level - at.q, now.room)
    best.steps = step
    return best


def _gap(now: Saddle, at: Local, c: Matrix, b: Vector) -> float:
    """The ratio of the value to the lower bound that the mixture proves, less 1, on the working sets."""
    v = now.mixture / now.mixture.sum()
    phi = -at.j.T @ v
    mean = float(v @ at.q)
    paid = float(b @ now.multipliers)
    y = now.multipliers * (float(phi @ now.weights) / paid) if paid > 0 else now.multipliers
    over = max(float((phi - c.T @ y).max()), 0.0)
    bound = over + float(b @ y) + mean - float(phi @ now.weights)
    return float(at.q.max()) * (bound + unpaid(c, b, y, now.weights)) / mean**2 - 1


def _direction(now: Saddle, at: Local, c: Matrix, b: Vector, *, cautious: bool) -> Move | None:
    w, s, v, room = now.weights, now.slack, now.mixture, now.room
    pull = v / room
    k = at.hessian(v) + (at.j.T * pull) @ at.j
    k[np.diag_indices_from(k)] += s / w
    border = np.concatenate([c.T, -(at.j.T @ pull)[:, None]], axis=1)
    corner = np.zeros((len(b) + 1, len(b) + 1))
    corner[-1, -1] = pull.sum()
    chol = factor_newton(k)
    if chol is None:
        return None
    kb = solve_newton(chol, border)
    schur = corner - border.T @ kb
    dual = -(at.j.T @ v + c.T @ now.multipliers - s)
    short = now.level - at.q - room

    def solve(on_items: Vector, on_targets: Vector) -> Move:
        lead = (on_targets - v * short) / room
        rhs = dual + on_items / w - at.j.T @ lead
        base = solve_newton(chol, rhs)
        tail = np.append(b - c @ w, lead.sum() - (1 - v.sum()))
        dyt = np.linalg.solve(schur, tail - border.T @ base)
        dw = base - kb @ dyt
        droom = dyt[-1] - at.j @ dw + short
        return dw, (on_items - s * dw) / w, (on_targets - v * droom) / room, droom, dyt[:-1], float(dyt[-1])

    mu = (float(w @ s) + float(v @ room)) / (len(w) + len(v))
    dw, ds, dv, droom, _, _ = solve(-w * s, -v * room)
    along = min(reach(w, dw), reach(s, ds), reach(v, dv), reach(room, droom))
    ahead = float((w + along * dw) @ (s + along * ds)) + float((v + along * dv) @ (room + along * droom))
    sigma = min(1.0, max(ahead / (len(w) + len(v)) / mu, 0.0) ** 3)
    sigma = max(sigma, 0.1 * (1 - along))
    if cautious:
        sigma, dw, dv = max(sigma, 0.3), np.zeros_like(w), np.zeros_like(v)
    dw, ds, dv, droom, dy, dlevel = solve(sigma * mu - w * s - dw * ds, sigma * mu - v * room - dv * droom)
    if not np.isfinite(dw).all():
        return None
    return dw, ds, dv, droom, dy, dlevel
