"""Routing with known qualities and costs: the price of money, the bound it proves, and the best static mixture."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from altheory.core.check import matrix, nonnegative


class Routed(NamedTuple):
    """An assignment of prompts to models: `model [N]`, its total `quality` and `cost`; what no assignment exceeds."""

    model: Int[np.ndarray, "N"]
    quality: float
    cost: float
    bound: float
    price: float


class Mixture(NamedTuple):
    """Shares of models `[K]`, and the mean quality and cost of a prompt."""

    weights: Float[np.ndarray, "K"]
    quality: float
    cost: float


def quality_and_cost(name: str, quality: Any, cost: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both tables in float64; raises `ValueError` where they are none, differ in shape, or a cost is negative."""
    matrix(f"{name} quality", quality)
    nonnegative(f"{name} cost", cost)
    q, c = np.asarray(quality, np.float64), np.asarray(cost, np.float64)
    if q.shape != c.shape:
        raise ValueError(f"{name} cost must be {q.shape}, as quality is; its shape is {c.shape}")
    return q, c


def route_at(quality: Any, cost: Any, price: float) -> Int[np.ndarray, "N"]:
    r"""Each prompt's model at a `price` of money :math:`\lambda`: of the largest :math:`q_{ik}-\lambda c_{ik}`.

    The cheapest of equal ones. No assignment that costs no more in total is better. Raises `ValueError` where tables
    differ in shape or the price is negative. Cite: everett1963generalized.
    """
    q, c = quality_and_cost("route_at", quality, cost)
    nonnegative("route_at price", price)
    net = q - price * c
    top = net.max(1, keepdims=True)
    return np.where(net >= top - 1e-12 * (1 + np.abs(top)), c, np.inf).argmin(1)


def best_routing(quality: Any, cost: Any, budget: float) -> Routed:
    r"""Send N prompts to K models of known quality and cost within a budget, and bound what any assignment can do.

    `quality`, `cost` are `[N, K]`. The `bound` is the Lagrangian dual at its minimiser,
    :math:`\min_{\lambda\ge0}\sum_i\max_k(q_{ik}-\lambda c_{ik})+\lambda B`, which is the linear program's value; the
    assignment is `route_at` there, with prompts then upgraded, best value for money first, while that fits: it loses at
    most the largest range of one prompt's qualities (`routing-lagrangian`). `price` is :math:`\lambda`. Time: O(N K) a
    halving. Raises `ValueError` where tables differ in shape, a cost is negative, or the budget is below what the
    cheapest models cost. Cite: everett1963generalized.
    """
    q, c = quality_and_cost("best_routing", quality, cost)
    rows = np.arange(len(q))
    least = float(c.min(1).sum())
    if budget < least * (1 - 1e-12):
        raise ValueError(f"best_routing budget is {budget:g}, and the cheapest models cost {least:g}: raise it")
    low, high = 0.0, 1.0
    if c[rows, route_at(q, c, 0.0)].sum() > budget:
        while c[rows, route_at(q, c, high)].sum() > budget and high < 1e300:
            low, high = high, 4 * high
        for _ in range(200):
            half = (low + high) / 2
            if half in (low, high):
                break
            low, high = (half, high) if c[rows, route_at(q, c, half)].sum() > budget else (low, half)
    else:
        high = 0.0
    bound = min(float((q - price * c).max(1).sum() + price * budget) for price in (low, high))
    model = _upgraded(q, c, route_at(q, c, high), budget)
    return Routed(model, float(q[rows, model].sum()), float(c[rows, model].sum()), bound, high)


def _upgraded(q: np.ndarray, c: np.ndarray, model: np.ndarray, budget: float) -> np.ndarray:
    """Prompts sent to a better model while it fits, the best value for money first, each once."""
    rows, model = np.arange(len(q)), model.copy()
    better, dearer = q - q[rows, model][:, None], c - c[rows, model][:, None]
    rate = np.where(better > 0, better / np.maximum(dearer, 1e-300), -np.inf)
    spent, done = float(c[rows, model].sum()), np.zeros(len(q), bool)
    for flat in np.argsort(-rate, axis=None):
        i, k = np.unravel_index(flat, q.shape)
        if rate[i, k] == -np.inf:
            break
        if not done[i] and spent + dearer[i, k] <= budget:
            model[i], spent, done[i] = k, spent + float(dearer[i, k]), True
    return model


def best_mixture(quality: Any, cost: Any, budget: float) -> Mixture:
    """The best static mixture within a `budget` a prompt: at most two models, chosen at random whatever the prompt.

    `quality`, `cost` are `[K]` means. Raises `ValueError` where the cheapest model exceeds the budget or shapes differ.
    """
    q, c = (x[0] for x in quality_and_cost("best_mixture", np.atleast_2d(quality), np.atleast_2d(cost)))
    if budget < c.min():
        raise ValueError(
            f"best_mixture budget is {budget:g} a prompt and the cheapest model costs {c.min():g}: raise it"
        )
    weights, best = np.zeros(len(q)), -np.inf
    for i in np.flatnonzero(c <= budget):
        if q[i] > best:
            best, weights = q[i], np.eye(len(q))[i]
        for j in np.flatnonzero(c > budget):
            share = (budget - c[i]) / (c[j] - c[i])
            value = q[i] + share * (q[j] - q[i])
            if value > best + 1e-15:
                best, weights = value, (1 - share) * np.eye(len(q))[i] + share * np.eye(len(q))[j]
    return Mixture(weights, float(weights @ q), float(weights @ c))
