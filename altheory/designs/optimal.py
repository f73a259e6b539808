"""The entry point: from a pool and the name of a criterion to a certified design."""

from typing import Any

import numpy as np

from altheory.core import check
from altheory.designs.assemble import Assembly, assemble
from altheory.designs.design import Design
from altheory.designs.errors import DesignError
from altheory.designs.pool import Vector
from altheory.designs.solvers import solve
from altheory.designs.threads import few_threads

TOL = 1e-6
LEAST = 1e-14
NOISE = 1e-9
"""A gap cannot be negative; one below this is no certificate but a fault in the arithmetic."""


def optimal_design(
    x: Any,
    criterion: str = "g",
    *,
    tol: float = TOL,
    c: Any = None,
    targets: Any = None,
    parts: dict[str, float] | None = None,
    prior: Any = None,
    noise: Any = None,
    information: Any = None,
    prices: Any = None,
    budget: float | None = None,
    solver: str = "auto",
    start: "Design | Any" = None,
) -> Design:
    r"""The design on a pool `x [items, d]` that is optimal for a criterion, with a certified gap of at most `tol`.

    Criteria: "d", "g", "a", "e", "i" (mean variance over `targets [M, d]`, by default the pool), "c" (the contrast
    `c [d]`), "xy" (largest variance over `targets`), "compound" (`parts`, such as {"d": 0.5, "a": 0.5}: a weighted
    geometric mean of information; with g, e or xy among them by a cone solver, for pools of hundreds). `prior [d, d]`
    is a precision added to :math:`V(\pi) = \sum_i\pi_ix_ix_i^\top/\sigma_i^2` (divide it by n for a study of n
    observations). `noise [items]` are standard deviations σ, `information [items]` multipliers of an item's
    information (the weights of a generalised linear model). With `prices [items]` and `budget`, the mean price
    :math:`\sum_i\pi_ip_i` is at most the budget; with prices alone, information per unit of money is maximised.
    `solver` is "auto", "active-set", "frank-wolfe", "away-step", "multiplicative", "clarabel" or "scs"; `start` a
    design or weights to start from.

    Raises `ValueError` on bad input and `DesignError` where the tolerance can't be certified.
    Cite: kiefer1960equivalence, pukelsheim2006optimal.
    """
    if not (np.ndim(tol) == 0 and np.isfinite(tol) and tol >= LEAST):
        raise ValueError(f"tol must be a number of at least {LEAST:g}, what float64 can certify; it is {tol!r}")
    with few_threads(0):
        made = assemble(
            x, criterion, c=c, targets=targets, parts=parts, prior=prior, noise=noise,
            information=information, prices=prices, budget=budget,
        )  # fmt: skip
        began = _start(start, made)
        try:
            index, weights, iterations, used = solve(made, solver, tol=tol, start=began)
            return certified(made, index, weights, tol=tol, iterations=iterations, solver=used)
        except np.linalg.LinAlgError:
            raise DesignError(
                f"the information matrix of the {made.name}-optimal design is singular in float64: add a small prior"
            ) from None


def certified(made: Assembly, index: Vector, weights: Vector, *, tol: float, iterations: int, solver: str) -> Design:
    """Compute the certificate of weights in float64, and refuse them where it exceeds `tol`."""
    problem, master, frame = made.problem, made.master, made.problem.frame
    if not problem.affordable(index, weights):
        raise DesignError(
            f"the {made.name}-optimal design found costs more than the budget: raise it, or rescale prices"
        )
    m = problem.information(index, weights)
    master.refresh(m)
    root, ratio = master.bound(m)
    scores = problem.scan(root, exact=True)
    gap = ratio * (float(problem.charge(scores).max()) + problem.spare(root)) - 1
    if not -NOISE <= gap <= tol:
        raise DesignError(
            f"the {made.name}-optimal design has a certified gap of {gap:.2g}, above the tolerance {tol:.2g}: "
            "raise tol, or rescale the rows"
        )
    full = np.zeros(problem.items)
    full[index] = made.unscaled(index, weights)
    rank, d = frame.rank, problem.pool.shape[1]
    return Design(
        weights=full,
        support=np.sort(index),
        value=made.value(m, float(scores.max())),
        gap=max(gap, 0.0),
        iterations=iterations,
        information=frame.back.T @ m @ frame.back,
        certificate=frame.to @ root,
        ratio=ratio,
        rank=rank,
        criterion=made.name,
        status="certified" if rank == d else f"certified in the span: the rows have rank {rank} of {d} columns",
        solver=solver,
        assembly=made,
    )


def _start(start: Any, made: Assembly) -> tuple[Vector, Vector] | None:
    if start is None:
        return None
    w = np.asarray(start.weights if isinstance(start, Design) else start, dtype=np.float64)
    check.one_length("start", w, made.problem.items)
    check.nonnegative("start", w)
    if w.sum() <= 0:
        raise ValueError("start must have a weight above 0")
    index = np.flatnonzero(w)
    return index, w[index] / w.sum()


def d_optimal(x: Any, *, tol: float = TOL, start: Any = None) -> Design:
    r"""Maximise :math:`\log\det V(\pi)`; the gap is :math:`\max_ix_i^\top V^{-1}x_i/d - 1`. See `optimal_design`."""
    return optimal_design(x, "d", tol=tol, start=start)


def g_optimal(x: Any, *, tol: float = TOL, start: Any = None) -> Design:
    r"""Minimise :math:`\max_ix_i^\top V(\pi)^{-1}x_i`, which is at least d; the gap is its excess over d. See
    `optimal_design`.
    """
    return optimal_design(x, "g", tol=tol, start=start)


def a_optimal(x: Any, *, tol: float = TOL, start: Any = None) -> Design:
    r"""Minimise :math:`\mathrm{tr}V(\pi)^{-1}`, the summed variance of the coefficients. See `optimal_design`."""
    return optimal_design(x, "a", tol=tol, start=start)


def e_optimal(x: Any, *, tol: float = TOL, start: Any = None) -> Design:
    r"""Maximise :math:`\lambda_{\min}(V(\pi))`. See `optimal_design`."""
    return optimal_design(x, "e", tol=tol, start=start)


def i_optimal(x: Any, targets: Any = None, *, tol: float = TOL, start: Any = None) -> Design:
    r"""Minimise the mean of :math:`y^\top V(\pi)^{-1}y` over targets `[M, d]`, by default the pool. See
    `optimal_design`.
    """
    return optimal_design(x, "i", targets=targets, tol=tol, start=start)


def c_optimal(x: Any, c: Any, *, tol: float = TOL) -> Design:
    r"""Minimise :math:`c^\top V(\pi)^-c`, the variance of one contrast, by Elfving's linear programme. See
    `optimal_design`.
    """
    return optimal_design(x, "c", c=c, tol=tol)


def xy_optimal(x: Any, targets: Any, *, tol: float = TOL, start: Any = None) -> Design:
    r"""Minimise :math:`\max_jy_j^\top V(\pi)^{-1}y_j` over targets `[M, d]`. See `optimal_design`."""
    return optimal_design(x, "xy", targets=targets, tol=tol, start=start)
