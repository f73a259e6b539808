"""Information a label carries about the model: BALD, from probabilities or from logits."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core.numerics import plogp
from altheory.core.record import is_traced
from altheory.scores.cores import at_once, on_cpu, shares
from altheory.scores.inputs import (
    ROW_SUM_TOLERANCE,
    as_floats,
    raise_if_nan,
    raise_unless_probabilities,
    sum_rows,
)

DRAWS_A_TURN = 4

Draws = Float[Array, "draws items classes"] | Float[np.ndarray, "draws items classes"]


def bald(probs: Draws) -> Float[Array, "items"]:
    r"""Mutual information between each item's label and the model, in nats.

    :math:`I(y;\theta) = H\bigl(\tfrac1M\sum_m p_m\bigr) - \tfrac1M\sum_m H(p_m)`, exact for the prior that puts equal
    mass on the M draws, at least 0 and at most the logarithm of the number of classes and of draws. `probs` is
    `[draws, items, classes]`. Memory: twice items x classes beyond the input. Raises `ValueError` on NaN, a negative
    entry or a row that does not sum to 1 within 1e-3. Cite: houlsby2011bayesian.
    """
    p = as_floats("probs", probs, axes="draws items classes")
    if is_traced(p):
        return _bald_in_a_loop(p)
    if not on_cpu(p):
        scores, ok = _bald_at_once(p)
        raise_unless_probabilities("probs", probs, ok)
        return scores
    parts = at_once([partial(_bald, p, start, width) for start, width in shares(p)], p)
    raise_unless_probabilities("probs", probs, all(fine for _, fine in parts))
    return parts[0][0] if len(parts) == 1 else jnp.concatenate([scores for scores, _ in parts])


def bald_from_logits(logits: Draws) -> Float[Array, "items"]:
    """`bald` of the softmax of `[draws, items, classes]` logits, in one pass that never holds the probabilities.

    A logit of minus infinity is a probability of exactly 0. Memory: twice items x classes beyond the input. Raises
    `ValueError` on NaN. Cite: houlsby2011bayesian.
    """
    z = as_floats("logits", logits, axes="draws items classes")
    scores = _bald_from_logits(z)
    raise_if_nan("logits", logits, scores)
    return scores


def conditional_entropy(p: Float[Array, "draws items classes"]) -> Float[Array, "items"]:
    r"""The mean entropy of a draw, :math:`\tfrac1M\sum_m H(p_m)`: what no number of draws can explain."""
    total = _over_draws(p, lambda q: (plogp(q),))[0]
    return jnp.maximum(-sum_rows(total) / p.shape[0], 0)


@partial(jax.jit, static_argnames="width")
def _bald(p: Float[Array, "draws items classes"], start: Int[Array, ""], width: int) -> tuple[Array, Array]:
    """The scores of `width` items from `start` on, and whether their rows are probabilities.

    Several draws a turn: the sums are read and written less often than the draws.
    """
    draws, _, classes = p.shape
    flat, first = p.reshape(draws, -1), start * classes

    def add(m: Array | int, sums: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        total, negative, off = sums
        row = jax.lax.dynamic_slice(flat, (jnp.asarray(m, first.dtype), first), (1, width * classes))[0]
        ends = jnp.abs(sum_rows(row.reshape(width, classes)) - 1)
        return total + row, negative + plogp(row), jnp.maximum(off, ends)

    def turn(t: Array, sums: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        for i in range(DRAWS_A_TURN):
            sums = add(DRAWS_A_TURN * t + i, sums)
        return sums

    zeros = jnp.zeros(width * classes, p.dtype)
    sums = jax.lax.fori_loop(jnp.int32(0), draws // DRAWS_A_TURN, turn, (zeros, zeros, jnp.zeros(width, p.dtype)))
    for m in range(draws - draws % DRAWS_A_TURN, draws):
        sums = add(m, sums)
    total, negative, off = sums
    # p log p of a negative number is none
    fine = (off <= ROW_SUM_TOLERANCE).all() & ~jnp.isnan(negative).any()
    return _information(total, negative, draws, classes), fine


@jax.jit
def _bald_at_once(p: Float[Array, "draws items classes"]) -> tuple[Float[Array, "items"], Array]:
    """The same for a device that makes both sums in one kernel, and whether all rows are probabilities."""
    draws, items, classes = p.shape
    flat, zero = p.reshape(draws, -1), jnp.zeros((), p.dtype)
    pairs = (flat, plogp(flat)), (zero, zero)
    total, negative = jax.lax.reduce(*pairs, lambda a, b: (a[0] + b[0], a[1] + b[1]), (0,))
    parts = negative / draws - plogp(total / draws)
    fine = (jnp.abs(p.sum(-1) - 1) <= ROW_SUM_TOLERANCE) & (p.min(-1) >= 0)
    return jnp.maximum(parts.reshape(items, classes).sum(-1), 0), fine.all()


def _bald_in_a_loop(p: Float[Array, "draws items classes"]) -> Float[Array, "items"]:
    """The same, with the items minor: beliefs inside a compiled loop make their predictions in that order."""
    q = jnp.swapaxes(p, 1, 2)
    total, negative = _over_draws((q, plogp(q)), lambda row: row)
    parts = negative / q.shape[0] - plogp(total / q.shape[0])
    return jnp.maximum(sum_rows(parts.T), 0)


@jax.jit
def _bald_from_logits(z: Float[Array, "draws items classes"]) -> Float[Array, "items"]:
    def terms(row: Array) -> tuple[Array, Array]:
        log_p = jax.nn.log_softmax(row, axis=-1)
        p = jnp.exp(log_p)
        return p, p * jnp.where(p == 0, 0, log_p)

    total, negative = _over_draws(z, terms)
    return _information(total, negative, z.shape[0], z.shape[-1])


def _over_draws(p: Any, terms: Callable[[Any], tuple[Array, ...]]) -> tuple[Array, ...]:
    """The sums over draws of `terms(p[m])`, one draw at a time: every array is read once, in its own order."""

    def of(m: Array) -> tuple[Array, ...]:
        return terms(jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, m, keepdims=False), p))

    return _sums(jax.tree.leaves(p)[0].shape[0], of)


def _sums(draws: int, terms: Callable[[Array], tuple[Array, ...]]) -> tuple[Array, ...]:
    def add(m: Array, totals: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(t + new for t, new in zip(totals, terms(m), strict=True))

    shapes = jax.eval_shape(terms, jnp.int32(0))
    return jax.lax.fori_loop(jnp.int32(0), draws, add, tuple(jnp.zeros(s.shape, s.dtype) for s in shapes))


def _information(total: Array, negative: Array, draws: int, classes: int) -> Float[Array, "items"]:
    parts = jax.lax.optimization_barrier(negative / draws - plogp(total / draws))
    return jnp.maximum(sum_rows(parts.reshape(-1, classes)), 0)
