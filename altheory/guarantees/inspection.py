"""The theorem on noisy looks at a price, against dynamic programming on a fixed grid."""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from altheory.guarantees.evidence import Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import expected_improvement, inspection_boundary

Boundary = Callable[[float, float], np.ndarray]
"""From a price and a prior to the distances within which a look pays, after 0, 1, ... looks."""

GRID = np.linspace(-8, 8, 1601)
Z = np.linspace(-6, 6, 241)
WEIGHTS = np.exp(-(Z**2) / 2) / np.exp(-(Z**2) / 2).sum()
INSTANCES = ((0.3, 1.0), (0.05, 1.0), (0.01, 2.0), (0.1, 0.25))
STARTS = np.searchsorted(GRID, [-0.6, 0.3, 1.2])
"""Posterior means to start from."""


def _ahead(value: np.ndarray, n: float) -> np.ndarray:
    """The mean of the next level's value, seen from each point of the grid at precision n."""
    spread = np.sqrt(1 / n - 1 / (n + 1))
    right = GRID[-1]
    return np.asarray(
        sum(w * np.interp(GRID + spread * z, GRID, value, right=right) for w, z in zip(WEIGHTS, Z, strict=True))
    )


def _levels(price: float, prior: float) -> np.ndarray:
    """The precisions at which a look may still pay, from the last to the first."""
    looks = int(np.ceil(max(0.4 / price - prior, 0))) + 1
    return prior + np.arange(looks)[::-1]


@functools.cache
def _best(price: float, prior: float) -> np.ndarray:
    stop = np.maximum(GRID, 0)
    value = stop
    for n in _levels(price, prior):
        value = np.maximum(stop, _ahead(value, n) - price)
    return np.asarray(value[STARTS])


def _of_rule(bound: np.ndarray, price: float, prior: float) -> np.ndarray:
    """What looking within a boundary is worth."""
    stop = np.maximum(GRID, 0)
    value = stop
    for n in _levels(price, prior):
        near = bound[min(round(n - prior), len(bound) - 1)]
        value = np.where(np.abs(GRID) < near, _ahead(value, n) - price, stop)
    return np.asarray(value[STARTS])


def _cases(algorithm: Boundary, trials: int) -> Iterator[Case]:
    for price, prior in INSTANCES:
        found = _of_rule(algorithm(price, prior), price, prior)
        yield Case(f"price {price:g}, prior {prior:g}", (price, prior), found)


def _optimal(price: float, prior: float) -> np.ndarray:
    return inspection_boundary(price, prior=prior)


def _wider(price: float, prior: float) -> np.ndarray:
    """A mutant: looks within one and a half times the distance."""
    return 1.5 * _optimal(price, prior)


def _one_look(price: float, prior: float) -> np.ndarray:
    """A mutant: looks while a single further one pays."""
    n = prior + np.arange(len(_optimal(price, prior)) + 1)
    spread = np.sqrt(1 / n - 1 / (n + 1))
    away = np.linspace(0, 6, 6001)[:, None]
    return np.asarray((np.asarray(expected_improvement(0.0, spread, away)) > price).sum(0) / 1000)


@guarantee(
    "Looking at one candidate while its posterior mean is nearer than b_k to its rival's value is worth the optimum",
    id="noisy-inspection",
    family="search",
    latex=r"V_k(m) = \max(m, M, -c + E V_{k+1}(m')) \text{ looks iff } |m - M| < b_k",
    cite="chick2012sequential",
    note="proofs_notes/noisy-inspection.md",
    bounds=Equals(as_array, tolerance=1e-4),
    algorithm=_optimal,
    cases=_cases,
    mutants={"a wider boundary": _wider, "one look ahead": _one_look},
)
def noisy_inspection(price: float, prior: float) -> np.ndarray:
    """The best values against a rival of 0, from three posterior means, by dynamic programming on a grid.

    Cite: chick2012sequential.
    """
    return _best(price, prior)
