"""What each family of criteria needs of the active set: solve a working set, then bound the optimum from a design."""

from typing import Protocol, runtime_checkable

import numpy as np

from altheory.designs.criteria import Criterion, Trace, factor, lower_solve
from altheory.designs.eigenvalue import smallest, smallest_eigenvalue
from altheory.designs.errors import DesignError
from altheory.designs.interior import interior
from altheory.designs.minimax import minimax
from altheory.designs.pool import Matrix, Pool, Vector
from altheory.designs.spread import spread

Constraint = tuple[Matrix, Vector]


@runtime_checkable
class Master(Protocol):
    """Solves small sets; keeps whatever multipliers prove the bound."""

    def solve(
        self, rows: Matrix, prior: Matrix, constraint: Constraint, start: Vector, *, tol: float
    ) -> tuple[Vector, Vector, int]:
        """Weights, slacks and steps on a working set."""
        ...

    def bound(self, m: Matrix) -> tuple[Matrix, float]:
        r"""A root `R` and a ratio ρ with :math:`H^\star/H(M) \le \rho\,(\max_i|R^\top a_i|^2 +
        \mathrm{tr}PRR^\top)`.
        """
        ...

    def log_information(self, m: Matrix) -> float:
        """log H(M) of the criterion: larger is better."""
        ...

    def refresh(self, m: Matrix) -> None:
        """Look at whatever is too large to be in every small solve (targets)."""
        ...


class Smooth:
    """D, A, I and compound criteria: the slope at the design is the bound."""

    def __init__(self, criterion: Criterion) -> None:
        self.criterion = criterion

    def solve(
        self, rows: Matrix, prior: Matrix, constraint: Constraint, start: Vector, *, tol: float
    ) -> tuple[Vector, Vector, int]:
        if isinstance(self.criterion, Trace) and self.criterion.k.shape[1] < rows.shape[1]:
            # few targets leave directions nobody asks about: the level as a variable copes with a singular optimum
            began = (start, np.ones(1))
            saddle = minimax(rows, self.criterion.k.T, prior, constraint, began, tol=tol, summed=True)
            return saddle.weights, saddle.slack / saddle.level, saddle.steps
        centre = interior(self.criterion, rows, prior, constraint, start, tol=tol)
        return centre.weights, centre.slack, centre.steps

    def bound(self, m: Matrix) -> tuple[Matrix, float]:
        return self.criterion.root(m), 1.0

    def log_information(self, m: Matrix) -> float:
        return self.criterion.log_value(m)

    def refresh(self, m: Matrix) -> None:
        return None


class WorstTarget:
    """XY and heteroscedastic or Bayesian G: a mixture of the worst targets is the bound's multiplier."""

    def __init__(self, targets: Pool, to: Matrix) -> None:
        self.pool, self.to = targets, to
        self.forget()

    def forget(self) -> None:
        """Start again without targets."""
        self.index = np.zeros(0, dtype=np.int64)
        self.mixture = np.zeros(0)
        self.worst = np.inf
        self.dropped = np.zeros(0, dtype=np.int64)

    def log_information(self, m: Matrix) -> float:
        return -float(np.log(self._variances(m).max()))

    def _variances(self, m: Matrix) -> Vector:
        half = lower_solve(factor(m), np.eye(len(m))).T
        return self.pool.quadratic(self.to @ half, exact=True)

    def targets(self) -> Matrix:
        return self.pool.take(self.index) @ self.to

    def refresh(self, m: Matrix) -> None:
        q = self._variances(m)
        self.worst = float(q.max())
        mean = float(self.mixture @ q[self.index]) if len(self.index) else 0.0
        fresh = q > mean + 0.25 * (self.worst - mean)
        fresh[self.index] = False
        where = np.flatnonzero(fresh)
        limit = 2 * len(m) + 8
        if len(where) > 64 * limit:
            where = where[np.argpartition(q[where], -64 * limit)[-64 * limit :]]
        if len(where) == 0:
            return
        chosen = where[spread(q[where], lower_solve(factor(m), (self.pool.take(where) @ self.to).T).T, limit)]
        self.index = np.concatenate([self.index, chosen])
        self.mixture = np.concatenate([self.mixture, np.full(len(chosen), 0.0 if len(self.mixture) else 1.0)])
        self.mixture /= self.mixture.sum()

    def solve(
        self, rows: Matrix, prior: Matrix, constraint: Constraint, start: Vector, *, tol: float
    ) -> tuple[Vector, Vector, int]:
        size = len(self.index)
        mixture = 0.9 * self.mixture + 0.1 / size
        saddle = minimax(rows, self.targets(), prior, constraint, (start, mixture), tol=tol)
        keep = (saddle.mixture > 1e-4 / size) | (saddle.mixture > saddle.room / saddle.level)
        keep |= np.isin(self.index, self.dropped)  # what came back once is not let go again: no cycles
        self.dropped = np.union1d(self.dropped, self.index[~keep])
        self.index, self.mixture = self.index[keep], saddle.mixture[keep] / saddle.mixture[keep].sum()
        return saddle.weights, saddle.slack, saddle.steps

    def bound(self, m: Matrix) -> tuple[Matrix, float]:
        lower = factor(m)
        y = lower_solve(lower, self.targets().T) * np.sqrt(self.mixture / self.mixture.sum())
        mean = float((y * y).sum())
        root = lower_solve(lower, y, transposed=True) / np.sqrt(mean)
        return _compact(root), self.worst / mean


