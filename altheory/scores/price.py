"""Scores for menus with prices."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Scalar, Score, ScoreFn, score


def _per_dollar(belief: Any, menu: Menu, key: Key, *, inner: Score, power: Scalar = 1.0) -> Float[Array, "K"]:
    gain = inner(belief, menu, key)
    price = menu.price**power
    free = price <= 0
    rate = jnp.where(free, jnp.where(gain > 0, jnp.inf, 0), gain / jnp.where(free, 1, price))
    return jnp.where(gain < 0, gain * price, rate)


def per_dollar(inner: ScoreFn | Score, *, power: Scalar = 1.0) -> Score:
    r"""A score divided by the price, :math:`s_k / p_k^{\alpha}` with :math:`\alpha` = `power`.

    What is free and worth anything comes first. A negative score is multiplied instead, so that of two equally bad
    items the dearer is the worse; a rate has its meaning only for scores of at least 0, as information gains are.
    Cite: settles2008active.
    """
    return score(_per_dollar, inner=score(inner), power=power)
