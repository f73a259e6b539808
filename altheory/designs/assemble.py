"""From arguments to a problem in whitened coordinates: checks, scales, the prior, and the family of the criterion."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from altheory.core import check
from altheory.designs.criteria import Compound, Criterion, Determinant, Trace
from altheory.designs.elfving import Contrast
from altheory.designs.frame import Frame, build_frame
from altheory.designs.masters import Master, Mixed, SmallestEigenvalue, Smooth, WorstTarget
from altheory.designs.pool import Matrix, Pool, Vector, as_pool, chunks
from altheory.designs.problem import Problem
from altheory.designs.start import starting_items
from altheory.designs.threads import over_chunks

NAMES = ("d", "g", "a", "e", "i", "c", "xy", "compound")
SMOOTH = {"d", "a", "i", "c"}
SPAN = 1e-6
PRIOR_RANK = 1e-13
"""Eigenvalues of a prior, scaled to a unit diagonal, below this share of the largest are rounding."""


@dataclass(frozen=True, eq=False)
class Assembly:
    """A problem, the master that solves it, and how to speak of the result."""

    name: str
    problem: Problem
    master: Master
    plain: bool
    prior: Matrix | None
    per_money: Vector | None

    def unscaled(self, index: Vector, shares: Vector) -> Vector:
        """Weights of items, from shares of the money where prices were given without a budget."""
        if self.per_money is None:
            return shares
        w = shares / self.per_money[index]
        return w / w.sum()

    def scaled(self, index: Vector, weights: Vector) -> Vector:
        """The inverse of `unscaled`."""
        if self.per_money is None:
            return weights
        w = weights * self.per_money[index]
        return w / w.sum()

    def log_information(self, m: Matrix) -> float:
        """log H(M), where larger is better; for G it is minus the log of the largest variance."""
        if self.name == "g" and self.plain:
            top = self.problem.scan(Determinant().root(m), exact=True).max()
            return -float(np.log(self.problem.frame.rank * top))
        return self.master.log_information(m)

    def value(self, m: Matrix, top: float) -> float:
        """The criterion in its own units, from the information matrix and the top sensitivity."""
        if self.name == "g" and self.plain:
            return self.problem.frame.rank * top
        log_h, frame = self.master.log_information(m), self.problem.frame
        if self.name == "d":
            return frame.rank * log_h + frame.log_volume()
        if self.name == "compound":
            return log_h + self._share_of_d() * frame.log_volume() / frame.rank
        return float(np.exp(log_h if self.name == "e" else -log_h))

    def _share_of_d(self) -> float:
        """The exponent of the determinant in a compound criterion."""
        if isinstance(self.master, Mixed):
            smooth = [(share, part.criterion) for share, part in self.master.parts if isinstance(part, Smooth)]
        else:
            assert isinstance(self.master, Smooth)
            assert isinstance(self.master.criterion, Compound)
            smooth = self.master.criterion.parts
        return sum(share for share, part in smooth if isinstance(part, Determinant))


def assemble(
    x: Any,
    criterion: str,
    *,
    c: Any,
    targets: Any,
    parts: dict[str, float] | None,
    prior: Any,
    noise: Any,
    information: Any,
    prices: Any,
    budget: float | None,
) -> Assembly:
    """Check every argument and build the problem; raises `ValueError` in one sentence each."""
    if criterion not in NAMES:
        raise ValueError(f"criterion must be one of {', '.join(NAMES)}; it is {criterion!r}")
    for argument, given, wanted in (("c", c, "c"), ("parts", parts, "compound")):
        if given is None and criterion == wanted:
            raise ValueError(f"the criterion {criterion!r} needs the argument {argument}")
    if targets is None and criterion == "xy":
        raise ValueError("the criterion 'xy' needs the argument targets, an [M, d] array")
    pool = as_pool(x)
    items, d = pool.shape
    root = _prior_root(prior, d)
    if items < d and root is None:
        raise ValueError(
            f"x has {items} items for {d} columns, too few to estimate them all: add items, or give a prior precision"
        )
    scale = _scale(noise, information, items)
    money, per_money = _money(prices, budget, items)
    if per_money is not None:
        scale = (np.ones(items) if scale is None else scale) / np.sqrt(per_money)
    frame = build_frame(pool, root, None if scale is None or scale.all() else scale > 0)
    problem = _centred(Problem(pool, frame, _inside(root, frame), scale, money), root)
    frame = problem.frame
    plain = root is None and scale is None and money is None
    aims = _targets(targets, frame, d)
    plain = plain and aims is None
    master = _family(criterion, problem, aims, c, parts, plain)
    return Assembly(criterion, problem, master, plain, None if root is None else root.T @ root, per_money)


def _inside(root: Matrix | None, frame: Frame) -> Matrix:
    """The prior in the frame's coordinates."""
    z = np.zeros((0, frame.rank)) if root is None else root @ frame.to
    return z.T @ z


