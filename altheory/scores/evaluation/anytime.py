"""Intervals that hold at all times together: one may look after every label, and stop when one likes."""

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import betaln, xlog1py, xlogy

from altheory.core.check import positive, within
from altheory.scores.evaluation.bounded import check_delta

HALVINGS = 60


def bernoulli_interval(
    successes: Any, trials: Any, *, delta: float = 0.05, a: float = 0.5, b: float = 0.5
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    r"""The rates p that were never refuted by the mixture of likelihood ratios: `(low, high)`.

    :math:`\{p: \frac{B(a+S,\,b+F)}{B(a,b)\,p^S(1-p)^F} < \frac1\delta\}`, S successes and F failures. With probability
    at least :math:`1-\delta` it holds the rate after *every* number of trials, so also at a stopping time chosen by the
    data. `successes` and `trials` are arrays of one shape. Raises `ValueError` on counts that are not 0 <= S <= n, or
    `a`, `b` not above 0. Cite: robbins1970statistical.
    """
    check_delta(delta)
    positive("a", a)
    positive("b", b)
    s, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    within("successes", s, 0, np.inf)
    within("trials less successes", n - s, 0, np.inf)
    level = betaln(a + s, b + n - s) - betaln(a, b) + math.log(delta)
    best = np.where(n > 0, s / np.maximum(n, 1), 0.5)
    ends = []
    for far in (0.0, 1.0):  # log-convex in p: refuted from `far` to one crossing
        out, inside = np.full_like(best, far), best.copy()
        for _ in range(HALVINGS):
            mid = (out + inside) / 2
            kept = xlogy(s, mid) + xlog1py(n - s, -mid) > level
            out, inside = np.where(kept, out, mid), np.where(kept, mid, inside)
        ends.append(out)
    return ends[0], ends[1]


def normal_width(trials: Any, *, sigma: float = 1.0, rho: float, delta: float = 0.05) -> Float[np.ndarray, "..."]:
    r"""Half the width at which the mean of n sub-Gaussian numbers is known, at all n together.

    :math:`\frac1n\sqrt{(\sigma^2n+\rho)\ln\frac{\sigma^2n+\rho}{\rho\,\delta^2}}`. `sigma` is the sub-Gaussian scale
    (half the range, for bounded numbers); `rho`, chosen beforehand, makes it narrowest near
    :math:`n = \rho\ln(1/\delta)/\sigma^2`. Raises `ValueError` where `sigma` or `rho` is not above 0, or n below 1.
    Cite: howard2021time.
    """
    check_delta(delta)
    positive("sigma", sigma)
    positive("rho", rho)
    n = np.asarray(trials, np.float64)
    within("trials", n, 1, np.inf)
    v = sigma**2 * n + rho
    return np.sqrt(v * np.log(v / (rho * delta**2))) / n
