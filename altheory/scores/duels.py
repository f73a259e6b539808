"""Which pair should duel next."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Scalar, needs


def duel_radius(n: Array, items: int, delta: Scalar) -> Array:
    r""":math:`\sqrt{\ln(\pi^2K(K-1)n^2/6\delta)/2n}`: all empirical chances stay within it, with 1 - `delta`."""
    many = jnp.maximum(n, 1)
    level = math.log(math.pi**2 * max(items * (items - 1), 1) / 6) - jnp.log(jnp.asarray(delta)) + 2 * jnp.log(many)
    return jnp.sqrt(level / (2 * many))


@needs("wins")
def rucb_score(belief: Any, menu: Menu, key: Key, *, delta: Scalar = 0.05) -> Float[Array, "K"]:
    r"""RUCB's pair: 1 for champion against challenger, 0 for the rest.

    With :math:`u_{ij}=\hat p_{ij}+r(n_{ij})`, :math:`u_{ii}=\frac12` and u = 1 for pairs that never met, the champion
    c may beat everyone, :math:`u_{cj}\ge\frac12` for all j (of several the one with most duels won), and the
    challenger is the :math:`\arg\max_ju_{jc}`. Once the Condorcet winner is known it duels itself.
    Cite: zoghi2014relative.
    """
    wins = belief.wins
    items = wins.shape[0]
    n = wins + wins.T
    eye = jnp.eye(items, dtype=bool)
    upper = jnp.where(n > 0, wins / jnp.maximum(n, 1) + duel_radius(n, items, delta), 1)
    upper = jnp.where(eye, 0.5, upper)
    able = (upper >= 0.5).all(1)
    merit = jnp.where(able, 1 + wins.sum(1), 0) + jnp.where(able.any(), 0, upper.min(1))
    champion = jnp.argmax(merit)
    challenger = jnp.argmax(upper[:, champion])
    return ((menu.x[:, 0] == champion) & (menu.x[:, 1] == challenger)).astype(wins.dtype)


@needs("wins", "sample")
def double_thompson_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """Double Thompson sampling's pair: 1 for it, 0 for the rest.

    The first item wins most duels under one draw of all chances; the second, of a fresh draw, is the likeliest to beat
    it. Its regret is known only up to a constant: the guarantee is structural. Cite: wu2016double.
    """
    items = belief.wins.shape[0]
    i, j = jnp.divmod(jnp.arange(items * items), items)
    pairs = Menu(jnp.stack([i, j], -1), menu.price[:1], menu.noise[:1], menu.open[:1])
    one, two = (belief.sample(pairs, k).reshape(items, items) for k in jax.random.split(key))
    first = jnp.argmax((one > 0.5).sum(1) + one.mean(1) / items)
    second = jnp.argmax(two[:, first])
    return ((menu.x[:, 0] == first) & (menu.x[:, 1] == second)).astype(belief.wins.dtype)


@needs("log_odds", "width")
def challenge_score(belief: Any, menu: Menu, key: Key, *, width: Scalar = 1.0) -> Float[Array, "K"]:
    r"""Contextual duels: the arm of the largest utility, against the one that may beat it by most; 1 for that pair.

    Rows are all pairs of the round's arms, `i K + j`, with features :math:`x_i - x_j`. The first arm i has the largest
    :math:`\sum_jz_{ij}^\top\hat\theta`, the second j the largest :math:`z_{ji}^\top\hat\theta + w\|z_{ji}\|_{H^{-1}}`
    among open pairs. Raises `ValueError` where rows are no square. Cite: bengs2022stochastic.
    """
    arms = math.isqrt(menu.open.shape[0])
    if arms**2 != menu.open.shape[0]:
        raise ValueError(
            f"challenge_score needs all pairs of arms, a square number of rows; it has {menu.open.shape[0]}"
        )
    better, unsure = (each(menu).reshape(arms, arms) for each in (belief.log_odds, belief.width))
    open = menu.open.reshape(arms, arms)
    first = jnp.argmax(jnp.where(open.any(1), better.sum(1), -jnp.inf))
    hope = jnp.where(open[first], (better + width * unsure)[:, first], -jnp.inf)
    row = jnp.arange(arms)
    return ((row[:, None] == first) & (row == jnp.argmax(hope))).ravel().astype(better.dtype)


@needs("log_odds", "width")
def width_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    r""":math:`\|x_k\|_{H^{-1}}`: how little the labels so far say of a row. Cite: ji2024reinforcement."""
    return belief.width(menu)
