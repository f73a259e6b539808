"""Information a label carries about the model: BALD, from probabilities or logits."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core.record import is_traced
from altheory.scores.inputs import as_floats, raise_unless_probabilities, rows_are_probabilities
from altheory.scores.uncertainty import plogp

Draws = Float[Array, "draws items classes"] | Float[np.ndarray, "draws items classes"]


def bald(probs: Draws) -> Float[Array, "items"]:
    r"""Mutual information between each item's label and the model, in nats.

    :math:`I(y;\theta) = H\bigl(\tfrac1M\sum_m p_m\bigr) - \tfrac1M\sum_m H(p_m)`, exact for the prior that puts equal mass
    on the M draws, at least 0 and at most the logarithm of the number of classes and of draws. `probs` is
    `[draws, items, classes]`. Memory: items x classes beyond the input. Raises `ValueError` on NaN, a negative entry or
    a row that does not sum to 1 within 1e-3. Cite: houlsby2011bayesian.
    """
    p = as_floats("probs", probs, axes="draws items classes")
    scores, ok = _bald(p)
    if not is_traced(ok):
        raise_unless_probabilities("probs", probs, ok)
    return scores


@jax.jit
def _bald(p: Float[Array, "draws items classes"]) -> tuple[Float[Array, "items"], Array]:
    def add(total: tuple[Array, Array], row: Array) -> tuple[tuple[Array, Array], None]:
        return (total[0] + row, total[1] + plogp(row).sum(-1)), None

    zero = (jnp.zeros(p.shape[1:], p.dtype), jnp.zeros(p.shape[1], p.dtype))
    (total, negative), _ = jax.lax.scan(add, zero, p)
    information = negative / p.shape[0] - plogp(total / p.shape[0]).sum(-1)
    return jnp.maximum(information, 0), rows_are_probabilities(p)
