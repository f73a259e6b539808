"""Intervals for the mean of numbers in a known range, valid at every sample size."""

import math
from typing import Any, NamedTuple

import numpy as np

from altheory.core.check import within

GRID = 2000
"""Values of the mean that a betting interval tests, in equal steps; the interval is widened by one."""


class Estimate(NamedTuple):
    """An estimated mean with its interval, and the `power` with which predictions entered (0 where none did)."""

    mean: float
    low: float
    high: float
    power: float = 0.0


def hoeffding_interval(x: Any, *, low: float = 0.0, high: float = 1.0, delta: float = 0.05) -> Estimate:
    r"""Hoeffding's interval, :math:`\bar x \pm (b-a)\sqrt{\ln(2/\delta)/2n}`, for independent numbers in [a, b].

    Covers the mean with probability at least :math:`1-\delta`. Memory: the input. Raises `ValueError` on numbers
    outside [low, high], an empty array, or `delta` outside (0, 1). Cite: hoeffding1963probability.
    """
    x = numbers("x", x, low, high)
    check_delta(delta)
    mean = float(x.mean())
    half = (high - low) * math.sqrt(math.log(2 / delta) / (2 * len(x)))
    return Estimate(mean, max(mean - half, low), min(mean + half, high))


def betting_interval(x: Any, *, low: float = 0.0, high: float = 1.0, delta: float = 0.05) -> Estimate:
    r"""The interval of means against which no betting strategy gets rich: narrow where the variance is small.

    A mean m is kept while neither :math:`\frac12\prod_t(1 + \lambda_t(x_t-m))` nor its mirror image reaches
    :math:`1/\delta` at any t; :math:`\lambda_t` depends on the past alone. Covers the mean of independent (or
    conditionally unbiased) numbers with probability at least :math:`1-\delta`, in the order given. Time and memory:
    n x 2000. Raises `ValueError` as `hoeffding_interval` does. Cite: waudby2024estimating.
    """
    x = (numbers("x", x, low, high) - low) / (high - low)
    check_delta(delta)
    n = len(x)
    t = np.arange(1, n + 1)
    running = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - running) ** 2)) / (t + 1)
    bet = np.sqrt(2 * math.log(2 / delta) / (np.r_[0.25, variance[:-1]] * n))
    m = np.linspace(0, 1, GRID + 1)
    with np.errstate(divide="ignore"):
        up = np.minimum(bet[:, None], 0.5 / m)
        down = np.minimum(bet[:, None], 0.5 / (1 - m))
    gain = x[:, None] - m
    wealth = np.maximum(np.cumsum(np.log1p(up * gain), 0).max(0), np.cumsum(np.log1p(-down * gain), 0).max(0))
    kept = np.flatnonzero(wealth < math.log(2 / delta))
    step = 1 / GRID
    first, last = (m[kept[0]], m[kept[-1]]) if len(kept) else (running[-1], running[-1])
    scale = high - low
    left, right = max(first - step, 0.0), min(last + step, 1.0)
    return Estimate(float(low + scale * x.mean()), float(low + scale * left), float(low + scale * right))


def numbers(name: str, x: Any, low: float, high: float) -> np.ndarray:
    """`x` as a nonempty float64 vector within [low, high]."""
    a = np.asarray(x, np.float64)
    if a.ndim != 1 or not a.size:
        raise ValueError(f"{name} must be a vector of at least one number; its shape is {a.shape}")
    within(name, a, low, high)
    return a


def check_delta(delta: float) -> None:
    """Raise `ValueError` where an error probability is not inside (0, 1)."""
    if not 0 < delta < 1:
        raise ValueError(f"delta must be above 0 and below 1; it is {delta!r}")
