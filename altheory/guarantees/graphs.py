"""The theorem on harmonic functions: the risk of every next label without fitting again."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from altheory.beliefs import gaussian_graph, harmonic
from altheory.core import menu
from altheory.guarantees.evidence import Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array

PULL = 1e-2
Risks = Callable[[np.ndarray, np.ndarray, np.ndarray, int], Any]


def solve_field(weights: np.ndarray, items: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The harmonic function with given labels by one dense solve, `[N, C]`."""
    degree = weights.sum(1)
    pull = PULL * degree.mean()
    precision = np.diag(degree + pull) - weights
    free = np.setdiff1d(np.arange(len(weights)), items)
    field = np.zeros((len(weights), classes))
    field[items] = np.eye(classes)[labels]
    if free.size:
        right = pull / classes + weights[np.ix_(free, items)] @ field[items]
        field[free] = np.linalg.solve(precision[np.ix_(free, free)], right)
    return field


def field_risk(field: np.ndarray) -> float:
    """The expected errors of a field."""
    return float((1 - field.max(1)).sum())


@jax.jit
def _fit(belief: Any, items: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
    """The belief after some labels, and the risk it expects after each item's."""
    pool = menu(jnp.arange(belief.items))
    belief = jax.lax.scan(lambda b, seen: (b.update(pool[seen[0]], seen[1]), None), belief, (items, labels))[0]
    return belief, belief.risk_after(pool)


def _closed_form(weights: np.ndarray, items: np.ndarray, labels: np.ndarray, classes: int) -> Any:
    """What the belief says."""
    return _fit(harmonic(weights, classes, prior=PULL), items, labels)[1]


def _by_hand(undivided: bool, alike: bool) -> Risks:
    """A mutant of the closed form in numpy: the step not divided by the variance, or labels weighed alike."""

    def risks(weights: np.ndarray, items: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
        b = _fit(harmonic(weights, classes, prior=PULL), items, labels)[0]
        f, cov, found = np.asarray(b.field, np.float64), np.asarray(b.covariance, np.float64), np.zeros(len(weights))
        for k in range(len(weights)):
            step = cov[:, k] / (1 if undivided or cov[k, k] <= 0 else cov[k, k])
            for y in range(classes):
                share = 1 / classes if alike else f[k, y]
                found[k] += share * field_risk(f + np.outer(step, np.eye(classes)[y] - f[k]))
        return found

    return risks


def _graph_cases(algorithm: Risks, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(8)
    path = np.diag(np.ones(7), 1)
    graphs = {
        "a path": (path + path.T, np.array([0, 7]), np.array([0, 1]), 3),
        "a cloud of points": (gaussian_graph(rng.normal(size=(8, 2))), np.array([1, 4]), np.array([2, 0]), 3),
        "two parts": (np.kron(np.eye(2), np.ones((4, 4))) - np.eye(8), np.array([2, 3]), np.array([1, 0]), 3),
    }
    for name, (weights, items, labels, classes) in graphs.items():
        yield Case(name, (weights, items, labels, classes), np.asarray(algorithm(weights, items, labels, classes)))


@guarantee(
    "The expected risk of a harmonic function after one more label is that of fitting again with every answer",
    id="harmonic-lookahead",
    family="active learning",
    latex=r"f^{+(k,y)}=f+\frac{\Sigma_{\cdot k}}{\Sigma_{kk}}(e_y-f_k),\quad R^{+k}=\sum_yf_{ky}R(f^{+(k,y)})",
    cite="zhu2003combining",
    note="proofs_notes/harmonic-lookahead.md",
    bounds=Equals(as_array, tolerance=1e-4),
    algorithm=_closed_form,
    cases=_graph_cases,
    mutants={
        "the step not divided by the variance": _by_hand(True, False),
        "answers weighed alike": _by_hand(False, True),
    },
)
def harmonic_lookahead(weights: np.ndarray, items: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The expected risk after each item's label, by a dense solve for every item and answer. Cite: zhu2003combining."""
    field, risks = solve_field(weights, items, labels, classes), []
    for k in range(len(weights)):
        if k in items:
            risks.append(field_risk(field))
            continue
        after = [solve_field(weights, np.r_[items, k], np.r_[labels, y], classes) for y in range(classes)]
        risks.append(sum(field[k, y] * field_risk(after[y]) for y in range(classes)))
    return np.array(risks)
