"""Scores for menus with prices."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from altheory.core import Key, Menu, Scalar, Score, ScoreFn, score
from altheory.core.check import nonnegative


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


def _within_price(belief: Any, menu: Menu, key: Key, *, inner: Score, most: Scalar) -> Float[Array, "K"]:
    nearest = jnp.where(menu.open, menu.price, jnp.inf).min()
    return jnp.where(menu.price <= jnp.maximum(most, nearest), inner(belief, menu, key), -jnp.inf)


def within_price(inner: ScoreFn | Score, most: Scalar) -> Score:
    """A score where items dearer than `most` come last; the cheapest open one stays in, so that there is a choice.

    Where the price is the way there, this is the distance-constrained rule, which lowers a field's error faster per
    length travelled than dividing by the distance does. Raises `ValueError` where `most` is below 0.
    Cite: akins2024cost.
    """
    nonnegative("within_price most", most)
    return score(_within_price, inner=score(inner), most=float(most) if isinstance(most, int) else most)


def token_price(
    prompt: Num[Array | np.ndarray, "..."] | Scalar,
    completion: Num[Array | np.ndarray, "..."] | Scalar,
    *,
    input_rate: Num[Array | np.ndarray, "..."] | Scalar,
    output_rate: Num[Array | np.ndarray, "..."] | Scalar,
) -> Float[Array, "..."]:
    """What a call costs, in the money of the rates, which are for a million tokens as price lists have them.

    `prompt` and `completion` count tokens; give the completion's largest length for a price that is never exceeded,
    its mean for one that is right on average. Broadcasts, so `prompt[:, None]` against rates `[models]` prices every
    item from every model. Raises `ValueError` where a number is below 0.
    """
    for name, value in (
        ("prompt", prompt), ("completion", completion), ("input_rate", input_rate), ("output_rate", output_rate)
    ):  # fmt: skip
        nonnegative(f"token_price {name}", value)
    tokens, output = jnp.asarray(prompt, float), jnp.asarray(completion, float)
    return (tokens * jnp.asarray(input_rate, float) + output * jnp.asarray(output_rate, float)) / 1e6
