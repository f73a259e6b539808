"""Optimism: a mean plus a multiple of its uncertainty."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Scalar, needs


@needs("mean", "std")
def ucb(belief: Any, menu: Menu, key: Key, *, width: Scalar = 1.0) -> Float[Array, "K"]:
    r"""Upper confidence bound :math:`\mu_k + w\,\sigma_k`, for any belief with a mean and a standard deviation.

    Cite: auer2002finite.
    """
    return belief.mean(menu) + width * belief.std(menu)


@needs("mean")
def mean_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    r"""The expected outcome :math:`\mu_k`: the greedy choice, which explores nothing."""
    return belief.mean(menu)


@needs("mean", "count", "scale")
def ucb1_index(belief: Any, menu: Menu, key: Key, *, scale: Scalar = 1.0) -> Float[Array, "K"]:
    r"""The UCB1 index :math:`\hat\mu_k + 2\sigma s\sqrt{2\ln t / N_k}` after `t` plays, infinite where :math:`N_k = 0`.

    :math:`\sigma` is the belief's `scale`, 1/2 for rewards in [0, 1]. The theorem holds for `scale` s = 1.
    Cite: auer2002finite.
    """
    n = belief.count(menu)
    width = 2 * jnp.asarray(belief.scale) * scale
    bonus = width * jnp.sqrt(2 * jnp.log(jnp.maximum(n.sum(), 1)) / jnp.where(n > 0, n, 1))
    return jnp.where(n > 0, belief.mean(menu) + bonus, jnp.inf)


@needs("mean", "std", "radius")
def oful_index(belief: Any, menu: Menu, key: Key, *, delta: Scalar = 0.05, bound: Scalar = 1.0) -> Float[Array, "K"]:
    r"""The OFUL index :math:`x_k^\top\hat\theta + \beta_t\|x_k\|_{P^{-1}}` with the anytime radius :math:`\beta_t`.

    Valid with probability :math:`1-\delta` for :math:`\|\theta\| \le` `bound`. Cite: abbasi2011improved.
    """
    return belief.mean(menu) + belief.radius(delta, bound) * belief.std(menu)


@needs("log_odds", "width")
def glm_ucb_index(belief: Any, menu: Menu, key: Key, *, width: Scalar = 1.0) -> Float[Array, "K"]:
    r"""Optimism for 0/1 rewards: :math:`\mu(x_k^\top\hat\theta + w\|x_k\|_{H^{-1}})`, :math:`\mu` logistic.

    :math:`H = \lambda I + \frac14\sum_sx_sx_s^\top`. A fixed width of about 1 serves in practice; the one of the
    theorem is `glm_oful_index`. Cite: filippi2010parametric, li2017provably.
    """
    return jax.nn.sigmoid(belief.log_odds(menu) + width * belief.width(menu))


@needs("log_odds", "width", "radius")
def glm_oful_index(
    belief: Any, menu: Menu, key: Key, *, delta: Scalar = 0.05, bound: Scalar = 1.0, length: Scalar = 1.0
) -> Float[Array, "K"]:
    r"""`glm_ucb_index` of the width that holds at all times with probability :math:`1-\delta`.

    :math:`w = \beta/\kappa` with the belief's `radius` :math:`\beta` and :math:`\kappa = \min(1, 4\mu'(LS))`, for
    :math:`\|\theta\|` and the estimate's length at most S = `bound`, and rows of `length` at most L. Wide, since
    :math:`\kappa` is about :math:`4e^{-LS}`. Cite: filippi2010parametric.
    """
    p = jax.nn.sigmoid(jnp.asarray(length) * bound)
    kappa = jnp.minimum(4 * p * (1 - p), 1)
    return glm_ucb_index(belief, menu, key, width=belief.radius(delta, bound) / kappa)


@needs("std")
def variance(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    r"""The variance :math:`\sigma_k^2` of the mean outcome: the choice of a greedy D-optimal design in a linear belief.

    Cite: mackay1992information.
    """
    return belief.std(menu) ** 2
