"""Prediction-powered means: few human labels, many cheap predictions, an interval that is right either way."""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from altheory.core.check import within
from altheory.scores.evaluation.bounded import Estimate, betting_interval, check_delta, hoeffding_interval, numbers

Interval = Literal["normal", "hoeffding", "betting"]
Part = tuple[np.ndarray, np.ndarray, np.ndarray]


def ppi_mean(
    labels: Any,
    predictions: Any,
    unlabelled: Any,
    *,
    power: float | None = None,
    interval: Interval = "normal",
    delta: float = 0.05,
    strata: tuple[Any, Any] | None = None,
) -> Estimate:
    r"""The mean label of a population, :math:`\frac\lambda N\sum f(\tilde x) + \frac1n\sum(y - \lambda f(x))`.

    `labels [n]` are trusted, `predictions [n]` what a model or an LLM says of the same items, and `unlabelled [N]` what
    it says of others; the items are drawn alike. Unbiased for any `power` :math:`\lambda` fixed before labelling,
    however bad the predictions: 0 is the labels' mean. None tunes it to
    :math:`\widehat{\mathrm{Cov}}(y,f)/((1+n/N)\widehat{\mathrm{Var}}f)`, at which the variance is
    :math:`\frac{\mathrm{Var}\,y}{n}(1-\frac{\rho^2}{1+n/N})`: to first order never worse than labels alone.

    `interval`: "normal", right for large n; "hoeffding" and "betting", right for every n, for numbers in [0, 1] and
    `power` fixed beforehand (1, where None). Each of the two means takes half of `delta`; the second always takes
    Hoeffding's. `strata` are whole numbers `([n], [N])`: the mean is then the sum over strata, weighed by their shares
    of `unlabelled`, taken as known, each with a power (and `delta` over their number) of its own.

    Memory: the input (n x 2000 for "betting"). Raises `ValueError` on lengths that differ, numbers outside [0, 1] with
    a finite-sample interval, a stratum with fewer than two labels.
    Cite: angelopoulos2023prediction, angelopoulos2023ppi.
    """
    if interval not in ("normal", "hoeffding", "betting"):
        raise ValueError(f"interval must be normal, hoeffding or betting; it is {interval!r}")
    check_delta(delta)
    exact = interval != "normal"
    low, high = (0.0, 1.0) if exact else (-np.inf, np.inf)
    y, f, other = (
        numbers(name, x, low, high)
        for name, x in (("labels", labels), ("predictions", predictions), ("unlabelled", unlabelled))
    )
    if len(y) != len(f):
        raise ValueError(f"labels and predictions must be of the same items; they are {len(y)} and {len(f)}")
    if power is not None:
        within("power", power, 0, 1 if exact else np.inf)
    if exact and power is None:
        power = 1.0
    parts, shares = _parts(y, f, other, strata)
    powers = [tuned_power(*part) if power is None else power for part in parts]
    mean = math.fsum(s * _mean(*part, p) for s, part, p in zip(shares, parts, powers, strict=True))
    if exact:
        bound = hoeffding_interval if interval == "hoeffding" else betting_interval
        ends = [_ends(part, p, delta / len(parts), bound) for part, p in zip(parts, powers, strict=True)]
        left, right = (float(shares @ np.array([e[k] for e in ends])) for k in (0, 1))
        return Estimate(mean, max(left, 0.0), min(right, 1.0), float(shares @ powers))
    variance = math.fsum(s**2 * _variance(*part, p) for s, part, p in zip(shares, parts, powers, strict=True))
    half = -float(ndtri(delta / 2)) * math.sqrt(variance)
    return Estimate(mean, mean - half, mean + half, float(shares @ powers))


def tuned_power(y: np.ndarray, f: np.ndarray, other: np.ndarray) -> float:
    r"""The estimated best power, :math:`\mathrm{Cov}(y,f)/((1+n/N)\mathrm{Var}f)`, at least 0."""
    if len(y) < 2:
        raise ValueError("tuning the power takes at least two labels in each stratum: fix `power`, or label more")
    spread = np.r_[f, other].var(ddof=1)
    if spread == 0:
        return 0.0
    return max(float(np.cov(y, f)[0, 1] / ((1 + len(y) / len(other)) * spread)), 0.0)


def _mean(y: np.ndarray, f: np.ndarray, other: np.ndarray, power: float) -> float:
    return float(power * other.mean() + (y - power * f).mean())


def _variance(y: np.ndarray, f: np.ndarray, other: np.ndarray, power: float) -> float:
    if len(y) < 2:
        raise ValueError("a normal interval takes at least two labels in each stratum")
    far = power**2 * other.var(ddof=1) / len(other) if len(other) > 1 else 0.0
    return float((y - power * f).var(ddof=1) / len(y) + far)


def _ends(part: Part, power: float, delta: float, bound: Callable[..., Estimate]) -> tuple[float, float]:
    y, f, other = part
    near = bound(y - power * f, low=-power, high=1.0, delta=delta / 2)
    half = power * math.sqrt(math.log(4 / delta) / (2 * len(other)))
    if bound is hoeffding_interval:  # not cut to its range: the two halves add up
        width = (1 + power) * math.sqrt(math.log(4 / delta) / (2 * len(y)))
        near = Estimate(near.mean, near.mean - width, near.mean + width)
    return near.low + power * float(other.mean()) - half, near.high + power * float(other.mean()) + half


def _parts(
    y: np.ndarray, f: np.ndarray, other: np.ndarray, strata: tuple[Any, Any] | None
) -> tuple[list[Part], np.ndarray]:
    if strata is None:
        return [(y, f, other)], np.ones(1)
    near, far = (np.asarray(s) for s in strata)
    if near.shape != y.shape or far.shape != other.shape:
        raise ValueError(f"strata must be of shapes {y.shape} and {other.shape}; they are {near.shape} and {far.shape}")
    names, count = np.unique(far, return_counts=True)
    missing = sorted(set(names.tolist()) ^ set(near.tolist()))
    if missing:
        raise ValueError(f"every stratum needs labels and unlabelled items; {missing[0]!r} lacks one of them")
    return [(y[near == s], f[near == s], other[far == s]) for s in names], count / count.sum()