def _centred(problem: Problem, root: Matrix | None) -> Problem:
    """Where a prior, scales of rows or a budget move the information away from the identity: the coordinates in which
    that of the starting items is it.
    """
    if root is None and problem.scale is None and problem.prices is None:
        return problem
    index = starting_items(problem)
    m = problem.information(index, problem.feasible(index, np.full(len(index), 1 / len(index))))
    try:
        frame = problem.frame.turned(np.linalg.cholesky(m))
    except np.linalg.LinAlgError:
        return problem
    return replace(problem, frame=frame, prior=_inside(root, frame))


def _prior_root(prior: Any, d: int) -> Matrix | None:
    r"""A root R `[k, d]` of the prior's precision :math:`R^\top R`, of full rank k; None where the precision is 0."""
    if prior is None:
        return None
    p = np.asarray(prior, dtype=np.float64)
    if p.shape != (d, d):
        raise ValueError(f"prior must be a [{d}, {d}] precision matrix; its shape is {p.shape}")
    check.finite("prior", p)
    if np.abs(p - p.T).max() > 1e-9 * max(np.abs(p).max(), 1e-300):
        raise ValueError("prior must be symmetric: it is a precision matrix")
    low, high = np.linalg.eigvalsh(p)[[0, -1]]
    if low < -1e-9 * max(high, 0.0) or high < 0:
        raise ValueError(f"prior must be positive semidefinite; its smallest eigenvalue is {low:g}")
    unit = np.sqrt(np.maximum(np.diag(p), 0.0))
    unit = np.where(unit > 0, unit, 1.0)
    values, vectors = np.linalg.eigh((p + p.T) / 2 / np.outer(unit, unit))
    real = values > PRIOR_RANK * max(values[-1], 0.0)
    return (vectors[:, real] * np.sqrt(values[real])).T * unit if real.any() and high > 0 else None


def _scale(noise: Any, information: Any, items: int) -> Vector | None:
    if noise is None and information is None:
        return None
    scale = np.ones(items)
    if noise is not None:
        sd = np.asarray(noise, dtype=np.float64)
        check.one_length("noise", sd, items)
        check.positive("noise", sd)
        scale = scale / sd
    if information is not None:
        u = np.asarray(information, dtype=np.float64)
        check.one_length("information", u, items)
        check.nonnegative("information", u)
        if not u.any():
            raise ValueError("information must be above 0 for some item; it is 0 for all")
        scale = scale * np.sqrt(u)
    return scale


def _money(prices: Any, budget: float | None, items: int) -> tuple[Vector | None, Vector | None]:
    r"""Prices :math:`(p_i - p_{\min})/(B - p_{\min})`, of mean at most 1, where the budget binds; and prices where only
    their ratio to information counts.
    """
    if prices is None:
        if budget is not None:
            raise ValueError("budget needs prices, one for each item")
        return None, None
    p = np.asarray(prices, dtype=np.float64)
    check.one_length("prices", p, items)
    if budget is None:
        check.positive("prices", p)
        return None, p
    check.nonnegative("prices", p)
    if not (np.isfinite(budget) and budget > p.min()):
        raise ValueError(
            f"budget must be above the cheapest price, {p.min():g}, as the mean price stays within it; it is {budget!r}"
        )
    return ((p - p.min()) / (budget - p.min()) if p.max() > budget else None), None


def _targets(targets: Any, frame: Frame, d: int) -> Pool | None:
    if targets is None:
        return None
    if np.ndim(targets) != 2 or np.shape(targets)[1] != d or np.shape(targets)[0] == 0:
        raise ValueError(f"targets must be an [M, {d}] array; its shape is {np.shape(targets)}")
    pool = as_pool(targets)
    if frame.rank < d:
        for low, high in chunks(pool):
            in_span("targets", pool.rows(low, high), frame)
    return pool


