"""Theorems on taking labels as they are: thresholds, conformal sets, audits and deferral, by enumeration."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.special import gammaln, xlogy
from scipy.stats import hypergeom

from altheory.guarantees.evidence import Always, Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import (
    audit_size,
    conformal_quantile,
    conformal_risk,
    defer,
    joint_threshold,
    selective_threshold,
    sprt_expected_items,
    sprt_thresholds,
)

Array = np.ndarray
DELTA = 0.1
LEVELS = np.array([0.9, 0.8, 0.7])
"""Confidences, and the thresholds tested: the strictest first."""

Rule = Callable[..., float]


def _samples(law: Array, n: int) -> Iterator[tuple[Array, float]]:
    """Every multiset of `n` draws from a law on cells, as counts, and its probability."""
    cells = len(law)
    for bars in itertools.combinations(range(n + cells - 1), cells - 1):
        edges = np.array([-1, *bars, n + cells - 1])
        counts = np.diff(edges) - 1
        yield counts, float(np.exp(gammaln(n + 1) - gammaln(counts + 1).sum() + xlogy(counts, law).sum()))


def _failures(rule: Rule, mass: Array, errors: Array, n: int, alpha: float, *, joint: bool) -> float:
    """The exact chance that a rule returns a threshold whose true risk is above `alpha`."""
    law = np.r_[mass * (1 - errors), mass * errors]
    above = np.cumsum(mass * errors)
    risk = above if joint else above / np.cumsum(mass)
    total = 0.0
    for counts, chance in _samples(law, n):
        confidence = np.repeat(np.r_[LEVELS, LEVELS], counts)
        wrong = np.repeat(np.repeat([0, 1], len(LEVELS)), counts)
        found = rule(confidence, wrong, LEVELS, alpha=alpha, delta=DELTA)
        if np.isfinite(found) and risk[int(np.argmax(found == LEVELS))] > alpha:
            total += chance
    return total


def _empirical(confidence: Array, wrong: Array, thresholds: Array, *, alpha: float, delta: float) -> float:
    """A mutant: the loosest threshold whose error on the calibration items is at most `alpha`."""
    good = [t for t in thresholds if (confidence >= t).any() and wrong[confidence >= t].mean() <= alpha]
    return float(min(good, default=np.inf))


def _empirical_joint(confidence: Array, wrong: Array, thresholds: Array, *, alpha: float, delta: float) -> float:
    good = [t for t in thresholds if wrong[confidence >= t].sum() <= alpha * len(wrong)]
    return float(min(good, default=np.inf))


def _selective_cases(algorithm: Rule, trials: int) -> Iterator[Case]:
    alpha, up = 0.32, 0.321
    for name, mass, errors in (
        ("all just above", [0.4, 0.3, 0.3], [up, up, up]),
        ("nearly all at one level, just above", [0.98, 0.01, 0.01], [up, up, up]),
        ("only the loosest above", [0.5, 0.2, 0.3], [0.1, 0.1, 0.85]),
        ("the strictest above", [0.2, 0.4, 0.4], [0.9, 0.05, 0.05]),
    ):
        failed = _failures(algorithm, np.array(mass), np.array(errors), 11, alpha, joint=False)
        yield Case(name, (DELTA,), [failed])


@guarantee(
    "Of the labels above the threshold found, more than a share alpha is wrong with probability at most delta",
    id="selective-label-ltt",
    family="labelling",
    latex=r"P\bigl(r_{\hat\lambda} > \alpha\bigr) \le \delta",
    cite="angelopoulos2025learn",
    note="proofs_notes/selective-label-ltt.md",
    bounds=Always(as_array),
    algorithm=selective_threshold,
    cases=_selective_cases,
    mutants={
        "the error on the calibration items": _empirical,
        "tested at four times delta": lambda *a, alpha, delta: selective_threshold(*a, alpha=alpha, delta=4 * delta),
    },
)
def selective_label_ltt(delta: float) -> float:
    """The chance allowed; what is seen sums over every sample of 11 items. Cite: angelopoulos2025learn."""
    return delta


def _joint_cases(algorithm: Rule, trials: int) -> Iterator[Case]:
    alpha = 0.3
    for name, mass, errors in (
        ("just above at the loosest", [0.4, 0.3, 0.3], [0.2, 0.3, 0.4367]),
        ("just above at once", [0.5, 0.25, 0.25], [0.602, 0.1, 0.1]),
        ("far above at the end", [0.4, 0.1, 0.5], [0.1, 0.1, 0.9]),
    ):
        yield Case(name, (DELTA,), [_failures(algorithm, np.array(mass), np.array(errors), 11, alpha, joint=True)])


@guarantee(
    "More than a share alpha of all items is labelled and wrong with probability at most delta",
    id="rcps-monotone",
    family="labelling",
    latex=r"P\bigl(R(\hat\lambda) > \alpha\bigr) \le \delta",
    cite="bates2021distribution",
    note="proofs_notes/rcps-monotone.md",
    bounds=Always(as_array),
    algorithm=joint_threshold,
    cases=_joint_cases,
    mutants={
        "the risk on the calibration items": _empirical_joint,
        "bounded at four times delta": lambda *a, alpha, delta: joint_threshold(*a, alpha=alpha, delta=4 * delta),
    },
)
def rcps_monotone(delta: float) -> float:
    """The chance allowed; what is seen sums over every sample of 11 items. Cite: bates2021distribution."""
    return delta


Conformal = tuple[Callable[..., float], Callable[..., int]]


def _conformal_cases(algorithm: Conformal, trials: int) -> Iterator[Case]:
    """Leave each of n + 1 items out in turn: how often it is covered, and its loss."""
    quantile, risk = algorithm
    rng = np.random.default_rng(0)
    for n in (1, 4, 9, 30):
        for alpha in (0.1, 0.5, 3 / (n + 1) if n > 4 else 0.9):
            scores = rng.permutation(np.arange(n + 1.0)) ** 3
            others = [np.delete(scores, i) for i in range(n + 1)]
            covered = np.mean([scores[i] <= quantile(o, alpha=alpha) for i, o in enumerate(others)])
            steps = np.c_[-np.sort(-rng.integers(0, 2, (n + 1, 6)), axis=1), np.zeros(n + 1)].astype(float)
            at = [risk(np.delete(steps, i, 0), alpha=alpha, bound=1.0) for i in range(n + 1)]
            loss = float(steps[np.arange(n + 1), at].mean())
            yield Case(f"n = {n}, alpha = {alpha:.3g}", (n, alpha), np.array([covered, -covered, loss]))


def _naive_quantile(scores: Array, *, alpha: float) -> float:
    """A mutant: the quantile of n, not of n + 1."""
    k = math.ceil(round((1 - alpha) * len(scores), 9))
    return float(np.sort(scores)[max(k, 1) - 1])


def _naive_risk(losses: Array, *, alpha: float, bound: float) -> int:
    """A mutant: the mean loss alone."""
    passes = np.flatnonzero(losses.mean(0) <= alpha + 1e-12)
    return int(passes[0])


@guarantee(
    "Leaving each item out in turn, the conformal quantile covers exactly k of n + 1, and the risk is at most alpha",
    id="conformal-loo",
    family="labelling",
    latex=r"\tfrac1{n+1}\sum_i\mathbf1[s_i \le \hat q_{-i}] = \tfrac{\min(k,n+1)}{n+1},\ k=\lceil(1-\alpha)(n+1)\rceil",
    cite="angelopoulos2024conformal",
    note="proofs_notes/conformal-loo.md",
    bounds=Always(as_array),
    algorithm=(conformal_quantile, conformal_risk),
    cases=_conformal_cases,
    mutants={
        "the quantile of n": (_naive_quantile, conformal_risk),
        "no B / (n + 1)": (conformal_quantile, _naive_risk),
    },
)
def conformal_loo(n: int, alpha: float) -> Array:
    """Coverage from above and from below, and the mean loss, over n + 1 items. Cite: angelopoulos2024conformal."""
    share = min(math.ceil(round((1 - alpha) * (n + 1), 9)), n + 1) / (n + 1)
    return np.array([share, -share, alpha])


def _chow_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(1)
    for k in range(trials):
        p = rng.dirichlet(np.full(3, 0.5), 6)
        human, price = float(rng.random()), float(rng.exponential(2.0))
        asked = np.asarray(algorithm(p, human_cost=human, error_price=price), bool)
        yield Case(f"instance {k}", (p, human, price), [np.where(asked, human, price * (1 - p.max(1))).sum()])


@guarantee(
    "Deferring where the expected price of an error exceeds a person's cost has the least cost of all 2^n choices",
    id="chow-deferral",
    family="labelling",
    latex=r"\min_{D}\sum_{i\in D}c_h+\sum_{i\notin D}c_e(1-\max p_i) = \sum_i\min(c_h, c_e(1-\max p_i))",
    cite="chow1970optimum",
    note="proofs_notes/chow-deferral.md",
    bounds=Equals(as_array, tolerance=1e-9),
    algorithm=defer,
    cases=_chow_cases,
    mutants={
        "deferred where sure": lambda p, human_cost, error_price: p.max(1) > human_cost / error_price,
        "never deferred": lambda p, human_cost, error_price: np.zeros(len(p), bool),
    },
    trials=20,
)
def chow_deferral(p: Array, human: float, price: float) -> Array:
    """The least cost over all subsets of the items of `p [n, C]`. Cite: chow1970optimum."""
    doubt = price * (1 - p.max(1))
    subsets = np.array(list(itertools.product((0, 1), repeat=len(p))))
    return np.array([(subsets * human + (1 - subsets) * doubt).sum(1).min()])


RATES = ((0.3, 0.1), (0.05, 0.01), (0.5, 0.4))
ROUNDS = 1500


def _ends(p: float, p0: float, p1: float, bounds: tuple[float, float]) -> tuple[float, float, float]:
    """The exact chances to accept and to reject an annotator of error rate `p`, and the mean number of audits."""
    alive, accept, reject, mean = np.ones(1), 0.0, 0.0, 0.0
    for t in range(1, ROUNDS + 1):
        mean += float(alive.sum())
        alive = np.r_[alive * (1 - p), 0.0] + np.r_[0.0, alive * p]
        wrong = np.arange(t + 1)
        ratio = wrong * math.log(p1 / p0) + (t - wrong) * math.log((1 - p1) / (1 - p0))
        up, down = ratio >= bounds[1], ratio <= bounds[0]
        accept, reject = accept + float(alive[up].sum()), reject + float(alive[down].sum())
        alive = np.where(up | down, 0.0, alive)
        if alive.sum() < 1e-12:
            break
    return accept, reject, mean


def _sprt_cases(algorithm: Callable[[float, float], tuple[float, float]], trials: int) -> Iterator[Case]:
    for p0, p1 in RATES:
        for alpha, beta in ((0.05, 0.05), (0.1, 0.2)):
            bounds = algorithm(alpha, beta)
            accept, _, _ = _ends(p0, p0, p1, bounds)
            _, reject, mean = _ends(p1, p0, p1, bounds)
            yield Case(f"{p1} against {p0}, {alpha}, {beta}", (p0, p1, alpha, beta), np.array([accept, reject, mean]))


@guarantee(
    "The sequential test of an annotator keeps both its error levels, and its mean length is bounded",
    id="sprt-annotator",
    family="labelling",
    latex=r"P_{p_0}(\text{accept})\le\alpha,\ P_{p_1}(\text{reject})\le\beta,\ "
    r"E_{p_1}N\le\frac{\ln\frac1\alpha+\ln\frac{1-p_1}{1-p_0}}{\mathrm{kl}(p_1,p_0)}",
    cite="wald1945sequential",
    note="proofs_notes/sprt-annotator.md",
    bounds=Always(as_array),
    algorithm=sprt_thresholds,
    cases=_sprt_cases,
    mutants={
        "Wald's approximate boundaries": lambda a, b: (math.log(b / (1 - a)), math.log((1 - b) / a)),
        "boundaries ten times as far": lambda a, b: (math.log(b) * 10, -math.log(a) * 10),
    },
)
def sprt_annotator(p0: float, p1: float, alpha: float, beta: float) -> Array:
    """Bounds on accepting at `p0`, on rejecting at `p1`, and on the mean audits at `p1`. Cite: wald1945sequential."""
    return np.array([alpha, beta, sprt_expected_items(p0, p1, alpha)])


def _audit_cases(algorithm: Callable[..., int], trials: int) -> Iterator[Case]:
    for items in (20, 200, 2000):
        for rate, delta in ((0.05, 0.1), (0.2, 0.05), (0.01, 0.05)):
            n = min(algorithm(rate, delta=delta), items)
            bad = np.arange(math.ceil(rate * items - 1e-9), items + 1)
            yield Case(f"{items} items, rate {rate}", (len(bad), delta), hypergeom.cdf(0, items, bad, n))


@guarantee(
    "A batch with too many errors passes an audit without a fault with probability at most delta",
    id="acceptance-sampling",
    family="labelling",
    latex=r"P(\text{accept}\mid M \ge p_0N) \le (1-p_0)^n \le \delta,\quad n=\lceil\ln\delta/\ln(1-p_0)\rceil",
    cite="dodge1929method",
    note="proofs_notes/acceptance-sampling.md",
    bounds=Always(as_array),
    algorithm=audit_size,
    cases=_audit_cases,
    mutants={
        "one item fewer": lambda rate, *, delta: audit_size(rate, delta=delta) - 1,
        "half the items": lambda rate, *, delta: audit_size(rate, delta=delta) // 2,
    },
)
def acceptance_sampling(batches: int, delta: float) -> Array:
    """The chance allowed of each of `batches` numbers of errors. Cite: dodge1929method."""
    return np.full(batches, delta)
