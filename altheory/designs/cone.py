"""Every criterion as a cone programme in cvxpy: the reference, and a solver for small pools."""

import importlib
import warnings
from typing import Any

import numpy as np

from altheory.designs.assemble import Assembly
from altheory.designs.criteria import Compound, Criterion, Determinant, Trace
from altheory.designs.elfving import Contrast
from altheory.designs.errors import DesignError
from altheory.designs.masters import SmallestEigenvalue, Smooth, WorstTarget
from altheory.designs.pool import Matrix, Vector

CLARABEL = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}
SCS = {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 200_000}


def solve_cone(made: Assembly, solver: str) -> tuple[Vector, Vector]:
    """Items and weights by Clarabel or SCS; the multipliers that prove the bound are handed to the master.

    Raises `DesignError` where the solver fails.
    """
    cp: Any = importlib.import_module("cvxpy")
    problem, master = made.problem, made.master
    index = np.arange(problem.items)
    rows = problem.rows(index)
    if isinstance(master, Contrast):
        return _contrast(cp, master, rows, solver)
    w = cp.Variable(problem.items, nonneg=True)
    limits = [cp.sum(w) == 1]
    if problem.prices is not None:
        limits.append(problem.prices @ w <= 1)
    m = rows.T @ cp.diag(w) @ rows + problem.prior
    objective, proof = _objective(cp, master, m, rows)
    task = cp.Problem(objective, limits + proof)
    _run(cp, task, solver)
    _hand_over(master, proof)
    weights = np.maximum(w.value, 0.0)
    keep = weights > 1e-12 * weights.max()
    return index[keep], problem.feasible(index[keep], weights[keep])


def _run(cp: Any, task: Any, solver: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an inaccurate solution is found out by its certificate
        try:
            task.solve(solver=solver.upper(), **(CLARABEL if solver == "clarabel" else SCS))
        except cp.error.SolverError as error:
            raise DesignError(f"{solver} failed on the design: {error}") from None
    if task.status not in ("optimal", "optimal_inaccurate"):
        raise DesignError(f"{solver} found no optimal design: it reports {task.status}")


def _contrast(cp: Any, master: Contrast, rows: Matrix, solver: str) -> tuple[Vector, Vector]:
    """Elfving's programme."""
    beta = cp.Variable(len(rows))
    reaches = rows.T @ beta == master.c
    _run(cp, cp.Problem(cp.Minimize(cp.norm1(beta)), [reaches]), solver)
    size: Vector = np.abs(np.asarray(beta.value))
    index = np.flatnonzero(size > 1e-7 * size.max())
    dual = np.asarray(reaches.dual_value)
    master.dual = dual * np.sign(dual @ master.c)
    return index, size[index] / size[index].sum()


def _objective(cp: Any, master: Any, m: Any, rows: Any) -> tuple[Any, list[Any]]:
    if isinstance(master, Smooth):
        return _smooth(cp, master.criterion, m)
    if isinstance(master, SmallestEigenvalue):
        level = cp.Variable()
        return cp.Maximize(level), [m - level * master.metric >> 0]
    assert isinstance(master, WorstTarget)
    master.index = np.arange(master.pool.shape[0])
    top = cp.Variable()
    return cp.Minimize(top), [cp.matrix_frac(y, m) <= top for y in master.targets()]


def _smooth(cp: Any, criterion: Criterion, m: Any) -> tuple[Any, list[Any]]:
    if isinstance(criterion, Determinant):
        return cp.Maximize(cp.log_det(m)), []
    if isinstance(criterion, Trace):
        return cp.Minimize(sum(cp.matrix_frac(k, m) for k in criterion.k.T)), []
    assert isinstance(criterion, Compound)
    total, limits = 0, []
    for share, part in criterion.parts:
        if isinstance(part, Determinant):
            total = total + share / m.shape[0] * cp.log_det(m)
            continue
        assert isinstance(part, Trace)
        s = cp.Variable(pos=True)
        limits.append(sum(cp.matrix_frac(s * k, m) for k in part.k.T) <= s)
        total = total + share * cp.log(s)
    return cp.Maximize(total), limits


def _hand_over(master: Any, proof: list[Any]) -> None:
    """Give the master the multipliers of its constraints."""
    if isinstance(master, SmallestEigenvalue):
        dual = np.asarray(proof[0].dual_value)
        master.dual = (dual + dual.T) / 2 / float((master.metric * dual).sum())
    if isinstance(master, WorstTarget):
        mixture = np.maximum([float(np.ravel(p.dual_value)[0]) for p in proof], 0.0)
        master.mixture = mixture / mixture.sum()
