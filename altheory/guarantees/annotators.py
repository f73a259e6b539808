"""Theorems on labels of several annotators: EM never falls, and the weighted vote errs least."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from altheory.beliefs import Consensus, dawid_skene, mace, one_coin, vote_log_odds
from altheory.guarantees.evidence import Always
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array

Array = np.ndarray
Fit = Callable[[Array, tuple[int, int, int], float], tuple[Array, float]]
"""From labels, sizes and smoothing to the objective after each step, and how far its end is from a direct sum."""

STEPS = 25


def _height(labels: Array, confusion: Array, prior: Array, logs: float) -> float:
    """The log likelihood of `labels`, label by label, plus `logs`, what smoothing adds."""
    table = np.tile(np.log(prior), (labels[:, 0].max() + 1, 1))
    for i, w, y in labels:
        table[i] += np.log(confusion[w, :, y])
    return float(np.logaddexp.reduce(table, axis=1).sum()) + logs


def _all_models(labels: Array, sizes: tuple[int, int, int], alpha: float) -> tuple[Array, float]:
    """The three kernels in double precision; the end is checked for the model whose parameters are its confusions."""
    items, workers, classes = sizes
    heights, end = [], 0.0
    with jax.enable_x64(True):
        for fit in (dawid_skene, one_coin, mace):
            found: Consensus = fit(
                labels, items=items, workers=workers, classes=classes, smoothing=alpha, steps=STEPS, tol=0.0
            )
            heights.append(np.asarray(found.objective))
            if fit is dawid_skene:
                confusion, prior = np.asarray(found.confusion), np.asarray(found.prior)
                logs = alpha * (np.log(confusion).sum() + np.log(prior).sum())
                end = abs(_height(labels, confusion, prior, logs) / heights[0][-1] - 1)
    return np.concatenate(heights), end


def _broken(expect: Callable[[Array, Array], Array], *, plain: bool = False) -> Fit:
    """Dawid and Skene's EM in loops with an E step of one's own, from log joint probabilities `[items, C]`."""

    def fit(labels: Array, sizes: tuple[int, int, int], alpha: float) -> tuple[Array, float]:
        items, workers, classes = sizes
        q = np.full((items, classes), 1e-9)
        np.add.at(q, (labels[:, 0], labels[:, 2]), 1)
        q, heights = q / q.sum(1, keepdims=True), []
        for _ in range(3 * STEPS):
            counts = np.zeros((workers, classes, classes))
            for i, w, y in labels:
                counts[w, :, y] += q[i]
            confusion, prior = counts + alpha, q.sum(0) + alpha
            confusion, prior = confusion / confusion.sum(-1, keepdims=True), prior / prior.sum()
            logs = 0.0 if plain else alpha * (np.log(confusion).sum() + np.log(prior).sum())
            heights.append(_height(labels, confusion, prior, logs))
            table = np.tile(np.log(prior), (items, 1))
            for i, w, y in labels:
                table[i] += np.log(confusion[w, :, y])
            q = expect(table, q)
        return np.array(heights), 0.0

    return fit


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def _em_cases(algorithm: Fit, trials: int) -> Iterator[Case]:
    """Random, adversarial and copying annotators, missing labels, an empty class; one shape for all."""
    rng = np.random.default_rng(0)
    items, workers, classes, n = sizes = (12, 4, 3, 40)
    for k in range(trials):
        truth = rng.integers(0, classes - (k % 3 == 0), items)
        pair = np.array(list(itertools.product(range(items), range(workers))))[rng.permutation(items * workers)[:n]]
        said = truth[pair[:, 0]]
        wrong = rng.random(n) < (0.3, 0.5, 0.9)[k % 3]
        said = np.where(wrong, (said + 1 + (pair[:, 1] % 2)) % classes, said)
        pair[0] = (items - 1, workers - 1)
        labels = np.c_[pair, said]
        heights, end = algorithm(labels, sizes[:3], (0.3, 1.0)[k % 2])
        runs = heights.reshape(-1, STEPS) if len(heights) == 3 * STEPS else heights[None]
        seen = np.r_[-runs[:, 1:].ravel(), end]
        yield Case(f"instance {k}", (runs,), seen)


@guarantee(
    "EM with Dirichlet pseudo-counts never lowers the log posterior, whatever the labels",
    id="dawid-skene-em",
    family="annotators",
    latex=r"\ell(\theta_{t+1})+\alpha\textstyle\sum\ln\theta_{t+1} \ge \ell(\theta_t)+\alpha\sum\ln\theta_t",
    cite="dawid1979maximum",
    note="proofs_notes/dawid-skene-em.md",
    bounds=Always(as_array),
    algorithm=_all_models,
    cases=_em_cases,
    mutants={
        "the E step's complement": _broken(lambda table, q: _softmax(-table)),
        "no prior in the E step, half the last": _broken(lambda table, q: 0.5 * q + 0.5 * _softmax(3 * table)),
        "the plain likelihood under smoothing": _broken(lambda table, q: _softmax(table), plain=True),
    },
    trials=12,
)
def dawid_skene_em(heights: Array) -> Array:
    """Minus the objectives `[runs, steps]`, an upper bound on minus those one step later; and what the kernel's own
    account of its end may differ from a sum label by label. Cite: dawid1979maximum.
    """
    return np.r_[-heights[:, :-1].ravel(), 1e-9]


Vote = Callable[[Array, Array], Any]
"""From ballots `[2^n, n]` and accuracies `[n]` to a number above 0 for class 1, below for class 0, 0 for a tie."""


def _error(decision: Array, yes: Array, no: Array) -> float:
    """The error of a decision on every ballot, of chance `yes` in class 1 and `no` in class 0; a tie errs by half."""
    ties = np.isclose(decision, 0, atol=1e-12)
    wrong = np.where(ties, 0.5 * (yes + no), np.where(decision > 0, no, yes))
    return float(wrong.sum() / 2)


def _vote_cases(algorithm: Vote, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(1)
    fixed = [[0.5], [0.9, 0.6, 0.6], [0.2, 0.2, 0.9], [0.6] * 8, [0.99, 0.51, 0.51, 0.51], [0.7, 0.3]]
    drawn = [rng.random(1 + k % 8) for k in range(trials)]
    for k, p in enumerate(np.asarray(a, np.float64) for a in [*fixed, *drawn]):
        ballots = np.array(list(itertools.product((0, 1), repeat=len(p))))
        yes, no = (np.where(ballots == c, p, 1 - p).prod(1) for c in (1, 0))
        error = _error(np.asarray(algorithm(ballots, p), np.float64), yes, no)
        plain = _error(ballots.sum(1) - len(p) / 2, yes, no)
        product = 0.5 * float(np.prod(2 * np.sqrt(p * (1 - p))))
        yield Case(f"instance {k}", (p,), np.array([error, error, product, plain]))


@guarantee(
    "Votes weighted by the log odds of their accuracies err least, and no more than half the product of 2 sqrt(p(1-p))",
    id="weighted-majority-vote",
    family="annotators",
    latex=r"\tfrac12\sum_v\min(P,Q) \le \tfrac12\prod_i2\sqrt{p_i(1-p_i)}",
    cite="nitzan1982optimal",
    note="proofs_notes/weighted-majority-vote.md",
    bounds=Always(as_array),
    algorithm=vote_log_odds,
    cases=_vote_cases,
    mutants={
        "weights p": lambda ballots, p: (2 * ballots - 1) @ p,
        "every vote alike": lambda ballots, p: (2 * ballots - 1).sum(1),
        "the worse than chance trusted": lambda ballots, p: (2 * ballots - 1) @ np.abs(np.log(p / (1 - p))),
    },
    trials=40,
)
def weighted_majority_vote(p: Array) -> Array:
    """Bounds for annotators of accuracies `p [n]`, all enumerated: on the weighted vote's error, the least of any rule
    and half the product; on that product, the exponential; on the plain majority's error, Hoeffding's (1 if the mean
    accuracy is at most a half). Cite: nitzan1982optimal.
    """
    ballots = np.array(list(itertools.product((0, 1), repeat=len(p))))
    yes, no = (np.where(ballots == c, p, 1 - p).prod(1) for c in (1, 0))
    least = 0.5 * float(np.minimum(yes, no).sum())
    product = 0.5 * float(np.prod(2 * np.sqrt(p * (1 - p))))
    exponent = 0.5 * float(((p - 0.5) * np.log(p / (1 - p))).sum())
    gap = float(p.mean()) - 0.5
    hoeffding = math.exp(-2 * len(p) * gap**2) if gap > 0 else 1.0
    return np.array([least, product, 0.5 * math.exp(-exponent), hoeffding])
