"""Theorems on what a design buys: errors of least squares, variances of predictions."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from altheory.designs import apportion, g_optimal, go_greedy
from altheory.designs import bounds as constants
from altheory.guarantees.evidence import Always, WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.pools import leverages

Matrix = np.ndarray
DELTA = 0.1


def _seen(run: Any) -> np.ndarray:
    return np.asarray(run, np.float64)


def _plan(x: Matrix, n: int) -> tuple[Matrix, float, int, int]:
    """Counts, and what the width is computed from: the largest leverage, the items in the support, all items."""
    design = g_optimal(x, tol=1e-6)
    return apportion(design.weights, n), float(leverages(x, design.weights).max()), len(design.support), len(x)


def _narrow(x: Matrix, n: int) -> tuple[Matrix, float, int, int]:
    counts, worst, support, items = _plan(x, n)
    return counts, worst * 0.35**2, support, items


def _no_union(x: Matrix, n: int) -> tuple[Matrix, float, int, int]:
    counts, worst, support, _ = _plan(x, n)
    return counts, worst, support, 1


def _uneven(x: Matrix, n: int) -> tuple[Matrix, float, int, int]:
    """A mutant: all but one pull of each item of the support go to its first item."""
    counts, worst, support, items = _plan(x, n)
    least = (counts > 0).astype(int)
    least[np.argmax(counts > 0)] += n - least.sum()
    return least, worst, support, items


def _gls_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(6)
    pools = {
        "normal": rng.standard_normal((30, 3)),
        "orthogonal": np.eye(50),
        "wild rows": rng.standard_normal((20, 4)) * 10.0 ** rng.uniform(-3, 3, (20, 1)),
        "copies": np.repeat(rng.standard_normal((4, 2)), 4, axis=0),
        "one dimension": rng.standard_normal((6, 1)),
    }
    for name, x in pools.items():
        n = 12 * len(x)
        counts, worst, support, items = algorithm(x, n)
        z = x / np.abs(x).max(0)
        rows = np.repeat(z, counts, axis=0)
        solve = rows @ np.linalg.solve(rows.T @ rows, z.T)
        draws = {"normal": rng.standard_normal((trials, n)), "signs": rng.choice([-1.0, 1.0], (trials, n))}
        for noise, errors in draws.items():
            yield Case(f"{name}, {noise} noise", (worst, n, support, items), np.abs(errors @ solve).max(1))


@guarantee(
    "With probability 1 - 0.1, least squares on a rounded design errs at no item by more than its width",
    id="gls-confidence",
    family="designs",
    latex=r"\max_i|\langle x_i,\hat\theta-\theta\rangle| \le \sqrt{\tfrac{2g}{n-p+1}\log\tfrac{2N}{\delta}}",
    cite="lattimore2020bandit",
    note="proofs_notes/gls-confidence.md",
    bounds=WithProbability(_seen, DELTA),
    algorithm=_plan,
    cases=_gls_cases,
    mutants={"0.35 of the width": _narrow, "no union over items": _no_union, "one item takes the pulls": _uneven},
    trials=400,
)
def gls_confidence(worst: float, n: int, support: int, items: int) -> float:
    """The width at δ = 0.1 and unit noise, for a design of largest leverage `worst` on `support` of `items` items.

    Cite: lattimore2020bandit.
    """
    return constants.confidence_width(worst, n, support, items, delta=DELTA)


Rule = Callable[..., tuple[Matrix, Matrix]]
"""From a pool, a number of picks, targets and a rule to the largest and the mean target variance, before and after."""


def _greedy(x: Matrix, n: int, targets: Matrix, rule: str) -> tuple[Matrix, Matrix]:
    found = go_greedy(x, n, targets=targets, rule=rule, repeat=True)
    return found.worst, found.mean


def _by(choose: Callable[[Matrix, Matrix, int], int]) -> Rule:
    """A mutant that picks by `(variances, picks' reductions of the mean, step)`, whatever the rule asked for."""

    def picks(x: Matrix, n: int, targets: Matrix, rule: str) -> tuple[Matrix, Matrix]:
        sigma = np.eye(x.shape[1])
        worst, mean = [], []
        for step in range(n + 1):
            variance = np.einsum("ij,jk,ik->i", targets, sigma, targets)
            worst.append(variance.max())
            mean.append(variance.mean())
            along = x @ sigma
            own = np.einsum("ij,ij->i", along, x)
            i = choose(own, ((along @ targets.T) ** 2).mean(1) / (1 + own), step)
            sigma = sigma - np.outer(along[i], along[i]) / (1 + own[i])
        return np.array(worst), np.array(mean)

    return picks


def _greedy_cases(algorithm: Rule, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(7)
    n = 12
    for i in range(trials):
        d = 2 + i % 4
        x = rng.standard_normal((15, d))
        pools = {
            "normal": x,
            "orthogonal": np.eye(d) * 3,
            "one dominant direction": x + 30 * (np.arange(15) == i % 15)[:, None],
            "copies": np.repeat(x[:3], 3, axis=0),
            "N < d": x[: d - 1],
            "wild rows": x * 10.0 ** rng.uniform(-3, 3, (15, 1)),
        }
        for name, pool in pools.items():
            start = float((pool**2).sum(1).max())
            worst, _ = algorithm(pool, n, pool, "uncertain")
            _, mean = algorithm(pool, n, pool, "mean")
            one, _ = algorithm(pool, n, pool[-1:], "mean")
            args = (start, d, tuple(mean[:-1]), len(pool), float(pool[-1] @ pool[-1]))
            yield Case(f"{name} {i}", args, np.concatenate([worst[1:], mean[1:], one[1:]]))


@guarantee(
    "Greedy picks shrink the variance: the largest, the mean over targets, and that of a single target",
    id="go-greedy-variance",
    family="designs",
    latex=r"\max_xv_n(x) \le \sigma^2\Bigl[\bigl(1 + \tfrac{nv_0}{d\sigma^2}\bigr)^{d/n} - 1\Bigr]",
    cite="mukherjee2024icl",
    note="proofs_notes/go-greedy-variance.md",
    bounds=Always(_seen),
    algorithm=_greedy,
    cases=_greedy_cases,
    mutants={
        "the least uncertain": _by(lambda own, gain, step: int(np.argmin(own))),
        "the first item for ever": _by(lambda own, gain, step: 0),
        "the least reduction": _by(lambda own, gain, step: int(np.argmin(gain))),
    },
    trials=12,
)
def go_greedy_variance(start: float, d: int, means: tuple[float, ...], targets: int, single: float) -> np.ndarray:
    """Upper bounds after 1, 2, ... picks with unit noise and prior, as many as there are `means`.

    On the largest variance from `start` when the most uncertain item is picked; on the mean variance of `targets` in
    the pool, given the `means` before each pick; on the variance of one target in the pool from `single`.
    Cite: mukherjee2024icl.
    """
    picks = range(1, len(means) + 1)
    largest = [constants.greedy_variance(k, start, d) for k in picks]
    mean = [constants.greedy_mean_variance(u, targets) for u in means]
    one = [constants.single_target_variance(k, single) for k in picks]
    return np.array(largest + mean + one)
