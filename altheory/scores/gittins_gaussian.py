"""Gittins indices of Gaussian arms: one free boundary, since only the precision of what is known moves it."""

import numpy as np
from jaxtyping import Float

from altheory.core import record
from altheory.core.check import at_least, positive
from altheory.scores.broken_line import crossing, look_ahead, overshoot
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


def _boundary(
    limit: int, ahead: int, beta: float, prior: float, step: float, *, all_at_once: bool
) -> Float[np.ndarray, "limit"]:
    """Minus the mean at which going on is worth nothing, after 0..`limit` pulls, by induction from `ahead` beyond."""
    z = LOW + step * np.arange(round((HIGH - LOW) / step) + 1)
    last = prior + limit + ahead
    worth = (np.maximum(z, 0) + (overshoot(np.abs(z)) if all_at_once else 0)) / np.sqrt(last) / (1 - beta)
    bend, found = (LOW if all_at_once else 0.0), np.zeros(limit + 1)
    for pulls in range(limit + ahead - 1, -1, -1):
        n = prior + pulls
        at, height = _bent(z, worth, bend)
        going_on = z / np.sqrt(n) + beta * look_ahead(z, at, height, 1 / np.sqrt(n + 1) / (1 - beta), n)
        bend = crossing(z, going_on, int(np.argmax(going_on > 0)))
        worth = np.maximum(going_on, 0)
        if pulls <= limit:
            found[pulls] = -bend / np.sqrt(n)
    return found


def _bent(z: np.ndarray, worth: np.ndarray, bend: float) -> tuple[np.ndarray, np.ndarray]:
    """The points of the broken line, the last one at 0 moved to where it leaves 0, and their heights."""
    at, height = z.copy(), np.where(z <= bend, 0, worth)
    if bend > z[0]:
        at[np.searchsorted(z, bend, side="right") - 1] = bend
        return at, height
    return at, worth
