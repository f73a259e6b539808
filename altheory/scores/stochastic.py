"""Batches drawn at random in proportion to a score: as cheap as the top of the list, and far less redundant."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core import Key
from altheory.core.check import nonnegative
from altheory.scores.inputs import Mask, as_floats, open_items, raise_if_nan

Scores = Float[Array, "items"] | Float[np.ndarray, "items"]
Number = Float[Array, ""] | float


def top_batch(scores: Scores, size: int, *, open: Mask = None) -> Int[Array, "size"]:
    """The `size` open items of the largest scores, ties to the lowest index.

    Memory: the scores. Raises `ValueError` on NaN or where `size` exceeds the open items. Cite: settles2009active.
    """
    s, mask = _checked(scores, size, open)
    return _top(s, mask, size)


def power_batch(scores: Scores, size: int, *, key: Key, power: Number = 1.0, open: Mask = None) -> Int[Array, "size"]:
    r"""Draw `size` items without replacement, each time with probability proportional to :math:`s_i^\beta`.

    By the Gumbel-top-k trick on :math:`\beta\log s_i`. Scores are at least 0; items that score 0 come last, in random
    order. `power` is :math:`\beta`: 0 is uniform over positive scores, infinity `top_batch`. Memory: a few scores.
    Raises as `top_batch`, and on negative scores. Cite: kirsch2023stochastic, kool2019stochastic.
    """
    s, mask = _checked(scores, size, open)
    nonnegative("scores", s)
    nonnegative("power", power)
    return _perturbed(jnp.log(jnp.where(s > 0, s, 1)) * jnp.asarray(power, s.dtype), s > 0, mask, key, size)


def softmax_batch(
    scores: Scores, size: int, *, key: Key, temperature: Number = 1.0, open: Mask = None
) -> Int[Array, "size"]:
    r"""Draw `size` items without replacement, each time with probability proportional to :math:`e^{s_i/T}`.

    `temperature` is T, in the unit of the scores. Memory: a few scores. Raises as `top_batch`, and where T is negative
    or 0. Cite: kirsch2023stochastic, kool2019stochastic.
    """
    s, mask = _checked(scores, size, open)
    t = jnp.asarray(temperature, s.dtype)
    nonnegative("temperature", t)
    scaled = jnp.where(t > 0, (s - s.max()) / jnp.where(t > 0, t, 1), jnp.where(s == s.max(), 0, -jnp.inf))
    return _perturbed(scaled, jnp.ones(s.shape, bool), mask, key, size)


def soft_rank_batch(
    scores: Scores, size: int, *, key: Key, power: Number = 1.0, open: Mask = None
) -> Int[Array, "size"]:
    r"""Draw `size` items without replacement, each time with probability proportional to :math:`r_i^{-\beta}`.

    :math:`r_i` is the rank of the score among the open items, 1 the largest (ties by index), so only the order of the
    scores counts. Memory: a few scores. Raises as `top_batch`. Cite: kirsch2023stochastic.
    """
    s, mask = _checked(scores, size, open)
    nonnegative("power", power)
    order = jnp.argsort(jnp.where(mask, -s, jnp.inf), stable=True)
    rank = jnp.zeros(s.shape, s.dtype).at[order].set(jnp.arange(1, s.shape[0] + 1, dtype=s.dtype))
    return _perturbed(-jnp.log(rank) * jnp.asarray(power, s.dtype), jnp.ones(s.shape, bool), mask, key, size)


def _checked(scores: Any, size: int, open: Any) -> tuple[Array, Array]:
    s = as_floats("scores", scores, axes="items")
    raise_if_nan("scores", s, s)
    return s, open_items(open, s.shape[0], size)


@partial(jax.jit, static_argnames="size")
def _top(scores: Array, open: Array, size: int) -> Int[Array, "size"]:
    order = jnp.lexsort((-scores, ~open))[:size]
    return jnp.where(open[order], order, -1).astype(jnp.int32)


@partial(jax.jit, static_argnames="size")
def _perturbed(log_weight: Array, positive: Array, open: Array, key: Key, size: int) -> Int[Array, "size"]:
    """The largest of log weights plus Gumbel noise; items that are not positive after all others, in random order."""
    noise = jax.random.gumbel(key, log_weight.shape, log_weight.dtype)
    value = jnp.where(positive, log_weight, 0) + noise
    order = jnp.lexsort((-value, ~positive, ~open))[:size]
    return jnp.where(open[order], order, -1).astype(jnp.int32)
