"""Uncertainty of one prediction: entropy, margin, least confidence. Larger is more uncertain, in all of them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core.record import is_traced
from altheory.scores.inputs import ROW_SUM_TOLERANCE, as_floats, raise_unless_probabilities

UNROLLED_CLASSES = 32
"""Up to this many classes the class axis is unrolled, which leaves the items minor and every lane busy."""

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
    p = as_floats("probs", probs, axes="... classes")
    scores, ok = kernel(p)
    if not is_traced(ok):
        raise_unless_probabilities("probs", probs, ok)
    return scores


@jax.jit
def _entropy(p: Array) -> tuple[Array, Array]:
    if p.shape[-1] > UNROLLED_CLASSES:
        return jnp.maximum(-plogp(p).sum(-1), 0), _rows_ok(p.sum(-1), p.min(-1))
    total = -plogp(p[..., 0])
    for c in range(1, p.shape[-1]):
        total = total - plogp(p[..., c])
    return jnp.maximum(total, 0), _columns_ok(p)


@jax.jit
def _margin(p: Array) -> tuple[Array, Array]:
    if p.shape[-1] > UNROLLED_CLASSES:
        top = jax.lax.top_k(p, 2)[0]
        return top[..., 1] - top[..., 0], _rows_ok(p.sum(-1), p.min(-1))
    first, second = p[..., 0], jnp.zeros_like(p[..., 0])
    for c in range(1, p.shape[-1]):
        second = jnp.maximum(second, jnp.minimum(first, p[..., c]))
        first = jnp.maximum(first, p[..., c])
    return second - first, _columns_ok(p)


@jax.jit
def _least_confidence(p: Array) -> tuple[Array, Array]:
    if p.shape[-1] > UNROLLED_CLASSES:
        return 1 - p.max(-1), _rows_ok(p.sum(-1), p.min(-1))
    top = p[..., 0]
    for c in range(1, p.shape[-1]):
        top = jnp.maximum(top, p[..., c])
    return 1 - top, _columns_ok(p)


def plogp(p: Float[Array, "..."]) -> Float[Array, "..."]:
    """`p log p` with its limit 0 at 0 (NaN stays NaN), and a gradient that stays finite there."""
    return p * jnp.log(jnp.where(p == 0, 1, p))


def _columns_ok(p: Array) -> Array:
    total, least = p[..., 0], p[..., 0]
    for c in range(1, p.shape[-1]):
        total, least = total + p[..., c], jnp.minimum(least, p[..., c])
    return _rows_ok(total, least)


def _rows_ok(total: Array, least: Array) -> Array:
    return ((jnp.abs(total - 1) <= ROW_SUM_TOLERANCE) & (least >= 0)).all()
