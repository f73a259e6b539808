"""Gittins indices of Gaussian arms: one free boundary, since only the precision of what is known moves it."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from altheory.core import record
from altheory.core.check import at_least, positive
from altheory.scores.gittins import require_discount

LOW, HIGH = -4.0, 6.0
"""Where the boundary is looked for, and beyond which an arm is taken to be pulled for ever, in posterior deviations."""

STEPS = (0.04, 0.02)
"""Two grids, in posterior deviations: errors fall with the square of the step, and are extrapolated away."""


@record
class GaussianGittins:
    """`index[k]` after k pulls: how far an arm's index lies above its posterior mean, in noise deviations; `error[k]`.

    `prior` is how many pulls what was known beforehand is worth.
    """

    index: Float[np.ndarray, "pulls"]
    error: Float[np.ndarray, "pulls"]
    prior: float


def gaussian_gittins(
    limit: int, discount: float, *, prior: float = 1.0, batch: int = 1, horizon: int | None = None
) -> GaussianGittins:
    r"""Gittins indices of an arm with N(mean, 1) rewards and an N(0, 1/`prior`) prior, after 0..`limit` pulls.

    With posterior mean m and noise :math:`\sigma` the index is :math:`m + \sigma\,` `index[k]`. Backward induction
    on the value of going on, which is convex and bends at one point: it is carried as a broken line whose Gaussian
    means are exact. Where the arm is pulled `batch` times before the next decision, entry k is after k batches.
    `error` adds the extrapolation in the grid to what is unknown beyond `horizon` further pulls (by default enough for
    a weight of 1e-4): learning nothing more and learning all at once bracket it. On the host, in float64.
    Raises `ValueError` where a size is below its least or the discount is not in (0, 1).
    Cite: gittins2011multi, yao2006normal.
    """
    at_least("gaussian_gittins limit", limit, 0)
    at_least("gaussian_gittins batch", batch, 1)
    positive("gaussian_gittins prior", prior)
    require_discount("gaussian_gittins", discount)
    beta, known = float(discount) ** batch, float(prior) / batch
    ahead = int(np.ceil(np.log(1e-4) / np.log(beta))) + 1 if horizon is None else horizon
    at_least("gaussian_gittins horizon", ahead, 1)
    coarse, most = (_boundary(limit, ahead, beta, known, STEPS[0], all_at_once=all) for all in (False, True))
    fine = _boundary(limit, ahead, beta, known, STEPS[1], all_at_once=False)
    error = np.abs(fine - coarse) / 3 + (most - coarse)
    scale = batch**-0.5
    return GaussianGittins(scale * (fine + (fine - coarse) / 3), scale * error, float(prior))


def _density(u: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-u * u / 2) / np.sqrt(2 * np.pi))


def _overshoot(u: np.ndarray) -> np.ndarray:
    r""":math:`E(Z-u)_+` for :math:`u\ge0`."""
    return np.asarray(_density(u) - u * ndtr(-u))


def _boundary(
    limit: int, ahead: int, beta: float, prior: float, step: float, *, all_at_once: bool
) -> Float[np.ndarray, "limit"]:
    """Minus the mean at which going on is worth nothing, after 0..`limit` pulls, by induction from `ahead` beyond."""
    z = LOW + step * np.arange(round((HIGH - LOW) / step) + 1)
    last = prior + limit + ahead
    worth = (np.maximum(z, 0) + (_overshoot(np.abs(z)) if all_at_once else 0)) / np.sqrt(last) / (1 - beta)
    bend, found = (LOW if all_at_once else 0.0), np.zeros(limit + 1)
    for pulls in range(limit + ahead - 1, -1, -1):
        n = prior + pulls
        going_on = z / np.sqrt(n) + beta * _expected(z, worth, bend, n, beta, step)
        bend = _root(z, going_on, step)
        worth = np.maximum(going_on, 0)
        if pulls <= limit:
            found[pulls] = -bend / np.sqrt(n)
    return found


def _expected(z: np.ndarray, worth: np.ndarray, bend: float, n: float, beta: float, step: float) -> np.ndarray:
    """What the next level is worth on average, seen from each point: the broken line there, and each of its bends.

    Coordinates are posterior deviations of the next level. A broken line lies above a convex curve as if its argument
    had step^2 / 6 more variance, which is taken off.
    """
    at, bends = _bends(z, worth, bend)
    middle, spread = z * np.sqrt((n + 1) / n), np.sqrt(max(1 / n - step**2 / 6, 1e-3 / n))
    slope = 1 / np.sqrt(n + 1) / (1 - beta)
    line = np.interp(middle, at, np.where(z < bend, 0, worth)) + np.maximum(middle - z[-1], 0) * slope
    reach = np.arange(-(int(6 * spread / step) + 2), int(6 * spread / step) + 3)
    near = np.rint((middle - z[0]) / step).astype(int)[:, None] + reach
    inside = (near >= 0) & (near < len(z))
    near = np.clip(near, 0, len(z) - 1)
    away = np.abs(middle[:, None] - at[near]) / spread
    return np.asarray(line + spread * (np.where(inside, bends[near], 0) * _overshoot(away)).sum(1))


def _bends(z: np.ndarray, worth: np.ndarray, bend: float) -> tuple[np.ndarray, np.ndarray]:
    """The points of the broken line, one of which is where it leaves 0, and by how much its slope grows at each."""
    first = max(int(np.searchsorted(z, bend, side="right")) - 1, 0)
    at, height = z.copy(), worth.copy()
    if bend >= z[0]:
        at[first], height[: first + 1] = bend, np.where(bend > z[0], 0, height[: first + 1])
    slope = np.diff(height[first:]) / np.maximum(np.diff(at[first:]), 1e-300)
    bends = np.zeros_like(z)
    bends[first:-1] = np.diff(slope, prepend=0)
    return at, bends


def _root(z: np.ndarray, going_on: np.ndarray, step: float) -> float:
    """Where a convex curve crosses 0, by the parabola through the three points beside it."""
    k = min(max(int(np.argmax(going_on > 0)), 1), len(z) - 2)
    before, here, after = going_on[k - 1 : k + 2]
    curve, slope = (after - 2 * here + before) / 2, (after - before) / 2
    return float(z[k] - 2 * step * here / (slope + np.sqrt(max(slope**2 - 4 * curve * here, 0))))
