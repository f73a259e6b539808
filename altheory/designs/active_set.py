"""The active set: solve a small working set to high accuracy, look at the pool, add what is violated, and again."""

import contextlib
import copy
from dataclasses import dataclass, field

import numpy as np

from altheory.designs.errors import DesignError
from altheory.designs.interior import information
from altheory.designs.masters import Master
from altheory.designs.pool import Matrix, Vector
from altheory.designs.problem import Problem
from altheory.designs.spread import spread
from altheory.designs.start import starting_items
from altheory.designs.threads import few_threads

ROUNDS = 200
STALLED = 15
POLISHED, POLISHED_POOL = 300, 1 << 22
"""Up to this many items in the support, and entries in the pool, the last working set is solved to full accuracy."""
SINGLE_TRUST = 0.3
"""Float32 scores are used while their error on the working set is below this share of the gap."""


@dataclass
class Solution:
    """A design on its support: items, weights, rounds of the outer loop, passes over the pool, interior steps."""

    index: Vector
    weights: Vector
    gap: float
    rounds: int = 0
    passes: int = 0
    steps: int = 0
    solved: float = np.inf
    """The accuracy the working set was solved to since the last pass; infinite where it was not."""
    dropped: Vector = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Every item let go, as often as it was."""

    def drop(self, keep: Vector) -> Vector:
        """Which items to keep: those of `keep`, and those let go twice before, so that no cycle goes on for ever."""
        items, times = np.unique(self.dropped, return_counts=True)
        keep = keep | np.isin(self.index, items[times >= 2])
        self.dropped = np.concatenate([self.dropped, self.index[~keep]])
        return keep


@dataclass
class Candidates:
    """The items that scored highest in the last pass, with their rows, looked at instead of the pool."""

    index: Vector
    rows: Matrix


def solve_active_set(
    problem: Problem, master: Master, *, tol: float, start: tuple[Vector, Vector] | None = None
) -> Solution:
    """Solve to a gap of `tol`, by the solver's own reckoning; the caller certifies.

    `start` is a warm start (items, weights). Raises `DesignError` where the gap does not reach `tol`.
    """
    index = starting_items(problem) if start is None else start[0]
    state = Solution(index, np.full(len(index), 1 / len(index)) if start is None else start[1], np.inf)
    master.refresh(problem.information(state.index, state.weights))
    best, exact, stalled = np.inf, not problem.pool.single, 0
    aim = max(0.2 * tol, 1e-2)
    for _ in range(ROUNDS):
        if state.solved > aim:
            _polish(problem, master, state, aim)
        found, exact, gap = _look(problem, master, state, exact, tol)
        stalled = 0 if gap < 0.9 * best else stalled + 1
        best = min(best, gap)
        if gap <= tol:
            state.gap = gap
            return _finish(problem, master, state, tol)
        if stalled > STALLED:
            break
        state.solved = np.inf
        _work(problem, master, state, found, max(0.2 * tol, 0.1 * gap))
        aim = max(0.1 ** (1 + stalled) * tol, min(0.1 * gap, aim), 1e-15)
    raise DesignError(f"the design reached a gap of {best:.2g}, not the {tol:.2g} asked: raise tol or rescale the rows")


def _finish(problem: Problem, master: Master, state: Solution, tol: float) -> Solution:
    """Where it costs next to nothing, solve the last working set as exactly as arithmetic allows."""
    if len(state.index) > POLISHED or problem.items * problem.frame.rank > POLISHED_POOL:
        return state
    before = copy.copy(master), copy.copy(state)
    with contextlib.suppress(np.linalg.LinAlgError):
        _polish(problem, master, state, min(tol, 1e-13))
        state.gap = _look(problem, master, state, True, tol)[2]
        if state.gap <= before[1].gap:
            return state
    vars(master).update(vars(before[0]))
    return before[1]


def _polish(problem: Problem, master: Master, state: Solution, aim: float) -> None:
    """Solve the working set, then let go of items that neither weigh nor nearly weigh."""
    rows, size = problem.rows(state.index), len(state.index)
    share = 0.1 if aim >= 1e-2 else 0.01
    start = (1 - share) * state.weights + share / size
    if problem.prices is not None:
        rows = np.concatenate([rows, np.zeros((1, rows.shape[1]))])
        start = problem.feasible(state.index, start, margin=0.1 * share)
        start = np.append(start, 1.0 - float(start @ problem.prices[state.index]))
    with few_threads(len(rows)):
        weights, slack, steps = master.solve(rows, problem.prior, problem.constraint(state.index), start, tol=aim)
    w, s = weights[:size], slack[:size]
    keep = state.drop(_worth_keeping(problem, master, state.index, rows[:size], w, s, aim))
    state.index, state.weights = state.index[keep], problem.feasible(state.index[keep], w[keep])
    state.steps += steps
    state.rounds += 1
    state.solved = aim


def _worth_keeping(
    problem: Problem, master: Master, index: Vector, rows: Matrix, w: Vector, s: Vector, aim: float
) -> Vector:
    """The smallest set of items whose gap on the working set is still near what was aimed for.

    First those that weigh, then all but a share of weight that is small beside the gap, then all: where the optimum is
    nearly singular, the smallest weights are what the certificate rests on.
    """
    weighing = (w > s) | (w > 1e-3 / len(w))
    order = np.argsort(w)
    most = weighing.copy()
    most[order[np.cumsum(w[order]) > 0.3 * aim]] = True
    for keep in (weighing, most):
        share = problem.feasible(index[keep], w[keep])
        if not problem.affordable(index[keep], share):
            continue
        m = information(rows[keep], share, problem.prior)
        try:
            root, ratio = master.bound(m)
        except np.linalg.LinAlgError:
            continue
        top = float(problem.charge(((rows @ root) ** 2).sum(1), index).max())
        if ratio * (top + problem.spare(root)) - 1 <= 3 * aim:
            return keep
    return w > 0


def _look(problem: Problem, master: Master, state: Solution, exact: bool, tol: float) -> tuple[Candidates, bool, float]:
    """One pass over the pool: the highest scores, whether to go on in float64, and the gap."""
    m = problem.information(state.index, state.weights)
    master.refresh(m)
    root, ratio = master.bound(m)
    scores = problem.scan(root, exact=exact)
    state.passes += 1
    charged = problem.charge(scores)
    gap = ratio * (float(charged.max()) + problem.spare(root)) - 1
    if not exact:
        truth = ((problem.rows(state.index) @ root) ** 2).sum(1)
        error = float(np.abs(scores[state.index] - truth).max())
        exact = error > SINGLE_TRUST * max(gap - tol, 0.0) or gap <= 2 * tol
        gap = max(gap, 1.5 * tol)
    count = min(problem.items, max(2048, 48 * problem.frame.rank))
    top = np.argpartition(charged, -count)[-count:] if count < problem.items else np.arange(problem.items)
    return Candidates(top, problem.rows(top)), exact, gap


def _work(problem: Problem, master: Master, state: Solution, found: Candidates, target: float) -> None:
    """Grow the working set from the candidates until they are satisfied to `target`."""
    for _ in range(ROUNDS):
        root, ratio = master.bound(problem.information(state.index, state.weights))
        scores = problem.charge(((found.rows @ root) ** 2).sum(1), found.index)
        inside = 1 - problem.spare(root)
        top = float(scores.max())
        fresh = (scores > inside + 0.25 * max(top - inside, 0.0)) & ~np.isin(found.index, state.index)
        gap = ratio * (top + problem.spare(root)) - 1
        if top - inside <= target or not fresh.any():
            return
        chosen = spread(scores[fresh], found.rows[fresh] @ root, 2 * problem.frame.rank + 8)
        added = found.index[fresh][chosen]
        state.index = np.concatenate([state.index, added])
        state.weights = np.concatenate([state.weights, np.zeros(len(added))])
        _polish(problem, master, state, max(0.3 * target, 0.1 * min(gap, top - inside)))
