"""Draws that stay fast inside a scan: a whole block of rejection proposals at once."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, DTypeLike, Float, Int

from altheory.core.types import Key


def unit(key: Key, dtype: DTypeLike = jnp.float32) -> Float[Array, ""]:
    """A uniform number in [0, 1) read off the bits of the key itself, which costs nothing.

    The key must come from a split (a seed's own bits are not random) and be used for nothing else.
    """
    words = jax.random.key_data(key).reshape(-1)
    high = (words[0] >> 8).astype(dtype) * 2.0**-24
    return high + words[1].astype(dtype) * 2.0**-56 if jnp.dtype(dtype).itemsize == 8 else high


def normal_from(u: Float[Array, "..."]) -> Float[Array, "..."]:
    """Standard normal variates from uniform ones in [0, 1), by inversion."""
    edge = jnp.nextafter(jnp.asarray(-1, u.dtype), jnp.asarray(0, u.dtype))
    return jnp.sqrt(jnp.asarray(2, u.dtype)) * jax.lax.erf_inv(jnp.maximum(2 * u - 1, edge))


def gamma(key: Key, shape: Float[Array, "..."]) -> Float[Array, "..."]:
    """Gamma(shape, 1) variates, one for each entry of `shape > 0`; NaN for any other entry.

    A shape far below 1 gives variates that round to 0; `log_gamma` does not. Cite: marsaglia2000simple.
    """
    value, log_boost = _parts(key, shape)
    return value * jnp.exp(log_boost)


def log_gamma(key: Key, shape: Float[Array, "..."]) -> Float[Array, "..."]:
    """Logarithms of Gamma(shape, 1) variates, finite for every shape above 0; NaN for any other entry.

    Marsaglia and Tsang's squeeze, a whole block of proposals a pass; shapes below 1 are boosted by U^(1/shape).
    Cite: marsaglia2000simple.
    """
    value, log_boost = _parts(key, shape)
    return jnp.log(value) + log_boost


def _parts(key: Key, shape: Float[Array, "..."]) -> tuple[Array, Array]:
    """A variate of shape at least 1, and the logarithm of what it is to be multiplied by: 0 unless a shape is small.

    The boost is a loop of at most one turn: vectorised, it is run only where some shape is below 1.
    """
    boost_key, key = jax.random.split(key)
    known = (shape > 0) & (shape < jnp.inf)
    small = shape < 1
    d = jnp.where(small, shape + 1, shape) - 1 / 3
    c = 1 / jnp.sqrt(9 * d)
    tiny = jnp.finfo(shape.dtype).tiny

    def propose(k: Key, known: Array, c: Array, d: Array) -> tuple[Array, Array]:
        both = jax.random.uniform(k, (2, *d.shape), d.dtype)
        x, u = normal_from(both[0]), jnp.maximum(both[1], tiny)
        v = (1 + c * x) ** 3
        good = (v > 0) & (jnp.log(u) < 0.5 * x**2 + d * (1 - v + jnp.log(jnp.where(v > 0, v, 1))))
        return jnp.where(known, d * v, jnp.nan), good | ~known

    def boost(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        u = jax.random.uniform(boost_key, shape.shape, shape.dtype, minval=tiny)
        return jnp.zeros_like(carry[0]), jnp.where(small, jnp.log(u) / jnp.where(small, shape, 1), 0)

    value = _reject(key, propose, known, c, d)
    return value, jax.lax.while_loop(lambda c: c[0], boost, (small.any(), jnp.zeros_like(shape)))[1]


def beta(key: Key, a: Float[Array, "..."], b: Float[Array, "..."]) -> Float[Array, "..."]:
    """Beta(a, b) variates, the sigmoid of `beta_logit`: in [0, 1] for every a and b above 0, however small."""
    value, boost = _parts(key, jnp.stack([a, b]))
    return value[0] / (value[0] + value[1] * jnp.exp(boost[1] - boost[0]))


def beta_logit(key: Key, a: Float[Array, "..."], b: Float[Array, "..."]) -> Float[Array, "..."]:
    """The log odds of Beta(a, b) variates, as a difference of log Gamma variates: finite where the variate rounds to 0
    or 1.
    """
    g = log_gamma(key, jnp.stack([a, b]))
    return g[0] - g[1]


def draw(prob: Float[Array, "K"], key: Key) -> Array:
    """One item from a law on the menu, by inversion: the first whose cumulative probability exceeds a uniform number.

    Items of probability 0 take no part: a parallel sum may round differently from one item to the next.
    """
    return invert(prob, jax.random.uniform(key, (), prob.dtype))


def invert(prob: Float[Array, "K"], level: Float[Array, ""]) -> Array:
    """The first item whose cumulative share exceeds `level` in [0, 1): see `draw`."""
    total = jnp.where(prob > 0, jnp.cumsum(prob), 0)
    return jnp.argmax(total > level * total.max())


POISSON_ONE = np.exp(-1.0) * np.cumsum([1 / math.factorial(k) for k in range(8)])


def poisson_one(key: Key, shape: tuple[int, ...]) -> Int[Array, "..."]:
    """Poisson(1) counts by inversion, at most 8 (more has probability 1e-6): how often a bootstrap counts a label."""
    u = jax.random.uniform(key, (*shape, 1))
    return (u >= jnp.asarray(POISSON_ONE, u.dtype)).sum(-1)


FEW = 64
"""Up to so many entries, those that were rejected are proposed again one by one, and in whole blocks beyond."""


def _reject(key: Key, propose: Callable[..., tuple[Array, Array]], *law: Array) -> Array:
    """Propose a whole block, and what was rejected again until every entry was accepted once.

    `propose(key, *law)` has an entry for each of the arrays `law`, and its law depends on theirs alone.
    """
    size = law[0].size

    def block(carry: tuple[Key, Array, Array]) -> tuple[Key, Array, Array]:
        k, value, done = carry
        k, now = jax.random.split(k)
        fresh, good = propose(now, *law)
        return k, jnp.where(done, value, fresh), done | good

    def one(carry: tuple[Key, Array, Array]) -> tuple[Key, Array, Array]:
        k, value, done = carry
        k, now = jax.random.split(k)
        mine = (jnp.arange(size) == jnp.argmin(done.ravel())).reshape(done.shape)
        fresh, good = propose(now, *(jnp.where(mine, a, jnp.zeros_like(a)).sum().astype(a.dtype) for a in law))
        take = mine & good & ~done
        return k, jnp.where(take, fresh, value), done | take

    key, now = jax.random.split(key)
    start = (key, *propose(now, *law))
    return jax.lax.while_loop(lambda c: ~c[2].all(), one if size <= FEW else block, start)[1]
