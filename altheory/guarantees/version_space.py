"""Theorems on generalised binary search, against every reachable version space and the best tree of queries."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from altheory.guarantees.active import ROUNDING, entropies
from altheory.guarantees.evidence import Always
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import removed_mass

Kernel = Callable[[np.ndarray], Any]
Chooser = Callable[[np.ndarray], int]


def query_masses(table: np.ndarray, mass: np.ndarray, classes: int) -> np.ndarray:
    """The mass of the hypotheses that give each answer to each query, `[Q, C]`, for a table `[H, Q]`, masses `[H]`."""
    return np.stack([mass @ (table == c) for c in range(classes)], 1)


def reachable(table: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every version space that answers can leave, as masks `[H]`, each with one that a further answer leaves."""
    seen, todo, pairs = set(), [np.ones(len(table), bool)], []
    while todo:
        alive = todo.pop()
        if alive.tobytes() in seen:
            continue
        seen.add(alive.tobytes())
        for q in range(table.shape[1]):
            for c in np.unique(table[alive, q]):
                left = alive & (table[:, q] == c)
                if left.sum() < alive.sum():
                    pairs.append((alive, left))
                    todo.append(left)
    return pairs


def _classes() -> Iterator[tuple[str, np.ndarray, np.ndarray, int]]:
    """Tables of 6 hypotheses and 5 queries, with a prior: thresholds, singletons, random ones, three answers."""
    rng = np.random.default_rng(0)
    skewed = 0.5 ** np.arange(1, 7)
    yield "thresholds", (np.arange(5) >= np.arange(6)[:, None]).astype(int), np.full(6, 1 / 6), 2
    yield "singletons, skewed", np.eye(6, dtype=int)[:, :5], skewed / skewed.sum(), 2
    rare = np.array([[0, 0], [0, 1], [1, 0], [1, 0]])
    yield "a rare answer that turns even", rare, np.array([0.49, 0.49, 0.01, 0.01]), 2
    for i in range(3):
        yield f"random {i}", rng.integers(0, 2, (6, 5)), rng.dirichlet(np.ones(6)), 2
    yield "three answers", rng.integers(0, 3, (6, 5)), rng.dirichlet(np.ones(6)), 3


def gain(masses: np.ndarray) -> np.ndarray:
    """The removed mass in float64: the prior mass less what is left of it on average."""
    total = masses.sum(-1)
    return np.asarray(total - (masses**2).sum(-1) / np.where(total > 0, total, 1))


def _adaptive_cases(algorithm: Kernel, trials: int) -> Iterator[Case]:
    for name, table, prior, classes in _classes():
        pairs = reachable(table)
        before = np.concatenate([query_masses(table, prior * alive, classes) for alive, _ in pairs])
        after = np.concatenate([query_masses(table, prior * left, classes) for _, left in pairs])
        own, later = (np.asarray(algorithm(m), np.float64) for m in (before, after))
        yield Case(name, (own,), np.concatenate([later, np.abs(own - gain(before))]))


def information_gain(masses: np.ndarray) -> np.ndarray:
    """A mutant: the entropy of the answer."""
    return entropies(masses / masses.sum(-1, keepdims=True))


def normalised_mass(masses: np.ndarray) -> np.ndarray:
    """A mutant: the share of the version space that is removed."""
    return np.asarray(removed_mass(masses)) / masses.sum(-1)


@guarantee(
    "The mass a query is expected to remove never grows as the version space shrinks",
    id="gbs-adaptive-submodular",
    family="active learning",
    latex=r"\Delta(q\mid V)=P-\sum_y\frac{p_y^2}P,\qquad V'\subseteq V\Rightarrow\Delta(q\mid V')\le\Delta(q\mid V)",
    cite="golovin2011adaptive",
    note="proofs_notes/gbs-adaptive-submodular.md",
    bounds=Always(as_array),
    algorithm=removed_mass,
    cases=_adaptive_cases,
    mutants={"normalised by what is left": normalised_mass, "information gain": information_gain},
)
def gbs_adaptive_submodular(before: np.ndarray) -> np.ndarray:
    """What queries are worth `before` a further answer `[n]`, and the error of that worth, both but for rounding.

    Cite: golovin2011adaptive.
    """
    return np.concatenate([before, np.zeros_like(before)]) + ROUNDING


def expected_depth(table: np.ndarray, prior: np.ndarray, classes: int, choose: Chooser) -> tuple[float, int]:
    """Queries until one hypothesis is left, in expectation and at worst, where `choose` picks from masses `[Q, C]`."""

    def visit(alive: np.ndarray) -> tuple[float, int]:
        if alive.sum() == 1:
            return 0.0, 0
        q = choose(query_masses(table, prior * alive, classes))
        mean, worst, total = 1.0, 0, (prior * alive).sum()
        for c in np.unique(table[alive, q]):
            left = alive & (table[:, q] == c)
            if left.sum() == alive.sum():
                raise ValueError(f"the query {q} splits nothing")
            deeper, deepest = visit(left)
            mean, worst = mean + (prior * left).sum() / total * deeper, max(worst, deepest)
        return mean, worst + 1

    return visit(np.ones(len(table), bool))


