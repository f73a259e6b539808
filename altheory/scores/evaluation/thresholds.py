"""Above which confidence a model's labels may be taken as they are, with a promise about their errors."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import bdtr, betaincinv

from altheory.core.check import within
from altheory.scores.evaluation.bounded import check_delta


def selective_threshold(
    confidence: Any, wrong: Any, thresholds: Any, *, alpha: float = 0.05, delta: float = 0.1
) -> float:
    r"""The loosest threshold above which at most a share `alpha` of the labels is wrong, infinity where there is none.

    `confidence [n]` and `wrong [n]` are of items drawn at random and checked by people; `thresholds` are fixed before
    these are seen, the strictest first. Each is tested by its binomial p-value
    :math:`P(\mathrm{Bin}(m, \alpha) \le k)`, with k wrong of the m labels at or above it; the walk ends at the first
    that is not below `delta`. With probability at least :math:`1-\delta` the error rate among labels above the
    threshold returned is at most `alpha`. Raises `ValueError` on lengths that differ or thresholds that rise.
    Cite: angelopoulos2025learn.
    """
    found, c, bad = np.inf, *_checked(confidence, wrong, thresholds, alpha, delta)
    for level in np.asarray(thresholds, np.float64):
        taken = c >= level
        count, errors = int(taken.sum()), int(bad[taken].sum())
        if count == 0 or bdtr(errors, count, alpha) > delta:
            break
        found = float(level)
    return found


def joint_threshold(confidence: Any, wrong: Any, thresholds: Any, *, alpha: float = 0.05, delta: float = 0.1) -> float:
    r"""The loosest threshold at which at most a share `alpha` of *all* items is labelled and wrong.

    That risk grows as the threshold falls, so one bound, Clopper and Pearson's at level :math:`1-\delta`, decides: the
    walk from the strictest ends before the first threshold whose bound exceeds `alpha`. With probability at least
    :math:`1-\delta` the risk is at most `alpha`; infinity where no threshold passes. For the error *among* labelled
    items use `selective_threshold`: that one is not monotone. Raises as `selective_threshold`.
    Cite: bates2021distribution.
    """
    found, c, bad = np.inf, *_checked(confidence, wrong, thresholds, alpha, delta)
    for level in np.asarray(thresholds, np.float64):
        errors = int(bad[c >= level].sum())
        if errors == len(c) or betaincinv(errors + 1, len(c) - errors, 1 - delta) > alpha:
            break
        found = float(level)
    return found


def conformal_quantile(scores: Any, *, alpha: float = 0.1) -> float:
    r"""The :math:`k = \lceil(1-\alpha)(n+1)\rceil`-th smallest of n calibration scores, infinity where k > n.

    The score of one more exchangeable item is at most that with probability at least :math:`1-\alpha`, and exactly
    :math:`k/(n+1)` where there are no ties. Raises `ValueError` on an empty vector. Cite: vovk2005algorithmic.
    """
    s = np.sort(np.asarray(scores, np.float64))
    if s.ndim != 1 or not len(s):
        raise ValueError(f"scores must be a vector of at least one number; their shape is {s.shape}")
    check_delta(alpha)
    k = int(np.ceil(np.round((1 - alpha) * (len(s) + 1), 9)))
    return float(s[k - 1]) if k <= len(s) else float("inf")


def conformal_risk(losses: Any, *, alpha: float = 0.1, bound: float = 1.0) -> int:
    r"""The first column at which :math:`\frac n{n+1}\hat R_n + \frac B{n+1} \le \alpha`, else the last one.

    `losses [n, settings]` are each item's losses, in [0, `bound`], not rising from one setting to the next and 0 at the
    last. The expected loss of one more exchangeable item at the setting returned is at most `alpha`. Raises
    `ValueError` on losses that rise or leave the range. Cite: angelopoulos2024conformal.
    """
    x = np.asarray(losses, np.float64)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"losses must be [n, settings]; their shape is {x.shape}")
    within("losses", x, 0, bound)
    if (np.diff(x, axis=1) > 0).any():
        raise ValueError("losses must not rise from one setting to the next: order the settings from loose to strict")
    n = len(x)
    passes = np.flatnonzero(x.sum(0) + bound <= alpha * (n + 1) * (1 + 1e-12))
    return int(passes[0]) if len(passes) else x.shape[1] - 1


def _checked(
    confidence: Any, wrong: Any, thresholds: Any, alpha: float, delta: float
) -> tuple[Float[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    c, bad, levels = np.asarray(confidence, np.float64), np.asarray(wrong).astype(int), np.asarray(thresholds)
    if c.ndim != 1 or c.shape != bad.shape or not len(c):
        raise ValueError(f"confidence and wrong must be vectors of one length; theirs are {c.shape} and {bad.shape}")
    if levels.ndim != 1 or (np.diff(levels) > 0).any():
        raise ValueError("thresholds must be a vector that falls, the strictest first")
    check_delta(alpha)
    check_delta(delta)
    return c, bad