class SmallestEigenvalue:
    """E: the dual matrix of the eigenvalue's constraint is the bound's multiplier."""

    def __init__(self, metric: Matrix) -> None:
        self.metric = metric
        self.dual: Matrix | None = None

    def log_information(self, m: Matrix) -> float:
        return float(np.log(smallest_eigenvalue(m, self.metric)))

    def refresh(self, m: Matrix) -> None:
        return None

    def solve(
        self, rows: Matrix, prior: Matrix, constraint: Constraint, start: Vector, *, tol: float
    ) -> tuple[Vector, Vector, int]:
        found = smallest(rows, self.metric, prior, constraint, start, tol=tol)
        self.dual = found.dual
        return found.weights, found.slack / found.level, found.steps

    def bound(self, m: Matrix) -> tuple[Matrix, float]:
        assert self.dual is not None
        values, vectors = np.linalg.eigh(self.dual)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        root /= np.sqrt(float(np.einsum("ij,ik,kj->", root, self.metric, root)))  # the bound asks for a trace of 1
        return root / np.sqrt(smallest_eigenvalue(m, self.metric)), 1.0


def _compact(root: Matrix) -> Matrix:
    """The same `RR'` from no more columns than rows."""
    if root.shape[1] <= root.shape[0]:
        return root
    return np.asarray(np.linalg.qr(root.T, mode="r")).T


class Mixed:
    r"""A compound with parts that have no smooth slope (G, E, XY), solved by a cone programme alone.

    With :math:`H_k^\star/H_k \le \rho_k\,\mathrm{tr}(M^\star S_k)` for each part, the weighted geometric mean's own
    slope is :math:`\sum_k\alpha_k\rho_kS_k`, by the inequality of weighted means.
    """

    def __init__(self, parts: list[tuple[float, Master]]) -> None:
        self.parts = parts

    def log_information(self, m: Matrix) -> float:
        return sum(a * part.log_information(m) for a, part in self.parts)

    def refresh(self, m: Matrix) -> None:
        for _, part in self.parts:
            part.refresh(m)

    def bound(self, m: Matrix) -> tuple[Matrix, float]:
        bounds = [(a, *part.bound(m)) for a, part in self.parts]
        return np.concatenate([np.sqrt(a * ratio) * root for a, root, ratio in bounds], axis=1), 1.0

    def solve(
        self, rows: Matrix, prior: Matrix, constraint: Constraint, start: Vector, *, tol: float
    ) -> tuple[Vector, Vector, int]:
        raise DesignError("a compound with g, e or xy is solved by 'clarabel' or 'scs' alone")
