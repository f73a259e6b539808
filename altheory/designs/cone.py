"""Every criterion as a cone programme in cvxpy: the reference, and a solver for small pools."""

import importlib
import warnings
from typing import Any

import numpy as np

from altheory.designs.assemble import Assembly
from altheory.designs.criteria import Compound, Determinant, Trace
from altheory.designs.elfving import Contrast
from altheory.designs.errors import DesignError
from altheory.designs.masters import Mixed, SmallestEigenvalue, Smooth, WorstTarget
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
    objective, proof, owed = _objective(cp, master, m)
    task = cp.Problem(objective, limits + proof)
    _run(cp, task, solver)
    for part, limits in owed:
        _hand_over(part, limits)
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


def _objective(cp: Any, master: Any, m: Any) -> tuple[Any, list[Any], list[tuple[Any, Any]]]:
    """What to maximise, the constraints, and those among them whose multipliers a master needs."""
    if isinstance(master, Smooth) and isinstance(master.criterion, Determinant):
        return cp.Maximize(cp.log_det(m)), [], []
    if isinstance(master, Smooth) and isinstance(master.criterion, Trace):
        return cp.Minimize(sum(cp.matrix_frac(k, m) for k in master.criterion.k.T)), [], []
    if isinstance(master, WorstTarget):
        top = cp.Variable()
        limits = [cp.matrix_frac(y, m) <= top for y in _all_targets(master)]
        return cp.Minimize(top), limits, [(master, limits)]
    if isinstance(master, SmallestEigenvalue):
        level = cp.Variable()
        limits = [m - level * master.metric >> 0]
        return cp.Maximize(level), limits, [(master, limits)]
    total: Any = 0
    proof: list[Any] = []
    owed: list[tuple[Any, Any]] = []
    for share, part in _parts(master):
        log_information, needed = _log_information(cp, part, m)
        total, proof, owed = total + share * log_information, proof + needed, [*owed, (part, needed)]
    return cp.Maximize(total), proof, owed


def _parts(master: Any) -> list[tuple[float, Any]]:
    if isinstance(master, Mixed):
        return master.parts
    assert isinstance(master.criterion, Compound)
    return [(share, Smooth(part)) for share, part in master.criterion.parts]


def _log_information(cp: Any, master: Any, m: Any) -> tuple[Any, list[Any]]:
    """log H(M) of a part of a compound: a variance is homogeneous in its rows, so `s` of them bounds 1/variance."""
    if isinstance(master, Smooth) and isinstance(master.criterion, Determinant):
        return cp.log_det(m) / m.shape[0], []
    s = cp.Variable(pos=True)
    if isinstance(master, SmallestEigenvalue):
        return cp.log(s), [m - s * master.metric >> 0]
    if isinstance(master, WorstTarget):
        return cp.log(s), [cp.matrix_frac(s * y, m) <= s for y in _all_targets(master)]
    assert isinstance(master.criterion, Trace)
    return cp.log(s), [sum(cp.matrix_frac(s * k, m) for k in master.criterion.k.T) <= s]


def _all_targets(master: WorstTarget) -> Matrix:
    master.index = np.arange(master.pool.shape[0])
    return master.targets()


def _hand_over(master: Any, proof: list[Any]) -> None:
    """Give the master the multipliers of its constraints."""
    if isinstance(master, SmallestEigenvalue):
        dual = np.asarray(proof[0].dual_value)
        master.dual = (dual + dual.T) / 2 / float((master.metric * dual).sum())
    if isinstance(master, WorstTarget):
        mixture = np.maximum([float(np.ravel(p.dual_value)[0]) for p in proof], 0.0)
        master.mixture = mixture / mixture.sum()
