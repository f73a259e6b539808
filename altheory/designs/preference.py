"""D-optimal pairs to compare: designs over the differences of items, which are made as they are read."""

from typing import Any

import numpy as np

from altheory.designs.design import Design
from altheory.designs.glm import glm_weights
from altheory.designs.optimal import TOL, optimal_design
from altheory.designs.pool import Matrix, PairPool, as_pool


def preference_design(
    z: Any, *, theta: Any = None, criterion: str = "d", tol: float = TOL, prior: Any = None
) -> Design:
    r"""The design over all pairs i < j of items `z [items, d]` whose comparison best estimates θ in a Bradley-Terry
    model.

    A comparison of i and j informs like the row :math:`z_i - z_j` with multiplier :math:`p(1-p)` at `theta` (`[d]` or
    `[draws, d]`), constant where `theta` is None. Weights run over the pairs; `pair_items` names them. Memory is
    O(items d + pairs). Raises `ValueError` on fewer than two items, and `DesignError` as `optimal_design` does. Cite:
    mukherjee2024optimal.
    """
    pool = as_pool(z)
    if pool.shape[0] < 2:
        raise ValueError("z must have at least two items to compare; it has one")
    pairs = PairPool(pool.take(np.arange(pool.shape[0])))
    weights = None if theta is None else glm_weights(pairs, theta, family="bradley-terry")
    return optimal_design(pairs, criterion, tol=tol, information=weights, prior=prior)


def pair_items(design: Design) -> Matrix:
    """The items i < j `[support, 2]` of the pairs that a preference design puts weight on."""
    pool = design.problem.pool
    if not isinstance(pool, PairPool):
        raise ValueError("pair_items needs a design over pairs, as `preference_design` makes")
    return np.stack(pool.pair(design.support), axis=1)
