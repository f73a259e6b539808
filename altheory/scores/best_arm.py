"""Which arm to pull to tell the best one soonest: tracking the best shares of pulls, or leader and challenger."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Scalar, needs

HALVINGS = 24
"""Of each bisection: to what float32 resolves."""

CLOSE = 3e-3
"""The least gap, of the largest mean or 1: float32 tells closer divergences from 0 no more."""


def tracking_shares(means: Float[Array, "K"], *, sd: Scalar | None = None) -> Float[Array, "K"]:
    r"""The shares of pulls that tell the best of K arms soonest, :math:`w^\star`, from their means.

    :math:`\arg\max_w\min_{a\ne1}w_1d(\mu_1,m_a)+w_ad(\mu_a,m_a)` with :math:`m_a` the mean of both under w; arms are
    Bernoulli, or Gaussian of standard deviation `sd`. As `guarantees.characteristic_time`, but it runs compiled: one
    bisection for Gaussian arms, two for Bernoulli ones. Means closer than .003 are taken to be
    that far apart. Time: O(K), or O(24 K). Cite: garivier2016optimal.
    """
    mu = means if sd is not None else jnp.clip(means, 1e-4, 1 - 1e-4)
    best = jnp.argmax(mu)
    other = jnp.arange(mu.shape[0]) != best
    top = mu[best]
    rest = jnp.minimum(mu, top - CLOSE * jnp.maximum(jnp.abs(top), 1))
    if sd is not None:
        worth = (top - rest) ** 2 / 2
        ratios: Callable[[Array], tuple[Array, Array]] = lambda y: _gaussian(y, worth)  # noqa: E731
    else:
        worth = _kl(top, rest)
        ratios = lambda y: _bernoulli(y, top, rest)  # noqa: E731
    most = jnp.where(other, worth, jnp.inf).min()

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        y = (ends[0] + ends[1]) / 2
        over = jnp.where(other, ratios(y)[1], 0).sum() >= 1
        return jnp.where(over, ends[0], y), jnp.where(over, y, ends[1])

    low, _ = jax.lax.fori_loop(0, HALVINGS, halve, (jnp.zeros_like(most), most))
    x = jnp.where(other, ratios(low)[0], 1)
    return x / x.sum()


def _gaussian(y: Array, worth: Float[Array, "K"]) -> tuple[Array, Array]:
    """The shares at which every rival is worth y, in those of the best arm, and their divergences' ratios."""
    x = y / jnp.maximum(worth - y, jnp.finfo(worth.dtype).tiny)
    return x, jnp.minimum(x, 1e6) ** 2


def _bernoulli(y: Array, top: Array, rest: Float[Array, "K"]) -> tuple[Array, Array]:
    def middle(u: Array) -> tuple[Array, Array]:
        m = (1 - u) * top + u * rest
        return _kl(top, m), _kl(rest, m)

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        u = (ends[0] + ends[1]) / 2
        here, there = middle(u)
        low = here + u / (1 - u) * there < y
        return jnp.where(low, u, ends[0]), jnp.where(low, ends[1], u)

    u, _ = jax.lax.fori_loop(0, HALVINGS, halve, (jnp.zeros_like(rest), jnp.full_like(rest, 1 - 1e-6)))
    here, there = middle(u)
    return u / (1 - u), here / jnp.maximum(there, jnp.finfo(rest.dtype).tiny)


def _kl(p: Array, q: Array) -> Array:
    xlogy = jax.scipy.special.xlogy
    return jnp.maximum(xlogy(p, p) - xlogy(p, q) + xlogy(1 - p, 1 - p) - xlogy(1 - p, 1 - q), 0)


@needs("mean", "count")
def tracking_score(belief: Any, menu: Menu, key: Key, *, sd: Scalar | None = None) -> Float[Array, "K"]:
    r"""D-tracking: :math:`t\,w^\star_k(\hat\mu) - N_k`; arms pulled under :math:`\sqrt t-K/2` times come first.

    Arms are Bernoulli, or Gaussian of standard deviation `sd`. With the stop `best_arm_known` it is Track-and-Stop.
    Cite: garivier2016optimal.
    """
    n = belief.count(menu)
    t, arms = n.sum(), n.shape[0]
    starved = (n < jnp.maximum(jnp.sqrt(t) - arms / 2, 1)) & menu.open
    behind = t * tracking_shares(belief.mean(menu), sd=sd) - n
    return jnp.where(starved.any(), jnp.where(starved, -n, -2 * t - arms), behind)


@needs("mean", "count")
def lucb_score(belief: Any, menu: Menu, key: Key, *, delta: Scalar = 0.05, sigma: Scalar = 0.5) -> Float[Array, "K"]:
    r"""LUCB's two arms come first: 2 for the leader, the rest by what they may be worth; `Batched(..., 2)` buys both.

    The leader has the largest mean, the challenger the largest
    :math:`\hat\mu+2\sigma\sqrt{\ln(5Kt^4/4\delta)/2N}` of the others, u in the score :math:`u/(1+|u|)`; an arm that
    was never played has 1. Rewards are `sigma`-sub-Gaussian, 1/2 in [0, 1]. Cite: kalyanakrishnan2012pac.
    """
    n, mean = belief.count(menu), belief.mean(menu)
    t = jnp.maximum(n.sum(), 1)
    level = jnp.log(1.25 * n.shape[0] / jnp.asarray(delta)) + 4 * jnp.log(t)
    upper = mean + 2 * sigma * jnp.sqrt(level / (2 * jnp.maximum(n, 0.5)))
    played = menu.open & (n > 0)
    leads = played & (mean == jnp.where(played, mean, -jnp.inf).max())
    hope = jnp.where(n > 0, upper / (1 + jnp.abs(upper)), 1)
    return jnp.where(leads, 2, hope)
