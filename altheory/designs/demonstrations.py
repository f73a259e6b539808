"""Greedy choice of demonstrations: pick the items whose labels shrink the predictive variance most."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from altheory.core import check
from altheory.designs.pool import Matrix, Vector, as_pool

RULES = ("uncertain", "mean", "worst")


class Greedy(NamedTuple):
    """`picks [n]` in order; `worst [n + 1]` and `mean [n + 1]` target variance before and after each pick."""

    picks: Vector
    worst: Vector
    mean: Vector


def go_greedy(
    x: Any,
    n: int,
    *,
    targets: Any = None,
    rule: str = "mean",
    noise: float = 1.0,
    prior: Any = None,
    repeat: bool = False,
) -> Greedy:
    r"""Pick n items of `x [items, d]` one by one to reduce the posterior variance :math:`y^\top\Sigma_ty` at targets
    `[M, d]`.

    The model is :math:`y = x^\top\theta + N(0, \sigma^2)` with prior precision `prior [d, d]` (the identity by
    default) and noise sd `noise`. `rule` "uncertain" picks the item of the largest own variance; "mean" the one that
    leaves the least mean target variance; "worst" the one that leaves the least largest target variance, ties broken
    by the mean. `targets` default to the pool; `repeat` allows an item again. Labels play no part. Raises
    `ValueError` on bad input. Cite: mukherjee2024icl.
    """
    pool = as_pool(x)
    rows = pool.take(np.arange(pool.shape[0]))
    check.at_least("n", n, 1)
    check.positive("noise", noise)
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}; it is {rule!r}")
    if not repeat and n > len(rows):
        raise ValueError(f"n must be at most the {len(rows)} items unless repeat is true; it is {n}")
    y = rows if targets is None else as_pool(targets).take(np.arange(len(targets)))
    if y.shape[1] != rows.shape[1]:
        raise ValueError(f"targets must have {rows.shape[1]} columns as x has; their shape is {y.shape}")
    sigma = _prior_covariance(prior, rows.shape[1])
    return _pick(rows, y, n, rule, noise**2, sigma, repeat)


def _prior_covariance(prior: Any, d: int) -> Matrix:
    if prior is None:
        return np.eye(d)
    p = np.asarray(prior, dtype=np.float64)
    if p.shape != (d, d):
        raise ValueError(f"prior must be a [{d}, {d}] precision matrix; its shape is {p.shape}")
    check.finite("prior", p)
    if np.linalg.eigvalsh((p + p.T) / 2)[0] <= 0:
        raise ValueError("prior must be positive definite: it is the precision before any label")
    return np.linalg.inv(p)


def _pick(rows: Matrix, y: Matrix, n: int, rule: str, noise: float, sigma: Matrix, repeat: bool) -> Greedy:
    closed = np.zeros(len(rows), dtype=bool)
    picks = np.zeros(n, dtype=np.int64)
    variance = np.einsum("ij,ij->i", y @ sigma, y)
    worst, mean = [float(variance.max())], [float(variance.mean())]
    for t in range(n):
        along = rows @ sigma
        own = np.einsum("ij,ij->i", along, rows)
        gain = _gain(rule, along, own, y, variance, noise)
        gain[closed] = -np.inf
        i = int(np.argmax(gain))
        picks[t], closed[i] = i, not repeat
        sigma = sigma - np.outer(along[i], along[i]) / (noise + own[i])
        sigma = (sigma + sigma.T) / 2
        variance = np.einsum("ij,ij->i", y @ sigma, y)
        worst.append(float(variance.max()))
        mean.append(float(variance.mean()))
    return Greedy(picks, np.array(worst), np.array(mean))


def _gain(rule: str, along: Matrix, own: Vector, y: Matrix, variance: Vector, noise: float) -> Vector:
    if rule == "uncertain":
        return own.copy()
    if rule == "mean":
        moment = y.T @ y / len(y)
        return np.einsum("ij,jk,ik->i", along, moment, along, optimize=True) / (noise + own)
    reductions = (along @ y.T) ** 2 / (noise + own)[:, None]
    left = variance - reductions
    # ties between equal maxima go to the smaller mean
    return -(left.max(1) + 1e-9 * left.mean(1))


Demonstrations = tuple[tuple[int, int], ...]
"""Items shown to a model so far, each with its label."""


def sal_greedy(
    items: int,
    n: int,
    *,
    uncertainty: Callable[[Demonstrations], float],
    law: Callable[[Demonstrations, int], Any],
    answer: Callable[[int], int],
    candidates: Sequence[int] | None = None,
) -> tuple[Vector, Vector]:
    r"""Pick n demonstrations by asking a model, not a formula, how sure each would make it: simulated labels.

    For every candidate the model's own label law :math:`p_c` = `law(shown, item)` `[classes]` is imagined out:
    the pick minimises :math:`\sum_cp_c\,u(\text{shown} + (\text{item}, c))`, u = `uncertainty`, whatever the model says
    of its targets (a mean entropy, a variance). Then `answer(item)` is asked for the label. Returns the picks `[n]` and
    the uncertainty `[n + 1]` before and after each. Calls `uncertainty` up to n x candidates x classes times; where
    it does not depend on labels, as in a Gaussian model, the picks are those of `go_greedy`. Raises `ValueError` on
    bad sizes or a law that is none. Cite: mukherjee2024icl.
    """
    check.at_least("items", items, 1)
    pool = list(range(items) if candidates is None else candidates)
    if not 1 <= n <= len(pool):
        raise ValueError(f"n must lie in 1..{len(pool)}, the number of candidates; it is {n}")
    shown: Demonstrations = ()
    picks, path = np.zeros(n, dtype=np.int64), [float(uncertainty(()))]
    for t in range(n):
        expected = [_imagined(shown, item, uncertainty, law) for item in pool]
        item = pool.pop(int(np.argmin(expected)))
        picks[t], shown = item, (*shown, (item, int(answer(item))))
        path.append(float(uncertainty(shown)))
    return picks, np.array(path)


def _imagined(
    shown: Demonstrations,
    item: int,
    uncertainty: Callable[[Demonstrations], float],
    law: Callable[[Demonstrations, int], Any],
) -> float:
    p = np.asarray(law(shown, item), dtype=np.float64)
    if p.ndim != 1 or not np.isfinite(p).all() or p.min() < 0 or abs(p.sum() - 1) > 1e-6:
        raise ValueError(f"law must give a probability for each class; for item {item} it gave {p}")
    return sum(float(p[c]) * float(uncertainty((*shown, (item, int(c))))) for c in np.flatnonzero(p))
