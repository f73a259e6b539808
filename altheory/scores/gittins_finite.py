"""Finite-horizon indices of Bernoulli arms: what an arm is worth while so many rounds are left."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core.check import at_least

REWARDS = 1024
"""Charges a pull may cost, on a grid, between which the index is read off a straight line."""


def bernoulli_finite_gittins(horizon: int, *, rewards: int = REWARDS) -> Float[np.ndarray, "left won lost"]:
    r"""The index of an arm under a Beta(1, 1) prior with `won` and `lost` pulls behind it and `left` rounds to go.

    It is the largest charge a pull at which pulling on is still worth it, :math:`\sup_{1\le\tau\le r}
    E\sum_{t<\tau}y_t/E\tau`: what `gittins_index` is under a discount. Playing the largest is optimal for one unknown
    arm beside known ones, and close to it for several. `table[r, s, f]` is NaN where r + s + f exceeds the horizon or
    r is 0. Between the grid's charges the worth of pulling on is convex: the index is high by at most 1 / `rewards`,
    and by about its square in fact. Memory: 8 horizon^3 bytes. On the host, in float64.
    Raises `ValueError` where the horizon or `rewards` is below its least. Cite: kaufmann2018bayesian.
    """
    at_least("bernoulli_finite_gittins horizon", horizon, 1)
    at_least("bernoulli_finite_gittins rewards", rewards, 2)
    table = np.full((horizon + 1, horizon, horizon), np.nan)
    with jax.enable_x64(True):
        charge = jnp.linspace(0.0, 1.0, rewards)
        for last in range(1, horizon + 1):
            levels = np.asarray(_levels(charge, jnp.asarray(last), horizon))
            for n in range(last):
                won = np.arange(n + 1)
                table[last - n, won, n - won] = levels[n, : n + 1]
    return table


@functools.partial(jax.jit, static_argnames=("size",))
def _levels(charge: Array, last: Array, size: int) -> Float[Array, "n won"]:
    """The indices of arms with n pulls behind them that may be pulled until they have `last`."""
    won = jnp.arange(size, dtype=charge.dtype)

    def level(worth: Float[Array, "charges won"], n: Array) -> tuple[Array, Array]:
        p = (won + 1) / (n + 2)
        win = jnp.concatenate([worth[:, 1:], jnp.zeros_like(worth[:, :1])], 1)
        gain = p - charge[:, None] + p * win + (1 - p) * worth
        return jnp.where(n < last, jnp.maximum(gain, 0), 0), _root(charge, gain)

    zero = jnp.zeros((charge.size, size), charge.dtype)
    return jax.lax.scan(level, zero, jnp.arange(size - 1, -1, -1, dtype=charge.dtype))[1][::-1]


def _root(charge: Array, gain: Float[Array, "charges won"]) -> Float[Array, "won"]:
    """Where the falling gain crosses 0."""
    k = jnp.clip((gain > 0).sum(0), 1, charge.size - 1)
    low, high = (jnp.take_along_axis(gain, i[None], 0)[0] for i in (k - 1, k))
    return charge[k - 1] + (charge[k] - charge[k - 1]) * low / (low - high)
