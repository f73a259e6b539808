r"""c-optimal designs by Elfving's theorem: a linear programme over a growing set of items."""

import numpy as np
from scipy.optimize import linprog

from altheory.designs.active_set import Solution
from altheory.designs.errors import DesignError
from altheory.designs.pool import Matrix, Vector
from altheory.designs.problem import Problem
from altheory.designs.spread import spread
from altheory.designs.start import starting_items

ROUNDS = 300


class Contrast:
    r"""The certificate of c-optimality: a vector `u` with :math:`|a_i^\top u| \le 1`, so the variance is at least
    :math:`(c^\top u)^2`.
    """

    def __init__(self, c: Vector) -> None:
        self.c = c
        self.dual = c

    def refresh(self, m: Matrix) -> None:
        return None

    def log_information(self, m: Matrix) -> float:
        return -float(np.log(variance(self.c, m)))

    def solve(
        self, rows: Matrix, prior: Matrix, constraint: tuple[Matrix, Vector], start: Vector, *, tol: float
    ) -> tuple[Vector, Vector, int]:
        raise DesignError("c-optimal designs are solved by the linear programme, not by the active set")

    def bound(self, m: Matrix) -> tuple[Matrix, float]:
        return self.dual[:, None] * (np.sqrt(variance(self.c, m)) / float(self.c @ self.dual)), 1.0


def variance(c: Vector, m: Matrix) -> float:
    r""":math:`c^\top M^+c`, infinite where `c` is outside the range of `M`."""
    values, vectors = np.linalg.eigh(m)
    inside = values > 1e-12 * values[-1]
    along = vectors.T @ c
    if float(np.abs(along[~inside]).max(initial=0.0)) > 1e-7 * float(np.abs(along).max()):
        return float("inf")
    return float((along[inside] ** 2 / values[inside]).sum())


def solve_contrast(problem: Problem, master: Contrast, *, tol: float) -> Solution:
    r"""Minimise :math:`|\beta|_1` over :math:`\sum_i\beta_ia_i = c` and set :math:`\pi_i \propto |\beta_i|`.

    Raises `DesignError` where the duality gap does not reach `tol`. Cite: elfving1952optimum, harman2008computing.
    """
    index = np.unique(starting_items(problem))
    state = Solution(index, np.full(len(index), 1 / len(index)), np.inf)
    for _ in range(ROUNDS):
        beta, u = _programme(problem.rows(index), master.c)
        state.rounds += 1
        master.dual = u
        scores = problem.scan(u[:, None], exact=True)
        state.passes += 1
        top = float(scores.max())
        size = float(np.abs(beta).sum())
        state.gap = (size / float(master.c @ u)) ** 2 * top - 1
        support = np.abs(beta) > 1e-12 * size
        state.index, state.weights = index[support], np.abs(beta[support]) / np.abs(beta[support]).sum()
        if state.gap <= tol:
            return state
        where = np.flatnonzero(scores > 1 + 0.25 * (top - 1))
        where = np.setdiff1d(where[np.argsort(-scores[where])][:4096], index)
        if len(where) == 0:
            break
        fresh = where[spread(scores[where], problem.rows(where), 2 * problem.frame.rank + 8)]
        index = np.unique(np.concatenate([index, fresh]))
    raise DesignError(
        f"the c-optimal programme stopped at a gap of {state.gap:.2g}, not the {tol:.2g} asked: raise tol"
    )


def _programme(rows: Matrix, c: Vector) -> tuple[Vector, Vector]:
    """The basic solution `beta [m]` and the dual `u [r]`, both made exact on the optimal basis where it is square."""
    found = linprog(
        np.ones(2 * len(rows)),
        A_eq=np.concatenate([rows, -rows]).T,
        b_eq=c,
        bounds=(0, None),
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if found.x is None:
        raise DesignError(f"the c-optimal linear programme has no solution: {found.message}")
    beta = found.x[: len(rows)] - found.x[len(rows) :]
    u = np.asarray(found.eqlin.marginals)
    basis = np.abs(beta) > 1e-11 * np.abs(beta).sum()
    polished = np.zeros_like(beta)
    polished[basis] = np.linalg.lstsq(rows[basis].T, c, rcond=None)[0]
    if np.abs(rows.T @ polished - c).max() <= 1e-9 * np.abs(c).max():
        beta = polished
    nudge = np.linalg.lstsq(rows[basis], np.sign(beta[basis]) - rows[basis] @ u, rcond=None)[0]
    better = u + nudge
    return beta, better if np.abs(rows @ better).max() <= np.abs(rows @ u).max() + 1e-12 else u
