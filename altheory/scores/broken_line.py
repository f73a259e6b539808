"""Convex values as broken lines on a grid in posterior deviations, whose Gaussian means are exact."""

import numpy as np
from scipy.special import ndtr


def density(u: np.ndarray) -> np.ndarray:
    """The standard normal density."""
    return np.asarray(np.exp(-u * u / 2) / np.sqrt(2 * np.pi))


def overshoot(u: np.ndarray) -> np.ndarray:
    r""":math:`E(Z-u)_+` of a standard normal Z, for :math:`u\ge0`."""
    return np.asarray(density(u) - u * ndtr(-u))


def look_ahead(
    z: np.ndarray, at: np.ndarray, height: np.ndarray, slope: float, n: float, pulls: float = 1.0
) -> np.ndarray:
    r"""What a value at precision n + `pulls` is worth on average, seen from each grid point `z` at precision n.

    A point z stands for the mean :math:`z/\sqrt n`. The value is 0 left of the first of the points `at`, where it has
    `height`, and rises with `slope` beyond the last; `at` may differ from `z` by less than a step, so that the line
    bends where the value does. Its mean is that of the line at the point seen from, and what each bend nearby adds. A
    broken line lies above a convex curve as if its argument had step^2 / 6 more variance, which is taken off.
    """
    step, ratio = z[1] - z[0], pulls / n
    middle, spread = z * np.sqrt(1 + ratio), np.sqrt(max(ratio - step**2 / 6, 1e-3 * ratio))
    slopes = np.diff(height) / np.maximum(np.diff(at), 1e-300)
    bends = np.diff(np.concatenate([[0.0], slopes, [slope]]))
    line = np.interp(middle, at, height) + np.maximum(middle - at[-1], 0) * slope
    reach = np.arange(-(int(6 * spread / step) + 2), int(6 * spread / step) + 3)
    near = np.rint((middle - z[0]) / step).astype(int)[:, None] + reach
    inside = (near >= 0) & (near < len(z))
    near = np.clip(near, 0, len(z) - 1)
    away = np.abs(middle[:, None] - at[near]) / spread
    return np.asarray(line + spread * (np.where(inside, bends[near], 0) * overshoot(away)).sum(1))


def crossing(z: np.ndarray, value: np.ndarray, k: int) -> float:
    """Where a rising curve crosses 0 between `z[k - 1]` and `z[k]`, by the parabola through the points beside it."""
    k = min(max(k, 1), len(z) - 2)
    before, here, after = value[k - 1 : k + 2]
    curve, slope = (after - 2 * here + before) / 2, (after - before) / 2
    return float(z[k] - 2 * (z[1] - z[0]) * here / (slope + np.sqrt(max(slope**2 - 4 * curve * here, 0))))
