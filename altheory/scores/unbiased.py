"""Honest estimates of a pool's mean from items that were picked on purpose."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core.check import at_least, within
from altheory.core.record import is_traced
from altheory.scores.inputs import as_floats, raise_if_nan

Proposal = Float[Array, "... M"] | Float[np.ndarray, "... M"]


def lure_weights(proposal: Proposal, total: int) -> Float[Array, "... M"]:
    r"""Weights for the mean loss of M items, picked without replacement from `total`: it is then unbiased.

    :math:`v_m = 1 + \frac{N-M}{N-m}\bigl(\frac1{(N-m+1)q_m} - 1\bigr)`, all 1 where M = N. `proposal [..., M]` holds
    :math:`q_m`, the probability with which the m-th item was drawn among those then left, each of which must have had
    a positive one; it may depend on the past but not on the item's own label. Memory: the weights. Raises
    `ValueError` on probabilities outside (0, 1] or where M exceeds `total`. Cite: farquhar2021statistical.
    """
    q = as_floats("proposal", proposal, axes="... M")
    picked = q.shape[-1]
    at_least("total", total, picked)
    within("proposal", q, 0, 1)
    if not is_traced(q) and not bool((q > 0).all()):
        raise ValueError("proposal must be above 0 for every item drawn; it has 0")
    if picked == total:
        return jnp.ones_like(q)
    left = total - jnp.arange(1, picked + 1, dtype=q.dtype)
    return 1 + (total - picked) / left * (1 / ((left + 1) * q) - 1)


def lure(losses: Any, proposal: Proposal, total: int) -> Float[Array, "..."]:
    r"""The unbiased mean loss of a pool, :math:`\frac1M\sum_mv_mL_m`, from M items picked without replacement.

    `losses [..., M]` in the order of picking; weights, shapes and what raises: as `lure_weights`, and on NaN. It may be
    negative where few were picked. Cite: farquhar2021statistical.
    """
    x = as_floats("losses", losses, axes="... M")
    weights = lure_weights(proposal, total)
    if x.shape[-1] != weights.shape[-1]:
        raise ValueError(f"losses must have the {weights.shape[-1]} items of proposal; it has {x.shape[-1]}")
    mean = (weights.astype(x.dtype) * x).mean(-1)
    raise_if_nan("losses", x, mean)
    return mean


def importance_weighted_risk(losses: Any, prob: Any, asked: Any) -> Float[Array, "..."]:
    r"""The unbiased mean loss over a stream whose labels are bought at random, :math:`\frac1T\sum_t\frac{Q_t}{p_t}L_t`.

    `asked [..., T]` says whose label was bought (:math:`Q_t`), `prob [..., T]` with what probability :math:`p_t`, fixed
    before the coin is thrown and above 0; `losses [..., T]` count only where asked. Memory: the input. Raises
    `ValueError` on probabilities outside (0, 1], other shapes, and NaN where asked. Cite: beygelzimer2009importance.
    """
    x, p = as_floats("losses", losses, axes="... T"), as_floats("prob", prob, axes="... T")
    q = jnp.asarray(asked).astype(bool)
    if not x.shape == p.shape == q.shape:
        raise ValueError(f"losses, prob and asked must have one shape; theirs are {x.shape}, {p.shape} and {q.shape}")
    within("prob", p, 0, 1)
    if not is_traced(p) and not bool((p > 0).all()):
        raise ValueError("prob must be above 0 for every item; it has 0: bound it from below before the coin is thrown")
    paid = jnp.where(q, x, 0)
    raise_if_nan("losses", paid, paid)
    return (paid / p.astype(x.dtype)).mean(-1)
