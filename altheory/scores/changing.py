"""Indices of bandits whose rewards change."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Scalar, needs


@needs("mean", "count", "scale", "horizon")
def window_ucb_index(belief: Any, menu: Menu, key: Key, *, xi: Scalar = 1.0) -> Float[Array, "K"]:
    r"""The sliding-window index :math:`\bar X_k + 2\sigma\sqrt{\xi\ln\tau/N_k}` over the last :math:`\tau` rounds.

    Infinite for an arm not played in the window. The theorem has :math:`\xi = 1`. Cite: garivier2011upper.
    """
    n = belief.count(menu)
    log = xi * jnp.log(belief.horizon(menu))
    bonus = 2 * jnp.asarray(belief.scale) * jnp.sqrt(log / jnp.maximum(n, 1))
    return jnp.where(n > 0, belief.mean(menu) + bonus, jnp.inf)


@needs("mean", "width", "count", "flat")
def ti_ucb_index(belief: Any, menu: Menu, key: Key, *, width: Scalar = 1.0) -> Float[Array, "K"]:
    r"""The TI-UCB index: an arm's predicted next reward plus :math:`w\sqrt{2\ln t}` of its standard errors.

    Infinite before an arm's second pull. Cite: xia2024which.
    """
    log = jnp.sqrt(2 * jnp.log(jnp.maximum(belief.count(menu).sum(), 1)))
    spread = belief.width(menu)
    known = jnp.isfinite(spread)
    return jnp.where(known, belief.mean(menu) + width * log * jnp.where(known, spread, 0), jnp.inf)
