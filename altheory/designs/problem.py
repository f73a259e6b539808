"""A design problem in whitened coordinates: the pool, what scales its rows, the prior and the money."""

from dataclasses import dataclass

import numpy as np

from altheory.designs.frame import Frame
from altheory.designs.interior import information
from altheory.designs.pool import Matrix, Pool, Vector

AFFORDABLE = 1e-10
"""The share of the budget by which rounding may exceed it."""


@dataclass(frozen=True)
class Problem:
    r"""Maximise :math:`H(\sum_i w_ia_ia_i^\top + P)` over designs; :math:`a_i` is item i's scaled row.

    `scale [items]` multiplies rows (1/noise sd, root information), `prior [r, r]` is in the frame's coordinates,
    `prices [items]` are what items cost above the cheapest, over what the budget is above it: their mean is at most 1.
    """

    pool: Pool
    frame: Frame
    prior: Matrix
    scale: Vector | None = None
    prices: Vector | None = None

    @property
    def items(self) -> int:
        return self.pool.shape[0]

    def rows(self, index: Vector) -> Matrix:
        """The scaled rows of some items, in whitened coordinates."""
        z = self.pool.take(index) @ self.frame.to
        return z if self.scale is None else z * self.scale[index][:, None]

    def information(self, index: Vector, weights: Vector) -> Matrix:
        """The information matrix of a design, in whitened coordinates."""
        return information(self.rows(index), weights, self.prior)

    def scan(self, root: Matrix, *, exact: bool) -> Vector:
        r"""The sensitivities :math:`|R^\top a_i|^2` of the whole pool."""
        q = self.pool.quadratic(self.frame.to @ root, exact=exact)
        return q if self.scale is None else q * self.scale**2

    def constraint(self, index: Vector) -> tuple[Matrix, Vector]:
        """The rows of `Cw = b` for a working set; with prices, its last column is the money not spent."""
        if self.prices is None:
            return np.ones((1, len(index))), np.ones(1)
        c = np.ones((2, len(index) + 1))
        c[0, -1], c[1, :-1] = 0.0, self.prices[index]
        return c, np.ones(2)

    def charge(self, scores: Vector, index: Vector | None = None) -> Vector:
        r"""Sensitivities less the worth of the money an item takes, :math:`\varphi_i - \lambda(p_i - 1)`, at the best
        λ.
        """
        if self.prices is None:
            return scores
        over = (self.prices if index is None else self.prices[index]) - 1.0
        return scores - best_multiplier(scores, over) * over

    def feasible(self, index: Vector, weights: Vector, *, margin: float = 0.0) -> Vector:
        """Weights that sum to 1, and within the budget where there is one, less a `margin` of what can be saved."""
        w = weights / weights.sum()
        if self.prices is None:
            return w
        p = self.prices[index]
        limit = 1 - margin * max(1 - float(p.min()), 0.0)
        dear, cheap = p > limit, p <= limit
        if float(w @ p) <= limit or not cheap.any():
            return w
        # move mass from items above the limit to those below it, in proportion, until the mean price is the limit
        over, under = float(w[dear] @ (p[dear] - limit)), float(w[cheap] @ (limit - p[cheap]))
        w[dear] *= under / over
        return w / w.sum()

    def affordable(self, index: Vector, weights: Vector) -> bool:
        """Whether weights stay within the budget, where there is one."""
        return self.prices is None or float(weights @ self.prices[index]) <= 1 + AFFORDABLE

    def spare(self, root: Matrix) -> float:
        r"""What the prior contributes to the certificate, :math:`\mathrm{tr}(PRR^\top)`."""
        return float(np.einsum("ij,ik,kj->", root, self.prior, root))


def best_multiplier(scores: Vector, over: Vector) -> float:
    r"""The λ >= 0 that minimises :math:`\max_i(\varphi_i - \lambda o_i)`, by bisection on the sign of the slope."""
    low, high = 0.0, 1.0
    if over[np.argmax(scores)] <= 0:
        return 0.0
    while over[np.argmax(scores - high * over)] > 0 and high < 1e18:
        low, high = high, 4 * high
    for _ in range(200):
        middle = (low + high) / 2
        if high - low <= 1e-15 * high:
            break
        low, high = (middle, high) if over[np.argmax(scores - middle * over)] > 0 else (low, middle)
    values = [float((scores - x * over).max()) for x in (low, high)]
    return low if values[0] < values[1] else high
