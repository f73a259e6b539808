"""Which solver runs: the active set by default, first-order steps and cone solvers when told."""

from dataclasses import replace
from itertools import islice

import numpy as np

from altheory.designs.active_set import Solution, solve_active_set
from altheory.designs.assemble import Assembly
from altheory.designs.criteria import Determinant
from altheory.designs.elfving import Contrast, solve_contrast
from altheory.designs.errors import DesignError
from altheory.designs.masters import Mixed, Smooth, WorstTarget
from altheory.designs.pool import Vector
from altheory.designs.start import starting_items
from altheory.designs.steppers import STEPPERS

CONE = ("clarabel", "scs")
SOLVERS = ("auto", "active-set", *STEPPERS, *CONE)
STEPS = 200_000
"""Where a first-order solver gives up."""

Found = tuple[Vector, Vector, int, str]


def solve(made: Assembly, solver: str, *, tol: float, start: tuple[Vector, Vector] | None) -> Found:
    """Items, weights, iterations and the solver used; raises `ValueError` where a solver does not do the criterion."""
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}; it is {solver!r}")
    if isinstance(made.master, Mixed) and solver not in CONE:
        if solver != "auto":
            raise ValueError(f"the solver {solver!r} does no compound with g, e or xy: use 'auto', 'clarabel' or 'scs'")
        return _by_cones(made, tol)
    if solver in CONE:
        from altheory.designs.cone import solve_cone

        index, weights = solve_cone(made, solver)
        return index, weights, 1, solver
    if solver in STEPPERS:
        return (*_first_order(made, solver, tol, start), solver)
    if isinstance(made.master, Contrast):
        found = solve_contrast(made.problem, made.master, tol=tol)
        return found.index, found.weights, found.rounds, "linear programme"
    try:
        found = solve_active_set(made.problem, made.master, tol=tol, start=_spanning(made, start))
    except (DesignError, np.linalg.LinAlgError):
        if isinstance(made.master, Smooth) and isinstance(made.master.criterion, Determinant):
            raise
        found = _with_floor(made, tol)
    return found.index, found.weights, found.steps, "active-set"


def _by_cones(made: Assembly, tol: float) -> Found:
    """By the first cone solver whose weights and multipliers certify the tolerance, else by the last."""
    from altheory.designs.cone import solve_cone

    problem, master = made.problem, made.master
    for solver in CONE:
        index, weights = solve_cone(made, solver)
        m = problem.information(index, weights)
        master.refresh(m)
        root, ratio = master.bound(m)
        top = float(problem.charge(problem.scan(root, exact=True)).max())
        if ratio * (top + problem.spare(root)) - 1 <= tol:
            break
    return index, weights, 1, solver


def _with_floor(made: Assembly, tol: float) -> Solution:
    r"""Where the optimum is singular: reserve a share δ of the mass for items that span, and solve for the rest.

    The reserve acts as a prior :math:`\delta/(1-\delta)\,U`; if the rest is solved to a gap ε, the mixture has at most
    :math:`(1+\varepsilon)/(1-\delta) - 1`, for the original problem.
    """
    problem, delta = made.problem, 0.3 * tol
    index = starting_items(problem)
    reserve = problem.feasible(index, np.full(len(index), 1 / len(index)))
    prior = problem.prior + delta / (1 - delta) * (problem.information(index, reserve) - problem.prior)
    if isinstance(made.master, WorstTarget):
        made.master.forget()
    found = solve_active_set(replace(problem, prior=prior), made.master, tol=0.5 * tol)
    both = np.union1d(index, found.index)
    weights = np.zeros(len(both))
    weights[np.searchsorted(both, index)] += delta * reserve
    weights[np.searchsorted(both, found.index)] += (1 - delta) * found.weights
    found.index, found.weights = both, weights
    return found


def _spanning(made: Assembly, start: tuple[Vector, Vector] | None) -> tuple[Vector, Vector] | None:
    """A warm start, with a little of the cold start's items so that it spans the pool."""
    if start is None:
        return None
    index = np.union1d(start[0], starting_items(made.problem))
    weights = np.full(len(index), 1e-3 / len(index))
    weights[np.searchsorted(index, start[0])] += start[1]
    return index, weights / weights.sum()


def _first_order(
    made: Assembly, solver: str, tol: float, start: tuple[Vector, Vector] | None
) -> tuple[Vector, Vector, int]:
    problem, master = made.problem, made.master
    plain = isinstance(master, Smooth) and isinstance(master.criterion, Determinant)
    if not plain or problem.prior.any() or problem.prices is not None:
        raise ValueError(f"the solver {solver!r} does D and G without prior or budget: use 'auto' for {made.name!r}")
    x = problem.rows(np.arange(problem.items))
    weights = None
    if start is not None:
        weights = np.zeros(problem.items)
        weights[start[0]] = start[1]
    gap = np.inf
    for count, now in enumerate(islice(STEPPERS[solver](x, weights), STEPS)):
        gap = min(gap, now.gap)
        if now.gap <= tol:
            index = np.flatnonzero(now.weights)
            return index, now.weights[index], count
    raise DesignError(
        f"{solver} reached a gap of {gap:.2g} in {STEPS} steps, not the {tol:.2g} asked: use the solver 'auto'"
    )