def least_depth(table: np.ndarray, prior: np.ndarray) -> float:
    """The least expected number of queries that tells all hypotheses apart, by dynamic programming over subsets."""

    @functools.cache
    def cost(group: tuple[int, ...]) -> float:
        if len(group) == 1:
            return 0.0
        best = math.inf
        for q in range(table.shape[1]):
            answers = table[list(group), q]
            if (answers != answers[0]).any():
                parts = (tuple(h for h, a in zip(group, answers, strict=True) if a == c) for c in set(answers))
                best = min(best, float(prior[list(group)].sum()) + sum(map(cost, parts)))
        return best

    return cost(tuple(range(len(table)))) / float(prior.sum())


def _most_balanced(masses: np.ndarray) -> int:
    return int(np.argmax(np.asarray(removed_mass(masses))))


def _least_balanced(masses: np.ndarray) -> int:
    """A mutant: the query that splits off least."""
    removed = np.asarray(removed_mass(masses), np.float64)
    return int(np.argmin(np.where((masses > 0).sum(1) > 1, removed, np.inf)))


def _first_useful(masses: np.ndarray) -> int:
    """A mutant: the first query that splits anything."""
    return int(np.argmax((masses > 0).sum(1) > 1))


def _identifiable(rng: np.random.Generator, classes: int) -> tuple[np.ndarray, np.ndarray]:
    size = int(rng.integers(3, 9))
    while True:
        table = rng.integers(0, classes, (size, 7))
        if len(np.unique(table, axis=0)) == size:
            return table, rng.dirichlet(np.full(size, rng.choice([0.2, 1.0]))) + 1e-4


def _cost_cases(algorithm: Chooser, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(1)
    for i in range(trials):
        classes = 3 if i % 5 == 4 else 2
        table, prior = _identifiable(rng, classes)
        prior = np.full(len(prior), 1 / len(prior)) if i % 3 == 0 else prior / prior.sum()
        mean, _ = expected_depth(table, prior, classes, algorithm)
        best = least_depth(table, prior)
        yield Case(f"random {i}", (best, mean, prior, classes), _costs(best, mean, prior, classes))
    for size in (2, 5, 8, 128, 512):
        table, prior = (np.arange(size - 1) >= np.arange(size)[:, None]).astype(int), np.full(size, 1 / size)
        mean, worst = expected_depth(table, prior, 2, algorithm)
        level = math.floor(math.log2(size))
        best = least_depth(table, prior) if size <= 8 else level + 2 - 2 ** (level + 1) / size
        off = abs(worst - math.ceil(math.log2(size)))
        yield Case(f"{size} thresholds", (best, mean, prior, 2), _costs(best, mean, prior, 2, off))


def _costs(best: float, mean: float, prior: np.ndarray, classes: int, off: int = 0) -> list[float]:
    return [mean, mean, best, float(entropies(prior)) / math.log(classes), off]


@guarantee(
    "H / ln C <= OPT <= GBS <= 4 OPT ln(1 / min p), (1 + ln N) OPT if uniform; thresholds take ceil(log2 N) at worst",
    id="gbs-cost",
    family="active learning",
    latex=r"\frac{H(p)}{\ln C}\le\mathrm{OPT}\le\mathrm{GBS}\le4\,\mathrm{OPT}\ln\frac1{p_{\min}}",
    cite="dasgupta2004analysis",
    note="proofs_notes/gbs-cost.md",
    bounds=Always(as_array),
    algorithm=_most_balanced,
    cases=_cost_cases,
    mutants={"least balanced split": _least_balanced, "the first useful query": _first_useful},
    trials=30,
)
def gbs_cost(best: float, mean: float, prior: np.ndarray, classes: int) -> np.ndarray:
    r"""Two bounds on the `mean` queries of binary search; bounds on the `best`, OPT, on :math:`H/\ln C`, and on how far
    the worst case of thresholds is from :math:`\lceil\log_2N\rceil`. The first two are for two classes.

    Cite: dasgupta2004analysis, adler2008approximating.
    """
    size = len(prior)
    any_prior = 4 * best * math.log(1 / prior.min()) if classes == 2 else math.inf
    uniform = (1 + math.log(size)) * best if classes == 2 and np.ptp(prior) < 1e-12 else math.inf
    return np.array([any_prior, uniform, mean, best, 0.5])