def in_span(name: str, rows: Matrix, frame: Frame) -> None:
    """Raise `ValueError` where a row is not a combination of the pool's rows."""
    y = np.asarray(rows, dtype=np.float64)
    off = np.abs(y @ frame.to @ frame.back - y).max(1)
    bad = np.flatnonzero(off > SPAN * np.abs(y).max(1))
    if len(bad):
        where = f"row {bad[0]} of {name}" if len(y) > 1 else name
        raise ValueError(
            f"{where} lies outside the span of the pool, so no design can estimate it: give a prior or drop it"
        )


def _family(
    name: str, problem: Problem, targets: Pool | None, c: Any, parts: dict[str, float] | None, plain: bool
) -> Master:
    """The master of a criterion."""
    frame = problem.frame
    if name == "xy" or (name == "g" and not plain):
        return WorstTarget(problem.pool if targets is None else targets, frame.to)
    if name == "e":
        k = coefficient_root(frame)
        return SmallestEigenvalue(k @ k.T)
    if name == "c" and problem.prices is None and not problem.prior.any():
        return Contrast(_contrast(c, frame))
    if name == "compound":
        assert parts is not None
        return _compound(parts, problem, targets, c)
    return Smooth(_smooth(name, problem, targets, c))


def _smooth(name: str, problem: Problem, targets: Pool | None, c: Any) -> Criterion:
    frame = problem.frame
    if name in ("d", "g"):
        return Determinant()
    if name == "a":
        return Trace(coefficient_root(frame))
    if name == "c":
        return Trace(_contrast(c, frame)[:, None])
    pool = problem.pool if targets is None else targets
    total = np.zeros((frame.rank, frame.rank))

    def part(bounds: tuple[int, int]) -> Matrix:
        z: Matrix = pool.rows(*bounds).astype(np.float64, copy=False) @ frame.to
        return z.T @ z

    for piece in over_chunks(part, chunks(pool)):
        total += piece
    values, vectors = np.linalg.eigh(total / pool.shape[0])
    inside = values > 1e-14 * values[-1]
    if values[-1] <= 0:
        raise ValueError("targets are zero in every entry: there is nothing to predict")
    return Trace(vectors[:, inside] * np.sqrt(values[inside]))


def coefficient_root(frame: Frame) -> Matrix:
    r"""A root K of the matrix W with :math:`\mathrm{tr}(V^+) = \mathrm{tr}(WM^{-1})` for M in the frame's
    coordinates.
    """
    d, rank = frame.to.shape
    return frame.to.T if rank == d else np.linalg.pinv(frame.back).T


def _contrast(c: Any, frame: Frame) -> Vector:
    v = np.asarray(c, dtype=np.float64)
    d = frame.to.shape[0]
    if v.shape != (d,):
        raise ValueError(f"c must have one entry for each of the {d} columns; its shape is {v.shape}")
    check.finite("c", v)
    if not v.any():
        raise ValueError("c is zero in every entry: there is nothing to estimate")
    if frame.rank < d:
        in_span("c", v[None], frame)
    return v @ frame.to


def _compound(parts: dict[str, float], problem: Problem, targets: Pool | None, c: Any) -> Master:
    known = set(NAMES) - {"compound"}
    unknown = set(parts) - known
    if unknown or not parts:
        wanted = ", ".join(n for n in NAMES if n in known)
        raise ValueError(f"parts must name some of {wanted}; it has {', '.join(sorted(unknown)) or 'none'}")
    check.nonnegative("parts", list(parts.values()))
    total = sum(parts.values())
    if total <= 0:
        raise ValueError("parts must have a weight above 0")
    for name, argument, given in (("c", "c", c), ("xy", "targets", targets)):
        if name in parts and given is None:
            raise ValueError(f"parts names {name}, so the argument {argument} is needed")
    shares = {name: share / total for name, share in parts.items() if share > 0}
    if set(shares) <= SMOOTH:
        return Smooth(Compound([(a, _smooth(name, problem, targets, c)) for name, a in shares.items()]))
    return Mixed([(a, _part(name, problem, targets, c)) for name, a in shares.items()])


def _part(name: str, problem: Problem, targets: Pool | None, c: Any) -> Master:
    if name in SMOOTH:
        return Smooth(_smooth(name, problem, targets, c))
    return _family(name, problem, None if name == "g" else targets, c, None, False)
