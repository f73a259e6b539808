"""Local information of generalised linear models: how much an outcome at an item tells about the parameter."""

from typing import Any

import numpy as np

from altheory.core import check
from altheory.designs.pool import Matrix, Vector, as_pool, chunks

FAMILIES = ("logistic", "bradley-terry", "poisson", "probit")


def glm_weights(x: Any, theta: Any, *, family: str = "logistic") -> Vector:
    r"""The Fisher information multiplier `[items]` of each item, for `optimal_design(..., information=)`.

    Logistic and Bradley-Terry (`x [N, d]` are then differences of items): :math:`p(1-p)` at :math:`p = 1/(1 +
    e^{-x^\top\theta})`; Poisson: :math:`e^{x^\top\theta}`; probit: :math:`\phi^2/(\Phi(1-\Phi))`. `theta` is `[d]`,
    or `[draws, d]`: the multipliers are then averaged, which gives the expected information under those draws. Raises
    `ValueError` on bad input. Cite: chaloner1995bayesian.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}; it is {family!r}")
    pool = as_pool(x)
    t = np.atleast_2d(np.asarray(theta, dtype=np.float64))
    if t.ndim != 2 or t.shape[1] != pool.shape[1]:
        raise ValueError(f"theta must be [{pool.shape[1]}] or [draws, {pool.shape[1]}]; its shape is {np.shape(theta)}")
    check.finite("theta", t)
    out = np.empty(pool.shape[0])
    for low, high in chunks(pool):
        out[low:high] = _multiplier(pool.rows(low, high).astype(np.float64) @ t.T, family).mean(1)
    return out


def _multiplier(eta: Matrix, family: str) -> Matrix:
    if family == "poisson":
        if eta.max() > 700:
            raise ValueError(f"the Poisson rate overflows: x @ theta reaches {eta.max():g}; scale theta down")
        return np.exp(eta)
    if family == "probit":
        from scipy.special import log_ndtr

        return np.exp(-(eta**2) - np.log(2 * np.pi) - log_ndtr(eta) - log_ndtr(-eta))
    decay = np.exp(-np.abs(eta))
    return decay / (1 + decay) ** 2
