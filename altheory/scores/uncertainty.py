"""Uncertainty of one prediction: entropy, margin, least confidence. Larger is more uncertain, in all of them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core.numerics import plogp
from altheory.core.record import is_traced
from altheory.scores.inputs import UNROLLED_CLASSES, as_floats, raise_unless_probabilities, rows_are_probabilities

Probs = Float[Array, "... classes"] | Float[np.ndarray, "... classes"]


def entropy(probs: Probs) -> Float[Array, "..."]:
    r"""Shannon entropy of each predicted distribution, in nats.

    :math:`H(p) = -\sum_c p_c\log p_c`, exact at 0 and 1. `probs` is `[..., classes]`. Memory: the scores, one number a
    row. Raises `ValueError` on NaN, a negative entry, or a row that does not sum to 1 within 1e-3. Cite: shannon1948.
    """
    return _scored(_entropy, probs)


def margin(probs: Probs) -> Float[Array, "..."]:
    r"""The negative gap between the two most likely classes, so that the narrowest margin is the largest score.

    :math:`-(p_{(1)} - p_{(2)})`, in [-1, 0]; one class alone has -1. `probs` is `[..., classes]`. Memory: the scores.
    Raises as `entropy` does. Cite: scheffer2001active.
    """
    return _scored(_margin, probs)


def least_confidence(probs: Probs) -> Float[Array, "..."]:
    r"""The probability that the most likely class is wrong, :math:`1 - \max_c p_c`.

    `probs` is `[..., classes]`. Memory: the scores. Raises as `entropy` does. Cite: lewis1994sequential.
    """
    return _scored(_least_confidence, probs)


def _scored(kernel: Callable[[Array], tuple[Array, Array]], probs: Probs) -> Array:
    scores, ok = kernel(as_floats("probs", probs, axes="... classes"))
    if not is_traced(ok):
        raise_unless_probabilities("probs", probs, ok)
    return scores


@jax.jit
def _entropy(p: Array) -> tuple[Array, Array]:
    if p.shape[-1] > UNROLLED_CLASSES:
        total = -plogp(p).sum(-1)
    else:
        total = -plogp(p[..., 0])
        for c in range(1, p.shape[-1]):
            total = total - plogp(p[..., c])
    return jnp.maximum(total, 0), rows_are_probabilities(p)


@jax.jit
def _margin(p: Array) -> tuple[Array, Array]:
    if p.shape[-1] > UNROLLED_CLASSES:
        top = jax.lax.top_k(p, 2)[0]
        first, second = top[..., 0], top[..., 1]
    else:
        first, second = p[..., 0], jnp.zeros_like(p[..., 0])
        for c in range(1, p.shape[-1]):
            second = jnp.maximum(second, jnp.minimum(first, p[..., c]))
            first = jnp.maximum(first, p[..., c])
    return second - first, rows_are_probabilities(p)


@jax.jit
def _least_confidence(p: Array) -> tuple[Array, Array]:
    if p.shape[-1] > UNROLLED_CLASSES:
        top = p.max(-1)
    else:
        top = p[..., 0]
        for c in range(1, p.shape[-1]):
            top = jnp.maximum(top, p[..., c])
    return jnp.maximum(1 - top, 0), rows_are_probabilities(p)
