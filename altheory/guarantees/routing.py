"""Theorems on routing under a budget: the price of money, and what it costs to learn it."""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from altheory.guarantees.evidence import Always
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import best_routing, route_at

Table = np.ndarray
STEPS = 60


class Prices(NamedTuple):
    """What the theorem speaks of: routing at a price, routing within a budget, and a step of the online price."""

    route: Callable[[Table, Table, float], np.ndarray]
    within: Callable[[Table, Table, float], tuple[float, float]]
    step: Callable[[float, float], float]


def _tables(rng: np.random.Generator) -> tuple[Table, Table]:
    """Small tables with ties, models that are twins, and free ones."""
    n, k = rng.integers(1, 6), rng.integers(1, 5)
    q = rng.choice([0.0, 0.25, 0.5, 1.0], (n, k)) if rng.random() < 0.5 else rng.random((n, k))
    c = rng.choice([0.0, 1.0, 2.0, 5.0], (n, k)) if rng.random() < 0.5 else rng.exponential(size=(n, k))
    if k > 1 and rng.random() < 0.3:
        q[:, 0], c[:, 0] = q[:, -1], c[:, -1]
    return q, c


def _every(q: Table, c: Table) -> tuple[np.ndarray, np.ndarray]:
    """Total quality and cost of every assignment."""
    picks = np.array(list(itertools.product(range(q.shape[1]), repeat=len(q))))
    rows = np.arange(len(q))
    return q[rows, picks].sum(1), c[rows, picks].sum(1)


def _cases(algorithm: Prices, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for t in range(60):
        q, c = _tables(rng)
        value, paid = _every(q, c)
        rows, found = np.arange(len(q)), []
        for price in (0.0, 0.05, 0.2, 1.0):
            model = algorithm.route(q, c, price)
            spent, got = c[rows, model].sum(), q[rows, model].sum()
            found.append(value[paid <= spent + 1e-9].max() - got)
        budget = float(c.min(1).sum() + rng.choice([0.0, 0.5, 2.0, 7.0]))
        best = value[paid <= budget + 1e-9].max()
        bound, reached = algorithm.within(q, c, budget)
        over = [_path(algorithm.step, rng) for _ in range(3)]
        most = (q.max(1) - q.min(1)).max()
        yield Case(f"table {t}", (most,), [max(found), best - bound, bound - reached, *over])


def _path(step: Callable[[float, float], float], rng: np.random.Generator) -> float:
    """By how much a path of costs exceeds its budget beyond what the price of money says, at its worst."""
    eta, price, over, worst = float(rng.choice([0.01, 0.1, 1.0])), 0.0, 0.0, -np.inf
    kind = rng.integers(0, 3)
    for t in range(STEPS):
        cost = [rng.exponential(), 8.0 * (t % 7 == 0), 3.0 * (t > 40)][kind]
        price, over = step(price, eta * (cost - 1)), over + cost - 1
        worst = max(worst, over - price / eta)
    return float(worst)


def _within(q: Table, c: Table, budget: float) -> tuple[float, float]:
    found = best_routing(q, c, budget)
    return found.bound, found.quality if found.cost <= budget + 1e-9 else -np.inf


def _by_rate(q: Table, c: Table, price: float) -> np.ndarray:
    """A mutant: the most quality for a unit of money."""
    return np.asarray((q / np.maximum(c, 1e-9)).argmax(1))


PRICES = Prices(route_at, _within, lambda price, move: max(price + move, 0.0))


@guarantee(
    "At a price of money no assignment of equal cost is better; the dual bounds all; the online price bounds debt",
    id="routing-lagrangian",
    family="bandits",
    latex=r"\mathrm{LP}(B) = \min_{\lambda\ge0}\sum_i\max_k(q_{ik}-\lambda c_{ik})+\lambda B,\quad "
    r"\textstyle\sum_t(c_t-b) \le \lambda_{T+1}/\eta",
    cite="everett1963generalized",
    note="proofs_notes/routing-lagrangian.md",
    bounds=Always(as_array, tolerance=1e-9),
    algorithm=PRICES,
    cases=_cases,
    mutants={
        "routes by quality over cost": PRICES._replace(route=_by_rate),
        "the price falls with overspending": PRICES._replace(step=lambda price, move: max(price - move, 0.0)),
        "a bound at a price of 0 only": PRICES._replace(
            within=lambda q, c, budget: (float(q.max(1).sum()) + 9.0, _within(q, c, budget)[1])
        ),
    },
)
def routing_lagrangian(most: float) -> np.ndarray:
    """The most that each may be: what is lost at a price, the best beyond the bound, what rounding loses (the largest
    range of a prompt's qualities), and overspending beyond the price, on three paths. Cite: everett1963generalized.
    """
    return np.array([0.0, 0.0, most, 0.0, 0.0, 0.0])
