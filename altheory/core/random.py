"""Draws that stay fast inside a scan: a whole block of rejection proposals at once."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core.types import Key


def gamma(key: Key, shape: Float[Array, "..."]) -> Float[Array, "..."]:
    """Gamma(shape, 1) variates, one for each entry of `shape > 0`; NaN for any other entry.

    Marsaglia and Tsang's squeeze, a whole block of proposals a pass; shapes below 1 are boosted by U^(1/shape).
    Cite: marsaglia2000simple.
    """
    boost_key, key = jax.random.split(key)
    known = (shape > 0) & (shape < jnp.inf)
    small = shape < 1
    d = jnp.where(small, shape + 1, shape) - 1 / 3
    c = 1 / jnp.sqrt(9 * d)

    def propose(k: Key) -> tuple[Array, Array]:
        kx, ku = jax.random.split(k)
        x = jax.random.normal(kx, shape.shape, shape.dtype)
        u = jax.random.uniform(ku, shape.shape, shape.dtype, minval=jnp.finfo(shape.dtype).tiny)
        v = (1 + c * x) ** 3
        good = (v > 0) & (jnp.log(u) < 0.5 * x**2 + d * (1 - v + jnp.log(jnp.where(v > 0, v, 1))))
        return jnp.where(known, d * v, jnp.nan), good | ~known

    value = _reject(key, propose)
    u = jax.random.uniform(boost_key, shape.shape, shape.dtype, minval=jnp.finfo(shape.dtype).tiny)
    return jnp.where(small, value * u ** (1 / jnp.where(small, shape, 1)), value)


def beta(key: Key, a: Float[Array, "..."], b: Float[Array, "..."]) -> Float[Array, "..."]:
    """Beta(a, b) variates as a ratio of Gamma variates."""
    g = gamma(key, jnp.stack([a, b]))
    return g[0] / jnp.maximum(g[0] + g[1], jnp.finfo(g.dtype).tiny)


def _reject(key: Key, propose: Callable[[Key], tuple[Array, Array]]) -> Array:
    """Propose whole blocks until every entry was accepted once."""

    def again(carry: tuple[Key, Array, Array]) -> tuple[Key, Array, Array]:
        k, value, done = carry
        k, now = jax.random.split(k)
        fresh, good = propose(now)
        return k, jnp.where(done, value, fresh), done | good

    key, now = jax.random.split(key)
    start = (key, *propose(now))
    return jax.lax.while_loop(lambda c: ~c[2].all(), again, start)[1]
